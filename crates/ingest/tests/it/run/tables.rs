//! Runs over a table source: the simulated HubSpot account into a dataset that keeps one row a contact, and into one that
//! only grows. The lake is compared with the account's truth, row by row (hubspot.md §13).

use super::*;
use forebay_model::Document;
use forebay_playground::hubspot::{Action, Config, Hubspot, Mutation, Profile, Rule, Sim, When, Which};
use forebay_store::Secrets;
use std::collections::BTreeMap;

const SPEC: &str = "cc6a4487-9e91-433e-a3a3-9cf6626c1806";

/// A world with an account beside it.
pub struct Office {
    world: World,
    account: forebay_playground::hubspot::Running,
}

impl std::ops::Deref for Office {
    type Target = World;
    fn deref(&self) -> &World {
        &self.world
    }
}

pub fn contacts(n: u64) -> Config {
    Config { contacts: Some(n), profile: Profile::Tiny, ..Config::default() }
}

impl Office {
    pub async fn new(config: Config) -> Office {
        let office = Office { world: World::new().await, account: Hubspot::start(config).await.unwrap() };
        let account = office.account.account();
        let params = json!({ "clientId": account.client_id });
        let body = json!({ "name": "hubspot", "state": "enabled", "connectionSpec": { "id": SPEC, "version": "1.0" },
            "auth": { "specName": "Basic Authentication", "params": params } });
        let secrets = [
            ("clientSecret", account.client_secret),
            ("accessToken", account.access_token),
            ("refreshToken", account.refresh_token),
        ]
        .map(|(name, value)| (format!("/auth/params/{name}"), SecretString::from(value)));
        let new = New::new(Resource::Connection, "hubspot", body).secrets(secrets.into());
        office.store.insert(&scope(), new, now()).await.unwrap();
        let schema = json!({ "$id": "https://ns.adobe.com/acme/schemas/contacts", "type": "object", "title": "Contacts", "properties": {
            "id": { "type": "string" }, "first": { "type": "string" }, "email": { "type": "string" },
            "added": { "type": "string", "format": "date-time" }, "portal": { "type": "integer", "meta:xdmType": "long" } } });
        office.put(Resource::Schema, "contacts", schema).await;
        office
    }

    pub fn sim(&self) -> &Sim {
        self.account.sim()
    }

    /// The mapping set `m` as version 0, in the tutorial's names; `email` is what fills that field.
    pub async fn mapping(&self, id: &str, email: &str) {
        let rules = [
            ("Vid", "id"),
            ("Properties_Firstname_Value", "first"),
            (email, "email"),
            ("Added_At", "added"),
            ("Portal_Id", "portal"),
        ]
        .map(
            |(source, destination)| json!({ "sourceType": "ATTRIBUTE", "source": source, "destination": destination }),
        );
        self.put(Resource::MappingSet, &format!("{id}@0"), json!({ "mappings": rules })).await;
    }

    /// A flow of the contacts, with the tutorial's `Copy`.
    pub async fn contacts_flow(&self, id: &str, primary: bool) {
        self.mapping("m", "properties.email").await;
        self.put(
            Resource::Dataset,
            id,
            json!({ "name": id, "schemaRef": { "id": "https://ns.adobe.com/acme/schemas/contacts" } }),
        )
        .await;
        self.put(
            Resource::SourceConnection,
            &format!("s-{id}"),
            json!({ "baseConnectionId": "hubspot", "connectionSpec": { "id": SPEC },
            "data": { "format": "tabular" }, "params": { "path": "Hubspot.Contacts" } }),
        )
        .await;
        self.put(Resource::TargetConnection, &format!("t-{id}"), json!({ "params": { "dataSetId": id } })).await;
        let body = json!({ "name": id, "state": "enabled", "createdBy": "u@AdobeID", "flowSpec": { "id": "f", "version": "1.0" },
            "sourceConnectionIds": [format!("s-{id}")], "targetConnectionIds": [format!("t-{id}")],
            "transformations": [{ "name": "Copy", "params": { "deltaColumn": { "name": "updatedAt", "dateFormat": "YYYY-MM-DD", "timezone": "UTC" } } },
                { "name": "Mapping", "params": { "mappingId": "m", "mappingVersion": 0 } }],
            "scheduleParams": { "startTime": 0, "frequency": "minute", "interval": 15 } });
        self.put(Resource::Flow, id, body).await;
        if primary {
            let descriptor = json!({ "@type": "xdm:descriptorIdentity", "xdm:sourceSchema": "https://ns.adobe.com/acme/schemas/contacts",
                "xdm:sourceVersion": 1, "xdm:sourceProperty": "/id", "xdm:namespace": "HubSpot", "xdm:property": "xdm:code", "xdm:isPrimary": true });
            self.put(Resource::Descriptor, "primary", descriptor).await;
        }
    }

    pub fn worker(&self, name: &str) -> Worker {
        self.worker_over(name, self.lake())
    }

    pub fn worker_over(&self, name: &str, lake: Lake) -> Worker {
        let worker = self.world.worker(name, lake);
        let places = Places { hubspot: self.account.url().parse().unwrap() };
        let accounts = Accounts::new(worker.accounts.gate.clone(), worker.accounts.vault.clone(), places);
        Worker { accounts, ..worker }
    }

    pub fn start(&self, name: &str) -> CancellationToken {
        let stop = CancellationToken::new();
        tokio::spawn(self.worker(name).run(stop.clone()));
        stop
    }

    /// The rows of a dataset as texts, sorted.
    pub async fn stored(&self, dataset: &str) -> Vec<String> {
        let rows = self.lake().table(&layout::table("prod", dataset)).rows(1_000_000).await.unwrap();
        let text = |row: &Value, name: &str| row.get(name).map(|v| v.to_string()).unwrap_or_default();
        let mut rows: Vec<String> =
            rows.iter().map(|r| ["id", "first", "email", "portal"].map(|n| text(r, n)).join(" ")).collect();
        rows.sort();
        rows
    }

    /// The same of the account.
    pub fn truth(&self) -> Vec<String> {
        let text = |value: &Value| match value.as_str() {
            Some("") | None => String::new(),
            Some(_) => value.to_string(),
        };
        let row = |r: Value| {
            let properties = &r["properties"];
            [text(&r["id"]), text(&properties["firstname"]), text(&properties["email"]), "777001".into()].join(" ")
        };
        let mut rows: Vec<String> = self.sim().truth("contacts").into_iter().map(row).collect();
        rows.sort();
        rows
    }

    /// No row is missing, extra or stale.
    pub async fn check(&self, dataset: &str) {
        let (stored, truth) = (self.stored(dataset).await, self.truth());
        let count = |rows: &[String]| {
            let mut counts: BTreeMap<String, i64> = BTreeMap::new();
            rows.iter().for_each(|row| *counts.entry(row.clone()).or_default() += 1);
            counts
        };
        let mut difference = count(&stored);
        count(&truth).into_iter().for_each(|(row, n)| *difference.entry(row).or_default() -= n);
        difference.retain(|_, n| *n != 0);
        assert!(difference.is_empty(), "extra (+) and missing (-): {difference:#?}");
    }

    /// A required field that no contact has makes every row fail.
    pub async fn schema_that_rejects(&self) {
        let broken = |document: &forebay_model::Document, secrets: &forebay_store::Secrets| {
            let mut body = document.body.clone();
            body["required"] = json!(["email"]);
            body["properties"]["email"] = json!({ "type": "integer", "meta:xdmType": "long" });
            Ok((body, secrets.clone()))
        };
        self.store.update(&scope(), Resource::Schema, "contacts", None, now(), broken).await.unwrap();
    }

    /// The schema as it was.
    pub async fn mend(&self, schema: &Value) {
        let schema = schema.clone();
        let as_it_was = |_: &forebay_model::Document, secrets: &forebay_store::Secrets| Ok((schema, secrets.clone()));
        self.store.update(&scope(), Resource::Schema, "contacts", None, now(), as_it_was).await.unwrap();
    }

    pub fn calls(&self) -> usize {
        self.sim().requests().len()
    }
}

#[tokio::test]
async fn contacts_land_once_and_a_run_without_changes_brings_nothing() {
    let office = Office::new(contacts(300)).await;
    office.contacts_flow("people", true).await;
    office.start("w");
    let runs = office.settled("people").await;
    assert_eq!(runs[0]["state"], "success", "{:#}", runs[0]);
    office.check("people").await;
    // Each contact; the deletions of those that are gone already find nothing to delete.
    let (_, stored, failed, _) = counts(&runs[0]);
    assert_eq!((stored, failed), (office.truth().len() as u64, 0));
    advance(900);
    let runs = office.settled("people").await;
    assert_eq!(counts(&runs[1]), (0, 0, 0, 0), "{:#}", runs[1]);
    office.check("people").await;
}

#[tokio::test]
async fn edits_deletions_merges_and_restored_contacts_arrive() {
    let office = Office::new(contacts(300)).await;
    office.contacts_flow("people", true).await;
    office.start("w");
    office.settled("people").await;
    let ids = office.sim().ids("contacts");
    office.sim().advance(Duration::from_secs(3600));
    office.sim().edit("contacts", &ids[10..40]);
    office.sim().archive("contacts", &ids[50..60]);
    office.sim().create("contacts", 5);
    office.sim().merge("contacts", ids[70], ids[71]).unwrap();
    advance(900);
    let runs = office.settled("people").await;
    assert_eq!(runs[1]["state"], "success", "{:#}", runs[1]);
    office.check("people").await;
    office.sim().advance(Duration::from_secs(3600));
    office.sim().restore("contacts", &ids[50..55]);
    office.sim().edit("contacts", &ids[50..55]);
    advance(900);
    office.settled("people").await;
    office.check("people").await;
}

#[tokio::test]
async fn a_dataset_without_a_primary_identity_grows_by_each_change_and_leaves_deletions_out() {
    let office = Office::new(contacts(100)).await;
    office.contacts_flow("people", false).await;
    office.start("w");
    let runs = office.settled("people").await;
    assert_eq!(runs[0]["state"], "success", "{:#}", runs[0]);
    office.check("people").await;
    let ids = office.sim().ids("contacts");
    office.sim().advance(Duration::from_secs(3600));
    office.sim().edit("contacts", &ids[..7]);
    office.sim().archive("contacts", &ids[50..53]);
    advance(900);
    let runs = office.settled("people").await;
    assert_eq!(counts(&runs[1]), (10, 7, 0, 3));
    assert_eq!(office.stored("people").await.len(), 107);
}

#[tokio::test]
async fn a_failed_promotion_is_triggered_again_from_what_was_landed_without_a_call() {
    let office = Office::new(contacts(100)).await;
    office.contacts_flow("people", true).await;
    let mended = office.store.get(&scope(), Resource::Schema, "contacts").await.unwrap().body;
    office.schema_that_rejects().await;
    office.start("w");
    let runs = office.settled("people").await;
    assert_eq!(runs[0]["state"], "failed");
    assert!(runs[0].to_string().contains("INGEST-1212"), "{:#}", runs[0]);
    let calls = office.calls();
    // The next run reads what is new, and that is nothing: the failed run's contacts are its own.
    advance(900);
    let runs = office.settled("people").await;
    assert_eq!(counts(&runs[1]), (0, 0, 0, 0), "{:#}", runs[1]);
    let quiet = office.calls();
    assert!(quiet > calls);
    office.mend(&mended).await;
    let id = runs[0]["id"].as_str().unwrap();
    office.store.retrigger(&scope(), id, None, now()).await.unwrap();
    let runs = office.settled("people").await;
    assert_eq!(runs[0]["state"], "success", "{:#}", runs[0]);
    office.check("people").await;
    assert_eq!(office.calls(), quiet, "a re-trigger makes no call");
}

#[tokio::test]
async fn a_replay_applies_a_new_mapping_to_landed_pages_without_a_call_and_brings_nobody_back() {
    let office = Office::new(contacts(100)).await;
    office.contacts_flow("people", true).await;
    office.start("w");
    let runs = office.settled("people").await;
    let first = runs[0]["id"].as_str().unwrap().to_string();
    let ids = office.sim().ids("contacts");
    office.sim().advance(Duration::from_secs(3600));
    office.sim().archive("contacts", &ids[20..25]);
    advance(900);
    office.settled("people").await;
    office.check("people").await;
    office.mapping("other", "properties.lastname").await;
    let mapped = |document: &forebay_model::Document, secrets: &forebay_store::Secrets| {
        let mut body = document.body.clone();
        body["transformations"][1]["params"]["mappingId"] = json!("other");
        Ok((body, secrets.clone()))
    };
    office.store.update(&scope(), Resource::Flow, "people", None, now(), mapped).await.unwrap();
    let calls = office.calls();
    let run = forebay_store::Enqueue { due: now(), params: json!({ "replayOf": first }), by: json!({}) };
    office.store.enqueue(&scope(), "people", run, now()).await.unwrap();
    let runs = office.settled("people").await;
    let replay = runs.iter().find(|r| r["params"]["replayOf"].is_string()).unwrap();
    assert_eq!(replay["state"], "success", "{replay:#}");
    assert_eq!(office.calls(), calls, "a replay makes no call");
    let stored = office.stored("people").await;
    assert_eq!(stored.len(), office.truth().len(), "deleted contacts stay deleted");
    let rows = office.lake().table(&layout::table("prod", "people")).rows(1_000).await.unwrap();
    let mut found: Vec<&str> = rows.iter().map(|row| row["email"].as_str().unwrap_or_default()).collect();
    let truth = office.sim().truth("contacts");
    let mut wanted: Vec<&str> =
        truth.iter().map(|r| r["properties"]["lastname"].as_str().unwrap_or_default()).collect();
    wanted.sort();
    found.sort();
    assert_eq!(found, wanted);
}

#[tokio::test]
async fn what_a_run_landed_before_the_source_went_away_is_the_next_runs() {
    let office = Office::new(contacts(1_000)).await;
    office.contacts_flow("people", true).await;
    // From the fourth page on nothing answers until the run has given up.
    office.sim().fault(Rule::new(Action::Status(403)).call("list").times(4, 1_000_000));
    let stop = office.start("w");
    let runs = office.settled("people").await;
    assert_eq!(runs[0]["state"], "failed", "{:#}", runs[0]);
    assert!(office.stored("people").await.is_empty());
    office.sim().clear_faults();
    office.sim().forget_requests();
    advance(900);
    let runs = office.settled("people").await;
    assert_eq!(runs[1]["state"], "success", "{:#}", runs[1]);
    office.check("people").await;
    let lists = office.sim().summary().objects.get("list contacts").copied().unwrap_or_default();
    assert!(lists < 10, "{lists} pages were read, though three had been landed");
    // The failed run's contacts are stored: triggered again it has nothing to do.
    let (calls, failed) = (office.calls(), runs[0]["id"].as_str().unwrap().to_string());
    office.store.retrigger(&scope(), &failed, None, now()).await.unwrap();
    let runs = office.settled("people").await;
    assert_eq!(runs[0]["state"], "success");
    assert_eq!(counts(&runs[0]), (0, 0, 0, 0));
    assert_eq!(office.calls(), calls);
    stop.cancel();
}

#[tokio::test]
async fn a_busy_account_is_complete_after_one_quiet_run() {
    // A quarter of the contacts carries one timestamp; ids are of 9 to 12 digits.
    let office = Office::new(contacts(2_000)).await;
    office.contacts_flow("people", true).await;
    office.start("w");
    let every = |call: &str, n| When::Every { call: call.into(), object: Some("contacts".into()), n };
    let of = |which| ("contacts".to_string(), which);
    let busy = |call: &str| {
        let (object, which) = of(Which::Random(5));
        office.sim().script(every(call, 2), Mutation::Edit { object, which });
        let (object, which) = of(Which::Returned);
        office.sim().script(every(call, 7), Mutation::Edit { object, which });
        let (object, which) = of(Which::Random(2));
        office.sim().script(every(call, 3), Mutation::Archive { object, which });
        let (object, which) = of(Which::Random(2));
        office.sim().script(every(call, 5), Mutation::Merge { object, which });
        let (object, _) = of(Which::Random(1));
        office.sim().script(every(call, 4), Mutation::Create { object, n: 3 });
    };
    busy("list");
    let runs = office.settled("people").await;
    assert_eq!(runs[0]["state"], "success", "{:#}", runs[0]);
    // A bulk edit makes the next run read many pages while the office goes on.
    let ids = office.sim().ids("contacts");
    office.sim().advance(Duration::from_secs(7_200));
    office.sim().bulk_edit("contacts", &ids[..1_500]);
    busy("search");
    advance(900);
    let runs = office.settled("people").await;
    assert_eq!(runs[1]["state"], "success", "{:#}", runs[1]);
    office.sim().clear_scripts();
    office.sim().advance(Duration::from_secs(60));
    advance(900);
    office.settled("people").await;
    office.check("people").await;
}

#[tokio::test]
async fn contacts_that_cannot_be_read_are_named_and_counted_and_the_others_land() {
    let office = Office::new(contacts(100)).await;
    office.contacts_flow("people", true).await;
    office.start("w");
    office.settled("people").await;
    let ids = office.sim().ids("contacts");
    office.sim().advance(Duration::from_secs(3_600));
    office.sim().edit("contacts", &ids[..1]);
    // What cannot be read is not what is not there: it is neither stored nor deleted.
    let locked = json!({ "status": "COMPLETE", "results": [], "numErrors": 1, "errors": [{ "status": "error", "category": "LOCKED",
        "message": "this contact is locked", "context": { "ids": [ids[0].to_string()] } }] });
    let action = Action::Answer { status: 207, headers: Vec::new(), body: locked.to_string() };
    office.sim().fault(Rule::new(action).path("batch/read"));
    advance(900);
    let before = office.stored("people").await;
    let runs = office.settled("people").await;
    assert_eq!(counts(&runs[1]), (1, 0, 1, 0), "{:#}", runs[1]);
    let told = runs[1].to_string();
    assert!(told.contains(&format!("record {} could not be read: LOCKED: this contact is locked", ids[0])), "{told}");
    let rejected = office.rejected(&runs[1]).await;
    assert!(rejected.len() == 1 && rejected[0].contains("LOCKED"), "{rejected:?}");
    assert_eq!(office.stored("people").await, before);
    office.sim().clear_faults();
    advance(900);
    office.settled("people").await;
    office.check("people").await;
}

#[tokio::test]
async fn a_run_that_failed_before_its_first_page_reads_when_it_is_triggered_again() {
    let office = Office::new(contacts(100)).await;
    office.contacts_flow("people", true).await;
    office.sim().fault(Rule::new(Action::Status(403)).call("list"));
    office.start("w");
    let runs = office.settled("people").await;
    assert_eq!(runs[0]["state"], "failed", "{:#}", runs[0]);
    office.sim().clear_faults();
    office.store.retrigger(&scope(), runs[0]["id"].as_str().unwrap(), None, now()).await.unwrap();
    let runs = office.settled("people").await;
    assert_eq!(runs[0]["state"], "success", "{:#}", runs[0]);
    office.check("people").await;
}

#[tokio::test]
async fn nothing_is_read_through_a_disabled_connection() {
    let office = Office::new(contacts(10)).await;
    office.contacts_flow("people", true).await;
    let flow = office.store.get(&scope(), Resource::Flow, "people").await.unwrap();
    let source = flow.text("/sourceConnectionIds/0").unwrap();
    let source = office.store.get(&scope(), Resource::SourceConnection, source).await.unwrap();
    let base = source.text("/baseConnectionId").unwrap();
    let calls = office.calls();
    let state = async |state: &str| {
        let change = |old: &Document, secrets: &Secrets| {
            let mut body = old.body.clone();
            body["state"] = json!(state);
            Ok((body, secrets.clone()))
        };
        office.store.update(&scope(), Resource::Connection, base, None, now(), change).await.unwrap();
    };
    state("disabled").await;
    office.start("w");
    let runs = office.settled("people").await;
    assert_eq!(runs[0]["state"], "failed");
    assert!(runs[0].to_string().contains("disabled"), "{:#}", runs[0]);
    assert_eq!(office.calls(), calls, "no call was made");
    state("enabled").await;
    office.store.retrigger(&scope(), runs[0]["id"].as_str().unwrap(), None, now()).await.unwrap();
    let runs = office.settled("people").await;
    assert_eq!(runs[0]["state"], "success", "{:#}", runs[0]);
    office.check("people").await;
}

#[tokio::test]
async fn a_re_trigger_that_fails_early_leaves_the_flows_cursor_where_it_is() {
    let office = Office::new(contacts(100)).await;
    office.contacts_flow("people", true).await;
    let mended = office.store.get(&scope(), Resource::Schema, "contacts").await.unwrap().body;
    office.schema_that_rejects().await;
    office.start("w");
    let runs = office.settled("people").await;
    assert_eq!(runs[0]["state"], "failed");
    let failed = runs[0]["id"].as_str().unwrap().to_string();
    office.mend(&mended).await;
    // Two runs go on behind it, and each has a ledger of its own.
    for _ in 0..2 {
        office.sim().advance(Duration::from_secs(3_600));
        office.sim().create("contacts", 3);
        advance(900);
        office.settled("people").await;
    }
    // The mapping set is gone when the first run is triggered again: it ends before it has read anything.
    office.store.delete(&scope(), Resource::MappingSet, "m@0", None, now()).await.unwrap();
    office.store.retrigger(&scope(), &failed, None, now()).await.unwrap();
    let runs = office.settled("people").await;
    assert_eq!(runs[0]["state"], "failed");
    office.mapping("m", "properties.email").await;
    office.sim().advance(Duration::from_secs(3_600));
    office.sim().create("contacts", 3);
    advance(900);
    let runs = office.settled("people").await;
    assert_eq!(counts(&runs[3]), (3, 3, 0, 0), "{:#}", runs[3]);
    office.store.retrigger(&scope(), &failed, None, now()).await.unwrap();
    office.settled("people").await;
    office.check("people").await;
}
