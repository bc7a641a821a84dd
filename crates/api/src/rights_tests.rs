//! Rights: what the table says of operations, and what roles and policies make of a caller.

use super::*;
use forebay_model::{Resource, Time};

fn document(resource: Resource, body: Value) -> Document {
    let now = Time::UNIX_EPOCH;
    Document { resource, id: "r1".into(), etag: "\"1\"".into(), created: now, updated: now, body }
}

fn role(sets: &[&str], sandboxes: &[&str], subjects: Value) -> Document {
    let body = json!({ "name": "R", "permissionSets": sets, "sandboxes": sandboxes, "subjects": subjects });
    document(Resource::Role, body)
}

fn client() -> Subject<'static> {
    Subject { client: Some("c1"), account: "c1@techacct.adobe.com", roles: &[] }
}

#[track_caller]
fn check(method: Method, route: &str, expected: Option<Need>) {
    assert_eq!(need(&method, route), expected, "{method} {route}");
}

#[test]
fn an_operation_needs_the_right_of_its_area() {
    let flows = "/data/foundation/flowservice";
    check(Method::GET, &format!("{flows}/flows/{{id}}"), Some(Need::Right(Right::ReadSources)));
    check(Method::DELETE, &format!("{flows}/flows/{{id}}"), Some(Need::Right(Right::WriteSources)));
    check(Method::POST, &format!("{flows}/flows/search"), Some(Need::Right(Right::ReadSources)));
    check(Method::POST, "/data/foundation/conversion/mappingSets/validate", Some(Need::Right(Right::ReadSources)));
    let sandboxes = "/data/foundation/sandbox-management";
    check(Method::GET, &format!("{sandboxes}/"), Some(Need::Membership));
    check(Method::PUT, &format!("{sandboxes}/sandboxes/{{name}}"), Some(Need::Right(Right::ResetSandboxes)));
    check(Method::DELETE, &format!("{sandboxes}/sandboxes/{{name}}"), Some(Need::Right(Right::WriteSandboxes)));
}

#[test]
fn an_operation_that_the_table_does_not_know_is_nobodys() {
    for route in ["/data/foundation/flowservices/x", "/data/foundation/forebay/else", "/", ""] {
        check(Method::GET, route, None);
    }
}

#[test]
fn a_role_gives_its_sets_to_its_subjects_in_its_sandboxes() {
    let subjects = json!([{ "subjectType": "apiIntegration", "subjectId": "c1" }]);
    let roles = [role(&["view-sources", "nonsense"], &["dev"], subjects)];
    let held = Held::new(&client(), &roles, &[]);
    assert!(held.may(Right::ReadSources, Some("dev")));
    assert!(!held.may(Right::ReadSources, Some("prod")), "another sandbox");
    assert!(!held.may(Right::WriteSources, Some("dev")), "another right");
    let keeper = [role(&["view-access-control"], &["dev"], roles[0].body["subjects"].clone())];
    assert!(Held::new(&client(), &keeper, &[]).may(Right::ReadAccess, Some("prod")), "the organization's");
    let stranger = Subject { client: Some("c2"), account: "c2@techacct.adobe.com", roles: &[] };
    assert!(!Held::new(&stranger, &roles, &[]).may(Right::ReadSources, Some("dev")), "another client");
}

#[test]
fn somebody_of_another_issuer_is_no_client_by_bearing_its_name() {
    let subjects = json!([{ "subjectType": "apiIntegration", "subjectId": "c1" }]);
    let roles = [role(&["view-sources"], &["*"], subjects)];
    let pretender = Subject { client: None, account: "c1", roles: &[] };
    assert!(!Held::new(&pretender, &roles, &[]).may(Right::ReadSources, Some("dev")));
    let named = Subject { client: None, account: "u", roles: &["R".to_string()] };
    assert!(Held::new(&named, &roles, &[]).may(Right::ReadSources, Some("dev")), "its token names the role");
}

#[test]
fn an_active_policy_takes_away_and_gives_nothing() {
    let subjects = json!([{ "subjectType": "user", "subjectId": "c1@techacct.adobe.com" }]);
    let roles = [role(&["manage-datasets", "manage-sources", "manage-access-control"], &["*"], subjects)];
    let policy = |status: &str, effect: &str, resource: &str| {
        let rule =
            json!({ "effect": effect, "resource": resource, "condition": "", "actions": ["com.adobe.action.write"] });
        document(Resource::Policy, json!({ "status": status, "rules": [rule] }))
    };
    let held = |policy: Document| Held::new(&client(), &roles, &[policy]);
    let denied = held(policy("active", "Deny", "/orgs/O/sandboxes/prod/datasets/*"));
    assert!(!denied.may(Right::WriteDatasets, Some("prod")));
    assert!(denied.may(Right::WriteDatasets, Some("dev")) && denied.may(Right::ReadDatasets, Some("prod")));
    assert!(denied.may(Right::WriteSources, Some("prod")));
    assert!(held(policy("inactive", "Deny", "/orgs/O/sandboxes/*")).may(Right::WriteDatasets, Some("prod")));
    assert!(!held(policy("active", "Permit", "/orgs/O/sandboxes/*")).may(Right::WriteSchemas, Some("prod")));
    let all = held(policy("active", "Deny", "/orgs/O/sandboxes/*"));
    assert!(!all.may(Right::WriteSources, Some("prod")));
    assert!(all.may(Right::WriteAccess, None), "nobody is locked out of administration by a policy");
}

#[test]
fn a_policy_target_is_a_sandbox_and_a_kind() {
    assert_eq!(target("/orgs/O/sandboxes/*"), Some(("*", None)));
    assert_eq!(target("/orgs/O/sandboxes/dev/*"), Some(("dev", None)));
    assert_eq!(target("/orgs/O/sandboxes/dev/schemas/*"), Some(("dev", Some("Schema"))));
    assert_eq!(target("/orgs/O/sandboxes/dev/EnterpriseSource"), Some(("dev", Some("EnterpriseSource"))));
    for path in ["/orgs/O", "", "/orgs/O/sandboxes/dev/segments/*", "/orgs/O/sandboxes/dev/schemas/*/schema-fields/*"] {
        assert_eq!(target(path), None, "{path}");
    }
}

#[test]
fn sets_have_unique_ids_and_every_right_is_in_one() {
    let ids: BTreeSet<&str> = SETS.iter().map(|set| set.id).collect();
    assert_eq!(ids.len(), SETS.len());
    for right in Right::ALL {
        assert!(SETS.iter().any(|set| set.rights.contains(right)), "{right:?} cannot be given");
    }
}
