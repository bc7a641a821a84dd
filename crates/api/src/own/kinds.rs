//! Kinds of documents, as what is ours names them, and who may read them.

use crate::rights::Right;
use forebay_model::Resource;

/// The name of one document of a kind: `flow`, `run`.
pub fn kind(resource: Resource) -> &'static str {
    match resource {
        Resource::Connection => "connection",
        Resource::SourceConnection => "sourceConnection",
        Resource::TargetConnection => "targetConnection",
        Resource::Flow => "flow",
        Resource::Run => "run",
        Resource::Schema => "schema",
        Resource::Dataset => "dataset",
        Resource::Batch => "batch",
        Resource::MappingSet => "mappingSet",
        Resource::Draft => "draft",
        Resource::Sandbox => "sandbox",
        other => other.name(),
    }
}

/// What it takes to read documents of a kind in a sandbox.
pub fn reading(resource: Resource) -> Right {
    match resource {
        Resource::Dataset | Resource::DatasetLabels | Resource::Batch => Right::ReadDatasets,
        Resource::Schema | Resource::Descriptor => Right::ReadSchemas,
        Resource::Sandbox => Right::ReadSandboxes,
        Resource::Client | Resource::Role | Resource::Policy => Right::ReadAccess,
        _ => Right::ReadSources,
    }
}
