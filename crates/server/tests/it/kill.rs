//! `kill -9` of `serve` in every stage of a run (P1, P2, P6, P7): after the restart the table holds each row exactly
//! once, and a reader that polls all the while never sees half a run. Judged by programs that are not ours.

use crate::harness::{Bucket, FlowSpec, Forebay, counts, run_script, script};
use serde_json::{Value, json};
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const FILES: usize = 4;
const ROWS: usize = 500;

/// Kills at this many spread points; `make soak` asks for more.
fn kills() -> usize {
    std::env::var("FOREBAY_TEST_KILLS").map_or(20, |n| n.parse().expect("FOREBAY_TEST_KILLS is a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_kill_at_any_point_each_row_is_there_exactly_once() {
    let work = tempfile::tempdir().unwrap();
    let kills = kills();
    let bucket = Bucket::playground("kill").await;
    let mut forebay = Forebay::start_with(&[("FOREBAY_RUN_LEASE_SECONDS", "1")]).await;
    let base = forebay.connect(&bucket).await;
    let (schema, tenant) = forebay.people_schema().await;

    // Round 0 is left alone, and says how long a run takes.
    let round = |n: usize| {
        let out = work.path().join(format!("round-{n}"));
        let arguments = [("--seed", n.to_string()), ("--files", FILES.to_string()), ("--rows", ROWS.to_string()), ("--first-file", (n * FILES).to_string()), ("--tenant", tenant.clone())];
        let mut words: Vec<String> = arguments.iter().flat_map(|(k, v)| [k.to_string(), v.clone()]).collect();
        words.extend(["--out".to_string(), out.display().to_string()]);
        run_script("gen.py", &words.iter().map(String::as_str).collect::<Vec<_>>());
        out
    };
    let first = round(0);
    bucket.put_folder(&first.join("files"), "in").await;
    let rules: Value = serde_json::from_slice(&std::fs::read(first.join("mapping.json")).unwrap()).unwrap();
    let began = Instant::now();
    let made = forebay
        .flow(FlowSpec { base: &base, path: "/in/", kind: "folder", format: "delimited", properties: json!({ "columnDelimiter": "," }), schema: &schema,
            rules, options: json!({ "errorDiagnosticsEnabled": true, "partialIngestionPercent": 50 }) })
        .await;
    forebay.settled(&made.flow).await;
    let usual = began.elapsed();
    let table = made.table.display().to_string();

    let mut watch = Command::new(crate::harness::python()).arg(script("oracle.py")).args(["watch", &table]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut seen = Vec::new();
    for n in 1..=kills {
        let folder = round(n);
        bucket.put_folder(&folder.join("files"), "in").await;
        let run = forebay.run(&made.flow).await;
        tokio::time::sleep(usual.mul_f64(1.2 * n as f64 / kills as f64)).await;
        let state = forebay.get(&format!("{}/runs/{run}", crate::harness::FLOW)).await["items"][0]["state"].as_str().unwrap_or_default().to_string();
        forebay.kill();
        seen.push(state);
        let down = Instant::now();
        forebay.resume().await;
        assert!(down.elapsed() < Duration::from_secs(20), "P7: {:?} until the API was up again", down.elapsed());
    }
    let runs = forebay.settled(&made.flow).await;
    assert_eq!(runs.len(), kills + 1);
    for run in &runs {
        assert_eq!(run["state"], "success", "{run:#}");
    }
    // A run that begins after the next round's files were put takes those too.
    let received: u64 = runs.iter().map(|run| counts(run).0).sum();
    assert_eq!(received, ((kills + 1) * FILES * ROWS) as u64, "P3: every row is accounted for");

    drop(watch.stdin.take());
    let status = watch.wait().unwrap();
    let (mut said, mut errors) = (String::new(), String::new());
    watch.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    watch.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert!(status.success(), "P2: {said}{errors}");
    let whole: Vec<u64> = runs.iter().scan(0, |sum, run| { *sum += counts(run).1; Some(*sum) }).collect();
    let lines: Vec<Value> = said.lines().filter_map(|l| serde_json::from_str(l).ok()).collect();
    assert!(lines.len() > kills, "the watcher saw {} states", lines.len());
    for line in &lines {
        let rows = line["rows"].as_u64().unwrap_or(0);
        assert!(rows == 0 || whole.contains(&rows), "P2: a reader saw {rows} rows, which is no whole number of runs: {whole:?}");
    }

    let expected = work.path().join("expected.jsonl");
    let mut all = String::new();
    for n in 0..=kills {
        all.push_str(&std::fs::read_to_string(work.path().join(format!("round-{n}/expected.jsonl"))).unwrap());
    }
    std::fs::write(&expected, all).unwrap();
    run_script("oracle.py", &["compare", &table, &expected.display().to_string(), "--key", "_id"]);
    eprintln!("{kills} kills at {usual:?} × 0…1.2; states when killed: {seen:?}; {} states seen by the reader", lines.len());
    bucket.end().await;
}
