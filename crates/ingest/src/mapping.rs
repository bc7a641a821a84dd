//! Mapping: source columns to target columns, by a mapping set or, without one, by name.
//!
//! [`MapExec`] is the operator. It copies and types whole columns where a rule names a field ([`coerce`]) and evaluates
//! DataFusion expressions where a rule computes: [`compile`] gives an expression's formula, [`lower`] its DataFusion
//! expression, [`kernel`] and [`fast`] the functions that DataFusion lacks, and [`program`] runs them and asks the rows
//! that fail for their reasons. [`shape`] puts the results under their target paths and finds what is required and
//! missing; [`report`] tells about rows. A value that fails becomes null and a finding `MAPPER-3700-400` (PL-MAP-2); a
//! row is rejected only when a required field ends null (`INGEST-1555-400`).

mod budget;
mod coerce;
mod compile;
mod convert;
mod evaluate;
mod exec;
mod fast;
mod fields;
mod functions;
mod kernel;
mod lower;
mod mixed;
pub mod moment;
mod pattern;
mod plan;
mod program;
mod read;
mod report;
mod schema;
mod shape;
mod sink;
mod upsert;
mod value;

pub use evaluate::{Evaluated, evaluate};
pub use exec::MapExec;
pub use functions::find as builtin;
pub use plan::identity;
pub use upsert::{Upserts, Versions};

use forebay_model::mapping::MappingSet;
use forebay_model::xdm::FieldTree;

/// What [`MapExec`] is to do.
#[derive(Debug, Clone)]
pub struct MapSpec {
    /// The target's fields.
    pub target: FieldTree,
    /// The rules; none copies each column to the target field of its name.
    pub set: Option<MappingSet>,
    /// What `now()` gives: the moment that the run was planned, so that a retry writes the same.
    pub now: forebay_model::Time,
}
