//! What an answer that is not the one we wanted means (hubspot.md §4.3, §11): one table from statuses, categories and
//! messages to what is done about it. Every member of an error's body may be missing.

use super::paths::Target;
use crate::redact;
use forebay_model::{Error, Kind, code};
use http::HeaderMap;
use secrecy::SecretString;
use serde_json::Value;
use std::time::Duration;

/// The longest `Retry-After` that is believed: an account that moves between data centres asks for up to a day.
const LONGEST_WAIT: u64 = 24 * 3600;
/// How long a locked record is left alone.
const LOCKED: Duration = Duration::from_secs(2);
/// How long to wait after a refusal that names no time: the window of each limit.
const ROLLING: Duration = Duration::from_secs(10);
const SECONDLY: Duration = Duration::from_secs(1);

/// Which limit was exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    /// Calls in ten seconds.
    Rolling,
    /// Searches in a second.
    Secondly,
    /// Calls in a day.
    Daily,
}

/// What is done about a failed attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Tried again after a while.
    Passing,
    /// As [`Trouble::Passing`], a few times; then the request is made smaller.
    Failing,
    /// As [`Trouble::Passing`], twice.
    Blocked,
    /// The token has expired, or is not accepted: another may be.
    Token { expired: bool },
    /// The account refuses calls for the sake of a limit.
    Limited { policy: Policy, wait: Duration },
    /// The account takes no calls for so long.
    Paused(Duration),
    /// The request is wrong, or what it names is not there.
    Wrong,
    /// The URL is too long.
    TooLong,
    /// Nothing is at this path.
    Missing,
    /// It was not granted; the scopes, where they were named.
    Denied(Vec<String>),
    /// Anything else that trying again does not mend.
    Last,
}

/// A failed attempt.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) error: Box<Error>,
    pub(super) trouble: Trouble,
    /// How long the other side asks us to wait.
    pub(super) wait: Option<Duration>,
    /// When it was, by the other side's clock, in epoch milliseconds.
    pub(super) date: Option<i64>,
}

impl Fault {
    pub(super) fn new(trouble: Trouble, error: Error) -> Fault {
        Fault { trouble, error: Box::new(error), wait: None, date: None }
    }

    /// The gate's own errors: an endpoint that is not allowed stays so, a connection may work the next time.
    pub(super) fn of_gate(error: Error) -> Fault {
        let passing = matches!(error.kind, Kind::Unavailable { .. } | Kind::TimedOut);
        Fault::new(if passing { Trouble::Passing } else { Trouble::Last }, error)
    }

    /// The other side answered, and not as HubSpot does: a part of a page is never taken for a page.
    pub(super) fn odd(target: &Target, why: &str) -> Fault {
        let message = format!("HubSpot sent {target} in a form that is not its own: {why}");
        Fault::new(Trouble::Passing, busy(message))
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        Fault::new(Trouble::Last, error)
    }
}

/// The parts of an error's body that mean something to us.
#[derive(Debug, Default)]
struct Told {
    json: bool,
    message: String,
    category: String,
    policy: String,
    scopes: Vec<String>,
    correlation: String,
}

/// Reads an answer that is not a success.
pub(super) fn of_answer(
    target: &Target,
    status: u16,
    headers: &HeaderMap,
    body: &[u8],
    secrets: &[&SecretString],
) -> Fault {
    let told = told(headers, body, secrets);
    let wait = retry_after(headers);
    let trouble = trouble(target, status, &told, wait);
    let mut fault = Fault::new(trouble.clone(), error(target, status, &told, &trouble, wait));
    fault.wait = match status {
        423 => Some(wait.unwrap_or(LOCKED).max(LOCKED)),
        _ => wait,
    };
    fault.date = date(headers);
    fault
}

fn told(headers: &HeaderMap, body: &[u8], secrets: &[&SecretString]) -> Told {
    let header = headers.get("x-hubspot-correlation-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    let Ok(Value::Object(body)) = serde_json::from_slice(body) else {
        return Told { correlation: redact::shown(header, secrets), ..Told::default() };
    };
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let message = ["message", "error_description", "error"].into_iter().map(text).find(|found| !found.is_empty());
    let category = ["category", "status", "errorType"].into_iter().map(text);
    let category = category.into_iter().find(|found| !found.is_empty() && *found != "error").unwrap_or_default();
    let category = if text("error") == "invalid_grant" { "BAD_REFRESH_TOKEN" } else { category };
    let correlation = if text("correlationId").is_empty() { header } else { text("correlationId") };
    let scopes = body.get("errors").and_then(Value::as_array).into_iter().flatten();
    let scopes = scopes.chain(std::iter::once(&Value::Object(body.clone()))).flat_map(scopes_of).collect();
    Told {
        json: true,
        message: redact::shown(message.unwrap_or_default(), secrets),
        category: redact::shown(category, secrets),
        policy: text("policyName").to_string(),
        scopes,
        correlation: redact::shown(correlation, secrets),
    }
}

fn scopes_of(error: &Value) -> Vec<String> {
    let context = &error["context"];
    let named = ["requiredGranularScopes", "requiredScopes", "scope"].into_iter().map(|name| &context[name]);
    let named = named.filter_map(Value::as_array).flatten().filter_map(Value::as_str);
    named.take(20).map(|scope| redact::shown(scope, &[])).collect()
}

fn trouble(target: &Target, status: u16, told: &Told, wait: Option<Duration>) -> Trouble {
    let message = told.message.to_ascii_lowercase();
    match status {
        400 | 401 if told.category == "BAD_REFRESH_TOKEN" => Trouble::Last,
        401 => Trouble::Token { expired: told.category == "EXPIRED_AUTHENTICATION" },
        530 => Trouble::Token { expired: false },
        403 if !told.json => Trouble::Blocked,
        403 => Trouble::Denied(told.scopes.clone()),
        404 => Trouble::Missing,
        414 | 431 => Trouble::TooLong,
        423 | 408 => Trouble::Passing,
        429 => {
            let daily = told.policy == "DAILY" || message.contains("daily");
            let secondly = told.policy == "SECONDLY"
                || (told.policy.is_empty() && (message.contains("secondly limit") || is_search(target)))
                    && !message.contains("ten_secondly");
            match (daily, secondly) {
                (true, _) => Trouble::Limited { policy: Policy::Daily, wait: wait.unwrap_or_default() },
                (_, true) => Trouble::Limited { policy: Policy::Secondly, wait: wait.unwrap_or(SECONDLY) },
                _ => Trouble::Limited { policy: Policy::Rolling, wait: wait.unwrap_or(ROLLING) },
            }
        }
        477 => Trouble::Paused(wait.unwrap_or(Duration::from_secs(3600))),
        500 => Trouble::Failing,
        501..=599 | 300..=399 => Trouble::Passing,
        400 | 405..=422 => Trouble::Wrong,
        _ => Trouble::Last,
    }
}

fn is_search(target: &Target) -> bool {
    matches!(target, Target::Search(_))
}

fn error(target: &Target, status: u16, told: &Told, trouble: &Trouble, wait: Option<Duration>) -> Error {
    let mut reason = format!("status {status}");
    for part in [&told.category, &told.message] {
        if !part.is_empty() {
            reason.push_str(": ");
            reason.push_str(part);
        }
    }
    if !told.correlation.is_empty() {
        reason.push_str(&format!(", correlation id {}", told.correlation));
    }
    let refused = |what: &str| {
        Error::new(Kind::Refused, &code::FLOW_1102, format!("HubSpot refused {target}: {what} ({reason})"))
    };
    match trouble {
        Trouble::Token { .. } => refused("the access token was not accepted").advice(RECONNECT),
        Trouble::Denied(scopes) if scopes.is_empty() => refused("the app was not granted it")
            .advice("Grant the app the scopes that this table needs, and reconnect the account."),
        Trouble::Denied(scopes) => {
            let scopes = scopes.join(", ");
            refused(&format!("the app lacks {scopes}"))
                .advice(format!("Grant the app {scopes}, and reconnect the account."))
        }
        Trouble::Blocked => refused("something on the way blocks it")
            .advice("Check that this machine may reach HubSpot: a network policy answered in its place."),
        Trouble::Missing => not_there(target, &reason),
        Trouble::Wrong if not_a_kind(&told.message) => not_there(target, &reason),
        Trouble::Wrong if *target == Target::Token => refused("the client id or secret is wrong")
            .advice("Check clientId and clientSecret, and reconnect the account."),
        Trouble::Last if *target == Target::Token => {
            refused("the refresh token is not valid any more").advice(RECONNECT)
        }
        Trouble::Limited { .. } => Error::new(
            Kind::TooMany { retry_after: wait },
            &code::FLOW_1103,
            format!("HubSpot asks for fewer calls ({reason})"),
        )
        .advice("Other software may use the same account. The run goes on by itself."),
        Trouble::Paused(wait) => Error::new(
            Kind::Unavailable { retry_after: Some(*wait) },
            &code::FLOW_1103,
            format!("HubSpot moves the account to another data centre ({reason})"),
        ),
        Trouble::Passing | Trouble::Failing => busy(format!("HubSpot failed to send {target} ({reason})")),
        Trouble::Wrong | Trouble::TooLong | Trouble::Last => refused("the request was not accepted"),
    }
}

/// What to do when the credentials are not accepted any more.
pub(super) const RECONNECT: &str =
    "Reconnect the account: get a new access and refresh token and replace them in the connection.";

fn busy(message: String) -> Error {
    Error::new(Kind::Unavailable { retry_after: None }, &code::FLOW_1103, message).advice("Try again later.")
}

fn not_there(target: &Target, reason: &str) -> Error {
    Error::new(Kind::NotFound, &code::FLOW_1101, format!("HubSpot has not {target} ({reason})"))
        .advice("Explore the connection to see which tables the account has.")
}

fn not_a_kind(message: &str) -> bool {
    message.starts_with("Unable to infer object type") || message.starts_with("Invalid object or event type id")
}

/// `Retry-After` in seconds or as a date by the answer's own clock; anything else is no wish.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let at = chrono::DateTime::parse_from_rfc2822(text).ok()?.timestamp_millis();
            u64::try_from((at - date(headers)?) / 1000).ok()?
        }
    };
    Some(Duration::from_secs(seconds.min(LONGEST_WAIT)))
}

/// When the answer was made, in epoch milliseconds.
pub(super) fn date(headers: &HeaderMap) -> Option<i64> {
    let text = headers.get(http::header::DATE)?.to_str().ok()?;
    Some(chrono::DateTime::parse_from_rfc2822(text).ok()?.timestamp_millis())
}

#[cfg(test)]
#[path = "fault_tests.rs"]
mod tests;
