//! What Forebay offers beyond the public services, for its web UI and its command line: one file for each subject.

pub mod manifest;
pub mod session;
