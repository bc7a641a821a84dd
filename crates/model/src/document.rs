//! What is stored: one document per resource, in a scope.

use crate::Time;
use serde_json::Value;

/// Who owns a document: an organization and one of its sandboxes. Every call of the store takes one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// `…@AdobeOrg`.
    pub org: String,
    /// The sandbox's id, a UUID; empty for what belongs to the organization itself (sandboxes, clients).
    pub sandbox: String,
    /// The sandbox's name, as the header has it.
    pub sandbox_name: String,
}

impl Scope {
    /// What belongs to the organization and to no sandbox.
    pub fn organization(org: &str) -> Scope {
        Scope { org: org.to_string(), sandbox: String::new(), sandbox_name: String::new() }
    }
}

/// The kinds of documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Base connection.
    Connection,
    /// Which data.
    SourceConnection,
    /// Where it goes.
    TargetConnection,
    /// Flow.
    Flow,
    /// One execution of a flow.
    Run,
    /// A connection spec stored through the API (built-in ones are files).
    ConnectionSpec,
    /// A flow spec stored through the API.
    FlowSpec,
    /// A schema of the tenant.
    Schema,
    /// What is said of a schema's fields, such as which one is an identity.
    Descriptor,
    /// A table in the lake.
    Dataset,
    /// The data usage labels of a dataset; its id is the dataset's.
    DatasetLabels,
    /// What one run adds to a dataset.
    Batch,
    /// A mapping set; its id carries the version (`<id>@<version>`), so that old versions stay readable.
    MappingSet,
    /// A sandbox; scoped to the organization.
    Sandbox,
    /// An API client; scoped to the organization.
    Client,
    /// Who may do what; scoped to the organization.
    Role,
    /// What nobody may do; scoped to the organization.
    Policy,
    /// Who is told how runs end.
    Webhook,
    /// What a webhook is told, and each try to tell it.
    Delivery,
    /// What a person has filled in of a form that is not sent yet.
    Draft,
}

impl Resource {
    /// The name in the store, and the path segment where there is one.
    pub fn name(self) -> &'static str {
        match self {
            Resource::Connection => "connections",
            Resource::SourceConnection => "sourceConnections",
            Resource::TargetConnection => "targetConnections",
            Resource::Flow => "flows",
            Resource::Run => "runs",
            Resource::ConnectionSpec => "connectionSpecs",
            Resource::FlowSpec => "flowSpecs",
            Resource::Schema => "schemas",
            Resource::Descriptor => "descriptors",
            Resource::Dataset => "dataSets",
            Resource::DatasetLabels => "dataSetLabels",
            Resource::Batch => "batches",
            Resource::MappingSet => "mappingSets",
            Resource::Sandbox => "sandboxes",
            Resource::Client => "clients",
            Resource::Role => "roles",
            Resource::Policy => "policies",
            Resource::Webhook => "webhooks",
            Resource::Delivery => "deliveries",
            Resource::Draft => "drafts",
        }
    }
}

/// A stored document. `body` is the JSON that the API shows, whole, with `id`, `etag`, `createdAt` and the like
/// inside; sealed fields are not in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Its kind.
    pub resource: Resource,
    /// Unique in its scope and kind.
    pub id: String,
    /// Current version, quotes included (FS-ETAG-1).
    pub etag: String,
    /// When it was stored.
    pub created: Time,
    /// When it last changed.
    pub updated: Time,
    /// What the API shows.
    pub body: Value,
}

impl Document {
    /// A string member at a JSON pointer of the body.
    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.body.pointer(pointer).and_then(Value::as_str)
    }
}

/// Whether an `If-Match` value names the current etag (FS-ETAG-4): `*` names any; of both sides blanks, a `W/` and one
/// pair of quotes are taken off before they are compared.
pub fn etag_matches(sent: &str, current: &str) -> bool {
    let sent = bare_etag(sent);
    sent == "*" || sent == bare_etag(current)
}

/// An etag without blanks, `W/` and quotes.
pub fn bare_etag(etag: &str) -> &str {
    let etag = etag.trim();
    let etag = etag.strip_prefix("W/").unwrap_or(etag).trim();
    etag.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etags_compare_without_quotes_weakness_and_blanks() {
        let current = "\"2f00a1b4-0000-0200-0000-66aa00010000\"";
        for sent in [
            current,
            "2f00a1b4-0000-0200-0000-66aa00010000",
            " W/\"2f00a1b4-0000-0200-0000-66aa00010000\" ",
            "*",
            "\"*\"",
        ] {
            assert!(etag_matches(sent, current), "{sent}");
        }
        for sent in
            ["", "\"\"", "\"\"2f00a1b4-0000-0200-0000-66aa00010000\"\"", "2f00a1b4-0000-0200-0000-66aa00010001", "\""]
        {
            assert!(!etag_matches(sent, current), "{sent}");
        }
    }
}
