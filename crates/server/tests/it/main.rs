//! The whole program, as a user runs it: real server, real files, real S3 endpoints, judged by readers that are not ours.

// A test that meets the unexpected may panic.
#![allow(clippy::unwrap_used)]

mod aepp;
mod azure;
mod backup;
mod badinput;
// The same for every crate over the store.
mod batches;
mod book;
mod cli;
mod columns;
#[path = "../../../store/tests/it/database.rs"]
mod database;
mod demo;
mod formats;
mod fuzz;
mod harness;
mod hubspot;
mod kill;
mod pages;
mod prep;
mod processes;
mod properties;
mod requests;
mod runs;
mod s3;
mod secrets;
mod seeds;
mod tutorial;
