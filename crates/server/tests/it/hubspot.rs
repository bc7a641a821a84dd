//! HubSpot through the public API, with the program as users run it and a simulated account: the tutorials' requests as
//! printed, the whole sequence of platform.md §8.2, and `kill -9` at request numbers spread over a load (P1, P6).

use crate::harness::{FLOW, FULL, Forebay, LAKE, column, counts, id};
use crate::tutorial::{HEADERS, shell};
use forebay_playground::hubspot::{Config, Hubspot, Profile, Running, Sim};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const HUBSPOT: &str = "cc6a4487-9e91-433e-a3a3-9cf6626c1806";
/// Kills, each at another request of a load.
const KILLS: u64 = 40;

/// A server whose HubSpot is a simulated account.
pub struct Office {
    pub forebay: Forebay,
    account: Running,
    pub base: String,
}

/// A flow of contacts and its table.
pub struct Contacts {
    pub flow: String,
    pub table: PathBuf,
}

impl Office {
    pub async fn new(config: Config, env: &[(&str, &str)]) -> Office {
        let account = Hubspot::start(config).await.unwrap();
        let url = account.url();
        let mut all = vec![("FOREBAY_HUBSPOT_BASE_URL", url.as_str())];
        all.extend_from_slice(env);
        let forebay = Forebay::start_with(&all).await;
        let params = credentials(&account);
        let body = json!({ "name": "hubspot", "auth": { "specName": "Basic Authentication", "params": params },
            "connectionSpec": { "id": HUBSPOT, "version": "1.0" } });
        let base = id(&forebay.post(&format!("{FLOW}/connections"), body).await);
        Office { forebay, account, base }
    }

    pub fn sim(&self) -> &Sim {
        self.account.sim()
    }

    /// A schema with `_id` as its primary identity.
    async fn schema(&self) -> String {
        let schema = self.schema_of(json!({ "$ref": "https://ns.adobe.com/xdm/context/profile-person-details" })).await;
        let descriptor = json!({ "@type": "xdm:descriptorIdentity", "xdm:sourceSchema": schema, "xdm:sourceVersion": 1,
            "xdm:sourceProperty": "/_id", "xdm:namespace": "HubSpot", "xdm:property": "xdm:code", "xdm:isPrimary": true });
        self.forebay.post("/data/foundation/schemaregistry/tenant/descriptors", descriptor).await;
        schema
    }

    /// A schema with fields of the tenant's own; answers it and where they are.
    pub async fn wide_schema(&self, fields: serde_json::Map<String, Value>) -> (String, String) {
        let stats = self.forebay.get("/data/foundation/schemaregistry/stats").await;
        let space = format!("_{}", stats["tenantId"].as_str().unwrap());
        let own = json!({ (space.as_str()): { "type": "object", "properties": fields } });
        let group = json!({ "type": "object", "title": "Columns", "meta:intendedToExtend": ["https://ns.adobe.com/xdm/context/profile"],
            "definitions": { "own": { "type": "object", "properties": own } }, "allOf": [{ "$ref": "#/definitions/own" }] });
        let group = self.forebay.post("/data/foundation/schemaregistry/tenant/fieldgroups", group).await;
        (self.schema_of(json!({ "$ref": group["$id"] })).await, space)
    }

    async fn schema_of(&self, group: Value) -> String {
        let schema = json!({ "type": "object", "title": format!("Contacts {}", uuid::Uuid::new_v4()),
            "allOf": [{ "$ref": "https://ns.adobe.com/xdm/context/profile" }, group] });
        let schema = self.forebay.post("/data/foundation/schemaregistry/tenant/schemas", schema).await;
        schema["$id"].as_str().unwrap().to_string()
    }

    /// platform.md §8.2, steps 8 to 14, with the tutorial's mapping set.
    async fn contacts(&self, schema: &str) -> Contacts {
        let rules =
            [("Vid", "_id"), ("Properties_Firstname_Value", "person.name.firstName"), ("Added_At", "_repo.createDate")];
        let rule =
            |(source, destination)| json!({ "sourceType": "ATTRIBUTE", "source": source, "destination": destination });
        self.flow(schema, rules.map(rule).into()).await
    }

    /// The same with other rules.
    pub async fn flow(&self, schema: &str, rules: Value) -> Contacts {
        let forebay = &self.forebay;
        let source = json!({ "name": "contacts", "baseConnectionId": self.base, "connectionSpec": { "id": HUBSPOT, "version": "1.0" },
            "data": { "format": "tabular" }, "params": { "path": "Hubspot.Contacts" } });
        let source = id(&forebay.post(&format!("{FLOW}/sourceConnections"), source).await);
        let dataset = forebay.dataset(schema).await;
        let target = json!({ "name": "lake", "connectionSpec": { "id": LAKE, "version": "1.0" },
            "data": { "schema": { "id": schema, "version": FULL } }, "params": { "dataSetId": dataset } });
        let target = id(&forebay.post(&format!("{FLOW}/targetConnections"), target).await);
        let set = json!({ "outputSchema": { "schemaRef": { "id": schema, "contentType": FULL } }, "mappings": rules });
        let set = id(&forebay.post("/data/foundation/conversion/mappingSets", set).await);
        let spec = forebay.get(&format!("{FLOW}/flowSpecs?property=name==CRMToAEP")).await;
        let copy = json!({ "name": "updatedAt", "dateFormat": "YYYY-MM-DD", "timezone": "UTC" });
        let flow = json!({ "name": "contacts", "flowSpec": { "id": spec["items"][0]["id"], "version": "1.0" },
            "sourceConnectionIds": [source], "targetConnectionIds": [target],
            "transformations": [{ "name": "Copy", "params": { "deltaColumn": copy } },
                { "name": "Mapping", "params": { "mappingId": set, "mappingVersion": 0 } }],
            "scheduleParams": { "startTime": chrono::Utc::now().timestamp(), "frequency": "once", "interval": "15" } });
        let flow = id(&forebay.post(&format!("{FLOW}/flows"), flow).await);
        let item = forebay.get(&format!("{FLOW}/flows/{flow}")).await;
        let sandbox = item["items"][0]["sandboxId"].as_str().unwrap().to_string();
        let table = forebay.data.join("lake/tables").join(sandbox).join(dataset);
        Contacts { flow, table }
    }

    /// The ids of the account's living contacts, sorted as text.
    fn living(&self) -> Vec<String> {
        let mut ids: Vec<String> = self.sim().ids("contacts").iter().map(u64::to_string).collect();
        ids.sort();
        ids
    }

    /// Each living contact has one row, by a reader that is not ours.
    fn check(&self, contacts: &Contacts) {
        let mut found: Vec<String> =
            column(&contacts.table, "_id").iter().map(|id| id.as_str().unwrap_or_default().to_string()).collect();
        found.sort();
        assert_eq!(found, self.living());
    }

    /// Where the flow's next run starts, as the store has it.
    fn cursor(&self, flow: &str) -> Value {
        if self.forebay.database.is_served() {
            let select = format!("SELECT COALESCE(progress, 'null') FROM flow_state WHERE flow_id = '{flow}'");
            let said = crate::database::tool("psql", &["-At", "-c", &select, &self.forebay.database.url()]);
            return serde_json::from_str(said.trim()).unwrap_or(Value::Null);
        }
        let script = "import json, sqlite3, sys\nrow = sqlite3.connect(sys.argv[1]).execute('SELECT progress FROM flow_state WHERE flow_id = ?', [sys.argv[2]]).fetchone()\nprint(row[0] if row and row[0] else 'null')";
        let out = std::process::Command::new(crate::harness::python())
            .args(["-c", script])
            .arg(self.forebay.data.join("forebay.db"))
            .arg(flow)
            .output()
            .expect("python starts");
        serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{e}: {out:?}"))
    }
}

fn credentials(account: &Running) -> Value {
    let account = account.account();
    json!({ "clientId": account.client_id, "clientSecret": account.client_secret,
        "accessToken": account.access_token, "refreshToken": account.refresh_token })
}

fn contacts(n: u64) -> Config {
    Config { contacts: Some(n), profile: Profile::Tiny, ..Config::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hubspot_tutorials_run_as_printed() {
    let account = Hubspot::start(contacts(200)).await.unwrap();
    let url = account.url();
    let forebay = Forebay::start_with(&[("FOREBAY_HUBSPOT_BASE_URL", &url)]).await;
    let at = "https://platform.adobe.io/data/foundation/flowservice";
    let spec =
        shell(&forebay, &format!("curl -sS -X GET \\\n    '{at}/connectionSpecs?property=name==\"hubspot\"'{HEADERS}"));
    let spec = &spec["items"][0];
    assert_eq!((spec["id"].as_str(), spec["name"].as_str()), (Some(HUBSPOT), Some("hubspot")));
    assert_eq!(spec["authSpec"][0]["name"], "Basic Authentication");
    let fields = &spec["authSpec"][0]["spec"];
    assert_eq!(fields["required"], json!(["clientId", "clientSecret", "accessToken", "refreshToken"]));
    for secret in ["clientSecret", "accessToken", "refreshToken"] {
        assert_eq!(fields["properties"][secret]["format"], "password");
    }
    // All four print this request alike, and all four leave the quote behind its body open. They have one placeholder,
    // `{ACCESS_TOKEN}`, for the platform's token and HubSpot's: what is filled in for the second is none of HubSpot's, and
    // the refresh token helps.
    let known = account.account();
    let body = r#"{
        "name": "connection for hubspot",
        "description": "connection for hubspot",
        "auth": {
            "specName": "Basic Authentication",
            "params": {
                "clientId": "{CLIENT_ID}",
                "clientSecret": "{CLIENT_SECRET}",
                "accessToken": "{ACCESS_TOKEN}",
                "refreshToken": "{REFRESH_TOKEN}"
            }
        },
        "connectionSpec": {
            "id": "cc6a4487-9e91-433e-a3a3-9cf6626c1806",
            "version": "1.0"
        }
    }"#;
    let body = body
        .replace("{CLIENT_ID}", &known.client_id)
        .replace("{CLIENT_SECRET}", &known.client_secret)
        .replace("{REFRESH_TOKEN}", &known.refresh_token);
    let base = shell(
        &forebay,
        &format!(
            "curl -sS -X POST \\\n    '{at}/connections'{HEADERS} \\\n    -H 'Content-Type: application/json' \\\n    -d '{body}'"
        ),
    );
    assert_eq!(base.as_object().unwrap().keys().collect::<Vec<_>>(), ["id", "etag"], "FS-ENV-6");
    let at = format!("{at}/connections/{}", base["id"].as_str().unwrap());
    let tested = shell(&forebay, &format!("curl -sS -X GET '{at}/test'{HEADERS}"));
    assert_eq!(tested["result"], true, "{tested}");
    let root = shell(&forebay, &format!("curl -sS -X GET '{at}/explore?objectType=root'{HEADERS}"));
    let tables = root.as_array().unwrap();
    let listed = tables.iter().find(|t| t["path"] == "Hubspot.Contacts").unwrap_or_else(|| panic!("{root}"));
    assert_eq!((listed["type"].as_str(), listed["name"].as_str()), (Some("table"), Some("Contacts")), "FS-EXP §8.3");
    assert_eq!((listed["canPreview"].as_bool(), listed["canFetchSchema"].as_bool()), (Some(true), Some(true)));
    let table = shell(
        &forebay,
        &format!("curl -sS -X GET '{at}/explore?objectType=table&object=Hubspot.Contacts&preview=true'{HEADERS}"),
    );
    let names: Vec<&str> =
        table["schema"]["columns"].as_array().unwrap().iter().filter_map(|c| c["name"].as_str()).collect();
    for name in ["Vid", "Properties_Firstname_Value", "Properties_Lastname_Value", "Added_At", "Portal_Id", "updatedAt"]
    {
        assert!(names.contains(&name), "FS-EXP-3: no {name} among {names:?}");
    }
    assert!(table["data"][0]["Vid"].is_string() || table["data"][0]["Vid"].is_number(), "{table}");
    let item = shell(&forebay, &format!("curl -sS -X GET '{at}'{HEADERS}")).to_string();
    for secret in [&known.client_secret, &known.refresh_token, &known.access_token] {
        assert!(!item.contains(secret.as_str()), "FS-ENV-9: secrets are masked");
        assert!(!forebay.log().contains(secret.as_str()), "a secret is in the log");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_land_and_a_second_run_without_changes_brings_nothing() {
    let office = Office::new(contacts(1_000), &[]).await;
    let schema = office.schema().await;
    let contacts = office.contacts(&schema).await;
    let runs = office.forebay.settled(&contacts.flow).await;
    assert_eq!(runs[0]["state"], "success", "{:#}", runs[0]);
    assert_eq!(counts(&runs[0]).1, office.living().len() as u64);
    office.check(&contacts);
    office.forebay.run(&contacts.flow).await;
    let runs = office.forebay.settled(&contacts.flow).await;
    assert_eq!(counts(&runs[1]), (0, 0, 0, 0), "platform.md §8.2: {:#}", runs[1]);
    let ids = office.sim().ids("contacts");
    office.sim().advance(Duration::from_secs(3_600));
    office.sim().archive("contacts", &ids[..10]);
    office.sim().create("contacts", 3);
    office.forebay.run(&contacts.flow).await;
    let runs = office.forebay.settled(&contacts.flow).await;
    assert_eq!(counts(&runs[2]), (13, 13, 0, 0), "{:#}", runs[2]);
    office.check(&contacts);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_at_any_request_each_contact_is_there_once() {
    // Each page is a checkpoint, so that kills fall between, before and behind them.
    let mut office = Office::new(contacts(1_200), &[("FOREBAY_RUN_CHECKPOINT_SECONDS", "0")]).await;
    let schema = office.schema().await;
    // A load that is left alone says how many requests there are; the first one asks for the account besides.
    for _ in 0..2 {
        let whole = office.contacts(&schema).await;
        office.sim().forget_requests();
        office.forebay.settled(&whole.flow).await;
        office.check(&whole);
    }
    let requests = office.sim().requests().len() as u64;
    assert!(requests >= 12, "{requests}");
    let (mut slowest, mut midway) = (Duration::ZERO, 0);
    for kill in 0..KILLS {
        let at = 1 + kill * requests / KILLS;
        office.sim().forget_requests();
        let contacts = office.contacts(&schema).await;
        let began = Instant::now();
        while (office.sim().requests().len() as u64) < at {
            assert!(began.elapsed() < Duration::from_secs(60), "request {at} never came");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        office.forebay.kill();
        // The cursor is never ahead of committed data.
        let committed = contacts.table.join("_delta_log").exists() && !column(&contacts.table, "_id").is_empty();
        let cursor = office.cursor(&contacts.flow);
        assert!(cursor.is_null() || committed, "killed at request {at}: {cursor}");
        midway += u64::from(cursor.is_null());
        let down = Instant::now();
        office.forebay.resume().await;
        let runs = office.forebay.settled(&contacts.flow).await;
        slowest = slowest.max(down.elapsed());
        assert_eq!(runs.len(), 1);
        assert_eq!(runs[0]["state"], "success", "killed at request {at}: {:#}", runs[0]);
        counts(&runs[0]);
        office.check(&contacts);
    }
    assert!(midway * 2 >= KILLS, "only {midway} of {KILLS} kills met a load under way");
    eprintln!("{KILLS} kills over {requests} requests, {midway} in mid load; slowest recovery {slowest:?}");
}
