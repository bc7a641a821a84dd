//! From a path to a call, for every version of the API at once.

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Op {
    Token,
    Introspect,
    Revoke,
    AccessToken(String),
    RefreshToken(String),
    Account,
    DailyUsage,
    List,
    One(String),
    BatchRead,
    Search,
    Create,
    Update(String),
    Archive(String),
    BatchCreate,
    BatchUpdate,
    BatchArchive,
    Merge,
    GdprDelete,
    Properties,
    Property(String),
    PropertiesBatch,
    Schemas,
    Schema,
    Enablement,
    EnablementOf,
    Associations(String),
    AssociationsOne(String, String),
    AssociationsOld(String),
    Labels(String),
    Owners,
    Owner(String),
    Pipelines,
    Pipeline(String),
    Stages(String),
    ListsSearch,
    ListOne(String),
    ListMembers(String, bool),
    Emails,
    Forms,
    Campaigns,
}

impl Op {
    /// It needs no bearer token: it is about tokens.
    pub fn of_tokens(&self) -> bool {
        matches!(self, Op::Token | Op::Introspect | Op::Revoke | Op::AccessToken(_) | Op::RefreshToken(_))
    }

    /// It changes records.
    pub fn writes(&self) -> bool {
        matches!(
            self,
            Op::Create
                | Op::Update(_)
                | Op::Archive(_)
                | Op::BatchCreate
                | Op::BatchUpdate
                | Op::BatchArchive
                | Op::Merge
                | Op::GdprDelete
        )
    }
}

/// A path that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    pub op: Op,
    /// `v3`, `2026-03` …
    pub family: String,
    /// One word for what it is, the same in all versions.
    pub call: &'static str,
    /// The type that the path names.
    pub object: Option<String>,
    /// The path with names in place of ids.
    pub template: String,
}

const DATED: [&str; 3] = ["2025-09", "2026-03", "2026-09"];

fn version(text: &str) -> bool {
    matches!(text, "v1" | "v3" | "v4") || DATED.contains(&text) || text == "2026-09-beta"
}

/// The call behind a method and a path; `None` if there is none.
pub(super) fn route(method: &str, path: &str) -> Option<Route> {
    let decoded: Vec<String> =
        path.trim_matches('/').split('/').map(super::wire::decoded).filter(|part| !part.is_empty()).collect();
    let parts: Vec<&str> = decoded.iter().map(String::as_str).collect();
    let (area, family, rest) = match parts[..] {
        ["crm", v, area, ref rest @ ..] | ["marketing", v, area, ref rest @ ..] if version(v) => (area, v, rest),
        ["crm", area, v, ref rest @ ..] | ["marketing", area, v, ref rest @ ..] if version(v) => (area, v, rest),
        ["crm-object-schemas", v, "schemas", ref rest @ ..] if version(v) => ("schemas", v, rest),
        ["oauth", v, ref rest @ ..] if version(v) => ("oauth", v, rest),
        ["account-info", v, ref rest @ ..] if version(v) => ("account-info", v, rest),
        _ => return None,
    };
    let marketing = parts[0] == "marketing";
    let dated = DATED.contains(&family);
    let (op, call, object, shape) = match area {
        "oauth" => oauth(method, family, rest)?,
        "account-info" if dated || family == "v3" => match (method, rest) {
            ("GET", ["details"]) => (Op::Account, "account", None, "details"),
            ("GET", ["api-usage", "daily", "private-apps"]) => (Op::DailyUsage, "daily_usage", None, "api-usage"),
            _ => return None,
        },
        "emails" if marketing => (get(method, Op::Emails)?, "marketing_emails", None, ""),
        "forms" if marketing && !dated => (get(method, Op::Forms)?, "forms", None, ""),
        "campaigns" if marketing => (get(method, Op::Campaigns)?, "campaigns", None, ""),
        _ if marketing || family == "v1" || family == "2026-09-beta" => return None,
        "objects" => objects(method, family, rest)?,
        "properties" if family != "v4" => properties(method, rest)?,
        "schemas" if family != "v4" => match (method, rest) {
            ("GET", []) => (Op::Schemas, "schemas", None, ""),
            ("GET", [object]) => (Op::Schema, "schema", Some(*object), "{type}"),
            _ => return None,
        },
        "object-library" if family != "v4" => match (method, rest) {
            ("GET", ["enablement"]) => (Op::Enablement, "enablement", None, "enablement"),
            ("GET", ["enablement", object]) => (Op::EnablementOf, "enablement", Some(*object), "enablement/{type}"),
            _ => return None,
        },
        "associations" => associations(method, family, rest)?,
        "owners" if family != "v4" => match (method, rest) {
            ("GET", []) => (Op::Owners, "owners", None, ""),
            ("GET", [id]) => (Op::Owner((*id).into()), "owner", None, "{id}"),
            _ => return None,
        },
        "pipelines" if family != "v4" => match (method, rest) {
            ("GET", [object]) => (Op::Pipelines, "pipelines", Some(*object), "{type}"),
            ("GET", [object, id]) => (Op::Pipeline((*id).into()), "pipeline", Some(*object), "{type}/{id}"),
            ("GET", [object, id, "stages"]) => {
                (Op::Stages((*id).into()), "pipeline_stages", Some(*object), "{type}/{id}/stages")
            }
            _ => return None,
        },
        "lists" if family != "v4" => match (method, rest) {
            ("POST", ["search"]) => (Op::ListsSearch, "lists_search", None, "search"),
            ("GET", [id]) => (Op::ListOne((*id).into()), "list_one", None, "{id}"),
            ("GET", [id, "memberships"]) => {
                (Op::ListMembers((*id).into(), false), "list_members", None, "{id}/memberships")
            }
            ("GET", [id, "memberships", "join-order"]) => {
                (Op::ListMembers((*id).into(), true), "list_members", None, "{id}/memberships/join-order")
            }
            _ => return None,
        },
        _ => return None,
    };
    let head = &parts[..parts.len() - rest.len()];
    let template = format!("/{}/{shape}", head.join("/")).trim_end_matches('/').to_string();
    Some(Route { op, family: family.into(), call, object: object.map(str::to_string), template })
}

type Found<'a> = (Op, &'static str, Option<&'a str>, &'static str);

fn get(method: &str, op: Op) -> Option<Op> {
    (method == "GET").then_some(op)
}

fn oauth<'a>(method: &str, family: &str, rest: &[&'a str]) -> Option<Found<'a>> {
    match (method, rest) {
        ("POST", ["token"]) if family != "v4" => Some((Op::Token, "token", None, "token")),
        ("POST", ["token", "introspect"]) if family != "v1" && family != "v4" => {
            Some((Op::Introspect, "introspect", None, "token/introspect"))
        }
        ("POST", ["token", "revoke"]) if family != "v1" && family != "v4" => {
            Some((Op::Revoke, "revoke", None, "token/revoke"))
        }
        ("GET", ["access-tokens", token]) if family == "v1" => {
            Some((Op::AccessToken((*token).into()), "access_token", None, "access-tokens/{token}"))
        }
        ("GET", ["refresh-tokens", token]) if family == "v1" => {
            Some((Op::RefreshToken((*token).into()), "refresh_token", None, "refresh-tokens/{token}"))
        }
        ("DELETE", ["refresh-tokens", _]) if family == "v1" => {
            Some((Op::Revoke, "revoke", None, "refresh-tokens/{token}"))
        }
        _ => None,
    }
}

fn objects<'a>(method: &str, family: &str, rest: &[&'a str]) -> Option<Found<'a>> {
    let found = match (method, rest) {
        // Single-record associations: v4, and dated before 2026-09.
        ("GET", [object, id, "associations", to]) if family != "2026-09" => {
            let op = Op::AssociationsOne((*id).into(), (*to).into());
            return Some((op, "associations_one", Some(object), "{type}/{id}/associations/{to}"));
        }
        _ if family == "v4" => return None,
        ("GET", [object]) => (Op::List, "list", Some(*object), "{type}"),
        ("POST", [object]) => (Op::Create, "create", Some(*object), "{type}"),
        ("POST", [object, "search"]) => (Op::Search, "search", Some(*object), "{type}/search"),
        ("POST", [object, "merge"]) => (Op::Merge, "merge", Some(*object), "{type}/merge"),
        ("POST", [object, "gdpr-delete"]) => (Op::GdprDelete, "gdpr_delete", Some(*object), "{type}/gdpr-delete"),
        ("POST", [object, "batch", "read"]) => (Op::BatchRead, "batch_read", Some(*object), "{type}/batch/read"),
        ("POST", [object, "batch", "create"]) => {
            (Op::BatchCreate, "batch_create", Some(*object), "{type}/batch/create")
        }
        ("POST", [object, "batch", "update"]) => {
            (Op::BatchUpdate, "batch_update", Some(*object), "{type}/batch/update")
        }
        ("POST", [object, "batch", "archive"]) => {
            (Op::BatchArchive, "batch_archive", Some(*object), "{type}/batch/archive")
        }
        ("GET", [object, id]) => (Op::One((*id).into()), "one", Some(*object), "{type}/{id}"),
        ("PATCH", [object, id]) => (Op::Update((*id).into()), "update", Some(*object), "{type}/{id}"),
        ("DELETE", [object, id]) => (Op::Archive((*id).into()), "archive", Some(*object), "{type}/{id}"),
        _ => return None,
    };
    Some(found)
}

fn properties<'a>(method: &str, rest: &[&'a str]) -> Option<Found<'a>> {
    match (method, rest) {
        ("GET", [object]) => Some((Op::Properties, "properties", Some(object), "{type}")),
        ("GET", [object, name]) => Some((Op::Property((*name).into()), "property", Some(object), "{type}/{name}")),
        ("POST", [object, "batch", "read"]) => {
            Some((Op::PropertiesBatch, "properties_batch", Some(object), "{type}/batch/read"))
        }
        _ => None,
    }
}

fn associations<'a>(method: &str, family: &str, rest: &[&'a str]) -> Option<Found<'a>> {
    match (method, rest) {
        ("POST", [from, to, "batch", "read"]) => {
            let op = if family == "v3" { Op::AssociationsOld((*to).into()) } else { Op::Associations((*to).into()) };
            Some((op, "associations", Some(from), "{from}/{to}/batch/read"))
        }
        ("GET", [from, to, "labels"]) if family != "v3" => {
            Some((Op::Labels((*to).into()), "labels", Some(from), "{from}/{to}/labels"))
        }
        ("GET", [from, to, "types"]) if family == "v3" => {
            Some((Op::Labels((*to).into()), "labels", Some(from), "{from}/{to}/types"))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: &str, path: &str, call: &str, object: Option<&str>, template: &str) {
        let route = route(method, path).expect(path);
        assert_eq!((route.call, route.object.as_deref(), route.template.as_str()), (call, object, template));
    }

    #[test]
    fn every_version_has_its_own_paths() {
        check("GET", "/crm/v3/objects/contacts", "list", Some("contacts"), "/crm/v3/objects/{type}");
        check("GET", "/crm/objects/2026-03/0-1/", "list", Some("0-1"), "/crm/objects/2026-03/{type}");
        check("POST", "/crm/v3/objects/p_x/batch/read", "batch_read", Some("p_x"), "/crm/v3/objects/{type}/batch/read");
        check("GET", "/crm/v3/owners/", "owners", None, "/crm/v3/owners");
        check("GET", "/crm/owners/2026-09", "owners", None, "/crm/owners/2026-09");
        check("GET", "/crm-object-schemas/v3/schemas", "schemas", None, "/crm-object-schemas/v3/schemas");
        check("POST", "/oauth/2026-03/token", "token", None, "/oauth/2026-03/token");
        check("GET", "/marketing/emails/2026-03", "marketing_emails", None, "/marketing/emails/2026-03");
        let one = "/crm/v4/objects/{type}/{id}/associations/{to}";
        check("GET", "/crm/v4/objects/contact/1/associations/company", "associations_one", Some("contact"), one);
        assert_eq!(route("GET", "/crm/objects/2026-09/contacts/1/associations/0-2"), None);
        assert_eq!(route("GET", "/crm/v4/objects/contacts"), None);
        assert_eq!(route("GET", "/crm/v3/nothing"), None);
        assert_eq!(route("GET", "/marketing/forms/2026-03"), None);
        check("GET", "/marketing/forms/2026-09-beta", "forms", None, "/marketing/forms/2026-09-beta");
        assert_eq!(route("GET", "/"), None);
    }
}
