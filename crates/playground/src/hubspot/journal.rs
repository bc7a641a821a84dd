//! What was asked, and how the one who asked behaved.

use serde::Serialize;
use std::collections::BTreeMap;

/// A request and its answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// From 1.
    pub number: u64,
    /// Real milliseconds since the account was started.
    pub real_ms: u64,
    /// The virtual clock.
    pub at_ms: i64,
    /// The method.
    pub method: String,
    /// The path with names in place of ids.
    pub template: String,
    /// One word for it: `list`, `search`, `token` …
    pub call: String,
    /// The object type, by its plural name.
    pub object: String,
    /// Path and query as they were sent; the first 2,048 bytes.
    pub target: String,
    /// Bytes of the request's body.
    pub received: usize,
    /// Bytes of the answer's body, before compression.
    pub sent: usize,
    /// The status.
    pub status: u16,
    /// The place of the rule that was used, from 0.
    pub rule: Option<usize>,
    /// Which access token: 0 is the first, one more with each refresh; none for the static token.
    pub token: Option<u64>,
    /// Its token had expired.
    pub expired: bool,
    /// How full the windows were: ten seconds, one second, the day.
    pub levels: (usize, usize, u32),
    /// How many records were delivered.
    pub records: usize,
    /// The request's correlation id.
    pub correlation: String,
}

/// What a run cost, and what it did wrong.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// All requests.
    pub requests: u64,
    /// By the word for the call.
    pub calls: BTreeMap<String, u64>,
    /// By method and path template.
    pub templates: BTreeMap<String, u64>,
    /// By call and object type: `list contacts`.
    pub objects: BTreeMap<String, u64>,
    /// By status.
    pub statuses: BTreeMap<u16, u64>,
    /// The most requests in any ten seconds of real time.
    pub most_in_ten_seconds: usize,
    /// The most requests in any second.
    pub most_in_a_second: usize,
    /// The most searches in any second.
    pub most_searches_in_a_second: usize,
    /// The share of answers with 4xx or 5xx.
    pub failed_share: f64,
    /// Requests whose token had expired.
    pub expired_tokens: u64,
    /// Refreshes that gave a token.
    pub refreshes: u64,
    /// Token requests that came while another was being answered.
    pub overlapping_refreshes: u64,
    /// Requests with a token or secret in their URL, apart from the calls that demand it.
    pub secrets_in_urls: u64,
    /// Parameters and fields that the call does not know: `list: foo`.
    pub strays: BTreeMap<String, u64>,
    /// Requests under way at one time, at most.
    pub most_at_once: u64,
    /// Records delivered more than once by lists, single reads and batches; searches do not count.
    pub read_twice: u64,
    /// Bytes of answers, before compression.
    pub bytes: u64,
}

/// So many of the newest are kept.
const KEPT: usize = 50_000;

#[derive(Default)]
pub(super) struct Journal {
    pub entries: Vec<Entry>,
    pub summary: Summary,
    failed: u64,
    times: Vec<(u64, bool)>,
}

impl Journal {
    pub fn note(&mut self, entry: Entry, secret: bool, strays: Vec<String>) {
        let summary = &mut self.summary;
        for name in strays {
            *summary.strays.entry(format!("{}: {name}", entry.call)).or_default() += 1;
        }
        summary.requests += 1;
        *summary.calls.entry(entry.call.clone()).or_default() += 1;
        *summary.templates.entry(format!("{} {}", entry.method, entry.template)).or_default() += 1;
        if !entry.object.is_empty() {
            *summary.objects.entry(format!("{} {}", entry.call, entry.object)).or_default() += 1;
        }
        *summary.statuses.entry(entry.status).or_default() += 1;
        self.failed += u64::from(entry.status >= 400);
        summary.expired_tokens += u64::from(entry.expired);
        summary.secrets_in_urls += u64::from(secret);
        summary.bytes += entry.sent as u64;
        self.times.push((entry.real_ms, entry.call == "search"));
        if self.entries.len() >= KEPT {
            self.entries.drain(..KEPT / 10);
        }
        self.entries.push(entry);
    }

    pub fn summary(&self) -> Summary {
        let mut all: Vec<u64> = self.times.iter().map(|(at, _)| *at).collect();
        all.sort_unstable();
        let mut searches: Vec<u64> = self.times.iter().filter(|(_, search)| *search).map(|(at, _)| *at).collect();
        searches.sort_unstable();
        Summary {
            most_in_ten_seconds: most(&all, 10_000),
            most_in_a_second: most(&all, 1_000),
            most_searches_in_a_second: most(&searches, 1_000),
            failed_share: if all.is_empty() { 0.0 } else { self.failed as f64 / all.len() as f64 },
            ..self.summary.clone()
        }
    }
}

/// The most instants in any window.
fn most(times: &[u64], window: u64) -> usize {
    let mut from = 0;
    let mut most = 0;
    for (at, time) in times.iter().enumerate() {
        while times[from] + window <= *time {
            from += 1;
        }
        most = most.max(at + 1 - from);
    }
    most
}
