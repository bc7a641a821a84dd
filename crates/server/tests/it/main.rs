//! The whole program, as a user runs it: real server, real files, real S3 endpoints, judged by readers that are not ours.

// A test that meets the unexpected may panic.
#![allow(clippy::unwrap_used)]

mod azure;
mod badinput;
mod demo;
mod formats;
mod harness;
mod hubspot;
mod kill;
mod requests;
mod runs;
mod s3;
mod secrets;
mod tutorial;
