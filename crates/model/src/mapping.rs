//! The mapping language: a set of rules from source fields to target fields. Parsing and checking live here, pure;
//! `ingest/mapping` compiles the checked tree to DataFusion.

pub mod ast;
