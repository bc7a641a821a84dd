//! The tests of this crate, in one binary.

mod decode;
mod mapping;
mod run;
