//! One call: budgeted, signed, sent through the gate, judged, and made again where that may help (hubspot.md §11).
//!
//! What always holds: an answer counts only if its body arrived whole and reads as what was asked for; reading calls are
//! made again whatever their method; redirects are not followed; no part of a body or token reaches a log.

use super::HubSpot;
use super::account::{Account, Token};
use super::fault::{self, Fault, Policy, Trouble};
use super::paths::{Profile, Target};
use crate::pause::{self, Pauses};
use bytes::{Bytes, BytesMut};
use chrono::TimeZone;
use flate2::read::MultiGzDecoder;
use forebay_model::{Error, Kind, code};
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderValue, Method};
use secrecy::ExposeSecret;
use std::fmt;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The most of an error's body that is read.
const ERROR_LIMIT: usize = 64 << 10;
/// The largest answer that is read, packed or not.
const ANSWER_LIMIT: usize = 256 << 20;
/// The longest that one attempt takes.
const LONGEST: Duration = Duration::from_secs(300);
/// The same of a renewal, others of which wait for it.
const LONGEST_RENEWAL: Duration = Duration::from_secs(45);
/// Tries of a request that the other side fails at, before it is made smaller.
const FAILURES: u32 = 5;
/// Tries of a request that something on the way blocks.
const BLOCKED: u32 = 3;
/// Refusals for the sake of a limit in a row.
const REFUSALS: u32 = 30;
/// A wait that is longer than this is not waited for inside a run.
const LONG: Duration = Duration::from_secs(300);
/// The longest that one call takes with all its attempts and waits: what lasts longer is given back with a time to come
/// again. Whoever waits for pages takes a run without a sign of life for stuck after ten minutes.
const PATIENT: Duration = Duration::from_secs(480);
/// No wait inside a call goes on beyond this, so that an attempt can follow.
const LAST_WAIT: Duration = Duration::from_secs(420);
/// When to come again where nothing says it.
const SOON: Duration = Duration::from_secs(60);
/// Answers in a form that is not HubSpot's, in a row.
const ODD: u32 = 4;

/// What is asked for. Its body may hold a client's secret and a refresh token: it is never shown.
#[derive(Clone)]
pub(super) struct Ask {
    pub(super) target: Target,
    /// Already encoded.
    pub(super) query: String,
    body: Option<(Bytes, &'static str)>,
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask").field("target", &self.target).field("query", &self.query).finish_non_exhaustive()
    }
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) body: Bytes,
    /// When it was made, by the other side's clock.
    pub(super) date: Option<i64>,
}

impl Ask {
    pub(super) fn get(target: Target, query: impl Into<String>) -> Ask {
        Ask { target, query: query.into(), body: None }
    }

    pub(super) fn post(target: Target, body: &serde_json::Value) -> Ask {
        Ask { target, query: String::new(), body: Some((Bytes::from(body.to_string()), "application/json")) }
    }

    /// The same, with a query beside the body.
    pub(super) fn query(mut self, query: &str) -> Ask {
        self.query = query.to_string();
        self
    }

    pub(super) fn form(target: Target, body: String) -> Ask {
        Ask { target, query: String::new(), body: Some((Bytes::from(body), "application/x-www-form-urlencoded")) }
    }

    fn is_search(&self) -> bool {
        matches!(self.target, Target::Search(_))
    }
}

impl HubSpot {
    /// Calls until an answer reads as what was asked for, cannot, or patience ends.
    pub(super) async fn call<T>(
        &self,
        ask: &Ask,
        read: impl Fn(&Answer) -> Result<T, &'static str>,
    ) -> Result<T, Fault> {
        let called = tokio::time::timeout(PATIENT, self.call_on(ask, read)).await;
        called.unwrap_or_else(|_| Err(out_of_time(&ask.target)))
    }

    async fn call_on<T>(&self, ask: &Ask, read: impl Fn(&Answer) -> Result<T, &'static str>) -> Result<T, Fault> {
        let account = &self.account;
        let _place = account.at_once.acquire().await.map_err(|e| Error::internal("calls were closed").caused_by(e))?;
        let family = ask.target.family();
        let mut profile = account.profile(family);
        let mut first_missing: Option<Fault> = None;
        let mut tries = Tries::new(self);
        loop {
            let token = account.token(self.patience).await?;
            account.budget.take(ask.is_search()).await?;
            let token = account.current().unwrap_or(token);
            let fault = match account.attempt(ask, profile, Some(&token)).await {
                Ok(answer) => match read(&answer) {
                    Ok(found) => {
                        if account.set_profile(family, profile) {
                            let (name, profile) = (format!("{family:?}"), profile as u8);
                            account.keep(|kept| _ = kept.profiles.insert(name.clone(), profile)).await?;
                        }
                        return Ok(found);
                    }
                    Err(why) => {
                        tries.odd += 1;
                        Fault::odd(&ask.target, why)
                    }
                },
                Err(fault) => fault,
            };
            match (&fault.trouble, profile.next()) {
                (Trouble::Missing, Some(older)) => {
                    profile = older;
                    first_missing.get_or_insert(fault);
                }
                (Trouble::Missing, None) => return Err(first_missing.unwrap_or(fault)),
                _ => tries.settle(account, &token, fault).await?,
            }
        }
    }
}

/// How far one call has got with its patience.
struct Tries {
    started: Instant,
    pauses: Pauses,
    patience: crate::Patience,
    tokens: u32,
    limited: u32,
    failing: u32,
    blocked: u32,
    odd: u32,
}

impl Tries {
    fn new(hubspot: &HubSpot) -> Tries {
        let patience = hubspot.patience;
        Tries {
            started: Instant::now(),
            pauses: Pauses::new(patience),
            patience,
            tokens: 0,
            limited: 0,
            failing: 0,
            blocked: 0,
            odd: 0,
        }
    }

    /// There is time for a wait and another attempt.
    fn has(&self, wait: Duration) -> bool {
        self.started.elapsed() + wait <= LAST_WAIT
    }

    /// Does what a fault asks for before the next attempt; gives it back when there is none.
    async fn settle(&mut self, account: &Arc<Account>, token: &Token, fault: Fault) -> Result<(), Fault> {
        match fault.trouble.clone() {
            Trouble::Token { expired } => {
                self.tokens += 1;
                // §3.2 rules 3 and 4: another token once; one that was replaced meanwhile does not count.
                let replaced = account.current().is_some_and(|current| current.generation != token.generation);
                if replaced && self.tokens <= 5 {
                    return Ok(());
                }
                let renewable = account.app.is_some() && account.tokens().refresh.is_some();
                if !renewable || self.tokens > if expired { 3 } else { 1 } {
                    return Err(fault);
                }
                account.renew(token.generation, self.patience).await.map(|_| ())
            }
            Trouble::Limited { policy: Policy::Daily, wait } => {
                let wait = if wait.is_zero() { until_midnight(account, fault.date) } else { wait };
                Err(account.budget.stop(wait, "HubSpot's daily limit of calls is used up", true).await.into())
            }
            Trouble::Limited { wait, .. } if wait > LONG => {
                Err(account.budget.stop(wait, "HubSpot asks for no calls for a while", true).await.into())
            }
            Trouble::Limited { policy, wait } => {
                self.limited += 1;
                account.budget.refused(policy, wait).await?;
                match self.limited <= REFUSALS && self.has(wait) {
                    true => Ok(()),
                    false => Err(come_again(fault, wait)),
                }
            }
            Trouble::Paused(wait) => {
                Err(account.budget.stop(wait, "HubSpot moves the account to another data centre", false).await.into())
            }
            Trouble::Passing => self.pause(fault, self.odd < ODD).await,
            Trouble::Failing => {
                self.failing += 1;
                self.pause(fault, self.failing < FAILURES).await
            }
            Trouble::Blocked => {
                self.blocked += 1;
                self.pause(fault, self.blocked < BLOCKED).await
            }
            Trouble::Wrong | Trouble::TooLong | Trouble::Missing | Trouble::Denied(_) | Trouble::Last => Err(fault),
        }
    }

    async fn pause(&mut self, fault: Fault, again: bool) -> Result<(), Fault> {
        let pause = if again { self.pauses.next(fault.wait, pause::chance()) } else { None };
        match pause {
            Some(pause) if !self.has(pause) => Err(come_again(fault, pause)),
            Some(pause) => {
                tracing::debug!(millis = pause.as_millis() as u64, "{}: trying again", fault.error);
                tokio::time::sleep(pause).await;
                Ok(())
            }
            None => Err(fault),
        }
    }
}

/// A fault that says when to come again, unless it says so already.
fn come_again(mut fault: Fault, wait: Duration) -> Fault {
    match &mut fault.error.kind {
        Kind::TooMany { retry_after } | Kind::Unavailable { retry_after } => _ = retry_after.get_or_insert(wait),
        _ => {}
    }
    fault
}

/// A call took all the time that it may take, waiting for its turn or for answers.
fn out_of_time(target: &Target) -> Fault {
    let message = format!("HubSpot was asked for {target} for {} minutes in vain", PATIENT.as_secs() / 60);
    let kind = Kind::Unavailable { retry_after: Some(SOON) };
    Error::new(kind, &code::FLOW_1103, message).advice("Nothing is lost: the run goes on by itself.").into()
}

/// How long until the daily limit starts anew: midnight in the account's time zone (§4.1).
fn until_midnight(account: &Account, date: Option<i64>) -> Duration {
    let zone = account.facts().zone;
    let now = date
        .and_then(|date| zone.timestamp_millis_opt(date).single())
        .unwrap_or_else(|| chrono::Utc::now().with_timezone(&zone));
    let day = now.date_naive().succ_opt().unwrap_or(now.date_naive());
    // A midnight that summer time skips is followed by one o'clock.
    let midnight = (0..3).find_map(|hour| day.and_hms_opt(hour, 0, 0)?.and_local_timezone(zone).earliest());
    let left = midnight.map_or(chrono::TimeDelta::hours(1), |midnight| midnight.signed_duration_since(now));
    left.to_std().unwrap_or(Duration::from_secs(60)).max(Duration::from_secs(1))
}

impl Account {
    /// One attempt at one generation of paths.
    pub(super) async fn attempt(&self, ask: &Ask, profile: Profile, token: Option<&Token>) -> Result<Answer, Fault> {
        let url = self.url(&ask.target, profile, &ask.query)?;
        let length = url.as_str().len();
        let method = if ask.body.is_some() { Method::POST } else { Method::GET };
        let mut request = reqwest::Request::new(method, url);
        *request.timeout_mut() = Some(if token.is_some() { LONGEST } else { LONGEST_RENEWAL });
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        if let Some(token) = token {
            let value = format!("Bearer {}", token.text.expose_secret());
            let mut value = HeaderValue::from_str(&value).map_err(|_| unspeakable())?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        if let Some((body, kind)) = &ask.body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            *request.body_mut() = Some(reqwest::Body::from(body.clone()));
        }
        let response = self.gate.send(request).await.map_err(Fault::of_gate)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let packed = headers.get(CONTENT_ENCODING).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"gzip"));
        let (ok, limit) = match status {
            200..=299 => (true, ANSWER_LIMIT),
            _ => (false, ERROR_LIMIT),
        };
        if ok && token.is_some() && !ask.is_search() {
            self.budget.learn(limits(&headers)).await;
        }
        let body = bounded(response, limit).await.map_err(|e| broken(&ask.target, e));
        let body = body.and_then(|body| unpacked(&ask.target, body, packed, limit));
        if ok {
            return Ok(Answer { body: body?, date: fault::date(&headers) });
        }
        // A reason that does not arrive is no reason; the status alone says enough.
        let secrets = self.secrets();
        let secrets: Vec<_> = secrets.iter().collect();
        let fault = fault::of_answer(&ask.target, status, &headers, &body.unwrap_or_default(), &secrets);
        if fault.trouble == Trouble::TooLong {
            self.halve_url_cap(length);
        }
        Err(fault)
    }
}

/// What an answer says of the limit: calls, and in how many milliseconds (§4.2).
fn limits(headers: &http::HeaderMap) -> Option<(f64, f64)> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<f64>().ok();
    let max = number("x-hubspot-ratelimit-max")?;
    Some((max, number("x-hubspot-ratelimit-interval-milliseconds").unwrap_or(10_000.0)))
}

/// A body, up to a little more than `limit` bytes of it.
async fn bounded(mut response: reqwest::Response, limit: usize) -> Result<Bytes, reqwest::Error> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > limit {
            break;
        }
    }
    Ok(body.freeze())
}

fn unpacked(target: &Target, body: Bytes, packed: bool, limit: usize) -> Result<Bytes, Fault> {
    let mut plain = Vec::new();
    if packed {
        plain.reserve(body.len().saturating_mul(6).min(limit));
        let read = MultiGzDecoder::new(&body[..]).take(limit as u64 + 1).read_to_end(&mut plain);
        read.map_err(|_| Fault::odd(target, "its compression is broken"))?;
    }
    let body = if packed { Bytes::from(plain) } else { body };
    if body.len() > limit {
        let message = format!("HubSpot sent {target} in an answer of more than {} MiB", limit >> 20);
        return Err(Error::new(Kind::Refused, &code::FLOW_1100, message).advice("Select fewer columns.").into());
    }
    Ok(body)
}

/// The connection broke in the middle of a body.
fn broken(target: &Target, error: reqwest::Error) -> Fault {
    let (kind, code) = match error.is_timeout() {
        true => (Kind::TimedOut, &code::FLOW_1104),
        false => (Kind::Unavailable { retry_after: None }, &code::FLOW_1103),
    };
    let what = if error.is_timeout() { "went silent" } else { "broke off" };
    let error = Error::new(kind, code, format!("HubSpot's answer with {target} {what}")).caused_by(error.without_url());
    Fault::new(
        Trouble::Passing,
        error.advice("Try again later, or check the network between this machine and HubSpot."),
    )
}

fn unspeakable() -> Error {
    Error::new(Kind::Refused, &code::FLOW_1100, "the access token has characters that no header can hold")
        .advice("Copy the token again, without line breaks.")
}

#[cfg(test)]
#[path = "call_tests.rs"]
mod tests;
