//! What a run tells on its way: its log, its stages, its figures, and the columns that it has met.

use super::*;
use forebay_model::run::trace::{Ended, Level, Step, Trace};
use forebay_store::Lines;

const ALL: Lines = Lines { level: Level::Debug, start: 0, limit: 10_000 };

fn hourly() -> Value {
    json!({ "startTime": now().timestamp(), "frequency": "hour", "interval": 1 })
}

async fn log(world: &World, run: &Value) -> Vec<String> {
    let (lines, total) = world.store.run_log(&scope(), run["id"].as_str().unwrap(), ALL).await.unwrap();
    assert_eq!(lines.len() as i64, total);
    lines.into_iter().map(|line| format!("{} {}", line.level.text(), line.message)).collect()
}

async fn trace(world: &World, run: &Value) -> Trace {
    world.store.trace(&scope(), run["id"].as_str().unwrap()).await.unwrap()
}

/// Whether these beginnings are in the log, in this order.
#[track_caller]
fn tells(log: &[String], beginnings: &[&str]) {
    let mut rest = log.iter();
    for beginning in beginnings {
        assert!(rest.any(|line| line.starts_with(beginning)), "{beginning:?} is missing in {log:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_of_files_tells_its_way_from_the_claim_to_the_commit() {
    let world = World::new().await;
    world.file("f/a.csv", &["a1", "a2"]);
    world.source.folder().put(BUCKET, "f/b.csv", b"id,n\nb1,1\nbad\n", now()).unwrap();
    world.flow("f", "base", hourly()).await;
    let _stop = world.start("w");
    let runs = world.settled("f").await;
    let first = log(&world, &runs[0]).await;
    tells(
        &first,
        &[
            "info claimed by w: attempt 1 of 5",
            "info planned 2 objects, ",
            "info read f/",
            "info read 4 records: 3 written, 1 rejected, 0 with warnings",
            "warn 1 rows were rejected (25.00 %), 50 % may be: the others are stored",
            "info committed version 0 of the table",
            "info the run succeeded: 4 records, 1 rejected",
        ],
    );
    tells(&first, &["warn first row with INGEST-1401-400: "]);
    let secret = world.source.secret_key.as_str();
    assert!(!first.iter().any(|line| line.contains(secret)));

    let told = trace(&world, &runs[0]).await;
    let stages: Vec<_> = told.stages.iter().map(|stage| (stage.name, stage.ended_at.is_some())).collect();
    assert_eq!(stages, [(Step::List, true), (Step::Read, true), (Step::Write, true), (Step::Commit, true)]);
    assert_eq!((told.number, told.attempt, told.version), (1, 1, Some(0)));
    assert_eq!(told.attempts.iter().map(|a| a.outcome).collect::<Vec<_>>(), [Some(Ended::Success)]);
    let figures = told.progress.unwrap();
    assert_eq!((figures.files, figures.files_total, figures.records), (2, Some(2), 4));
    assert_eq!(Some(figures.bytes), figures.bytes_total);

    advance(3_600);
    let runs = world.settled("f").await;
    let second = log(&world, &runs[1]).await;
    tells(&second, &["info planned 0 objects, 0 B", "info there is nothing new", "info the run succeeded"]);
    assert!(second.iter().any(|line| line.contains("skipped 2 that other runs took")), "{second:#?}");
    assert_eq!(trace(&world, &runs[1]).await.number, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_fails_tells_each_attempt_and_what_to_do() {
    let world = World::new().await;
    // Nobody listens there, and nobody waits long for it.
    world.connect("away", "http://127.0.0.1:1").await;
    world.flow("f", "away", hourly()).await;
    let worker = world.worker("w", world.lake());
    let settings = Settings { attempts: 2, ..(*worker.settings).clone() };
    let stop = CancellationToken::new();
    tokio::spawn(Worker { settings: Arc::new(settings), ..worker }.run(stop.clone()));
    world.store.enqueue_due(now()).await.unwrap();
    let began = Instant::now();
    let run = loop {
        let run = world.runs("f").await.remove(0);
        if run["state"] == "failed" {
            break run;
        }
        assert!(began.elapsed() < 3 * PATIENCE, "{run:#}");
        advance(1);
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let told = log(&world, &run).await;
    tells(
        &told,
        &[
            "info claimed by w: attempt 1 of 2",
            "warn attempt 1 of 2 met an error: ",
            "info claimed by w: attempt 2 of 2",
            "error the run failed: ",
        ],
    );
    let (lines, _) = world.store.run_log(&scope(), run["id"].as_str().unwrap(), ALL).await.unwrap();
    let fields = &lines.last().unwrap().fields;
    for part in ["code", "title", "why", "do"] {
        assert!(fields.get(part).is_some(), "{part} is missing in {fields}");
    }
    let trace = trace(&world, &run).await;
    let outcomes: Vec<_> = trace.attempts.iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(outcomes, [Some(Ended::Retried), Some(Ended::Failed)]);
    assert!(trace.attempts[0].error.is_some());
    let stages: Vec<_> = trace.stages.iter().map(|stage| (stage.name, stage.ended_at)).collect();
    assert_eq!(stages, [(Step::List, None)], "the stage that failed has no end");
}

async fn columns(world: &World) -> Vec<(String, String)> {
    let columns = world.store.columns(&scope(), "f").await.unwrap();
    columns.into_iter().map(|column| (column.name, column.state)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_column_of_a_file_is_pending_and_pauses_the_flow_that_wants_that() {
    let world = World::new().await;
    let put = |key: &str, text: &str| world.source.folder().put(BUCKET, key, text.as_bytes(), now()).unwrap();
    put("f/a.csv", "id,n,spare\na,1,x\n");
    world.flow("f", "base", hourly()).await;
    let _stop = world.start("w");
    world.settled("f").await;
    let known = |names: &[(&str, &str)]| names.iter().map(|(n, s)| (n.to_string(), s.to_string())).collect::<Vec<_>>();
    assert_eq!(columns(&world).await, known(&[("id", "known"), ("n", "known"), ("spare", "known")]));

    put("f/b.csv", "id,n,mail\nb,1,b@x\n");
    advance(3_600);
    let runs = world.settled("f").await;
    assert_eq!(columns(&world).await[3..], known(&[("mail", "pending")]));
    tells(&log(&world, &runs[1]).await, &["warn the source has 1 new columns, which are not mapped: mail"]);
    let mail = world.store.columns(&scope(), "f").await.unwrap().remove(3);
    assert_eq!((mail.sample.as_deref(), mail.first_run.as_str()), (Some("b@x"), runs[1]["id"].as_str().unwrap()));

    world.store.set_schema_policy(&scope(), "f", "pause", now()).await.unwrap();
    put("f/c.csv", "id,n,phone\nc,1,7\n");
    advance(3_600);
    let runs = world.settled("f").await;
    assert_eq!((runs[2]["state"].as_str(), counts(&runs[2])), (Some("success"), (1, 1, 0, 0)));
    tells(&log(&world, &runs[2]).await, &["warn the flow is disabled: "]);
    put("f/d.csv", "id,n\nd,1\n");
    advance(3_600);
    assert_eq!(world.settled("f").await.len(), 3, "a disabled flow does not run");
    assert_eq!(world.ids("f").await, ["a", "b", "c"]);
}
