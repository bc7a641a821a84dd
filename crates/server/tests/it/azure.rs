//! Azure Blob Storage from a connection to rows in the lake, over Microsoft's own emulator.

use crate::harness::{FLOW, FlowSpec, Forebay, column, counts, encoded, id, run_script};
use forebay_playground::azurite::Azurite;
use serde_json::{Value, json};

const SPEC: &str = "4c10e202-c428-4796-9208-5f1f5732b1cf";

async fn container() -> (Azurite, String) {
    let azurite = Azurite::given().unwrap();
    let container = format!("test-{}", uuid::Uuid::new_v4());
    azurite.create(&container).await.unwrap();
    (azurite, container)
}

/// A connection by one of the two sign-ins.
async fn connect(forebay: &Forebay, sign_in: &str, params: Value) -> String {
    let body = json!({ "name": "blobs", "connectionSpec": { "id": SPEC, "version": "1.0" },
        "auth": { "specName": sign_in, "params": params } });
    id(&forebay.post(&format!("{FLOW}/connections"), body).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_format_lands_from_a_container_as_it_does_from_a_bucket() {
    let work = tempfile::tempdir().unwrap();
    run_script("formats.py", &[&work.path().display().to_string()]);
    let (azurite, container) = container().await;
    for file in std::fs::read_dir(work.path()).unwrap() {
        let file = file.unwrap();
        let name = format!("in/{}", file.file_name().to_str().unwrap());
        azurite.put(&container, &name, std::fs::read(file.path()).unwrap()).await.unwrap();
    }
    let forebay = Forebay::start().await;
    let text = azurite.connection_string(azurite.addr);
    let base = connect(&forebay, "ConnectionString", json!({ "connectionString": text })).await;
    crate::formats::all_land(&forebay, &base, &format!("/{container}/in"), work.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signature_is_tested_explored_and_read_and_a_later_run_takes_what_is_new() {
    let (azurite, container) = container().await;
    azurite.put(&container, "in/a.csv", "id,visits\na1,1\na2,2\n").await.unwrap();
    azurite.put(&container, "in/2024/b +ü.csv", "id,visits\nb1,3\n").await.unwrap();
    let forebay = Forebay::start().await;
    let expiry = chrono::Utc::now() + chrono::Duration::hours(1);
    let uri = azurite.uri(azurite.addr, Some(&container), &azurite.container_signature(&container, "rl", expiry));
    let base = connect(&forebay, "SasURIAuthentication", json!({ "sasUri": uri })).await;
    let connection = format!("{FLOW}/connections/{base}");

    let stored = forebay.get(&connection).await;
    assert_eq!(stored["items"][0]["auth"]["params"], json!({ "sasUri": "********" }));
    let test = forebay.get(&format!("{connection}/test")).await;
    assert_eq!(test["result"], true, "{test}");
    let names: Vec<&str> = test["checks"].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["connect", "sign in", "list"]);

    let root = forebay.get(&format!("{connection}/explore?objectType=root")).await;
    assert_eq!((&root[0]["type"], &root[0]["path"]), (&json!("folder"), &json!(format!("/{container}/"))));
    let folder = encoded(&format!("/{container}/in/2024/"));
    let inside = forebay.get(&format!("{connection}/explore?objectType=folder&object={folder}")).await;
    assert_eq!(inside[0]["path"], format!("/{container}/in/2024/b +ü.csv"));
    let file = encoded(inside[0]["path"].as_str().unwrap());
    let preview = forebay
        .get(&format!("{connection}/explore?objectType=file&object={file}&fileType=delimited&preview=true"))
        .await;
    assert_eq!(preview["data"], json!([{ "id": "b1", "visits": "3" }]));

    let (schema, tenant) = forebay.people_schema().await;
    let rules = json!([{ "sourceType": "ATTRIBUTE", "source": "id", "destination": "_id" },
        { "sourceType": "ATTRIBUTE", "source": "visits", "destination": format!("_{tenant}.visits") }]);
    let spec = FlowSpec {
        base: &base,
        path: &format!("/{container}/in/"),
        kind: "folder",
        format: "delimited",
        properties: Value::Null,
        schema: &schema,
        rules,
        options: Value::Null,
    };
    let made = forebay.flow(spec).await;
    let runs = forebay.settled(&made.flow).await;
    assert_eq!((runs.len(), counts(&runs[0])), (1, (3, 3, 0, 0)), "{runs:#?}");
    assert_eq!(column(&made.table, "_id"), ["a1", "a2", "b1"]);

    azurite.put(&container, "in/c.csv", "id,visits\nc1,4\n").await.unwrap();
    forebay.run(&made.flow).await;
    let runs = forebay.settled(&made.flow).await;
    assert_eq!((runs.len(), counts(&runs[1])), (2, (1, 1, 0, 0)), "only what is new: {runs:#?}");
    forebay.run(&made.flow).await;
    let runs = forebay.settled(&made.flow).await;
    assert_eq!((runs.len(), counts(&runs[2])), (3, (0, 0, 0, 0)), "nothing is new: {runs:#?}");
    assert_eq!(column(&made.table, "_id"), ["a1", "a2", "b1", "c1"]);
    // Neither the log nor any document of a run repeats the signature.
    let proof = uri.split("sig=").nth(1).unwrap();
    assert!(!forebay.log().contains(proof) && !format!("{runs:?}").contains(proof));
}
