//! What Forebay offers beyond the public services, for its web UI and its command line.

pub mod session;
