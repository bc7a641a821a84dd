//! The ingest crate's tests.

mod mapping;
