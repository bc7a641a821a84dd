//! A whole installation moves to another machine, and from one kind of database to the other.

use crate::database::Database;
use crate::harness::{Bucket, FLOW, FlowSpec, Forebay, column, id};
use serde_json::{Value, json};

async fn moved(from: Database, to: Database) {
    let bucket = Bucket::playground("moving").await;
    bucket.put("in/a.csv", "id\na\nb\n").await;
    let old = Forebay::prepared(&[], from, |_| ()).await;
    let base = old.connect(&bucket).await;
    let (schema, _) = old.people_schema().await;
    let spec = FlowSpec {
        base: &base,
        path: "/in/",
        kind: "folder",
        format: "delimited",
        properties: Value::Null,
        schema: &schema,
        rules: json!([{ "sourceType": "ATTRIBUTE", "source": "id", "destination": "_id" }]),
        options: Value::Null,
    };
    let made = old.flow(spec).await;
    old.settled(&made.flow).await;
    let work = tempfile::tempdir().unwrap();
    let file = work.path().join("all.backup");
    let file = file.to_str().unwrap();
    // While it is at work.
    let (done, said) = old.program(&["backup", file]);
    assert!(done && said.contains("key-encryption-key") && said.contains("lake"), "{said}");
    let (done, said) = old.program(&["backup", file]);
    assert!(!done && said.contains("exists already"), "{said}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    assert_eq!(std::fs::read_dir(work.path()).unwrap().count(), 1, "nothing is left beside it");
    let (done, said) = old.program(&["restore", file]);
    assert!(!done && said.contains("another Forebay runs"), "{said}");

    let new = Forebay::prepared(&[], to, |new| {
        let (done, said) = new.program(&["restore", file]);
        assert!(!done && said.contains("put the key file there"), "{said}");
        for name in ["key-encryption-key", "credentials.json"] {
            std::fs::copy(old.data.join(name), new.data.join(name)).unwrap();
        }
        let copied = std::process::Command::new("cp").arg("-r").arg(old.data.join("lake")).arg(&new.data).status();
        assert!(copied.unwrap().success());
        let (done, said) = new.program(&["restore", file]);
        assert!(done && said.contains("restored"), "{said}");
        let (done, said) = new.program(&["restore", file]);
        assert!(!done && said.contains("--force"), "{said}");
        let (done, said) = new.program(&["restore", file, "--force"]);
        assert!(done, "{said}");
    })
    .await;
    // The same clients sign in, stored credentials work, and the flow goes on where it was.
    assert_eq!(new.get(&format!("{FLOW}/connections/{base}/test")).await["result"], true);
    assert_eq!(new.get(&format!("{FLOW}/flows/{}", made.flow)).await["items"][0]["id"], made.flow.as_str());
    bucket.put("in/b.csv", "id\nc\n").await;
    let run = id(&new.post(&format!("{FLOW}/runs"), json!({ "flowId": made.flow })).await);
    let runs = new.settled(&made.flow).await;
    let run = runs.iter().find(|found| found["id"] == run.as_str()).unwrap();
    assert_eq!(run["metrics"]["recordSummary"]["outputRecordCount"], 1, "only what is new: {run:#}");
    let table = new.data.join(made.table.strip_prefix(&old.data).unwrap());
    assert_eq!(column(&table, "_id"), ["a", "b", "c"]);
    bucket.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_moves_from_a_file_to_a_server() {
    moved(Database::file(), Database::served()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_moves_from_a_server_to_a_file() {
    moved(Database::served(), Database::file()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_nothing_is_refused_and_leaves_no_file() {
    let work = tempfile::tempdir().unwrap();
    let file = work.path().join("all.backup");
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_forebay"))
        .arg("backup")
        .arg(&file)
        .arg("--data")
        .arg(work.path().join("nowhere"))
        .output()
        .unwrap();
    assert!(!out.status.success());
    assert_eq!(std::fs::read_dir(work.path()).unwrap().count(), 0);
}
