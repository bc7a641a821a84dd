//! Where HubSpot keeps what, in each of its API versions (hubspot.md §2).

use std::fmt;

/// A generation of paths, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Profile {
    /// The newest dated version.
    Newest,
    /// The one before.
    Dated,
    /// v1 to v4.
    Legacy,
}

impl Profile {
    /// What to try where this one is not there.
    pub(super) fn next(self) -> Option<Profile> {
        match self {
            Profile::Newest => Some(Profile::Dated),
            Profile::Dated => Some(Profile::Legacy),
            Profile::Legacy => None,
        }
    }

    pub(super) fn of(number: u8) -> Profile {
        [Profile::Newest, Profile::Dated, Profile::Legacy][usize::from(number.min(2))]
    }

    fn version(self) -> Option<&'static str> {
        match self {
            Profile::Newest => Some("2026-09"),
            Profile::Dated => Some("2026-03"),
            Profile::Legacy => None,
        }
    }
}

/// APIs that get new versions together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Objects,
    Properties,
    Schemas,
    Library,
    Associations,
    Owners,
    Pipelines,
    Account,
    Token,
    /// Apart from [`Family::Token`]: renewals do not move with it.
    Introspect,
}

/// How many families there are.
pub(super) const FAMILIES: usize = ALL.len();
/// Each of them.
pub(super) const ALL: [Family; 10] = [
    Family::Objects,
    Family::Properties,
    Family::Schemas,
    Family::Library,
    Family::Associations,
    Family::Owners,
    Family::Pipelines,
    Family::Account,
    Family::Token,
    Family::Introspect,
];

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    List(String),
    Batch(String),
    Search(String),
    Properties(String),
    Schemas,
    Enablement,
    Associations(String, String),
    Owners,
    Pipelines(String),
    Account,
    Token,
    Introspect,
}

impl Target {
    pub(super) fn family(&self) -> Family {
        match self {
            Target::List(_) | Target::Batch(_) | Target::Search(_) => Family::Objects,
            Target::Properties(_) => Family::Properties,
            Target::Schemas => Family::Schemas,
            Target::Enablement => Family::Library,
            Target::Associations(..) => Family::Associations,
            Target::Owners => Family::Owners,
            Target::Pipelines(_) => Family::Pipelines,
            Target::Account => Family::Account,
            Target::Token => Family::Token,
            Target::Introspect => Family::Introspect,
        }
    }

    /// The path, from the slash on.
    pub(super) fn path(&self, profile: Profile) -> String {
        match profile.version() {
            Some(v) => self.dated(v),
            None => self.legacy(),
        }
    }

    fn dated(&self, v: &str) -> String {
        match self {
            Target::List(kind) => format!("/crm/objects/{v}/{kind}"),
            Target::Batch(kind) => format!("/crm/objects/{v}/{kind}/batch/read"),
            Target::Search(kind) => format!("/crm/objects/{v}/{kind}/search"),
            Target::Properties(kind) => format!("/crm/properties/{v}/{kind}"),
            Target::Schemas => format!("/crm-object-schemas/{v}/schemas"),
            Target::Enablement => format!("/crm/object-library/{v}/enablement"),
            Target::Associations(from, to) => format!("/crm/associations/{v}/{from}/{to}/batch/read"),
            Target::Owners => format!("/crm/owners/{v}"),
            Target::Pipelines(kind) => format!("/crm/pipelines/{v}/{kind}"),
            Target::Account => format!("/account-info/{v}/details"),
            Target::Token => format!("/oauth/{v}/token"),
            Target::Introspect => format!("/oauth/{v}/token/introspect"),
        }
    }

    fn legacy(&self) -> String {
        match self {
            Target::List(kind) => format!("/crm/v3/objects/{kind}"),
            Target::Batch(kind) => format!("/crm/v3/objects/{kind}/batch/read"),
            Target::Search(kind) => format!("/crm/v3/objects/{kind}/search"),
            Target::Properties(kind) => format!("/crm/v3/properties/{kind}"),
            Target::Schemas => "/crm-object-schemas/v3/schemas".to_string(),
            Target::Enablement => "/crm/v3/object-library/enablement".to_string(),
            Target::Associations(from, to) => format!("/crm/v4/associations/{from}/{to}/batch/read"),
            Target::Owners => "/crm/v3/owners".to_string(),
            Target::Pipelines(kind) => format!("/crm/v3/pipelines/{kind}"),
            Target::Account => "/account-info/v3/details".to_string(),
            Target::Token => "/oauth/v1/token".to_string(),
            Target::Introspect => "/oauth/v3/token/introspect".to_string(),
        }
    }
}

/// In the words of an error message.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::List(kind) => write!(f, "the list of {kind} records"),
            Target::Batch(kind) => write!(f, "a batch of {kind} records"),
            Target::Search(kind) => write!(f, "the search for changed {kind} records"),
            Target::Properties(kind) => write!(f, "the properties of {kind}"),
            Target::Schemas => write!(f, "the list of custom objects"),
            Target::Enablement => write!(f, "the list of object types"),
            Target::Associations(from, to) => write!(f, "the associations from {from} to {to}"),
            Target::Owners => write!(f, "the list of owners"),
            Target::Pipelines(kind) => write!(f, "the pipelines of {kind}"),
            Target::Account => write!(f, "the account's details"),
            Target::Token => write!(f, "the renewal of the access token"),
            Target::Introspect => write!(f, "the access token's details"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(target: Target, expected: [&str; 3]) {
        let found = [Profile::Newest, Profile::Dated, Profile::Legacy].map(|profile| target.path(profile));
        assert_eq!(found, expected);
    }

    /// hubspot.md §2.
    #[test]
    fn paths_are_those_of_each_version() {
        let kind = || "0-1".to_string();
        check(Target::List(kind()), ["/crm/objects/2026-09/0-1", "/crm/objects/2026-03/0-1", "/crm/v3/objects/0-1"]);
        check(
            Target::Associations(kind(), "0-2".to_string()),
            [
                "/crm/associations/2026-09/0-1/0-2/batch/read",
                "/crm/associations/2026-03/0-1/0-2/batch/read",
                "/crm/v4/associations/0-1/0-2/batch/read",
            ],
        );
        check(Target::Token, ["/oauth/2026-09/token", "/oauth/2026-03/token", "/oauth/v1/token"]);
        // One that is found at old paths does not move the other.
        assert_ne!(Target::Token.family(), Target::Introspect.family());
        assert!(ALL.iter().enumerate().all(|(at, family)| *family as usize == at));
    }
}
