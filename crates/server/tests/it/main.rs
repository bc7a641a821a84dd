//! The whole program, as a user runs it: real server, real files, real S3 endpoints, judged by readers that are not ours.

mod demo;
mod formats;
mod harness;
mod kill;
mod runs;
mod secrets;
mod tutorial;
