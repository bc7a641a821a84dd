//! What Forebay offers beyond the public services, for its web UI and its command line: one file for each subject.

pub mod columns;
pub mod datasets;
pub mod drafts;
pub mod errors;
pub mod events;
pub mod find;
pub mod flows;
pub mod kinds;
pub mod lines;
pub mod manifest;
pub mod overview;
pub mod problems;
pub mod propagate;
pub mod rows;
pub mod run;
pub mod runlog;
pub mod runs;
pub mod schedules;
pub mod session;
pub mod system;
pub mod timeline;
