//! Runs: plan → copy → promote → commit.
//!
//! [`worker`] claims a run and leads it to its end; [`plan`] says which objects it reads; [`promote`] is the one
//! DataFusion plan between the source and the lake (`decode/` → `mapping/` → the lake's writer); [`outcome`] decides
//! what a failure means. Exactly-once lies in the lake's commit and nowhere here.

pub mod copy;
pub mod decode;
pub mod journal;
pub mod mapping;
pub mod outcome;
pub mod plan;
pub mod promote;
pub mod raw;
pub mod setup;
pub mod story;
pub mod vault;
pub mod worker;
