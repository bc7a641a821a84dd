//! How a command ends: its exit code, and what it says when it failed. Every failure ends with the next command to try.

use crate::output::{Screen, clean};
use forebay_model::Code;
use serde_json::{Value, json};
use std::fmt;

/// What every command returns.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// The exit codes, as `docs/book/command-line.md` tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// Failed, for a reason that has no code of its own.
    Failed = 1,
    /// The command line, a file or a value was wrong.
    Usage = 2,
    /// There is no such thing.
    NotFound = 3,
    /// Not signed in, or not allowed.
    Forbidden = 4,
    /// It has changed since it was read, or is in use.
    Conflict = 5,
    /// The run that was waited for failed.
    RunFailed = 6,
    /// The run ended well, but rows failed, and `--strict` was given.
    RowsFailed = 7,
    /// It did not end in the time that was given.
    TimedOut = 8,
    /// The plan has changes, and `--exit-code` was given.
    Changes = 9,
    /// Interrupted.
    Interrupted = 130,
}

/// Why a command did not do what it was told.
#[derive(Debug, Clone)]
pub struct Failure {
    /// How the program ends.
    pub exit: Exit,
    /// What failed and why. Empty: everything has been said.
    pub message: String,
    /// The server's code, such as `FLOW-1404-412`.
    pub code: Option<String>,
    /// Where: a JSON pointer, or a file with line and column.
    pub at: Option<String>,
    /// The id of the request, for whoever reads the server's log.
    pub request: Option<String>,
    /// The next command to try.
    pub next: Option<String>,
}

impl Failure {
    /// A failure with an exit code.
    pub fn new(exit: Exit, message: impl Into<String>) -> Failure {
        Failure { exit, message: message.into(), code: None, at: None, request: None, next: None }
    }

    /// The command line, a file or a value is wrong.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure::new(Exit::Usage, message)
    }

    /// Everything has been said; the program ends like this.
    pub fn silent(exit: Exit) -> Failure {
        Failure::new(exit, "")
    }

    /// Says where.
    pub fn at(mut self, at: impl Into<String>) -> Failure {
        self.at = Some(at.into());
        self
    }

    /// Says what to try next, unless something better is known already.
    pub fn next(mut self, next: impl Into<String>) -> Failure {
        self.next.get_or_insert(next.into());
        self
    }

    /// Tells it, on stderr.
    pub fn tell(&self, screen: &Screen) {
        if self.message.is_empty() {
            return;
        }
        if screen.machine() {
            screen.say_always(&json!({ "error": self.json() }).to_string());
            return;
        }
        let code = self.code.as_deref().map(|code| format!("{code}: ")).unwrap_or_default();
        screen.say_always(&format!("{} {code}{}", screen.bad("✖"), clean(&self.message)));
        if let Some(at) = &self.at {
            screen.say_always(&format!("  at {}", clean(at)));
        }
        if let Some(request) = &self.request {
            screen.say_always(&screen.dim(&format!("  request {}", clean(request))));
        }
        screen.say_always(&format!("  Try: {}", clean(&self.next_command())));
    }

    /// The next command to try; there always is one.
    pub fn next_command(&self) -> String {
        if let Some(next) = &self.next {
            return next.clone();
        }
        match (self.exit, &self.code) {
            (_, Some(code)) if Code::find(code).is_some() => format!("forebay explain {code}"),
            (Exit::Usage, _) => "forebay help".into(),
            (Exit::Forbidden, _) => "forebay login".into(),
            _ => "forebay doctor".into(),
        }
    }

    fn json(&self) -> Value {
        let mut shown = json!({ "exit": self.exit as u8, "message": self.message, "try": self.next_command() });
        for (name, value) in [("code", &self.code), ("at", &self.at), ("requestId", &self.request)] {
            if let Some(value) = value {
                shown[name] = json!(value);
            }
        }
        shown
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        match error.kind() {
            // Whoever reads us has seen enough.
            std::io::ErrorKind::BrokenPipe => Failure::silent(Exit::Ok),
            _ => Failure::new(Exit::Failed, error.to_string()),
        }
    }
}

/// The failure that an answer of the server tells of. The families of the API have different bodies.
pub fn of_answer(status: u16, body: &Value, request: Option<&str>) -> Failure {
    let exit = match status {
        401 | 403 => Exit::Forbidden,
        404 => Exit::NotFound,
        409 | 412 => Exit::Conflict,
        400 | 413 | 422 => Exit::Usage,
        504 => Exit::TimedOut,
        _ => Exit::Failed,
    };
    let text = |pointers: &[&str]| {
        let found = pointers.iter().filter_map(|pointer| body.pointer(pointer)?.as_str());
        found.map(str::trim).find(|text| !text.is_empty()).map(str::to_string)
    };
    let message = text(&[
        "/errorDetails",
        "/report/detailed-message",
        "/detail",
        "/details",
        "/error_description",
        "/message",
        "/errorMessage",
        "/title",
        "/error",
    ]);
    let mut failure = Failure::new(exit, message.unwrap_or_else(|| format!("the server answered {status}")));
    let code = text(&["/code", "/errorCode", "/error_code"]).or_else(|| {
        let kind = body["type"].as_str()?.rsplit('/').next()?.to_string();
        kind.contains('-').then_some(kind)
    });
    failure.code = code.filter(|code| code.len() <= 40);
    // The contract has its conflicts under 400 too.
    if matches!(failure.code.as_deref(), Some("FLOW-1404-412" | "FLOW-1418-400" | "FLOW-1447-400" | "FLOW-1403-400")) {
        failure.exit = Exit::Conflict;
    }
    failure.at = text(&["/report/pointer", "/pointer", "/param", "/report/at"]).or_else(|| {
        let span = body.pointer("/report/span").or_else(|| body.get("span"))?;
        Some(format!("characters {} to {}", span["start"], span["end"]))
    });
    failure.request = request.map(str::to_string).or_else(|| text(&["/report/request-id", "/requestId"]));
    let explained = failure.code.as_deref().is_some_and(|code| Code::find(code).is_some());
    if !explained && matches!(failure.exit, Exit::Usage | Exit::Conflict) {
        failure.next = Some("the same with -vv, to see the call and its answer".into());
    }
    if status == 412 {
        failure.next = Some("the same command again: it reads the new version first".into());
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, body: Value, exit: Exit, code: Option<&str>, message: &str) {
        let failure = of_answer(status, &body, None);
        assert_eq!((failure.exit, failure.code.as_deref(), failure.message.as_str()), (exit, code, message));
        assert!(!failure.next_command().is_empty());
    }

    #[test]
    fn each_family_of_bodies_is_read() {
        let flow = json!({ "type": "https://ns.adobe.com/aep/errors/FLOW-1404-412", "title": "t", "status": 412,
            "report": { "detailed-message": "old", "request-id": "r" }, "errorMessage": "m", "errorDetails": "changed" });
        check(412, flow, Exit::Conflict, Some("FLOW-1404-412"), "changed");
        check(
            403,
            json!({ "error_code": "403010", "message": "Oauth token is missing." }),
            Exit::Forbidden,
            Some("403010"),
            "Oauth token is missing.",
        );
        check(401, json!({ "error": "invalid_client" }), Exit::Forbidden, None, "invalid_client");
        check(404, json!({ "type": "/placeholder/type/uri", "detail": "none" }), Exit::NotFound, None, "none");
        check(409, json!({ "code": "PES-409", "message": "no" }), Exit::Conflict, Some("PES-409"), "no");
        check(502, Value::Null, Exit::Failed, None, "the server answered 502");
    }

    #[test]
    fn a_place_is_told() {
        let body = json!({ "report": { "pointer": "/auth/params/s3AccessKey" } });
        assert_eq!(of_answer(400, &body, None).at.as_deref(), Some("/auth/params/s3AccessKey"));
        let body = json!({ "report": { "span": { "start": 3, "end": 5 } } });
        assert_eq!(of_answer(400, &body, None).at.as_deref(), Some("characters 3 to 5"));
    }
}
