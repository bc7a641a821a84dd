//! What Forebay offers beyond the public contract, below `/data/foundation/forebay`.

pub mod columns;
pub mod datasets;
pub mod errors;
pub mod flows;
pub mod lines;
pub mod overview;
pub mod problems;
pub mod rows;
pub mod run;
pub mod runs;
pub mod schedules;
pub mod system;
