//! What an answer that is not the one we wanted means: one table from S3's codes and statuses to our kinds.

use super::Named;
use super::sign::Credentials;
use super::xml;
use crate::redact;
use forebay_model::{Error, Kind, Time, code};
use http::{HeaderMap, StatusCode};
use secrecy::SecretString;
use std::time::Duration;

/// The longest `Retry-After` that is believed.
const LONGEST_WAIT: u64 = 3600;

/// A failed attempt.
#[derive(Debug)]
pub(super) struct Fault {
    /// What the caller is told when this was the last attempt.
    pub(super) error: Error,
    /// Trying again may help.
    pub(super) again: bool,
    /// How long the other side asks us to wait.
    pub(super) retry_after: Option<Duration>,
    /// The region it says the bucket is in.
    pub(super) region: Option<String>,
    /// The credentials themselves were not accepted.
    pub(super) sign_in: bool,
}

impl Fault {
    /// A fault that trying again does not mend.
    pub(super) fn last(error: Error) -> Fault {
        Fault { error, again: false, retry_after: None, region: None, sign_in: false }
    }

    /// A fault that may pass.
    pub(super) fn passing(error: Error) -> Fault {
        Fault { again: true, ..Fault::last(error) }
    }

    /// The gate's own errors: an endpoint that is not allowed stays so, a connection may work the next time.
    pub(super) fn of_gate(error: Error) -> Fault {
        match error.kind {
            Kind::Unavailable { .. } | Kind::TimedOut => Fault::passing(error),
            _ => Fault::last(error),
        }
    }
}

/// What kind of trouble a code of S3 stands for.
enum Trouble {
    SignIn(&'static str),
    Denied,
    Missing,
    Changed,
    Busy,
    Clock,
    Elsewhere,
    Other,
}

/// Reads an answer that is not a success.
pub(super) fn of_answer(
    named: &Named,
    credentials: &Credentials,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    now: Time,
) -> Fault {
    let told = xml::error(body);
    let secrets: Vec<&SecretString> = [Some(&credentials.secret), credentials.token.as_ref()].into_iter().flatten().collect();
    let code = redact::shown(&told.code, &secrets);
    let why = if told.message.is_empty() { String::new() } else { redact::shown(&told.message, &secrets) };
    let trouble = trouble(&code, status);
    let mut fault = told_as(&trouble, named, status, &code, &why, headers, now);
    fault.retry_after = retry_after(headers, now);
    if let Kind::Unavailable { retry_after } = &mut fault.error.kind {
        *retry_after = fault.retry_after;
    }
    if matches!(trouble, Trouble::Elsewhere | Trouble::Denied | Trouble::Other) {
        fault.region = region(headers, &told.region);
    }
    fault
}

fn trouble(code: &str, status: StatusCode) -> Trouble {
    match code {
        "InvalidAccessKeyId" => Trouble::SignIn("Check the access key: the source does not know it."),
        "SignatureDoesNotMatch" => Trouble::SignIn("Check the secret key: it does not belong to the access key."),
        "ExpiredToken" | "TokenRefreshRequired" => Trouble::SignIn(
            "Get new temporary credentials and renew the token: PATCH the connection, op replace, path \
             /auth/params/s3SessionToken (and the two keys, if they changed).",
        ),
        "InvalidToken" => Trouble::SignIn("Check the session token: it does not belong to the keys."),
        "InvalidSecurity" | "NotSignedUp" | "AccountProblem" | "MissingSecurityHeader" | "InvalidArgument"
            if status == StatusCode::FORBIDDEN =>
        {
            Trouble::SignIn("Check the keys and the state of the account.")
        }
        "RequestTimeTooSkewed" | "RequestExpired" => Trouble::Clock,
        "NoSuchBucket" | "NoSuchKey" | "NoSuchVersion" | "InvalidBucketName" => Trouble::Missing,
        "PreconditionFailed" | "InvalidRange" => Trouble::Changed,
        "SlowDown" | "ServiceUnavailable" | "RequestTimeout" | "InternalError" | "Throttling" | "RequestLimitExceeded"
        | "BandwidthLimitExceeded" | "OperationAborted" => Trouble::Busy,
        "PermanentRedirect" | "TemporaryRedirect" | "Redirect" | "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraintException" | "IncorrectEndpoint" => Trouble::Elsewhere,
        _ => match status.as_u16() {
            401 | 403 => Trouble::Denied,
            404 => Trouble::Missing,
            412 | 416 => Trouble::Changed,
            408 | 429 | 500..=599 => Trouble::Busy,
            300..=399 => Trouble::Elsewhere,
            _ => Trouble::Other,
        },
    }
}

fn told_as(
    trouble: &Trouble,
    named: &Named,
    status: StatusCode,
    code: &str,
    why: &str,
    headers: &HeaderMap,
    now: Time,
) -> Fault {
    let name = if code.is_empty() { format!("status {}", status.as_u16()) } else { code.to_string() };
    let reason = if why.is_empty() { name } else { format!("{name}: {why}") };
    let error = |kind, code, what: &str| Error::new(kind, code, format!("{named} {what} ({reason})"));
    let refused = |what: &str| error(Kind::Refused, &code::FLOW_1102, what);
    match trouble {
        Trouble::SignIn(advice) => {
            Fault { sign_in: true, ..Fault::last(refused("was refused: the credentials were not accepted").advice(*advice)) }
        }
        Trouble::Denied => Fault::last(refused("was refused: access is denied").advice(
            "Give the account s3:ListBucket on the bucket and s3:GetObject on its objects, or name a bucket and \
             folder it may read in bucketName and folderPath.",
        )),
        Trouble::Missing => Fault::last(
            error(Kind::NotFound, &code::FLOW_1101, "was not found").advice("Explore the connection to see what it holds."),
        ),
        Trouble::Changed => Fault::last(
            error(Kind::Stale, &code::FLOW_1102, "failed: the object changed while it was read")
                .advice("Run again: the new content is picked up. Put finished files under a new name."),
        ),
        Trouble::Busy => {
            Fault::passing(error(Kind::Unavailable { retry_after: None }, &code::FLOW_1103, "failed: the source is busy")
                .advice("Try again later."))
        }
        Trouble::Clock => Fault { sign_in: true, ..Fault::last(refused(&skew(headers, now)).advice("Set this machine's clock.")) },
        Trouble::Elsewhere => Fault::last(refused("was refused: the bucket is in another region or at another address").advice(
            "Name the bucket's region in serviceUrl, as in https://s3.{region}.amazonaws.com/.",
        )),
        Trouble::Other => Fault::last(refused("was refused")),
    }
}

/// By how much our clock is off, told from the answer's own date.
fn skew(headers: &HeaderMap, now: Time) -> String {
    let theirs = headers.get(http::header::DATE).and_then(|date| date.to_str().ok());
    let theirs = theirs.and_then(|date| chrono::DateTime::parse_from_rfc2822(date).ok());
    match theirs {
        Some(theirs) => {
            let seconds = now.signed_duration_since(theirs).num_seconds();
            let side = if seconds < 0 { "behind" } else { "ahead of" };
            format!("was refused: this machine's clock is {} s {side} the source's", seconds.abs())
        }
        None => "was refused: this machine's clock differs too much from the source's".to_string(),
    }
}

/// `Retry-After` in seconds or as a date; anything else is no wish.
fn retry_after(headers: &HeaderMap, now: Time) -> Option<Duration> {
    let text = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?.trim();
    let seconds = match text.parse::<u64>() {
        Ok(seconds) => seconds,
        Err(_) => {
            let at = chrono::DateTime::parse_from_rfc2822(text).ok()?;
            u64::try_from(at.signed_duration_since(now).num_seconds()).ok()?
        }
    };
    Some(Duration::from_secs(seconds.min(LONGEST_WAIT)))
}

/// The region an answer names. It becomes part of a host name, so nothing but a plain name is believed.
fn region(headers: &HeaderMap, told: &str) -> Option<String> {
    let header = headers.get("x-amz-bucket-region").and_then(|value| value.to_str().ok());
    let region = header.unwrap_or(told);
    let plain = region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    (plain && (2..=32).contains(&region.len())).then(|| region.to_string())
}

#[cfg(test)]
#[path = "fault_tests.rs"]
mod tests;
