//! `forebay run` and `forebay runs`: executions of flows, started, watched, looked into.

use crate::Session;
use crate::client::{FLOW, OWN, call, get, post, segment};
use crate::failure::{Exit, Failure, Result};
use crate::names::{self, Found, Kind, quoted, short};
use crate::output::{Column, Format, age, moment, number, plain, size, span, text, told};
use crate::progress::{Progress, balance, stamp, summary};
use clap::{Args, Subcommand};
use futures::StreamExt;
use reqwest::Method;
use serde_json::{Value, json};
use std::io::Write;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Between two looks at a run.
const BEAT: Duration = Duration::from_millis(500);
/// How long the first run of a flow may take to be there.
const FIRST: Duration = Duration::from_secs(10);

/// `forebay run`
#[derive(Debug, Clone, Args)]
pub struct Run {
    /// The flow: its name, its id, or the first characters of its id.
    #[arg(add = crate::completion::names(Kind::Flow))]
    flow: String,
    /// Wait until it ends.
    #[arg(long, short)]
    wait: bool,
    /// With --wait: end with 7 if rows failed, though the run did not.
    #[arg(long, requires = "wait")]
    strict: bool,
    /// Files that changed from then on: ISO 8601, or epoch seconds.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Files that changed before then.
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
}

/// `forebay runs …`
#[derive(Debug, Clone, Subcommand)]
pub enum RunsCommand {
    /// The latest runs.
    List {
        /// Those of a flow.
        #[arg(long, add = crate::completion::names(Kind::Flow))]
        flow: Option<String>,
        /// Those with this status: pending, inProgress, success, partial, failed or cancelled.
        #[arg(long)]
        status: Option<String>,
        /// How many.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1000))]
        limit: u64,
    },
    /// One run: numbers, stages, problems.
    Get(Named),
    /// Wait until a run ends.
    Wait {
        #[command(flatten)]
        named: Named,
        /// End with 7 if rows failed, though the run did not.
        #[arg(long)]
        strict: bool,
    },
    /// Stop a run; nothing of it is stored.
    Cancel(Named),
    /// Run a failed run's window again.
    Retry {
        #[command(flatten)]
        named: Named,
        /// Wait until it ends.
        #[arg(long, short)]
        wait: bool,
    },
    /// What a run said while it worked.
    Logs {
        #[command(flatten)]
        named: Named,
        /// Go on until the run ends.
        #[arg(long, short)]
        follow: bool,
        /// This level and worse: debug, info, warn or error.
        #[arg(long)]
        level: Option<String>,
    },
    /// Rows that failed, with file, line and column.
    Errors {
        #[command(flatten)]
        named: Named,
        /// Count them by `code`.
        #[arg(long, value_parser = ["code"])]
        group: Option<String>,
        /// Those with this code.
        #[arg(long)]
        code: Option<String>,
        /// How many; CSV and JSON lines are the whole list.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1000))]
        limit: u64,
    },
}

/// One run.
#[derive(Debug, Clone, Args)]
pub struct Named {
    /// Its id, the first characters of it, or a flow, for its latest run.
    #[arg(add = crate::completion::names(Kind::Flow))]
    run: String,
}

pub(crate) const LIST: &[Column] = &[
    told("RUN", "/id", |value, _, _| short(value.as_str().unwrap_or_default()).into()),
    text("FLOW", "/flow/name"),
    told("STATUS", "/status", |value, _, _| status(value.as_str().unwrap_or_default())),
    age("STARTED", "/startedAt"),
    number("INGESTED", "/ingested"),
    number("FAILED", "/failed"),
    text("ERROR", "/error/message"),
    span("TOOK", "/durationMs"),
    number("#", "/number"),
];

pub(crate) const ONE: &[Column] = &[
    text("run", "/run/id"),
    text("flow", "/run/flow/name"),
    number("number", "/run/number"),
    told("status", "/run/status", |value, _, _| status(value.as_str().unwrap_or_default())),
    moment("started", "/run/startedAt"),
    span("took", "/run/durationMs"),
    told("attempts", "/attempts", |value, row, _| match value.as_array() {
        Some(attempts) if !attempts.is_empty() => match row["attemptsMax"].as_u64() {
            Some(most) => format!("{} of {most}", attempts.len()),
            None => attempts.len().to_string(),
        },
        _ => String::new(),
    }),
    told("rows", "/run", |value, _, _| balance(value)),
    size("read", "/run/bytes"),
    told("stages", "/stages", |value, _, _| {
        let stages = value.as_array().into_iter().flatten();
        stages
            .map(|stage| format!("{} {}", plain(&stage["name"]), plain(&stage["state"])))
            .collect::<Vec<_>>()
            .join(" · ")
    }),
    text("dataset", "/dataset/name"),
    number("version", "/version"),
    text("connection", "/source/connection/name"),
];

fn status(word: &str) -> String {
    let sign = match word {
        "success" => "✔",
        "failed" => "✖",
        "partial" => "▲",
        "cancelled" => "⊘",
        "inProgress" => "●",
        _ => "·",
    };
    format!("{sign} {word}")
}

/// Starts a run.
pub async fn start(session: &Session, args: Run) -> Result<Exit> {
    let flow = names::find(&session.client, Kind::Flow, &args.flow).await?;
    let mut body = json!({ "flowId": flow.id });
    for (name, given) in [("windowStartTime", &args.from), ("windowEndTime", &args.to)] {
        if let Some(given) = given {
            let value = given.parse::<i64>().map_or(json!(given), |seconds| json!(seconds));
            let Some(time) = forebay_model::schedule::moment(&value) else {
                return Err(Failure::usage(format!(
                    "{given:?} is no time: write 2026-11-25T10:00:00Z, or epoch seconds"
                ))
                .next("forebay run --help"));
            };
            body["params"][name] = json!(time.timestamp());
        }
    }
    let name = quoted(&flow.name);
    let answer = session.client.send(post(format!("{FLOW}/runs"), body)).await.map_err(|failure| {
        match failure.code.as_deref() {
            Some("FLOW-1444-400") => {
                failure.next(format!("forebay flows get {name}, or forebay runs list --flow {name}"))
            }
            _ => failure,
        }
    })?;
    let id = answer.body["id"].as_str().unwrap_or_default().to_string();
    if args.wait {
        return wait(session, &id, args.strict).await;
    }
    session.screen.one(
        &[text("run", "/id"), text("flow", "/flow/name")],
        &json!({ "id": id, "flow": { "id": flow.id, "name": flow.name } }),
    )?;
    session.screen.say(&format!("Try: forebay runs wait {}", short(&id)));
    Ok(Exit::Ok)
}

async fn seen(session: &Session, id: &str) -> Result<Value> {
    Ok(session.client.send(get(format!("{OWN}/runs/{}", segment(id))).lookup()).await?.body)
}

fn ended(seen: &Value) -> bool {
    !matches!(seen["run"]["status"].as_str(), None | Some("pending" | "inProgress"))
}

/// Watches a run until it ends. Ctrl-C only stops the watching.
/// The run that is meant. That of a flow which has just been made may take a moment to be there.
async fn first(session: &Session, given: &str) -> Result<Found> {
    let deadline = session.deadline().unwrap_or_else(|| Instant::now() + FIRST);
    loop {
        match names::run(&session.client, given).await {
            Err(failure) if failure.exit == Exit::NotFound && failure.message.ends_with(names::NO_RUNS) => {
                if Instant::now() >= deadline {
                    return Err(failure);
                }
                sleep(BEAT).await;
            }
            found => return found,
        }
    }
}

async fn wait(session: &Session, id: &str, strict: bool) -> Result<Exit> {
    let screen = &session.screen;
    let mut progress = Progress::new(screen, id);
    let deadline = session.deadline();
    if session.screen.can_ask() && !screen.machine() {
        screen.say(&screen.dim(&format!("^C detaches · forebay runs cancel {}", short(id))));
    }
    let watched = async {
        loop {
            let now = seen(session, id).await?;
            progress.tell(&now);
            if ended(&now) {
                return Ok(Some(now));
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return Ok(None);
            }
            sleep(BEAT).await;
        }
    };
    let watched: Result<Option<Value>> = tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => {
            progress.end();
            screen.say_always(&format!("Detached: the run goes on. Again: forebay runs wait {0} · Stop it: forebay runs cancel {0}", short(id)));
            return Ok(Exit::Interrupted);
        }
        watched = watched => watched,
    };
    progress.end();
    let Some(now) = watched? else {
        return Err(Failure::new(Exit::TimedOut, format!("the run {} has not ended yet; it goes on", short(id)))
            .next(format!("forebay runs wait {}", short(id))));
    };
    match screen.format {
        Format::Table => screen.print(&summary(screen, &now))?,
        _ => screen.one(LIST, &now["run"])?,
    }
    Ok(match now["run"]["status"].as_str() {
        Some("success" | "partial") if strict && now["run"]["failed"].as_i64().unwrap_or(0) > 0 => Exit::RowsFailed,
        Some("success" | "partial") => Exit::Ok,
        _ => Exit::RunFailed,
    })
}

pub async fn run(session: &Session, command: RunsCommand) -> Result<Exit> {
    let (client, screen) = (&session.client, &session.screen);
    match command {
        RunsCommand::List { flow, status, limit } => {
            let flow = match flow {
                Some(flow) => Some(names::find(client, Kind::Flow, &flow).await?.id),
                None => None,
            };
            let list = get(format!("{OWN}/runs")).query("limit", limit).maybe("flow", flow).maybe("status", status);
            let rows = client.send(list).await?.items();
            screen.list(LIST, &rows)?;
            if rows.is_empty() {
                screen.say("No runs. Try: forebay flows list");
            }
            Ok(Exit::Ok)
        }
        RunsCommand::Get(named) => {
            let found = names::run(client, &named.run).await?;
            let now = client.send(get(format!("{OWN}/runs/{}", segment(&found.id)))).await?.body;
            screen.one(ONE, &now)?;
            if screen.format == Format::Table && ended(&now) {
                // It is what was asked for: not a word beside it.
                screen.print(&format!("\n{}\n", summary(screen, &now)))?;
            }
            Ok(Exit::Ok)
        }
        RunsCommand::Wait { named, strict } => {
            let found = first(session, &named.run).await?;
            wait(session, &found.id, strict).await
        }
        RunsCommand::Cancel(named) => {
            let found = names::run(client, &named.run).await?;
            session.confirm(&format!("Stop the run {}? Nothing of it is stored then.", short(&found.id)))?;
            client.send(call(Method::POST, format!("{OWN}/runs/{}/cancel", segment(&found.id)))).await?;
            screen.say(&format!("the run {} stops at its next step", short(&found.id)));
            Ok(Exit::Ok)
        }
        RunsCommand::Retry { named, wait: waits } => {
            let found = names::run(client, &named.run).await?;
            let action =
                call(Method::POST, format!("{FLOW}/runs/{}/action", segment(&found.id))).query("op", "re_trigger");
            client.send(action).await?;
            if waits {
                return wait(session, &found.id, false).await;
            }
            screen.say(&format!("the run {0} starts again. Try: forebay runs wait {0}", short(&found.id)));
            Ok(Exit::Ok)
        }
        RunsCommand::Logs { named, follow, level } => logs(session, &named.run, follow, level.as_deref()).await,
        RunsCommand::Errors { named, group, code, limit } => {
            errors(session, &named.run, group.is_some(), code.as_deref(), limit).await
        }
    }
}

const LOG: &[Column] = &[moment("AT", "/at"), text("LEVEL", "/level"), text("MESSAGE", "/message")];

async fn logs(session: &Session, given: &str, follow: bool, level: Option<&str>) -> Result<Exit> {
    const PAGE: usize = 1000;
    let found = names::run(&session.client, given).await?;
    let path = format!("{OWN}/runs/{}/log", segment(&found.id));
    let deadline = session.deadline().filter(|_| follow);
    let mut start = 0;
    let mut all = Vec::new();
    loop {
        // Asked before the log: what a run says last is there when it has ended.
        let over = !follow || ended(&seen(session, &found.id).await?);
        let page = get(&path).query("start", start).query("limit", PAGE).maybe("level", level);
        let items = session.client.send(page).await?.items();
        start += items.len();
        let full = items.len() == PAGE;
        match session.screen.format {
            Format::Table => {
                for entry in &items {
                    let line =
                        format!("{} {:<5} {}", stamp(&entry["at"]), plain(&entry["level"]), plain(&entry["message"]));
                    session.screen.print(&crate::output::clean(&line))?;
                }
            }
            Format::Jsonl => session.screen.list(LOG, &items)?,
            _ => all.extend(items),
        }
        if full {
            continue;
        }
        if over {
            break;
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(Failure::new(Exit::TimedOut, "the run has not ended yet; it goes on")
                .next(format!("forebay runs logs {} --follow", short(&found.id))));
        }
        sleep(BEAT).await;
    }
    if !matches!(session.screen.format, Format::Table | Format::Jsonl) {
        session.screen.list(LOG, &all)?;
    }
    if start == 0 {
        session.screen.say("The run has said nothing, or nothing of that level.");
    }
    Ok(Exit::Ok)
}

const GROUPS: &[Column] = &[text("CODE", "/code"), number("ROWS", "/count"), text("MESSAGE", "/message")];

const ERRORS: &[Column] = &[
    told("ROW", "/rejected", |value, _, _| match value.as_bool() {
        Some(true) => "✖ rejected".into(),
        Some(false) => "▲ stored".into(),
        None => String::new(),
    }),
    text("FILE", "/file"),
    number("LINE", "/line"),
    text("COLUMN", "/column"),
    text("FIELD", "/field"),
    text("CODE", "/code"),
    text("VALUE", "/value"),
    text("MESSAGE", "/message"),
];

async fn errors(session: &Session, given: &str, grouped: bool, code: Option<&str>, limit: u64) -> Result<Exit> {
    let (client, screen) = (&session.client, &session.screen);
    let found = names::run(client, given).await?;
    let path = format!("{OWN}/runs/{}/errors", segment(&found.id));
    let format = match screen.format {
        Format::Csv => Some("csv"),
        Format::Jsonl => Some("jsonl"),
        _ => None,
    };
    if let Some(format) = format.filter(|_| !grouped) {
        let response = client.stream(get(path).query("format", format).maybe("code", code)).await?;
        let mut bytes = response.bytes_stream();
        while let Some(chunk) = bytes.next().await {
            let chunk = chunk.map_err(|e| Failure::new(Exit::Failed, format!("the list broke off: {e}")))?;
            std::io::stdout().lock().write_all(&chunk)?;
        }
        std::io::stdout().flush()?;
        return Ok(Exit::Ok);
    }
    let answer = client.send(get(path).query("limit", limit).maybe("code", code)).await?;
    let rows = answer.items();
    if grouped {
        screen.list(GROUPS, answer.body["groups"].as_array().map(Vec::as_slice).unwrap_or_default())?;
        return Ok(Exit::Ok);
    }
    screen.list(ERRORS, &rows)?;
    let total = answer.body["total"].as_u64().unwrap_or(0);
    if total > rows.len() as u64 {
        let run = short(&found.id);
        screen.say(&format!(
            "{} of {total}. All of them: forebay runs errors {run} --output csv > errors.csv",
            rows.len()
        ));
    }
    if rows.iter().any(|row| row["rejected"] == json!(false)) {
        screen.say("▲ A stored row has no value where one did not fit.");
    }
    if total == 0 {
        screen.say("No row of this run failed, or the flow keeps no diagnostics.");
    }
    Ok(Exit::Ok)
}
