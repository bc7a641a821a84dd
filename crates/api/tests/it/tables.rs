//! Datasets with their tables: lists, fields, versions, previews; new columns of a source; the system.

use crate::overview::{OWN, ended, flow, meet, meet_as, new_columns, run};
use crate::world::{FLOWS, ORG, OTHER_ORG, START, World};
use forebay_model::Resource;
use forebay_model::table::TableCommit;
use serde_json::{Value, json};

fn commit(version: u64, run: Option<&str>, rows: Option<u64>) -> TableCommit {
    TableCommit {
        version,
        at: START + version as i64,
        operation: if run.is_some() { "WRITE".into() } else { "OPTIMIZE".into() },
        run: run.map(str::to_string),
        batch: run.map(|_| "01B".into()),
        added_rows: rows,
        added_files: 2,
        removed_files: u64::from(run.is_none()),
        bytes: 100,
    }
}

#[tokio::test]
async fn a_dataset_says_what_its_table_holds() {
    let world = World::new().await;
    let flow = flow(&world, "people", "hour", 1).await;
    let dataset =
        world.get(&format!("{OWN}/flows/{flow}")).await.body["target"]["dataset"]["id"].as_str().unwrap().to_string();
    let empty = world.get(&format!("{OWN}/datasets")).await.body["items"][0].clone();
    assert_eq!((&empty["rows"], empty.get("version"), &empty["files"]), (&json!(0), None, &json!(0)));
    world.lake.commits.lock().unwrap().extend([commit(0, Some("r1"), Some(5)), commit(1, Some("r2"), Some(7))]);
    world
        .put(&world.scope(), Resource::DatasetLabels, &dataset, json!({ "labels": ["core/C2"], "optionalLabels": [] }))
        .await;
    let list = world.get(&format!("{OWN}/datasets")).await.body;
    let row = &list["items"][0];
    assert_eq!(
        (&list["total"], &row["name"], &row["schema"]["title"]),
        (&json!(1), &json!("People (EU)"), &json!("Contacts"))
    );
    assert_eq!(
        (&row["rows"], &row["bytes"], &row["files"], &row["version"], &row["updatedAt"]),
        (&json!(12), &json!(200), &json!(4), &json!(1), &json!(START + 1))
    );
    assert_eq!(
        (&row["labels"], &row["flows"], &row["keyed"]),
        (&json!(["core/C2"]), &json!([{ "id": flow, "name": "people" }]), &json!(false))
    );
    assert_eq!(row["path"], format!("/data/lake/tables/acme-prod/{dataset}"));
    let one = world.get(&format!("{OWN}/datasets/{dataset}")).await.body;
    let mut same = one.clone();
    for name in ["fields", "duckdb", "polars", "spark"] {
        same.as_object_mut().unwrap().remove(name);
    }
    assert_eq!(&same, row);
    let fields = one["fields"].as_array().unwrap();
    let name = fields.iter().find(|field| field["path"] == "person.name.firstName").expect("a field");
    assert_eq!((&name["type"], &name["required"]), (&json!("string"), &json!(false)));
    assert_eq!(name["description"], "Given name, where one can be told apart.");
    assert_eq!(one["duckdb"], format!("SELECT * FROM delta_scan('/data/lake/tables/acme-prod/{dataset}') LIMIT 100;"));
    // A file without statistics: the number of rows is not known.
    world.lake.commits.lock().unwrap().push(commit(2, None, None));
    assert_eq!(world.get(&format!("{OWN}/datasets/{dataset}")).await.body.get("rows"), None);
    // Whoever may not see flows sees none here.
    world.client_with("datasets", &["view-datasets"], &["prod"]).await;
    let row = world.by("datasets", "prod", "GET", &format!("{OWN}/datasets/{dataset}")).send().await.body;
    assert_eq!(row["flows"], json!([]));
    world.client_with("sources", &["view-sources"], &["prod"]).await;
    for path in ["", "/x", "/x/history", "/x/preview"] {
        assert_eq!(
            world.by("sources", "prod", "GET", &format!("{OWN}/datasets{path}")).send().await.status,
            403,
            "{path}"
        );
    }
    for org in [ORG, OTHER_ORG] {
        assert_eq!(world.stranger("GET", &format!("{OWN}/datasets"), org).send().await.body["items"], json!([]));
        for path in ["", "/history", "/preview"] {
            assert_eq!(world.stranger("GET", &format!("{OWN}/datasets/{dataset}{path}"), org).send().await.status, 404);
        }
    }
    // Its schema is gone: what is known is shown.
    world
        .put(
            &world.scope(),
            Resource::Dataset,
            "orphan",
            json!({ "name": "orphan", "schemaRef": { "id": "https://x/none" } }),
        )
        .await;
    let orphan = world.get(&format!("{OWN}/datasets/orphan")).await;
    assert_eq!(
        (orphan.status.as_u16(), &orphan.body["fields"], &orphan.body["keyed"]),
        (200, &json!([]), &json!(false))
    );
}

#[tokio::test]
async fn versions_name_the_runs_that_made_them() {
    let world = World::new().await;
    let flow = flow(&world, "people", "hour", 1).await;
    let dataset =
        world.get(&format!("{OWN}/flows/{flow}")).await.body["target"]["dataset"]["id"].as_str().unwrap().to_string();
    let known = run(&world, ended(&world, 5, 0, "success"), None).await;
    world.lake.commits.lock().unwrap().extend([
        commit(0, Some("unknown"), Some(5)),
        commit(1, Some(&known), Some(7)),
        commit(2, None, Some(9)),
    ]);
    let get = async |query: &str| world.get(&format!("{OWN}/datasets/{dataset}/history?{query}")).await;
    let all = get("").await.body;
    let versions: Vec<&Value> = all["items"].as_array().unwrap().iter().map(|item| &item["version"]).collect();
    assert_eq!((versions, all.get("next")), (vec![&json!(2), &json!(1), &json!(0)], None));
    assert_eq!(all["items"][0].get("run"), None);
    assert_eq!(all["items"][1]["run"], json!({ "id": known, "number": 1, "flow": { "id": flow, "name": "people" } }));
    assert_eq!(
        (&all["items"][1]["addedRows"], &all["items"][1]["batch"], &all["items"][1]["at"]),
        (&json!(7), &json!("01B"), &json!(START + 1))
    );
    assert_eq!(all["items"][2]["run"], json!({ "id": "unknown" }));
    let page = get("limit=2").await.body;
    assert_eq!((page["items"].as_array().map(Vec::len), &page["next"]), (Some(2), &json!(1)));
    assert_eq!(get("limit=2&before=1").await.body["items"][0]["version"], 0);
    assert_eq!(get("before=0").await.body["items"], json!([]));
    for bad in ["limit=0", "limit=201", "before=-1", "before=x"] {
        assert_eq!(get(bad).await.status, 400, "{bad}");
    }
    assert_eq!(world.get(&format!("{OWN}/datasets/nothing/history")).await.status, 404);
}

#[tokio::test]
async fn a_preview_is_of_a_version_and_obeys_labels() {
    let world = World::new().await;
    let flow = flow(&world, "people", "hour", 1).await;
    let dataset =
        world.get(&format!("{OWN}/flows/{flow}")).await.body["target"]["dataset"]["id"].as_str().unwrap().to_string();
    let path = format!("{OWN}/datasets/{dataset}/preview");
    let empty = world.get(&path).await.body;
    assert_eq!((empty.get("version"), &empty["rows"]), (None, &json!([])));
    assert!(
        empty["columns"]
            .as_array()
            .unwrap()
            .iter()
            .any(|column| *column == json!({ "name": "person", "type": "object" })),
        "{empty}"
    );
    assert_eq!(world.get(&format!("{path}?version=0")).await.status, 404);
    world.lake.commits.lock().unwrap().extend([commit(0, Some("r1"), Some(5)), commit(1, Some("r2"), Some(7))]);
    world.lake.rows.lock().unwrap().extend([json!({ "id": "a" }), json!({ "id": "b" })]);
    assert_eq!(
        world.get(&path).await.body,
        json!({ "version": 1, "columns": [{ "name": "id", "type": "string" }], "rows": [{ "id": "a" }, { "id": "b" }] })
    );
    let old = world.get(&format!("{path}?version=0&limit=1")).await.body;
    assert_eq!((&old["version"], &old["rows"]), (&json!(0), &json!([{ "id": "a" }])));
    assert_eq!(world.get(&format!("{path}?version=9")).await.status, 404);
    for bad in ["limit=0", "limit=1001", "version=-1"] {
        assert_eq!(world.get(&format!("{path}?{bad}")).await.status, 400, "{bad}");
    }
    world
        .put(&world.scope(), Resource::DatasetLabels, &dataset, json!({ "labels": ["C12"], "optionalLabels": [] }))
        .await;
    world.client_with("datasets", &["view-datasets"], &["prod"]).await;
    let reply = world.by("datasets", "prod", "GET", &path).send().await;
    assert_eq!((reply.status.as_u16(), reply.text.contains("C12")), (403, true), "{}", reply.text);
}

#[tokio::test]
async fn new_columns_are_taken_over_into_schema_mapping_and_flow() {
    let world = World::new().await;
    let id = flow(&world, "people", "hour", 1).await;
    let path = format!("{OWN}/flows/{id}/schema");
    let fresh = world.get(&path).await.body;
    assert_eq!((&fresh["policy"], &fresh["pending"]), (&json!("notify"), &json!([])));
    assert_eq!(
        fresh["columns"],
        json!([{ "name": "first_name", "type": "", "mapped": true, "targets": ["person.name.firstName"] }])
    );
    new_columns(&world, &["first_name"], &["age", "Home Town", "last_name"]).await;
    let approve = async |columns: Value| world.post(&format!("{path}/approve"), json!({ "columns": columns })).await;
    let reply = approve(json!([{ "name": "age" }, { "name": "Home Town", "type": "string" }, { "name": "last_name", "type": "string", "target": "person.name.lastName" }])).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.body["mappingSet"]["version"], 1);
    assert_eq!(
        reply.body["targets"],
        json!({ "Home Town": "_acme.Home_Town", "age": "_acme.age", "last_name": "person.name.lastName" })
    );
    assert_eq!(reply.body["appliesFrom"], "the next run, at 2024-07-01T02:00:00Z");
    let after = world.get(&path).await.body;
    let field = |path: &str| {
        after["fields"]
            .as_array()
            .unwrap()
            .iter()
            .find(|field| field["path"] == path)
            .map(|field| field["type"].clone())
    };
    assert_eq!((field("_acme.age"), field("_acme.Home_Town")), (Some(json!("int")), Some(json!("string"))));
    let targets = |name: &str| {
        after["columns"]
            .as_array()
            .unwrap()
            .iter()
            .find(|column| column["name"] == name)
            .map(|column| column["targets"].clone())
    };
    assert_eq!(targets("Home Town"), Some(json!(["_acme.Home_Town"])));
    assert_eq!((&after["pending"], &after["history"][0]["action"]), (&json!([]), &json!("approve")));
    let flow = world.get(&format!("{FLOWS}/flows/{id}")).await;
    assert_eq!(flow.item()["transformations"][0]["params"]["mappingVersion"], 1);
    // More go into the same field group.
    world.pass(3_600_000);
    meet(&world, &["city"]).await;
    let reply = approve(json!([{ "name": "city", "type": "string", "target": "_acme.town" }])).await;
    assert_eq!((reply.status.as_u16(), &reply.body["mappingSet"]["version"]), (200, &json!(2)), "{}", reply.text);
    let groups = world
        .call("GET", "/data/foundation/schemaregistry/tenant/fieldgroups")
        .header("accept", "application/vnd.adobe.xed-id+json")
        .send()
        .await;
    assert_eq!(groups.body["results"].as_array().map(Vec::len), Some(1), "{}", groups.text);
    assert_eq!(world.get(&format!("{OWN}/flows/{id}")).await.body["mappingSet"]["version"], 2);
}

/// What a run does at its end, where the flow's policy says so.
#[tokio::test]
async fn a_flow_takes_columns_over_in_its_own_name_and_leaves_what_a_person_must_decide() {
    let world = World::new().await;
    let id = flow(&world, "people", "hour", 1).await;
    let path = format!("{OWN}/flows/{id}/schema");
    let propagate = async || forebay_api::propagate(&world.app, &world.scope(), &id).await.unwrap();
    new_columns(&world, &["first_name"], &["age", "Home Town", "Home-Town"]).await;
    // By any other policy nothing happens.
    assert_eq!(propagate().await, forebay_api::Propagated::default());
    let policy = json!({ "policy": "propagate" });
    // Who may not change schemas may not have a flow change them.
    world.client_with("sources", &["manage-sources", "view-schemas", "view-datasets"], &["prod"]).await;
    let call = world.by("sources", "prod", "PUT", &format!("{path}/policy"));
    assert_eq!(call.json(policy.clone()).send().await.status, 403);
    assert_eq!(world.call("PUT", &format!("{path}/policy")).json(policy).send().await.status, 200);
    let reason = "the field _acme.Home_Town is for the column \"Home Town\" already";
    let waits = world.get(&path).await.body["pending"].clone();
    let said =
        |waits: &Value| -> Vec<Value> { waits.as_array().unwrap().iter().map(|w| w["reason"].clone()).collect() };
    assert_eq!(said(&waits), [json!(null), json!(reason), json!(null)], "{waits}");

    world.pass(1_000);
    let done = propagate().await;
    assert_eq!(done.taken, ["Home Town", "age"]);
    assert_eq!(done.left, [("Home-Town".to_string(), reason.to_string())]);
    let flow = world.get(&format!("{FLOWS}/flows/{id}")).await;
    assert_eq!(flow.item()["transformations"][0]["params"]["mappingVersion"], 1);
    let after = world.get(&path).await.body;
    assert_eq!(after["pending"][0]["reason"], "the field _acme.Home_Town is filled already");
    assert_eq!(
        after["history"][0],
        json!({ "at": after["history"][0]["at"], "by": "flow people", "action": "approve", "columns": ["Home Town", "age"] })
    );
    // In the timeline and in the trail, once and in the flow's name.
    let lines = world.get(&format!("{OWN}/flows/{id}/timeline?kind=change")).await.body["items"].clone();
    let own: Vec<&Value> = lines.as_array().unwrap().iter().filter(|line| line["by"] == "flow people").collect();
    let kinds: std::collections::BTreeSet<&str> =
        own.iter().filter_map(|line| line["subject"]["kind"].as_str()).collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["flow", "mappingSet", "schema"], "{lines:#}");
    assert!(own.iter().all(|line| line["subject"]["name"] != ""), "{lines:#}");
    let trail = async || {
        let asked = forebay_store::audit::Wanted { upto: i64::MAX, limit: 100, ..Default::default() };
        let (entries, _) = world.app.store.audit(&world.scope().org, &asked).await.unwrap();
        entries.into_iter().filter(|entry| entry.account == "flow people").count()
    };
    assert_eq!(trail().await, 1);
    // The next run finds nothing more to do, and says once more what waits.
    let again = propagate().await;
    assert_eq!((again.taken.len(), again.left.len()), (0, 1));
    assert_eq!((world.get(&path).await.body["history"].clone(), trail().await), (after["history"].clone(), 1));

    // A field that is there: filled by nobody and of the type it is used, of another type it is not.
    world.pass(3_600_000);
    meet_as(&world, &[("note", "string"), ("tags", "array"), ("visits", "string")]).await;
    let registry = "/data/foundation/schemaregistry/tenant/fieldgroups";
    let groups = world.call("GET", registry).header("accept", "application/vnd.adobe.xed-id+json").send().await;
    let group = groups.body["results"][0]["meta:altId"].as_str().unwrap();
    let add = |name: &str, field: Value| json!({ "op": "add", "path": format!("/definitions/columns/properties/_acme/properties/{name}"), "value": field });
    let changes =
        [add("note", json!({ "type": "string" })), add("visits", json!({ "type": "integer", "meta:xdmType": "long" }))];
    let reply = world.call("PATCH", &format!("{registry}/{group}")).json(json!(changes)).send().await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    let done = propagate().await;
    assert_eq!(done.taken, ["note"]);
    let left: std::collections::BTreeMap<String, String> = done.left.into_iter().collect();
    assert_eq!(left["visits"], "the field _acme.visits is there already and is of another type than string");
    assert!(left["tags"].contains("not \"array\""), "{}", left["tags"]);
}

#[tokio::test]
async fn what_cannot_be_taken_over_changes_nothing() {
    let world = World::new().await;
    let id = flow(&world, "people", "hour", 1).await;
    let path = format!("{OWN}/flows/{id}/schema");
    new_columns(&world, &["first_name"], &["age", "b"]).await;
    let before = world.get(&path).await.body;
    for (columns, at) in [
        (json!([]), "/columns"),
        (json!([{ "name": "nothing" }]), "/columns/0"),
        (json!([{ "name": "age", "type": "odd" }]), "/columns/0/type"),
        (json!([{ "name": "age", "target": "nowhere.x" }]), "/columns/0/target"),
        (json!([{ "name": "age", "target": "_rival.age" }]), "/columns/0/target"),
        (json!([{ "name": "age", "target": "_acme.a b" }]), "/columns/0/target"),
        (json!([{ "name": "age" }, { "name": "b", "target": "_acme.age" }]), "/columns/1/target"),
        (json!([{ "name": "age" }, { "name": "age" }]), "/columns/1/target"),
        (json!("age"), "/columns"),
        (json!([{ "nome": "age" }]), "/columns/0"),
    ] {
        let reply = world.post(&format!("{path}/approve"), json!({ "columns": columns })).await;
        assert_eq!(reply.status, 400, "{columns}: {}", reply.text);
        assert!(reply.text.contains(at), "{columns}: {}", reply.text);
    }
    assert_eq!(world.get(&path).await.body, before);
    // To extend a schema needs the right to change schemas.
    world.client_with("sources", &["manage-sources", "view-schemas", "view-datasets"], &["prod"]).await;
    let call = world.by("sources", "prod", "POST", &format!("{path}/approve"));
    assert_eq!(call.json(json!({ "columns": [{ "name": "age" }] })).send().await.status, 403);
    world.client_with("reader", &["view-sources"], &["prod"]).await;
    for (method, end, body) in
        [("PUT", "policy", json!({ "policy": "ignore" })), ("POST", "dismiss", json!({ "columns": ["age"] }))]
    {
        assert_eq!(world.by("reader", "prod", method, &format!("{path}/{end}")).json(body).send().await.status, 403);
    }
    assert_eq!(world.get(&path).await.body, before);
}

#[tokio::test]
async fn columns_are_left_out_and_policies_are_set() {
    let world = World::new().await;
    let id = flow(&world, "people", "hour", 1).await;
    let path = format!("{OWN}/flows/{id}/schema");
    let policy = async |policy: &str| {
        world.call("PUT", &format!("{path}/policy")).json(json!({ "policy": policy })).send().await
    };
    assert_eq!(policy("pause").await.body["policy"], "pause");
    assert_eq!(policy("propagate").await.body["policy"], "propagate");
    assert_eq!(policy("notify").await.body["history"][0]["action"], "policy");
    assert_eq!(policy("never").await.status, 400);
    assert_eq!(world.call("PUT", &format!("{path}/policy")).json(json!({})).send().await.status, 400);
    new_columns(&world, &["first_name"], &["age", "b"]).await;
    assert_eq!(world.get(&format!("{OWN}/flows/{id}")).await.body["needs"][0]["kind"], "schemaChange");
    let dismiss = async |columns: Value| world.post(&format!("{path}/dismiss"), json!({ "columns": columns })).await;
    assert_eq!(dismiss(json!(["age", "nothing"])).await.status, 400);
    let left = dismiss(json!(["age"])).await.body;
    assert_eq!((left["pending"].as_array().map(Vec::len), &left["history"][0]["columns"]), (Some(1), &json!(["age"])));
    assert_eq!(left["history"][0]["action"], "dismiss");
    world.pass(3_600_000);
    meet(&world, &["first_name", "age", "b"]).await;
    assert_eq!(world.get(&path).await.body["pending"].as_array().map(Vec::len), Some(1), "a decision stays");
    assert_eq!(policy("ignore").await.body["policy"], "ignore");
    assert_eq!(world.get(&format!("{OWN}/flows/{id}")).await.body["needs"], json!([]));
    assert_eq!(world.call("POST", &format!("{FLOWS}/flows/{id}/action?op=disable")).send().await.status, 200);
    // Of a flow whose dataset is gone, columns are shown and nothing can be taken over.
    let orphan = json!({ "name": "orphan", "state": "enabled", "targetConnectionIds": ["gone"],
        "scheduleParams": { "startTime": world.app.now().timestamp(), "frequency": "hour", "interval": 1 } });
    world.put(&world.scope(), Resource::Flow, "orphan", orphan).await;
    new_columns(&world, &["id"], &["age"]).await;
    let shown = world.get(&format!("{OWN}/flows/orphan/schema")).await.body;
    assert_eq!((&shown["fields"], &shown["columns"][0]["mapped"]), (&json!([]), &json!(false)));
    let reply =
        world.post(&format!("{OWN}/flows/orphan/schema/approve"), json!({ "columns": [{ "name": "age" }] })).await;
    assert_eq!(reply.status, 400, "{}", reply.text);
    for (method, end) in [("GET", ""), ("PUT", "/policy"), ("POST", "/dismiss"), ("POST", "/approve")] {
        let call = world.call(method, &format!("{OWN}/flows/nothing/schema{end}"));
        assert_eq!(call.json(json!({ "policy": "ignore", "columns": [] })).send().await.status, 404, "{method} {end}");
    }
}

#[tokio::test]
async fn the_system_says_how_it_is_and_codes_what_they_mean() {
    let world = World::new().await;
    let id = flow(&world, "people", "hour", 1).await;
    *world.lake.space.lock().unwrap() = Some((5, 100));
    let system = world.get(&format!("{OWN}/system")).await.body;
    let level = |system: &Value, name: &str| {
        let checks = system["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == name).map(|check| check["level"].clone()).unwrap_or_default()
    };
    for name in ["scheduler", "workers", "queue", "database", "clock", "lake", "webhooks", "key"] {
        assert_eq!(level(&system, name), "ok", "{name}: {}", system["checks"]);
    }
    assert_eq!((level(&system, "disk"), &system["uptimeMs"]), (json!("warn"), &json!(5_000)));
    assert_eq!(system["disk"], json!({ "path": "/data", "free": 5, "total": 100 }));
    world.pass(120_000);
    assert_eq!(level(&world.get(&format!("{OWN}/system")).await.body, "scheduler"), "error");
    world.app.store.enqueue_due(world.app.now()).await.unwrap();
    let system = world.get(&format!("{OWN}/system")).await.body;
    assert_eq!((level(&system, "scheduler"), level(&system, "workers")), (json!("ok"), json!("error")));
    assert_eq!((&system["queue"]["queued"], &system["queue"]["oldestQueuedAt"]), (&json!(1), &json!(START)));
    run(&world, ended(&world, 1, 1, "failed"), Some(("invalid", "INGEST-1212-400", "no"))).await;
    let told = world.get(&format!("{OWN}/system/diagnostics")).await.body;
    assert_eq!(
        (&told["configuration"], &told["failedRuns"][0]["flow"]["id"]),
        (&json!("listen: 127.0.0.1:8080"), &json!(id))
    );
    assert_eq!(told["system"]["queue"]["queued"], 0);
    // Another organization sees nothing of the queue.
    let other = world.stranger("GET", &format!("{OWN}/system"), OTHER_ORG).send().await.body;
    assert_eq!((&other["queue"]["queued"], &other["workers"]), (&json!(0), &json!([])));
    world.client_with("sources", &["view-sources"], &["prod"]).await;
    world.client_with("auditor", &["view-user-activity-log"], &["prod"]).await;
    for path in ["system", "system/diagnostics"] {
        assert_eq!(world.by("sources", "prod", "GET", &format!("{OWN}/{path}")).send().await.status, 403, "{path}");
        let reply = world.by("auditor", "prod", "GET", &format!("{OWN}/{path}")).send().await;
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
    }
    assert_eq!(
        world.by("auditor", "prod", "GET", &format!("{OWN}/system/diagnostics")).send().await.body["failedRuns"],
        json!([])
    );
    let codes = world.by("sources", "prod", "GET", &format!("{OWN}/codes")).send().await.body;
    let items = codes["items"].as_array().unwrap();
    assert_eq!(items.len(), forebay_model::code::ALL.len());
    assert!(items.iter().any(|code| code["code"] == "FLOW-1404-412" && code["status"] == 412), "{codes}");
}
