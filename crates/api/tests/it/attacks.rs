//! What the isolation matrix tries: for each operation the request of a stranger who has guessed ids, written with the
//! kinds of ids in braces (`{connection}`), and what it answers to whom the ids belong.

use crate::world::{
    CLIENT, FLOW_SPEC, FLOWS, S3, SECRET, World, XED, connection, data_set, mapping_set, schema, source_connection,
    target_connection,
};
use forebay_model::Resource;
use forebay_store::Met;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const REGISTRY: &str = "/data/foundation/schemaregistry/tenant";
const LIST: &str = "application/vnd.adobe.xed+json";
const DESCRIPTORS: &str = "application/vnd.adobe.xdm+json";

/// Whom an operation keeps apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Sandboxes, and so organizations.
    Sandbox,
    /// Organizations: it belongs to all sandboxes of one.
    Organization,
    /// Nobody: it answers everybody the same.
    Everybody,
}

/// One request against one operation.
pub struct Attack {
    pub operation: &'static str,
    pub path: &'static [(&'static str, &'static str)],
    pub query: &'static str,
    pub body: Value,
    pub reach: Reach,
    /// What it answers to whom the ids belong; 200 stands for any success.
    pub own: u16,
    /// When the owner does it: what deletes comes behind what needs it.
    pub last: u8,
}

impl Attack {
    /// What the operation is asked to answer in.
    pub fn accept(&self) -> &'static str {
        match self.operation {
            name if name.contains("descriptor") => DESCRIPTORS,
            name if name.starts_with("list_") => LIST,
            _ => XED,
        }
    }

    /// Whether anything of the victim's is named.
    pub fn names_ids(&self) -> bool {
        let path = self.path.iter().any(|(_, value)| value.contains('{'));
        path || self.query.contains('{')
            || self.body.to_string().contains("\"{")
            || self.body.to_string().contains("={")
    }

    fn query(mut self, query: &'static str) -> Attack {
        self.query = query;
        self
    }

    fn body(mut self, body: Value) -> Attack {
        self.body = body;
        self
    }

    fn reach(mut self, reach: Reach) -> Attack {
        self.reach = reach;
        self
    }

    fn own(mut self, status: u16) -> Attack {
        self.own = status;
        self
    }

    fn last(mut self, last: u8) -> Attack {
        self.last = last;
        self
    }
}

fn on(operation: &'static str, path: &'static [(&'static str, &'static str)]) -> Attack {
    Attack { operation, path, query: "", body: Value::Null, reach: Reach::Sandbox, own: 200, last: 0 }
}

/// A dataflow with a run, a batch and files, and all that a stranger could be after; answers the ids by kind.
pub async fn victim(world: &World) -> BTreeMap<&'static str, String> {
    let mut parts = world.dataflow().await;
    // To an address that no gate lets through: nothing of this leaves the machine.
    let mut closed = connection();
    closed["auth"]["params"]["serviceUrl"] = json!("http://127.0.0.1:1");
    parts.base = world.created(&format!("{FLOWS}/connections"), closed).await;
    parts.source = world.created(&format!("{FLOWS}/sourceConnections"), source_connection(&parts.base)).await;
    let mut flow = parts.flow();
    flow["name"] = json!("canary flow");
    flow["scheduleParams"] = json!({ "startTime": "1719900000", "frequency": "once" });
    let flow = world.created(&format!("{FLOWS}/flows"), flow).await;
    let run = world.created(&format!("{FLOWS}/runs"), json!({ "flowId": flow })).await;
    // What nothing refers to, for what is deleted and changed.
    let spare = world.created(&format!("{FLOWS}/connections"), connection()).await;
    let spare_source = world.created(&format!("{FLOWS}/sourceConnections"), source_connection(&spare)).await;
    let target = target_connection(&parts.dataset, &parts.schema);
    let spare_target = world.created(&format!("{FLOWS}/targetConnections"), target).await;
    let spare_set = world.created("/data/foundation/conversion/mappingSets", mapping_set(&parts.schema)).await;
    let spare_data = world.created("/data/foundation/catalog/dataSets", data_set(&parts.schema)).await;
    let spare_schema = world.post(&format!("{REGISTRY}/schemas"), schema()).await.body["$id"].clone();
    let identity = crate::descriptors::identity(&parts.schema, "/personalEmail/address", false);
    let descriptor = world.post(&format!("{REGISTRY}/descriptors"), identity).await.body["@id"].clone();
    let spec = world.created(&format!("{FLOWS}/connectionSpecs"), own_spec("canary-lists")).await;
    let flow_spec = world.created(&format!("{FLOWS}/flowSpecs"), own_flow_spec("CanaryToAEP")).await;
    let draft = json!({ "name": "canary draft", "connectionSpec": { "id": S3, "version": "1.0" }, "baseConnectionId": parts.base });
    let draft = world.created(&format!("{FLOWS}/sourceConnections?mode=draft"), draft).await;
    let hook = json!({ "url": "https://hooks.example.com/canary" });
    let hook = world.created("/data/foundation/forebay/webhooks", hook).await;
    let form = json!({ "name": "canary form", "state": { "path": "canary" } });
    let form = world.created("/data/foundation/forebay/drafts", form).await;
    let control = "/data/foundation/access-control/administration";
    let role = world.created(&format!("{control}/roles"), json!({ "name": "canary role" })).await;
    let policy = world.created(&format!("{control}/policies"), policy("canary policy")).await;
    let client = world.post("/data/foundation/forebay/clients", json!({ "name": "canary client" })).await;
    let upload = json!({ "datasetId": parts.dataset, "inputFormat": { "format": "json" } });
    let upload = world.post("/data/foundation/import/batches", upload).await.body["id"].clone();
    let views = world.get(&format!("/data/foundation/catalog/dataSets/{}/views", parts.dataset)).await.body;
    let view = views.as_object().and_then(|views| views.keys().next().cloned()).unwrap_or_default();
    let batch = json!({ "id": "01B", "status": "success", "canary": "canary",
        "relatedObjects": [{ "type": "dataSet", "id": parts.dataset }] });
    world.put(&world.scope(), Resource::Batch, "01B", batch).await;
    world.lake.store(&format!("tables/acme-prod/{}/01B.parquet", parts.dataset), "canary");
    let claim = world.app.store.claim("w", world.app.now(), std::time::Duration::from_secs(60)).await.unwrap().unwrap();
    for names in [vec!["canary 0"], vec!["canary", "canary 2"]] {
        let met = names.iter().map(|name| Met { name: name.to_string(), kind: "string".into(), sample: None });
        world.app.store.meet_columns(&claim, &met.collect::<Vec<_>>(), &[], world.app.now()).await.unwrap();
    }
    world.app.store.release(&claim, world.app.now()).await.unwrap();
    world.lake.store("batches/acme-prod/01B/row_errors/part-0.json", "{\"canary\":1}");
    let alt = |id: &str| format!("_acme.schemas.{}", id.rsplit('/').next().unwrap_or_default());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    BTreeMap::from([
        ("alt", alt(&parts.schema)),
        ("spare_alt", alt(&text(&spare_schema))),
        ("connection", parts.base),
        ("source", parts.source),
        ("target", parts.target),
        ("flow", flow),
        ("run", run),
        ("schema", parts.schema),
        ("dataset", parts.dataset),
        ("mapping", parts.mapping),
        ("batch", "01B".into()),
        ("file", "01B-0".into()),
        ("descriptor", text(&descriptor)),
        ("spare", spare),
        ("spare_source", spare_source),
        ("spare_target", spare_target),
        ("spare_set", spare_set),
        ("spare_data", spare_data),
        ("spare_schema", text(&spare_schema)),
        ("sandbox", "dev".into()),
        ("spec", spec),
        ("flow_spec", flow_spec),
        ("draft", draft),
        ("webhook", hook),
        ("role", role),
        ("policy", policy),
        ("client", text(&client.body["clientId"])),
        ("upload", text(&upload)),
        ("view", view),
        ("form", form),
    ])
}

/// Every attack; each operation has one at least.
pub fn all() -> Vec<Attack> {
    [
        flow_service(),
        more_of_flow_service(),
        registry(),
        catalog(),
        preparation(),
        export(),
        sandboxes(),
        access_control(),
        ingestion(),
        own(),
        pages(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn rename() -> Value {
    json!([{ "op": "replace", "path": "/name", "value": "taken" }])
}

fn flow_service() -> Vec<Attack> {
    let flow = json!({ "name": "theirs", "flowSpec": { "id": FLOW_SPEC, "version": "1.0" }, "sourceConnectionIds": ["{source}"],
        "targetConnectionIds": ["{target}"],
        "transformations": [{ "name": "Mapping", "params": { "mappingId": "{mapping}", "mappingVersion": 0 } }],
        "scheduleParams": { "startTime": "1719900000", "frequency": "day", "interval": "1" } });
    vec![
        on("list_connection_specs", &[]).reach(Reach::Everybody),
        on("get_connection_spec", &[("id", S3)]).reach(Reach::Everybody),
        on("list_flow_specs", &[]).reach(Reach::Everybody),
        on("get_flow_spec", &[("id", FLOW_SPEC)]).reach(Reach::Everybody),
        on("list_connections", &[]),
        on("list_connections", &[]).query("property=id=={connection}"),
        on("list_connections", &[]).query("count=true"),
        on("create_connection", &[]).body(connection()).reach(Reach::Everybody),
        on("get_connection", &[("id", "{connection}")]),
        on("patch_connection", &[("id", "{connection}")]).body(rename()),
        on("delete_connection", &[("id", "{spare}")]).last(3),
        on("test_connection", &[("id", "{connection}")]),
        on("explore_connection", &[("id", "{connection}")]).query("objectType=root").own(400),
        on("list_source_connections", &[]),
        on("list_source_connections", &[]).query("property=baseConnectionId=={connection}"),
        on("create_source_connection", &[]).body(source_connection("{connection}")),
        on("get_source_connection", &[("id", "{source}")]),
        on("patch_source_connection", &[("id", "{source}")]).body(rename()),
        on("patch_source_connection", &[("id", "{spare_source}")])
            .body(json!([{ "op": "replace", "path": "/baseConnectionId", "value": "{connection}" }])),
        on("delete_source_connection", &[("id", "{spare_source}")]).last(2),
        on("list_target_connections", &[]),
        on("list_target_connections", &[]).query("property=params.dataSetId=={dataset}"),
        on("create_target_connection", &[]).body(target_connection("{dataset}", "{schema}")),
        on("get_target_connection", &[("id", "{target}")]),
        on("patch_target_connection", &[("id", "{target}")]).body(rename()),
        on("delete_target_connection", &[("id", "{spare_target}")]).last(2),
        on("list_flows", &[]),
        on("list_flows", &[]).query("property=sourceConnectionIds[]=={source}"),
        on("create_flow", &[]).body(flow),
        on("get_flow", &[("id", "{flow}")]),
        on("patch_flow", &[("id", "{flow}")]).body(rename()),
        on("act_on_flow", &[("id", "{flow}")]).query("op=disable").last(1),
        on("delete_flow", &[("id", "{flow}")]).last(4),
        on("list_flow_runs", &[("id", "{flow}")]),
        on("list_runs", &[]),
        on("list_runs", &[]).query("property=flowId=={flow}"),
        on("create_run", &[]).body(json!({ "flowId": "{flow}" })),
        on("get_run", &[("id", "{run}")]),
        on("act_on_run", &[("id", "{run}")]).query("op=trigger").own(400),
        on("get_run_log", &[("id", "{run}")]).query("level=debug"),
        on("cancel_run", &[("id", "{run}")]),
    ]
}

/// Specs, searches, drafts, notifications: what came to Flow Service later.
fn more_of_flow_service() -> Vec<Attack> {
    let search = |property: &str| json!({ "properties": [property] });
    vec![
        on("create_connection_spec", &[]).body(own_spec("theirs")).reach(Reach::Everybody),
        on("get_connection_spec", &[("id", "{spec}")]).reach(Reach::Organization),
        on("put_connection_spec", &[("id", "{spec}")]).body(own_spec("canary-lists")).reach(Reach::Organization),
        on("get_connection_spec_configs", &[("id", "{spec}")]).reach(Reach::Organization),
        on("explore_connection_spec", &[("id", "{spec}")]).query("objectType=root").reach(Reach::Organization).own(400),
        on("create_flow_spec", &[]).body(own_flow_spec("Theirs")).reach(Reach::Everybody),
        on("get_flow_spec", &[("id", "{flow_spec}")]).reach(Reach::Organization),
        on("put_flow_spec", &[("id", "{flow_spec}")]).body(own_flow_spec("CanaryToAEP")).reach(Reach::Organization),
        on("search_flow_specs", &[]).body(search("id=={flow_spec}")).reach(Reach::Organization),
        on("search_connections", &[]).body(search("id=={connection}")),
        on("search_flows", &[]).body(search("sourceConnectionIds[]=={source}")),
        on("get_connection_configs", &[("id", "{connection}")]),
        on("act_on_connection", &[("id", "{spare}")]).query("op=disable").own(400),
        on("act_on_source_connection", &[("id", "{draft}")]).query("op=publish").own(400),
        on("act_on_target_connection", &[("id", "{spare_target}")]).query("op=publish").own(400),
        on("put_run", &[("id", "{run}")]).body(json!({ "flowId": "{flow}", "status": "active" })).own(400),
        on("get_manifest", &[]),
        on("get_manifest", &[]).query("flow={flow}"),
        on("get_manifest", &[]).query("connection={connection}"),
        on("get_manifest", &[]).query("dataset={dataset}"),
        on("list_webhooks", &[]),
        on("create_webhook", &[]).body(json!({ "url": "https://hooks.example.com/x" })).reach(Reach::Everybody),
        on("get_webhook", &[("id", "{webhook}")]),
        on("patch_webhook", &[("id", "{webhook}")]).body(rename()),
        on("test_webhook", &[("id", "{webhook}")]),
        on("list_deliveries", &[("id", "{webhook}")]),
        // A server that is no demo has none of it; `demo.rs` tries one that is.
        on("get_demo", &[]).reach(Reach::Everybody).own(404),
        on("put_demo", &[]).body(json!({ "fault": null })).reach(Reach::Everybody).own(404),
        on("reset_demo", &[]).reach(Reach::Everybody).own(404),
        on("delete_webhook", &[("id", "{webhook}")]).last(2),
    ]
}

fn own_spec(name: &str) -> Value {
    json!({ "name": name, "providerId": "0ed90a81-07f4-4586-8190-b40eccef1c5a", "version": "1.0",
        "authSpec": [{ "name": "API Key Authentication", "type": "KeyBased", "spec": { "type": "object",
            "$schema": "http://json-schema.org/draft-07/schema#", "properties": { "host": { "type": "string" } } } }] })
}

fn own_flow_spec(name: &str) -> Value {
    json!({ "name": name, "providerId": "0ed90a81-07f4-4586-8190-b40eccef1c5a", "version": "1.0",
        "sourceConnectionSpecIds": [S3], "targetConnectionSpecIds": [crate::world::DATALAKE] })
}

fn policy(name: &str) -> Value {
    json!({ "name": name, "description": "", "status": "inactive", "rules": [{ "effect": "Deny", "condition": "",
        "resource": "/orgs/ACME@AdobeOrg/sandboxes/prod/sources/*", "actions": ["com.adobe.action.write"] }] })
}

fn access_control() -> Vec<Attack> {
    let subject = json!([{ "op": "add", "path": "/user", "value": "mallory@techacct.adobe.com" }]);
    let all = vec![
        on("list_policies", &[]),
        on("get_policy", &[("id", "{policy}")]),
        on("put_policy", &[("id", "{policy}")]).body(policy("taken")),
        on("patch_policy", &[("id", "{policy}")])
            .body(json!([{ "op": "replace", "path": "/status", "value": "inactive" }])),
        on("delete_policy", &[("id", "{policy}")]).last(2),
        on("list_roles", &[]),
        on("get_role", &[("id", "{role}")]),
        on("put_role", &[("id", "{role}")])
            .body(json!({ "name": "taken", "description": "", "roleType": "user-defined" })),
        on("patch_role", &[("id", "{role}")])
            .body(json!([{ "op": "replace", "path": "/description", "value": "taken" }])),
        on("list_role_subjects", &[("id", "{role}")]),
        on("patch_role_subjects", &[("id", "{role}")]).body(subject),
        on("delete_role", &[("id", "{role}")]).last(2),
        on("list_audit_events", &[]),
        on("verify_audit_trail", &[]),
        on("list_clients", &[]),
        on("get_client", &[("id", "{client}")]),
        on("patch_client", &[("id", "{client}")]).body(json!({ "name": "taken" })),
        on("rotate_client", &[("id", "{client}")]).last(1),
        on("delete_client", &[("id", "{client}")]).last(2),
        on("reset_sandbox", &[("name", "{sandbox}")]).body(json!({ "action": "reset" })).last(8),
        on("patch_sandbox", &[("name", "{sandbox}")]).body(json!({ "title": "taken" })),
        on("delete_sandbox", &[("name", "{sandbox}")]).last(9).own(409),
    ];
    let mut all: Vec<Attack> = all.into_iter().map(|attack| attack.reach(Reach::Organization)).collect();
    let everybody = vec![
        on("create_policy", &[]).body(policy("theirs")),
        on("create_role", &[]).body(json!({ "name": "theirs" })),
        on("create_client", &[]).body(json!({ "name": "theirs" })),
        on("create_sandbox", &[]).body(json!({ "name": "theirs", "title": "T", "type": "development" })),
        on("list_effective_policies", &[]).body(json!(["/permissions/manage-datasets"])),
        on("get_acl_reference", &[]),
        on("list_products", &[]),
        on("list_permission_categories", &[("id", "nothing")]).own(404),
        on("list_permission_sets", &[("id", "nothing")]).own(404),
        on("token_v1", &[]).own(401),
        on("exchange_jwt", &[]).own(401),
    ];
    all.extend(everybody.into_iter().map(|attack| attack.reach(Reach::Everybody)));
    all
}

/// Uploads, labels, views, metrics and the helpers of the registry.
fn own() -> Vec<Attack> {
    let sign_in = json!({ "clientId": CLIENT, "clientSecret": SECRET });
    vec![
        on("create_session", &[]).body(sign_in).reach(Reach::Everybody),
        on("get_session", &[]).reach(Reach::Everybody),
        on("delete_session", &[]).reach(Reach::Everybody),
        on("create_session_link", &[]).reach(Reach::Everybody),
        on("watch_events", &[]).reach(Reach::Everybody),
        on("list_drafts", &[]),
        on("create_draft", &[]).body(json!({ "name": "theirs" })).reach(Reach::Everybody),
        on("get_draft", &[("id", "{form}")]),
        on("put_draft", &[("id", "{form}")]).body(json!({ "name": "taken" })),
        on("delete_draft", &[("id", "{form}")]).last(1),
        on("find", &[]).query("q=canary"),
        on("find", &[]).query("q={flow}"),
        on("get_flow_timeline", &[("id", "{flow}")]),
    ]
}

fn ingestion() -> Vec<Attack> {
    const FILE: &[(&str, &str)] = &[("id", "{upload}"), ("dataset", "{dataset}"), ("path", "a.json")];
    let rows = json!({ "_id": "1" });
    let labels = json!({ "labels": ["core/C2"] });
    let metric = json!({ "start": "2024-07-01T00:00:00.000Z", "end": "2024-07-03T00:00:00Z", "granularity": "day",
        "metrics": [{ "name": "timeseries.ingestion.dataset.recordsuccess.count", "aggregator": "sum",
            "filters": [{ "name": "dataSetId", "value": "{dataset}", "groupBy": false }] }] });
    vec![
        on("list_everything", &[]),
        on("put_data_set", &[("id", "{spare_data}")]).body(data_set("{schema}")),
        on("patch_data_set_v2", &[("id", "{spare_data}")]).body(json!({ "name": "taken" })),
        on("list_views", &[("id", "{dataset}")]),
        on("get_view", &[("id", "{dataset}"), ("view", "{view}")]),
        on("list_view_files", &[("id", "{dataset}"), ("view", "{view}")]),
        on("list_last_batches", &[]).query("dataSet={dataset}"),
        on("list_tags", &[("namespace", "adobe")]),
        on("create_data_set_labels", &[("id", "{spare_data}")]).body(labels.clone()),
        on("get_data_set_labels", &[("id", "{spare_data}")]),
        on("put_data_set_labels", &[("id", "{spare_data}")]).body(labels),
        on("delete_data_set_labels", &[("id", "{spare_data}")]).last(1),
        on("list_core_labels", &[]).reach(Reach::Everybody),
        on("get_core_label", &[("name", "C2")]).reach(Reach::Everybody),
        on("create_batch", &[]).body(json!({ "datasetId": "{dataset}", "inputFormat": { "format": "json" } })),
        on("get_uploaded_batch", &[("id", "{upload}")]),
        on("put_batch_file", FILE).body(rows.clone()),
        on("head_batch_file", FILE),
        on("act_on_batch_file", FILE).query("action=INITIALIZE"),
        on("patch_batch_file", FILE).body(rows).own(400),
        on("act_on_batch", &[("id", "{upload}")]).query("action=ABORT").last(1),
        on("audit_schema", &[("id", "{alt}")]),
        on("export_schema", &[("id", "{alt}")]),
        on("sample_schema", &[("id", "{alt}")]),
        on("import_schemas", &[]).body(json!([{ "$id": "{schema}" }])).own(400),
        on("get_metrics", &[]).query("metric=timeseries.ingestion.dataset.recordsuccess.count&id={dataset}&start=2024-07-01T00:00:00.000Z&end=2024-07-03T00:00:00Z"),
        on("query_metrics", &[]).body(metric),
    ]
}

/// What lists and pages show.
fn pages() -> Vec<Attack> {
    let columns = json!({ "columns": [{ "name": "canary" }] });
    vec![
        on("get_overview", &[]),
        on("list_flow_rows", &[]),
        on("get_flow_row", &[("id", "{flow}")]),
        on("preview_schedule", &[]).body(json!({ "scheduleParams": { "frequency": "once" } })).reach(Reach::Everybody),
        on("list_run_rows", &[]),
        on("list_run_rows", &[]).query("flow={flow}"),
        on("get_run_detail", &[("id", "{run}")]),
        on("list_run_inputs", &[("id", "{run}")]),
        on("list_run_errors", &[("id", "{run}")]),
        on("list_run_errors", &[("id", "{run}")]).query("format=csv"),
        on("list_tables", &[]),
        on("get_table", &[("id", "{dataset}")]),
        on("get_table_history", &[("id", "{dataset}")]),
        on("preview_table", &[("id", "{dataset}")]),
        on("get_flow_schema", &[("id", "{flow}")]),
        on("approve_flow_columns", &[("id", "{flow}")]).body(columns),
        on("dismiss_flow_columns", &[("id", "{flow}")]).body(json!({ "columns": ["canary 2"] })),
        on("put_flow_schema_policy", &[("id", "{flow}")]).body(json!({ "policy": "ignore" })),
        // Of all sandboxes of an organization.
        on("get_system", &[]).reach(Reach::Organization),
        on("get_diagnostics", &[]),
        on("list_codes", &[]).reach(Reach::Everybody),
    ]
}

fn registry() -> Vec<Attack> {
    let identity = |property: &str| crate::descriptors::identity("{schema}", property, false);
    let body = json!({ "type": "object", "title": "taken", "allOf": [{ "$ref": "https://ns.adobe.com/xdm/context/profile" }] });
    let referring = json!({ "type": "object", "title": "theirs",
        "allOf": [{ "$ref": "https://ns.adobe.com/xdm/context/profile" }, { "$ref": "{schema}" }] });
    vec![
        on("get_stats", &[]),
        on("list_tenant_schemas", &[("kind", "schemas")]),
        on("list_tenant_schemas", &[("kind", "schemas")]).query("property=title==Contacts"),
        on("list_global_schemas", &[("kind", "schemas")]).reach(Reach::Everybody),
        on("get_global_schema", &[("kind", "classes"), ("id", "_xdm.context.profile")]).reach(Reach::Everybody),
        on("create_schema", &[("kind", "schemas")]).body(referring),
        on("get_tenant_schema", &[("kind", "schemas"), ("id", "{alt}")]),
        on("get_tenant_schema", &[("kind", "schemas"), ("id", "{schema}")]),
        on("put_schema", &[("kind", "schemas"), ("id", "{spare_alt}")]).body(body),
        on("patch_schema", &[("kind", "schemas"), ("id", "{spare_alt}")])
            .body(json!([{ "op": "replace", "path": "/title", "value": "taken" }])),
        on("delete_schema", &[("kind", "schemas"), ("id", "{spare_alt}")]).last(2),
        on("list_tenant_descriptors", &[]),
        on("list_global_descriptors", &[]).reach(Reach::Everybody),
        on("create_descriptor", &[]).body(identity("/_id")),
        on("get_descriptor", &[("id", "{descriptor}")]),
        on("put_descriptor", &[("id", "{descriptor}")]).body(identity("/personalEmail/address")),
        on("delete_descriptor", &[("id", "{descriptor}")]).last(2),
    ]
}

fn catalog() -> Vec<Attack> {
    vec![
        on("list_data_sets", &[]),
        on("list_data_sets", &[]).query("name=People%20(EU)"),
        on("create_data_set", &[]).body(data_set("{schema}")),
        on("get_data_set", &[("id", "{dataset}")]),
        on("patch_data_set", &[("id", "{dataset}")]).body(json!({ "name": "taken" })),
        on("delete_data_set", &[("id", "{spare_data}")]).last(3),
        on("list_batches", &[]),
        on("list_batches", &[]).query("dataSet={dataset}"),
        on("get_batch", &[("id", "{batch}")]),
    ]
}

fn preparation() -> Vec<Attack> {
    vec![
        on("list_mapping_sets", &[]),
        on("create_mapping_set", &[]).body(mapping_set("{schema}")),
        on("validate_mapping_set", &[]).body(mapping_set("{schema}")),
        on("get_mapping_set", &[("id", "{mapping}")]),
        on("put_mapping_set", &[("id", "{spare_set}")]).body(mapping_set("{schema}")),
        on("delete_mapping_set", &[("id", "{spare_set}")]).last(3),
        on("list_mappings", &[("id", "{mapping}")]),
        on("get_mapping", &[("id", "{mapping}"), ("mid", "x")]).own(404),
        on("preview_mapping_set", &[]).body(json!({ "data": { "id": "1" }, "mappingSet": mapping_set("{schema}") })),
        on("validate_expression", &[]).body(json!({ "expression": "upper(x)", "mappingSetId": "{mapping}" })),
        on("list_functions", &[]).reach(Reach::Everybody),
        on("list_operators", &[]).reach(Reach::Everybody),
    ]
}

fn export() -> Vec<Attack> {
    vec![
        on("list_batch_files", &[("id", "{batch}")]),
        on("list_failed_files", &[("id", "{batch}")]),
        on("get_batch_meta", &[("id", "{batch}")]).query("path=row_errors/part-0.json"),
        on("get_file", &[("id", "{file}")]),
        on("preview_data_set", &[("id", "{dataset}")]),
    ]
}

fn sandboxes() -> Vec<Attack> {
    vec![
        on("list_my_sandboxes", &[]).reach(Reach::Organization),
        on("list_sandboxes", &[]).reach(Reach::Organization),
        on("get_sandbox", &[("name", "{sandbox}")]).reach(Reach::Organization),
        on("list_sandbox_types", &[]).reach(Reach::Everybody),
        // They answer to a client's secret, not to a caller.
        on("token_v2", &[]).reach(Reach::Everybody).own(400),
        on("token_v3", &[]).reach(Reach::Everybody).own(400),
    ]
}
