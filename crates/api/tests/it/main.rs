//! The control plane, called in process over a temporary store, or raw over a socket. Each test names the rules of the
//! contract that it checks. Time and ids come from the test's world, so the replies are the same each time.

// A test that meets the unexpected may panic.
#![allow(clippy::unwrap_used)]

mod actions;
mod attacks;
mod badinput;
mod catalog;
mod connections;
mod dataprep;
mod descriptors;
mod drafts;
mod explore;
mod export;
mod flows;
mod gateway;
mod hubspot;
mod ims;
mod matrix;
mod openapi;
mod runs;
mod sandboxes;
mod schemas;
mod search;
mod sockets;
mod specs;
mod webhooks;
mod world;
