//! What an answer that is not the one we wanted means: one table from Azure's codes and statuses to our kinds.

use super::sign::Credentials;
use crate::files::{Fault, Named, retry_after, skew, told};
use crate::redact;
use forebay_model::{Error, Kind, Time, code};
use http::{HeaderMap, StatusCode};

/// Azure refuses a request whose date is further off than this, in seconds.
const SKEW: i64 = 15 * 60;

/// Reads an answer that is not a success. A `HEAD` has the code in a header and no body.
pub(super) fn of_answer(
    named: &Named,
    credentials: &Credentials,
    status: StatusCode,
    headers: &HeaderMap,
    body: &[u8],
    now: Time,
) -> Fault {
    let told = told(body);
    let secrets = [credentials.secret()];
    let header = headers.get("x-ms-error-code").and_then(|value| value.to_str().ok());
    let code = redact::shown(header.unwrap_or(&told.code), &secrets);
    // What follows the first line is the request's id and time.
    let message = told.message.lines().next().unwrap_or_default();
    let why = match (message.is_empty(), told.detail.is_empty()) {
        (_, false) => redact::shown(&format!("{message} {}", told.detail), &secrets),
        (false, true) => redact::shown(message, &secrets),
        (true, true) => String::new(),
    };
    let reason = match (code.is_empty(), why.is_empty()) {
        (true, true) => format!("status {}", status.as_u16()),
        (true, false) => format!("status {}: {why}", status.as_u16()),
        (false, true) => code.clone(),
        (false, false) => format!("{code}: {why}"),
    };
    // Some servers call a proof that is wrong a lack of rights, and say so in the message alone.
    let code = if message.starts_with("Server failed to authenticate") { "AuthenticationFailed" } else { &code };
    judged(named, credentials, status, code, &reason, headers, now).after(retry_after(headers, now))
}

fn judged(
    named: &Named,
    credentials: &Credentials,
    status: StatusCode,
    code: &str,
    reason: &str,
    headers: &HeaderMap,
    now: Time,
) -> Fault {
    let error = |kind, code, what: &str| Error::new(kind, code, format!("{named} {what} ({reason})"));
    let refused = |what: &str| error(Kind::Refused, &code::FLOW_1102, what);
    match code {
        "AuthenticationFailed"
        | "InvalidAuthenticationInfo"
        | "NoAuthenticationInformation"
        | "AccountIsDisabled"
        | "AccountBeingCreated"
        | "KeyBasedAuthenticationNotPermitted" => {
            let (what, advice) = sign_in(credentials, code, skew(headers, now), now);
            Fault::of_sign_in(refused(&what).advice(advice))
        }
        "BlobArchived" | "BlobBeingRehydrated" => Fault::last(
            refused("was refused: it lies in the archive tier")
                .advice("Move it to the hot or cool tier, and run again."),
        ),
        "ConditionNotMet" | "InvalidRange" => {
            Fault::changed(format!("{named} failed: the blob changed while it was read ({reason})"))
        }
        "ServerBusy" | "InternalError" | "OperationTimedOut" | "ContainerBeingDeleted" => busy(error),
        "ContainerNotFound" | "BlobNotFound" | "ResourceNotFound" | "ContainerDisabled" | "InvalidResourceName" => {
            missing(error)
        }
        _ => match status.as_u16() {
            401 | 403 => Fault::last(refused("was refused: access is denied").advice(denied(code))),
            404 => missing(error),
            412 | 416 => Fault::changed(format!("{named} failed: the blob changed while it was read ({reason})")),
            408 | 429 | 500..=599 => busy(error),
            300..=399 => Fault::last(refused("was refused: the answer points to another address").advice(
                "Give the endpoint itself: BlobEndpoint in the connection string, or the host of the SAS URI.",
            )),
            _ => Fault::last(refused("was refused")),
        },
    }
}

fn missing(error: impl Fn(Kind, &'static code::Code, &str) -> Error) -> Fault {
    let error = error(Kind::NotFound, &code::FLOW_1101, "was not found");
    Fault::last(error.advice("Explore the connection to see what it holds."))
}

fn busy(error: impl Fn(Kind, &'static code::Code, &str) -> Error) -> Fault {
    let error = error(Kind::Unavailable { retry_after: None }, &code::FLOW_1103, "failed: the source is busy");
    Fault::passing(error.advice("Try again later."))
}

/// Why the credentials were not accepted, as far as it can be told from here.
fn sign_in(credentials: &Credentials, code: &str, skew: Option<i64>, now: Time) -> (String, &'static str) {
    let not_accepted = |why: &str| format!("was refused: the credentials were not accepted{why}");
    if code.starts_with("Account") {
        return (not_accepted(""), "Check the state of the storage account.");
    }
    if code == "KeyBasedAuthenticationNotPermitted" {
        return (
            not_accepted(""),
            "The account takes no keys. Allow them in its configuration, or use a signature that a user delegated.",
        );
    }
    if let Some(seconds) = skew.filter(|seconds| seconds.abs() > SKEW) {
        let side = if seconds < 0 { "behind" } else { "ahead of" };
        let why = format!(": this machine's clock is {} s {side} the source's", seconds.abs());
        return (not_accepted(&why), "Set this machine's clock.");
    }
    match credentials {
        Credentials::Key { .. } => (
            not_accepted(""),
            "Check AccountName and AccountKey: the key does not belong to the account, or it was replaced by a new one.",
        ),
        Credentials::Signature(signature) => match (signature.start, signature.expiry) {
            (_, Some(expiry)) if expiry <= now => (
                not_accepted(&format!(": the signature expired at {}", expiry.format("%Y-%m-%dT%H:%M:%SZ"))),
                "Make a new shared access signature and store it: PATCH the connection, op replace, path /auth/params/sasUri \
                 (or connectionString).",
            ),
            (Some(start), _) if start > now => (
                not_accepted(&format!(": the signature is good from {}", start.format("%Y-%m-%dT%H:%M:%SZ"))),
                "Wait until then, or make a shared access signature that begins earlier.",
            ),
            _ => (
                not_accepted(""),
                "Check the shared access signature: it must be whole (sig=… included), made with a key that is still in use, and \
                 meant for this account or container.",
            ),
        },
    }
}

/// What a signature or account lacks.
fn denied(code: &str) -> &'static str {
    match code {
        "AuthorizationPermissionMismatch" => {
            "Make a shared access signature with the permissions read and list (sp=rl)."
        }
        "AuthorizationResourceTypeMismatch" => {
            "Make a shared access signature for services, containers and objects (srt=sco), or name the container of this \
             connection in the parameter container."
        }
        "AuthorizationServiceMismatch" => "Make a shared access signature for the service Blob (ss=b).",
        "AuthorizationProtocolMismatch" => "The signature is for https alone: write the endpoint with https.",
        "AuthorizationSourceIPMismatch" => "The signature is for other addresses than this machine's (sip).",
        "PublicAccessNotPermitted" => "The account takes no request without a sign-in.",
        _ => {
            "Give the key or signature read and list on the container; a signature for one container needs that container \
             in its address or in the parameter container. The account's firewall may refuse this machine."
        }
    }
}

#[cfg(test)]
#[path = "fault_tests.rs"]
mod tests;
