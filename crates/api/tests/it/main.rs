//! The control plane, called in process over a temporary store, or raw over a socket. Each test names the rules of the
//! contract that it checks. Time and ids come from the test's world, so the replies are the same each time.

// A test that meets the unexpected may panic.
#![allow(clippy::unwrap_used)]

mod access;
mod actions;
mod attacks;
mod audit;
mod badinput;
mod catalog;
mod clients;
mod connections;
// The same for every crate over the store.
#[path = "../../../store/tests/it/database.rs"]
mod database;
mod dataprep;
mod demo;
mod descriptors;
mod drafts;
mod events;
mod explore;
mod export;
mod flows;
mod forms;
mod gateway;
mod hubspot;
mod ims;
mod ingestion;
mod issuer;
mod labels;
mod manifest;
mod matrix;
mod observability;
mod openapi;
mod overview;
mod pages;
mod registry;
mod runlog;
mod runpages;
mod runs;
mod sandboxes;
mod schemas;
mod search;
mod sessions;
mod sockets;
mod sources;
mod specs;
mod tables;
mod webhooks;
mod world;
