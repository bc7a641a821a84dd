//! How a run is told while it is waited for: lines that renew themselves on a terminal, else one line every ten seconds.

use crate::output::{Screen, bytes, duration, exact, grouped};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// How often a pipe hears of it.
const EVERY: Duration = Duration::from_secs(10);

/// Tells of one run.
pub struct Progress {
    screen: Screen,
    short: String,
    live: Option<Live>,
    told: Option<Instant>,
    began: Instant,
}

struct Live {
    _all: MultiProgress,
    head: ProgressBar,
    read: ProgressBar,
    rows: ProgressBar,
}

impl Progress {
    /// Of a run; `from` and `to` are what it reads and fills.
    pub fn new(screen: &Screen, run: &str) -> Progress {
        let live = (std::io::stderr().is_terminal() && screen.level >= 0 && !screen.machine()).then(|| {
            let all = MultiProgress::new();
            let line = |template: &str| {
                let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
                let bar = all.add(ProgressBar::new(0));
                bar.set_style(style.progress_chars("━╸━"));
                bar
            };
            Live {
                head: line("{msg}"),
                read: line("read    {bar:30}  {percent:>3} %   {msg}"),
                rows: line("rows    {msg}"),
                _all: all,
            }
        });
        let short = crate::names::short(run).to_string();
        Progress { screen: screen.clone(), short, live, told: None, began: Instant::now() }
    }

    /// Tells what `GET /runs/{id}` says now.
    pub fn tell(&mut self, seen: &Value) {
        match &self.live {
            Some(live) => live.tell(&self.short, seen, self.began.elapsed()),
            None => {
                if self.told.is_some_and(|told| told.elapsed() < EVERY) || self.screen.level < 0 {
                    return;
                }
                self.told = Some(Instant::now());
                self.screen.say(&line(&self.short, seen).to_string());
            }
        }
    }

    /// Takes the lines away.
    pub fn end(&self) {
        if let Some(live) = &self.live {
            for bar in [&live.head, &live.read, &live.rows] {
                bar.finish_and_clear();
            }
        }
    }
}

/// `{"event":"progress","run":"7f3c",…}`
pub fn line(short: &str, seen: &Value) -> Value {
    let mut line = json!({ "event": "progress", "run": short, "status": seen["run"]["status"] });
    for name in ["bytes", "bytesTotal", "files", "filesTotal", "records", "bytesPerSecond", "etaMs"] {
        if let Some(value) = seen["progress"].get(name).filter(|value| !value.is_null()) {
            line[name] = value.clone();
        }
    }
    for name in ["ingested", "failed", "skipped"] {
        line[name] = seen["run"][name].clone();
    }
    line
}

impl Live {
    fn tell(&self, short: &str, seen: &Value, elapsed: Duration) {
        let text =
            |pointer: &str| crate::output::clean(seen.pointer(pointer).and_then(Value::as_str).unwrap_or_default());
        let number = |pointer: &str| seen.pointer(pointer).and_then(Value::as_u64);
        let attempt = seen["attempts"].as_array().map_or(1, |attempts| attempts.len().max(1));
        let clock =
            format!("{:02}:{:02}:{:02}", elapsed.as_secs() / 3600, elapsed.as_secs() / 60 % 60, elapsed.as_secs() % 60);
        let (flow, dataset) = (text("/run/flow/name"), text("/dataset/name"));
        self.head.set_message(format!(
            "run {short}  {flow} → {dataset}   {}   attempt {attempt}   {clock}",
            text("/run/status")
        ));
        let (done, total) = (number("/progress/bytes").unwrap_or(0), number("/progress/bytesTotal"));
        self.read.set_length(total.unwrap_or(0).max(done).max(1));
        self.read.set_position(done);
        let mut parts = vec![match total {
            Some(total) => format!("{}/{}", bytes(done as f64), bytes(total as f64)),
            None => bytes(done as f64),
        }];
        if let Some(speed) = number("/progress/bytesPerSecond") {
            parts.push(format!("{}/s", bytes(speed as f64)));
        }
        if let Some(left) = number("/progress/etaMs") {
            parts.push(format!("eta {}", duration(left as f64)));
        }
        self.read.set_message(parts.join("   "));
        let count = |name: &str| grouped(number(&format!("/run/{name}")).unwrap_or(0) as i64);
        self.rows.set_message(format!(
            "{} ingested   {} failed   {} skipped",
            count("ingested"),
            count("failed"),
            count("skipped")
        ));
    }
}

/// `10,000 received = 9,990 ingested + 8 failed + 2 skipped`
pub fn balance(run: &Value) -> String {
    let count = |name: &str| grouped(run[name].as_i64().unwrap_or(0));
    format!(
        "{} received = {} ingested + {} failed + {} skipped",
        count("received"),
        count("ingested"),
        count("failed"),
        count("skipped")
    )
}

/// The last words on a run.
pub fn summary(screen: &Screen, seen: &Value) -> String {
    let run = &seen["run"];
    let text = |value: &Value| crate::output::clean(value.as_str().unwrap_or_default());
    let id = text(&run["id"]);
    let short = crate::names::short(&id);
    let took = run["durationMs"].as_f64().map(|millis| format!(" in {}", duration(millis))).unwrap_or_default();
    let failed = run["failed"].as_i64().unwrap_or(0);
    let mut lines = Vec::new();
    match run["status"].as_str().unwrap_or_default() {
        "success" | "partial" => {
            lines.push(format!("{} done{took}  {}", screen.good("✔"), balance(run)));
            if let Some(version) = seen["version"].as_u64() {
                lines.push(format!("  version {version} of {}", text(&seen["dataset"]["name"])));
            }
        }
        "cancelled" => lines.push(format!("{} cancelled{took}: nothing of it was stored", screen.bad("✖"))),
        _ => {
            lines.push(format!("{} failed{took}  {}", screen.bad("✖"), balance(run)));
            for problem in seen["problems"].as_array().into_iter().flatten() {
                lines.push(format!("  {}: {}", text(&problem["code"]), text(&problem["what"])));
                let place: Vec<String> = ["file", "line", "column", "field", "object"]
                    .iter()
                    .filter_map(|name| problem["where"].get(*name).filter(|value| !value.is_null()))
                    .map(crate::output::plain)
                    .collect();
                if !place.is_empty() {
                    lines.push(format!("    at {}", crate::output::clean(&place.join(" "))));
                }
                for (name, word) in [("why", "why"), ("do", "do")] {
                    if problem[name].as_str().is_some_and(|text| !text.is_empty()) {
                        lines.push(format!("    {word} {}", text(&problem[name])));
                    }
                }
            }
        }
    }
    if failed > 0 {
        let rows = if failed == 1 { "row" } else { "rows" };
        lines.push(format!("  {} failed {rows}:  forebay runs errors {short}", grouped(failed)));
    }
    lines.join("\n")
}

/// A moment of a log.
pub fn stamp(value: &Value) -> String {
    crate::output::time(value).map(exact).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Colour, Format};

    #[test]
    fn numbers_balance() {
        let run = json!({ "received": 10_000_000, "ingested": 9_999_990, "failed": 8, "skipped": 2 });
        assert_eq!(balance(&run), "10,000,000 received = 9,999,990 ingested + 8 failed + 2 skipped");
    }

    #[test]
    fn a_pipe_hears_json() {
        let seen = json!({ "run": { "status": "inProgress", "ingested": 5, "failed": 0, "skipped": 0 }, "progress": { "bytes": 7, "etaMs": null } });
        assert_eq!(
            line("7f3c", &seen).to_string(),
            r#"{"event":"progress","run":"7f3c","status":"inProgress","bytes":7,"ingested":5,"failed":0,"skipped":0}"#
        );
    }

    #[test]
    fn the_last_words_say_what_to_do() {
        let screen = Screen::new(Some(Format::Table), Colour::Never, Some(80), 0);
        let mut seen = json!({ "run": { "id": "7f3c0000-1", "status": "partial", "durationMs": 58_000, "received": 10, "ingested": 8, "failed": 2, "skipped": 0 },
            "version": 91, "dataset": { "name": "orders_raw" } });
        expect_test::expect![[r#"
            ✔ done in 58 s  10 received = 8 ingested + 2 failed + 0 skipped
              version 91 of orders_raw
              2 failed rows:  forebay runs errors 7f3c0000"#]]
        .assert_eq(&summary(&screen, &seen));
        seen["run"]["status"] = json!("failed");
        seen["problems"] = json!([{ "code": "CONNECTOR-1001-500", "what": "the bucket said no", "where": { "file": "a.csv", "line": 3 },
            "why": "AccessDenied", "do": "grant ListBucket" }]);
        expect_test::expect![[r#"
            ✖ failed in 58 s  10 received = 8 ingested + 2 failed + 0 skipped
              CONNECTOR-1001-500: the bucket said no
                at a.csv 3
                why AccessDenied
                do grant ListBucket
              2 failed rows:  forebay runs errors 7f3c0000"#]]
        .assert_eq(&summary(&screen, &seen));
    }
}
