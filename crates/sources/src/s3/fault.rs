//! What an answer that is not the one we wanted means: one table from S3's codes and statuses to our kinds.

use super::sign::Credentials;
use crate::files::{Fault, Named, retry_after, skew, told};
use crate::redact;
use forebay_model::{Error, Kind, Time, code};
use http::{HeaderMap, StatusCode};
use secrecy::SecretString;

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
    let told = told(body);
    let secrets: Vec<&SecretString> =
        [Some(&credentials.secret), credentials.token.as_ref()].into_iter().flatten().collect();
    let code = redact::shown(&told.code, &secrets);
    let why = if told.message.is_empty() { String::new() } else { redact::shown(&told.message, &secrets) };
    let trouble = trouble(&code, status);
    let fault = told_as(&trouble, named, status, &code, &why, headers, now);
    let mut fault = fault.after(retry_after(headers, now));
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
        "SlowDown"
        | "ServiceUnavailable"
        | "RequestTimeout"
        | "InternalError"
        | "Throttling"
        | "RequestLimitExceeded"
        | "BandwidthLimitExceeded"
        | "OperationAborted" => Trouble::Busy,
        "PermanentRedirect"
        | "TemporaryRedirect"
        | "Redirect"
        | "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraintException"
        | "IncorrectEndpoint" => Trouble::Elsewhere,
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
            Fault::of_sign_in(refused("was refused: the credentials were not accepted").advice(*advice))
        }
        Trouble::Denied => Fault::last(refused("was refused: access is denied").advice(
            "Give the account s3:ListBucket on the bucket and s3:GetObject on its objects, or name a bucket and \
             folder it may read in bucketName and folderPath.",
        )),
        Trouble::Missing => Fault::last(
            error(Kind::NotFound, &code::FLOW_1101, "was not found")
                .advice("Explore the connection to see what it holds."),
        ),
        Trouble::Changed => Fault::changed(format!("{named} failed: the object changed while it was read ({reason})")),
        Trouble::Busy => Fault::passing(
            error(Kind::Unavailable { retry_after: None }, &code::FLOW_1103, "failed: the source is busy")
                .advice("Try again later."),
        ),
        Trouble::Clock => Fault::of_sign_in(refused(&off(headers, now)).advice("Set this machine's clock.")),
        Trouble::Elsewhere => Fault::last(
            refused("was refused: the bucket is in another region or at another address")
                .advice("Name the bucket's region in serviceUrl, as in https://s3.{region}.amazonaws.com/."),
        ),
        Trouble::Other => Fault::last(refused("was refused")),
    }
}

/// By how much our clock is off.
fn off(headers: &HeaderMap, now: Time) -> String {
    match skew(headers, now) {
        Some(seconds) => {
            let side = if seconds < 0 { "behind" } else { "ahead of" };
            format!("was refused: this machine's clock is {} s {side} the source's", seconds.abs())
        }
        None => "was refused: this machine's clock differs too much from the source's".to_string(),
    }
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
