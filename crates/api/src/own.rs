//! What Forebay offers beyond the public services, for its web UI and its command line.

pub mod drafts;
pub mod events;
pub mod find;
pub mod kinds;
pub mod session;
pub mod timeline;
