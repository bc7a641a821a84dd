//! The command line against a real server: what it prints, how it ends, and that a plan after an apply is empty.

use crate::harness::{Bucket, FLOW, Forebay, run_script};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The program in a folder of its own, which has the credentials of a server.
struct Shell {
    folder: PathBuf,
    home: tempfile::TempDir,
    env: Vec<(String, String)>,
}

/// How a command ended, and what it said.
struct Said {
    exit: i32,
    out: String,
    err: String,
}

impl Shell {
    fn of(forebay: &Forebay) -> Shell {
        Shell::at(forebay.data.parent().unwrap())
    }

    fn at(folder: &Path) -> Shell {
        Shell { folder: folder.to_path_buf(), home: tempfile::tempdir().unwrap(), env: Vec::new() }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_forebay"));
        for name in ["FOREBAY_URL", "FOREBAY_CLIENT_ID", "FOREBAY_TOKEN", "FOREBAY_CONTEXT", "COLUMNS"] {
            command.env_remove(name);
        }
        command.args(args).current_dir(&self.folder).env("HOME", self.home.path());
        command.env_remove("XDG_CONFIG_HOME").env_remove("XDG_CACHE_HOME");
        command.envs(self.env.iter().cloned()).stdin(Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> Said {
        let out = self.command(args).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Said { exit: out.status.code().unwrap_or(-1), out: text(out.stdout), err: text(out.stderr) }
    }

    /// Runs what must end with that code.
    #[track_caller]
    fn ends(&self, exit: i32, args: &[&str]) -> Said {
        let said = self.run(args);
        assert_eq!(said.exit, exit, "{args:?}\n{}\n{}", said.out, said.err);
        assert!(!said.err.contains("panicked"), "{args:?}: {}", said.err);
        said
    }

    /// Runs what must be well, and reads its JSON.
    #[track_caller]
    fn json(&self, args: &[&str]) -> Value {
        let said = self.ends(0, &[args, &["--output", "json"]].concat());
        serde_json::from_str(&said.out).unwrap_or_else(|e| panic!("{args:?}: {e}: {}", said.out))
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.join(name), text).unwrap();
    }
}

/// A manifest of a bucket's orders, read once.
fn orders(bucket: &Bucket) -> String {
    format!(
        "kind: Connection
name: shop
spec: amazon-s3
auth:
  type: Access Key
  params:
    s3AccessKey: {}
    s3SecretKey: {{secret: env:SHOP_SECRET}}
    serviceUrl: {}
    bucketName: {}
---
kind: Dataset
name: orders
key: order_id
fields:
  order_id: {{type: string, required: true}}
  total: number
---
kind: Flow
name: orders once
connection: shop
dataset: orders
source: {{path: /in/orders.csv}}
mapping:
- {{to: _forebay.order_id, from: id}}
- {{to: _forebay.total, from: total}}
options: {{partialIngestionPercent: 50, errorDiagnostics: true}}
",
        bucket.access_key, bucket.endpoint, bucket.name
    )
}

async fn shop() -> (Bucket, Forebay, Shell) {
    let bucket = Bucket::playground("shop").await;
    bucket.put("in/orders.csv", "id,total\no1,1.5\no2,2.5\n,9\n").await;
    let forebay = Forebay::start().await;
    let mut shell = Shell::of(&forebay);
    shell.env.push(("SHOP_SECRET".into(), bucket.secret_key.clone()));
    shell.write("shop.yaml", &orders(&bucket));
    (bucket, forebay, shell)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_becomes_rows_and_a_second_plan_is_empty() {
    let (bucket, _forebay, shell) = shop().await;
    let plan = shell.ends(9, &["plan", "-f", "shop.yaml", "--exit-code"]);
    assert!(plan.out.contains("Plan: 3 to create, 0 to change, 0 to delete"), "{}", plan.out);
    assert!(plan.out.contains("(sensitive)") && !plan.out.contains(&bucket.secret_key));
    shell.ends(2, &["apply", "-f", "shop.yaml"]);
    let applied = shell.ends(0, &["apply", "-f", "shop.yaml", "--yes", "-vv"]);
    assert!(!applied.err.contains(&bucket.secret_key) && !applied.out.contains(&bucket.secret_key));
    shell.ends(0, &["plan", "-f", "shop.yaml", "--exit-code"]);
    // One row has no key.
    let waited = shell.ends(7, &["runs", "wait", "orders once", "--strict", "--timeout", "60"]);
    assert!(waited.out.contains("3 received = 2 ingested + 1 failed + 0 skipped"), "{}", waited.out);
    let rows = shell.json(&["tables", "preview", "orders"]);
    assert_eq!(rows.as_array().unwrap().len(), 2, "{rows}");
    let errors = shell.json(&["runs", "errors", "orders once"]);
    assert_eq!(errors[0]["line"], 4, "{errors}");
    assert!(shell.ends(0, &["runs", "errors", "orders once", "-o", "csv"]).out.lines().count() >= 2);
    assert_eq!(shell.json(&["runs", "errors", "orders once", "--group", "code"])[0]["count"], 1);
    let flow = &shell.json(&["flows", "list"])[0];
    assert_eq!(flow["name"], "orders once");
    assert!(!shell.ends(0, &["runs", "logs", "orders once"]).out.is_empty());
    assert!(shell.ends(0, &["runs", "get", "orders once"]).out.contains("2 ingested"));
    assert!(!shell.json(&["tables", "history", "orders"]).as_array().unwrap().is_empty());
    let files = shell.json(&["tables", "export", "orders", "--to", "out"]);
    assert!(Path::new(&shell.folder).join(files[0]["file"].as_str().unwrap()).is_file());
    // What is exported is what there is.
    let exported = shell.ends(0, &["flows", "export", "orders once"]);
    shell.write("exported.yaml", &exported.out);
    shell.ends(0, &["plan", "-f", "exported.yaml", "--exit-code"]);
    bucket.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_by_somebody_else_is_a_difference() {
    let (bucket, forebay, shell) = shop().await;
    shell.ends(0, &["apply", "-f", "shop.yaml", "--yes"]);
    let (_, flows) = forebay.call("GET", &format!("{FLOW}/flows"), None, &[]).await;
    let id = flows["items"][0]["id"].as_str().unwrap();
    let patch = json!([{ "op": "add", "path": "/description", "value": "by hand" }]);
    let (status, _) = forebay.call("PATCH", &format!("{FLOW}/flows/{id}"), Some(patch), &[("if-match", "*")]).await;
    assert_eq!(status, 200);
    let plan = shell.run(&["plan", "-f", "shop.yaml", "--exit-code", "-o", "json"]);
    assert_eq!(plan.exit, 9, "{}", plan.err);
    let plan: Value = serde_json::from_str(&plan.out).unwrap();
    let field = &plan["changes"][0]["fields"][0];
    assert_eq!((&field["path"], &field["before"]), (&json!("description"), &json!("by hand")));
    assert_eq!(plan["summary"], json!({ "create": 0, "change": 1, "delete": 0, "same": 2 }));
    shell.ends(0, &["apply", "-f", "shop.yaml", "--yes"]);
    shell.ends(0, &["plan", "-f", "shop.yaml", "--exit-code"]);
    bucket.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_change_is_applied_and_then_the_plan_is_empty() {
    let (bucket, _forebay, mut shell) = shop().await;
    shell.ends(0, &["apply", "-f", "shop.yaml", "--yes"]);
    shell.ends(0, &["runs", "wait", "orders once", "--timeout", "60"]);
    // The secrets stay, and need not be at hand.
    shell.env.clear();
    let mut text = orders(&bucket);
    for (from, to) in [
        ("name: shop\n", "name: shop\ndescription: The shop\n"),
        ("name: orders\nkey", "name: orders\ndescription: All\nkey"),
        ("  total: number\n", "  total: number\n  vat: {type: number, description: In euros}\n"),
        ("path: /in/orders.csv", "path: /in/*.csv"),
        ("from: total", "expression: to_decimal(total) * 2"),
        ("partialIngestionPercent: 50", "partialIngestionPercent: 10"),
        ("name: orders once\n", "name: orders once\ndescription: Once\nstate: disabled\n"),
    ] {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    shell.write("changed.yaml", &text);
    let said = shell.ends(0, &["apply", "-f", "changed.yaml", "--yes"]);
    assert!(said.err.contains("Plan: 0 to create, 3 to change"), "{}", said.err);
    shell.ends(0, &["plan", "-f", "changed.yaml", "--exit-code"]);
    // A flow that goes to another table.
    let moved = text.replacen("dataset: orders", "dataset: archive", 1)
        + "---\nkind: Dataset\nname: archive\nfields: {order_id: string, total: number}\n";
    shell.write("moved.yaml", &moved);
    shell.ends(0, &["apply", "-f", "moved.yaml", "--yes"]);
    shell.ends(0, &["plan", "-f", "moved.yaml", "--exit-code"]);
    let sources = shell.json(&["api", "GET", "/targetConnections"]);
    assert_eq!(sources["items"].as_array().unwrap().len(), 1, "nothing is left behind: {sources}");
    // Without the flow.
    shell.write("rest.yaml", "kind: Dataset\nname: orders\ndescription: All\nkey: order_id\nfields:\n  order_id: {type: string, required: true}\n  total: number\n  vat: {type: number, description: In euros}\n");
    shell.ends(0, &["apply", "-f", "rest.yaml", "--prune", "--yes"]);
    shell.ends(0, &["plan", "-f", "rest.yaml", "--prune", "--exit-code"]);
    assert_eq!(shell.json(&["connections", "list"]), json!([]));
    bucket.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_apply_that_failed_half_way_is_taken_up_again() {
    let (bucket, _forebay, shell) = shop().await;
    let broken = orders(&bucket).replace("_forebay.total", "_forebay.nothing");
    shell.write("broken.yaml", &broken);
    let said = shell.ends(2, &["apply", "-f", "broken.yaml", "--yes"]);
    assert!(said.err.contains("2 of 3 steps are done") && said.err.contains("Try: "), "{}", said.err);
    shell.ends(2, &["apply", "-f", "broken.yaml", "--yes"]);
    shell.ends(0, &["apply", "-f", "shop.yaml", "--yes"]);
    shell.ends(0, &["plan", "-f", "shop.yaml", "--exit-code"]);
    for kind in ["sourceConnections", "targetConnections"] {
        let found = shell.json(&["api", "GET", &format!("/{kind}")]);
        assert_eq!(found["items"].as_array().unwrap().len(), 1, "{kind}: {found}");
    }
    bucket.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_to_end_has_its_code_and_the_next_command() {
    let (bucket, forebay, shell) = shop().await;
    let tries = |said: &Said| assert!(said.err.contains("Try: "), "{}", said.err);
    tries(&shell.ends(3, &["flows", "get", "nobody"]));
    tries(&shell.ends(3, &["explain", "FLOW-1404"]));
    tries(&shell.ends(2, &["plan", "-f", "nothing.yaml"]));
    shell.ends(2, &["flows", "lst"]);
    shell.write("typo.yaml", "kind: Flow\nname: f\nconection: shop\n");
    let said = shell.ends(2, &["plan", "-f", "typo.yaml"]);
    assert!(said.err.contains("typo.yaml:3:1"), "{}", said.err);
    shell.ends(0, &["apply", "-f", "shop.yaml", "--yes"]);
    tries(&shell.ends(5, &["connections", "delete", "shop", "--yes"]));
    tries(&shell.ends(2, &["flows", "delete", "orders once"]));
    // A secret on the command line.
    let said = shell.ends(2, &["connections", "update", "shop", "--param", "s3SecretKey=hunter2"]);
    assert!(said.err.contains("does not belong on a command line"), "{}", said.err);
    // A client that nobody knows.
    let mut stranger = Shell::of(&forebay);
    stranger.env = vec![
        ("FOREBAY_URL".into(), forebay.url.clone()),
        ("FOREBAY_CLIENT_ID".into(), "nobody".into()),
        ("FOREBAY_CLIENT_SECRET".into(), "nothing".into()),
    ];
    tries(&stranger.ends(4, &["flows", "list"]));
    // A run that fails: the file is gone.
    shell.ends(0, &["runs", "wait", "orders once", "--timeout", "60"]);
    shell.write(
        "gone.yaml",
        &orders(&bucket).replace("orders once", "gone").replace("/in/orders.csv", "/nowhere/x.csv"),
    );
    shell.ends(0, &["apply", "-f", "gone.yaml", "--yes"]);
    let said = shell.ends(6, &["runs", "wait", "gone", "--timeout", "90"]);
    assert!(said.out.contains("FLOW-1101-404"), "{}", said.out);
    let error = shell.ends(3, &["flows", "get", "nobody", "-o", "json"]);
    let error: Value = serde_json::from_str(error.err.trim()).unwrap();
    assert_eq!(error["error"]["exit"], 3);
    bucket.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_is_private_and_its_secret_goes_to_its_own_server_alone() {
    let forebay = Forebay::start().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let shell = Shell::at(elsewhere.path());
    let said = shell.ends(4, &["flows", "list"]);
    assert!(said.err.contains("Try: forebay login"), "{}", said.err);
    shell.write("secret.txt", forebay.credentials["clientSecret"].as_str().unwrap());
    let client = forebay.credentials["clientId"].as_str().unwrap();
    let shown = shell.json(&["login", "--url", &forebay.url, "--client-id", client, "--secret-from", "@secret.txt"]);
    assert_eq!((&shown["organization"], &shown["sandbox"]), (&forebay.credentials["imsOrgId"], &json!("prod")));
    shell.ends(0, &["flows", "list"]);
    let home = shell.home.path();
    for file in walk(home) {
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
        assert_eq!(mode & 0o077, 0, "{}", file.display());
    }
    assert_eq!(walk(home).len(), 2, "the profile and the token");
    let said = shell.ends(2, &["flows", "list", "--url", "http://127.0.0.1:9"]);
    assert!(said.err.contains("whose secret it would be told"), "{}", said.err);
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}

#[tokio::test(flavor = "multi_thread")]
async fn the_call_for_curl_works_and_has_no_secret() {
    let (bucket, forebay, shell) = shop().await;
    shell.ends(0, &["apply", "-f", "shop.yaml", "--yes"]);
    let curl = shell.ends(0, &["connections", "get", "shop", "--as-curl"]).out;
    let done = Command::new("sh").args(["-c", &curl]).env("FOREBAY_TOKEN", &forebay.token).output().unwrap();
    let answer: Value = serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{curl}"));
    assert_eq!(answer["items"][0]["name"], "shop");
    let curl =
        shell.ends(0, &["connections", "update", "shop", "--param", "s3SecretKey=env:SHOP_SECRET", "--as-curl"]).out;
    assert!(curl.contains("********") && !curl.contains(&bucket.secret_key), "{curl}");
    let told = shell.ends(0, &["flows", "delete", "orders once", "--dry-run"]).out;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told["dryRun"], &told["method"]), (&json!(true), &json!("DELETE")));
    assert_eq!(shell.json(&["flows", "list"]).as_array().unwrap().len(), 1);
    bucket.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn terminals_pipes_and_shells_are_served() {
    let (bucket, forebay, shell) = shop().await;
    shell.ends(0, &["apply", "-f", "shop.yaml", "--yes"]);
    let folder = forebay.data.parent().unwrap().display().to_string();
    run_script("terminal.py", &[env!("CARGO_BIN_EXE_forebay"), &folder]);
    bucket.end().await;
}

/// A demo that is at work.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Examples that may end in another way than well, where they are run.
const OTHERWISE: &[(&str, &[i32])] = &[
    ("connections create --spec amazon-s3 -i", &[2]),
    ("connections create -f shop.yaml", &[1]),
    ("connections test shop", &[1]),
    ("run people --wait --strict", &[7]),
    ("run people --from", &[0]),
    ("runs cancel people", &[2, 5]),
    ("runs retry people", &[2, 5]),
    ("tables preview people --version 1", &[2, 3]),
    ("plan -f people.yaml --exit-code", &[9]),
    ("doctor", &[1]),
];

#[test]
fn every_example_of_the_page_runs() {
    let dir = tempfile::tempdir().unwrap();
    let shell = Shell::at(dir.path());
    let demo = shell
        .command(&["demo", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let _demo = Demo(demo);
    let began = Instant::now();
    let ready = || shell.run(&["preview", "Demo S3", "/in/people.csv", "-q"]).exit == 0;
    while !ready() {
        assert!(began.elapsed() < Duration::from_secs(120), "the demo does not come up");
        std::thread::sleep(Duration::from_millis(200));
    }
    let credentials: Value =
        serde_json::from_slice(&std::fs::read(dir.path().join("data/demo/credentials.json")).unwrap()).unwrap();
    let text = |name: &str| credentials[name].as_str().unwrap().to_string();
    shell.write("secret.txt", &text("clientSecret"));
    shell.write("shop.yaml", "kind: Connection\nname: second\nspec: amazon-s3\nauth:\n  type: Access Key\n  params:\n    s3AccessKey: A\n    s3SecretKey: {secret: file:secret.txt}\n");
    shell.write(
        "connection.json",
        &json!({ "name": "by hand", "connectionSpec": { "id": crate::harness::S3, "version": "1.0" },
        "auth": { "specName": "Access Key", "params": { "s3AccessKey": "A", "s3SecretKey": "B" } } })
        .to_string(),
    );
    let page = include_str!("../../../../docs/book/command-line.md");
    let mut fenced = false;
    let mut count = 0;
    for line in page.lines() {
        if line.starts_with("```") {
            fenced = !fenced;
            continue;
        }
        let Some(example) = line.strip_prefix("forebay ").filter(|_| fenced) else { continue };
        let flow = || shell.json(&["api", "GET", "/flows"])["items"][0]["id"].as_str().unwrap().to_string();
        let mut script = example.replace("--client-id ID", &format!("--client-id {}", text("clientId")));
        script = script.replace("http://127.0.0.1:8787", &text("url"));
        if script.contains("/flows/ID") {
            script = script.replace("/flows/ID", &format!("/flows/{}", flow()));
        }
        let mut sh = Command::new("sh");
        sh.args(["-c", &format!("{} {script}", env!("CARGO_BIN_EXE_forebay"))]).stdin(Stdio::null());
        sh.current_dir(&shell.folder).env("HOME", shell.home.path()).env("S3_SECRET", "a-secret-of-s3");
        let out = sh.output().unwrap();
        let exit = out.status.code().unwrap_or(-1);
        let allowed = OTHERWISE.iter().find(|(start, _)| example.starts_with(start)).map(|(_, codes)| *codes);
        let good = exit == 0 || allowed.is_some_and(|codes| codes.contains(&exit));
        assert!(
            good,
            "{example}: {exit}\n{}\n{}",
            String::from_utf8_lossy(&out.stdout),
            String::from_utf8_lossy(&out.stderr)
        );
        count += 1;
    }
    assert!(count > 70, "{count}");
}
