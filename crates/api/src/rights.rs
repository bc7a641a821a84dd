//! Who may do what: the rights there are, the sets that roles are made of, the table of what each operation needs, and
//! what one caller holds. Pure: [`crate::caller`] asks here, for every request, and nobody else decides.
//!
//! What always holds: what no role grants is refused; an operation that the table does not name is refused to everybody;
//! a policy can only take away.

use forebay_model::Document;
use http::Method;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Something that can be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// See connections, flows, runs and mapping sets.
    ReadSources,
    /// Make, change, run and delete them.
    WriteSources,
    /// See streaming sources.
    ReadStreaming,
    /// Make and change streaming sources.
    WriteStreaming,
    /// See datasets, batches, labels and rows.
    ReadDatasets,
    /// Make, fill, change and delete datasets.
    WriteDatasets,
    /// See schemas and descriptors.
    ReadSchemas,
    /// Make, change and delete them.
    WriteSchemas,
    /// See all sandboxes of the organization.
    ReadSandboxes,
    /// Make, rename and delete sandboxes.
    WriteSandboxes,
    /// Empty sandboxes.
    ResetSandboxes,
    /// Take out data that is labelled C12, as not to be exported at all.
    Export,
    /// See roles, policies and API clients.
    ReadAccess,
    /// Give and take rights; make and revoke API clients.
    WriteAccess,
    /// Read who did what.
    ReadAudit,
}

impl Right {
    /// All of them.
    pub const ALL: &[Right] = &[
        Right::ReadSources,
        Right::WriteSources,
        Right::ReadStreaming,
        Right::WriteStreaming,
        Right::ReadDatasets,
        Right::WriteDatasets,
        Right::ReadSchemas,
        Right::WriteSchemas,
        Right::ReadSandboxes,
        Right::WriteSandboxes,
        Right::ResetSandboxes,
        Right::Export,
        Right::ReadAccess,
        Right::WriteAccess,
        Right::ReadAudit,
    ];

    /// What it is about, as the API names it.
    pub fn resource(self) -> &'static str {
        match self {
            Right::ReadSources | Right::WriteSources => "EnterpriseSource",
            Right::ReadStreaming | Right::WriteStreaming => "StreamingSource",
            Right::ReadDatasets | Right::WriteDatasets => "Dataset",
            Right::ReadSchemas | Right::WriteSchemas => "Schema",
            Right::ReadSandboxes | Right::WriteSandboxes => "Sandbox",
            Right::ResetSandboxes => "ResetSandbox",
            Right::Export => "export",
            Right::ReadAccess | Right::WriteAccess => "AccessControl",
            Right::ReadAudit => "AuditLog",
        }
    }

    /// `read` or `write`.
    pub fn action(self) -> &'static str {
        match self {
            Right::ReadSources
            | Right::ReadStreaming
            | Right::ReadDatasets
            | Right::ReadSchemas
            | Right::ReadSandboxes
            | Right::ReadAccess
            | Right::ReadAudit
            | Right::Export => "read",
            Right::WriteSources
            | Right::WriteStreaming
            | Right::WriteDatasets
            | Right::WriteSchemas
            | Right::WriteSandboxes
            | Right::ResetSandboxes
            | Right::WriteAccess => "write",
        }
    }

    /// Whether it is the organization's, whatever sandboxes a role is for.
    pub fn of_organization(self) -> bool {
        matches!(self.resource(), "AccessControl" | "AuditLog")
    }

    /// Whether it is of the data in a sandbox, and not of the organization's own affairs.
    fn of_data(self) -> bool {
        !matches!(self.resource(), "Sandbox" | "ResetSandbox" | "AccessControl" | "AuditLog")
    }
}

/// A set of rights that a role is given as one.
pub struct PermissionSet {
    /// As a role names it.
    pub id: &'static str,
    /// For people.
    pub name: &'static str,
    /// Where lists of sets show it.
    pub category: &'static str,
    /// What is in it.
    pub rights: &'static [Right],
}

const fn set(id: &'static str, name: &'static str, category: &'static str, rights: &'static [Right]) -> PermissionSet {
    PermissionSet { id, name, category, rights }
}

/// Every set.
pub static SETS: &[PermissionSet] = &[
    set("view-sources", "View Sources", "Data Ingestion", &[Right::ReadSources]),
    set("manage-sources", "Manage Sources", "Data Ingestion", &[Right::ReadSources, Right::WriteSources]),
    set("view-streaming-sources", "View Streaming Sources", "Data Ingestion", &[Right::ReadStreaming]),
    set(
        "manage-streaming-sources",
        "Manage Streaming Sources",
        "Data Ingestion",
        &[Right::ReadStreaming, Right::WriteStreaming],
    ),
    set("view-datasets", "View Datasets", "Data Management", &[Right::ReadDatasets]),
    set("manage-datasets", "Manage Datasets", "Data Management", &[Right::ReadDatasets, Right::WriteDatasets]),
    set("view-schemas", "View Schemas", "Data Modeling", &[Right::ReadSchemas]),
    set("manage-schemas", "Manage Schemas", "Data Modeling", &[Right::ReadSchemas, Right::WriteSchemas]),
    set("view-sandboxes", "View Sandboxes", "Sandbox Administration", &[Right::ReadSandboxes]),
    set(
        "manage-sandboxes",
        "Manage Sandboxes",
        "Sandbox Administration",
        &[Right::ReadSandboxes, Right::WriteSandboxes, Right::ResetSandboxes],
    ),
    set("reset-sandboxes", "Reset Sandboxes", "Sandbox Administration", &[Right::ReadSandboxes, Right::ResetSandboxes]),
    set("export", "Export Restricted Data", "Data Governance", &[Right::Export]),
    set("view-access-control", "View Access Control", "Administration", &[Right::ReadAccess]),
    set("manage-access-control", "Manage Access Control", "Administration", &[Right::ReadAccess, Right::WriteAccess]),
    set("view-user-activity-log", "View User Activity Log", "Administration", &[Right::ReadAudit]),
];

/// The set of that id.
pub fn permission_set(id: &str) -> Option<&'static PermissionSet> {
    SETS.iter().find(|set| set.id == id)
}

/// What an operation asks of whoever calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// To be a client of the organization: it tells the caller about itself.
    Membership,
    /// A right: in the sandbox of the call, if the call has one.
    Right(Right),
}

/// Where operations lie, and the rights to read and to write there. The first that fits decides.
const AREAS: &[(&str, Right, Right)] = &[
    ("/data/foundation/flowservice", Right::ReadSources, Right::WriteSources),
    ("/data/foundation/connectors", Right::ReadSources, Right::WriteSources),
    ("/data/foundation/conversion", Right::ReadSources, Right::WriteSources),
    ("/data/foundation/conversation", Right::ReadSources, Right::WriteSources),
    ("/data/foundation/mappingSets", Right::ReadSources, Right::WriteSources),
    ("/data/foundation/forebay/demo", Right::ReadSources, Right::WriteSources),
    ("/data/foundation/forebay/drafts", Right::ReadSources, Right::WriteSources),
    ("/data/foundation/forebay/webhooks", Right::ReadSources, Right::WriteSources),
    ("/data/foundation/forebay/manifest", Right::ReadSources, Right::WriteSources),
    ("/data/foundation/forebay/runs/{id}/errors", Right::ReadDatasets, Right::WriteDatasets),
    ("/data/foundation/forebay/flows", Right::ReadSources, Right::WriteSources),
    ("/data/foundation/forebay/runs", Right::ReadSources, Right::WriteSources),
    ("/data/foundation/forebay/overview", Right::ReadSources, Right::WriteSources),
    ("/data/foundation/forebay/schedules", Right::ReadSources, Right::WriteSources),
    ("/data/foundation/forebay/datasets", Right::ReadDatasets, Right::WriteDatasets),
    ("/data/foundation/forebay/system", Right::ReadAudit, Right::ReadAudit),
    ("/data/foundation/schemaregistry", Right::ReadSchemas, Right::WriteSchemas),
    ("/data/foundation/catalog", Right::ReadDatasets, Right::WriteDatasets),
    ("/data/foundation/import", Right::ReadDatasets, Right::WriteDatasets),
    ("/data/foundation/export", Right::ReadDatasets, Right::WriteDatasets),
    ("/data/foundation/dataset", Right::ReadDatasets, Right::WriteDatasets),
    ("/data/foundation/dulepolicy", Right::ReadDatasets, Right::WriteDatasets),
    ("/data/infrastructure/observability/insights", Right::ReadDatasets, Right::WriteDatasets),
    ("/data/foundation/sandbox-management", Right::ReadSandboxes, Right::WriteSandboxes),
    ("/data/foundation/access-control/administration", Right::ReadAccess, Right::WriteAccess),
    ("/data/foundation/forebay/clients", Right::ReadAccess, Right::WriteAccess),
    ("/data/foundation/audit", Right::ReadAudit, Right::ReadAudit),
];

/// Operations that a client may call whatever its roles: what they tell is about the client, or in the manual.
const OF_ONESELF: &[(&str, &str)] = &[
    ("GET", "/data/foundation/forebay/codes"),
    ("GET", "/data/foundation/sandbox-management"),
    ("GET", "/data/foundation/access-control/acl/reference"),
    ("POST", "/data/foundation/access-control/acl/effective-policies"),
    ("GET", "/data/foundation/forebay/events"),
    ("GET", "/data/foundation/forebay/find"),
    ("GET", "/data/foundation/forebay/session"),
    ("DELETE", "/data/foundation/forebay/session"),
    ("POST", "/data/foundation/forebay/session/links"),
];

/// Ends of paths where a POST only asks.
const QUESTIONS: &[&str] = &["/search", "/validate", "/preview", "/insights/metrics"];

/// What an operation needs, by its method and the path of its route; none for one that the table does not know.
pub fn need(method: &Method, route: &str) -> Option<Need> {
    let route = route.trim_end_matches('/');
    if OF_ONESELF.contains(&(if *method == Method::HEAD { "GET" } else { method.as_str() }, route)) {
        return Some(Need::Membership);
    }
    if *method == Method::PUT && route == "/data/foundation/sandbox-management/sandboxes/{name}" {
        return Some(Need::Right(Right::ResetSandboxes));
    }
    let inside = |area: &str| route.strip_prefix(area).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let (_, read, write) = AREAS.iter().find(|(area, _, _)| inside(area))?;
    let asks = matches!(*method, Method::GET | Method::HEAD)
        || (*method == Method::POST && QUESTIONS.iter().any(|end| route.ends_with(end)));
    Some(Need::Right(if asks { *read } else { *write }))
}

/// Who asks, as roles and policies know them.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    /// The client's id; none for somebody whom another issuer vouches for.
    pub client: Option<&'a str>,
    /// The account: what `createdBy` names.
    pub account: &'a str,
    /// Roles that the other issuer's token names.
    pub roles: &'a [String],
}

/// What one caller may do, in which sandboxes.
#[derive(Debug, Clone, Default)]
pub struct Held {
    grants: Vec<Grant>,
    denials: Vec<Denial>,
}

#[derive(Debug, Clone)]
struct Grant {
    places: Places,
    rights: BTreeSet<Right>,
}

#[derive(Debug, Clone)]
struct Denial {
    places: Places,
    rights: BTreeSet<Right>,
}

/// Sandboxes by name.
#[derive(Debug, Clone)]
enum Places {
    All,
    Named(BTreeSet<String>),
}

impl Places {
    fn hold(&self, sandbox: &str) -> bool {
        match self {
            Places::All => true,
            Places::Named(names) => names.contains(sandbox),
        }
    }
}

impl Held {
    /// From the roles and policies of the organization.
    pub fn new(subject: &Subject<'_>, roles: &[Document], policies: &[Document]) -> Held {
        let grants = roles.iter().filter(|role| is_of(role, subject)).map(grant).collect();
        let denials = policies.iter().filter(|p| p.text("/status") == Some("active")).flat_map(denials).collect();
        Held { grants, denials }
    }

    /// Whether the caller may, in a sandbox, or (none) as an affair of the organization: in any.
    pub fn may(&self, right: Right, sandbox: Option<&str>) -> bool {
        let sandbox = sandbox.filter(|_| !right.of_organization());
        let granted = self
            .grants
            .iter()
            .any(|grant| grant.rights.contains(&right) && sandbox.is_none_or(|name| grant.places.hold(name)));
        let denied = self
            .denials
            .iter()
            .any(|denial| denial.rights.contains(&right) && sandbox.is_some_and(|name| denial.places.hold(name)));
        granted && !denied
    }

    /// Whether any role of the caller covers that sandbox.
    pub fn covers(&self, sandbox: &str) -> bool {
        self.grants.iter().any(|grant| grant.places.hold(sandbox))
    }
}

fn is_of(role: &Document, subject: &Subject<'_>) -> bool {
    let named = |name: &String| Some(name.as_str()) == role.text("/name") || *name == role.id;
    subject.roles.iter().any(named)
        || role.body["subjects"].as_array().into_iter().flatten().any(|member| {
            let id = member["subjectId"].as_str();
            match member["subjectType"].as_str() {
                Some("user") => id == Some(subject.account),
                Some("apiIntegration") => subject.client.is_some() && id == subject.client,
                _ => false,
            }
        })
}

fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn grant(role: &Document) -> Grant {
    let names: BTreeSet<String> = texts(&role.body["sandboxes"]).map(str::to_string).collect();
    let places = if names.contains("*") { Places::All } else { Places::Named(names) };
    let sets = texts(&role.body["permissionSets"]).filter_map(permission_set);
    Grant { places, rights: sets.flat_map(|set| set.rights.iter().copied()).collect() }
}

/// What an active policy takes away; policies are checked when they are made active (`access/policies.rs`).
fn denials(policy: &Document) -> Vec<Denial> {
    let rules = policy.body["rules"].as_array().into_iter().flatten();
    rules.filter_map(denial).collect()
}

fn denial(rule: &Value) -> Option<Denial> {
    if !rule["effect"].as_str()?.eq_ignore_ascii_case("deny") {
        return None;
    }
    let (sandbox, kind) = target(rule["resource"].as_str()?)?;
    let actions: BTreeSet<&str> = texts(&rule["actions"]).filter_map(action).collect();
    let rights = Right::ALL
        .iter()
        .copied()
        .filter(|right| right.of_data() && kind.is_none_or(|kind| kind == right.resource()))
        .filter(|right| actions.contains(right.action()));
    let places = if sandbox == "*" { Places::All } else { Places::Named([sandbox.to_string()].into()) };
    Some(Denial { places, rights: rights.collect() })
}

/// `com.adobe.action.read` and the like, as `read` or `write`.
pub fn action(text: &str) -> Option<&'static str> {
    match text.rsplit('.').next().unwrap_or_default() {
        "read" | "view" => Some("read"),
        "write" | "create" | "edit" | "delete" => Some("write"),
        _ => None,
    }
}

/// The sandbox and the kind of thing of `/orgs/O/sandboxes/S/…`; the kind is none for all of the sandbox. None for a path
/// that names more than a kind, or a kind that is not ours: it cannot be enforced.
pub fn target(path: &str) -> Option<(&str, Option<&'static str>)> {
    let mut parts = path.trim_start_matches('/').split('/');
    let (Some("orgs"), Some(_), Some("sandboxes"), Some(sandbox)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let kind = match (parts.next(), parts.next(), parts.next()) {
        (None | Some("*"), None, None) => None,
        (Some(kind), None | Some("*"), None) => Some(resource_type(kind)?),
        _ => return None,
    };
    Some((sandbox, kind))
}

/// The resource type that a text names: ours, or one of the public names for it.
pub fn resource_type(text: &str) -> Option<&'static str> {
    let plain = text.to_ascii_lowercase().replace(['-', '_'], "");
    let plain = plain.strip_suffix('s').unwrap_or(&plain);
    let found = match plain {
        "source" | "connection" => "EnterpriseSource",
        "dataset" | "datasetsdata" | "dulelabel" => "Dataset",
        "mixin" | "classe" | "datatype" | "identitydescriptor" | "relationshipdescriptor" => "Schema",
        "accesscontrol" | "role" | "policie" | "client" => "AccessControl",
        "auditlog" | "monitoring" => "AuditLog",
        "sandboxe" => "Sandbox",
        other => return Right::ALL.iter().map(|r| r.resource()).find(|name| name.to_ascii_lowercase() == other),
    };
    Some(found)
}

/// The actions of a set of rights on one resource type, as the API lists them: whoever writes may delete.
pub fn actions(rights: impl IntoIterator<Item = Right>) -> Vec<&'static str> {
    let mut actions: Vec<&'static str> = Vec::new();
    for right in rights {
        let more: &[&'static str] = if right.action() == "write" { &["write", "delete"] } else { &["read"] };
        for action in more {
            if !actions.contains(action) {
                actions.push(action);
            }
        }
    }
    actions
}

/// Resource types and actions of some rights: `{"Dataset": ["read", "write", "delete"]}`.
pub fn by_resource(rights: &[Right]) -> Map<String, Value> {
    let mut all = Map::new();
    for right in rights {
        let of = rights.iter().copied().filter(|other| other.resource() == right.resource());
        all.entry(right.resource()).or_insert_with(|| json!(actions(of)));
    }
    all
}

#[cfg(test)]
#[path = "rights_tests.rs"]
mod tests;
