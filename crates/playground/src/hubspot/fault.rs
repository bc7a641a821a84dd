//! Rules that make the account misbehave: when a rule fits, and what it does.

use super::limits::Policy;
use super::text::mix;
use serde::{Deserialize, Serialize};

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Action {
    /// 429.
    RateLimit {
        /// Which limit is said to be reached.
        policy: Policy,
        /// Seconds of `Retry-After`.
        retry_after: Option<u64>,
        /// With `policyName`.
        named: bool,
    },
    /// All access tokens end now, before the request is looked at.
    ExpireTokens,
    /// They end once the request is answered.
    ExpireTokensAfter,
    /// The refresh tokens end now.
    RevokeRefresh,
    /// The client's id is not known any more.
    RevokeClient,
    /// All access is withdrawn: tokens, refresh tokens, the static token.
    RemoveApp,
    /// The next refresh gives a new refresh token; the old one lives for so many milliseconds more.
    Rotate {
        /// Milliseconds.
        grace: i64,
    },
    /// 401 `INVALID_AUTHENTICATION`.
    AuthFlap,
    /// 403 for a scope that is not granted.
    DropScope,
    /// A status with the body that the service has for it.
    Status(u16),
    /// A status with this body.
    Answer {
        /// The status.
        status: u16,
        /// Names and values.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// 477: the account is moving; come back after so many seconds.
    Migration {
        /// Seconds.
        retry_after: u64,
    },
    /// Answered later.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// The body comes slowly.
    Slow {
        /// Bytes a second.
        bytes_per_second: u64,
    },
    /// Headers and so many bytes of the body, then nothing.
    Stall {
        /// Bytes.
        after: usize,
    },
    /// The connection ends without an answer.
    Drop,
    /// The connection ends after so many bytes of the body.
    Cut {
        /// Bytes.
        after: usize,
        /// The answer said how long it would be; otherwise its end looks like the end.
        with_length: bool,
    },
    /// The answer is not JSON any more.
    Corrupt,
    /// 200 with a page for people.
    Html,
    /// 200 with nothing.
    Empty,
    /// The right body called something else.
    ContentType(String),
    /// The page before is given once more, with the cursor of this one.
    DoublePage,
    /// No results, and a cursor.
    EmptyPage,
    /// The cursor that was given is given again.
    RepeatCursor,
    /// 400 for a cursor.
    CursorExpired,
    /// This family of paths is not there: 404.
    VersionOff,
    /// Every `every`-th id of a batch is not there.
    BatchPartial {
        /// Every how many.
        every: usize,
        /// 200 instead of 207.
        as_200: bool,
        /// `id` instead of `ids` in the errors.
        single: bool,
    },
    /// 302 to this address.
    Redirect {
        /// The address.
        to: String,
    },
    /// The first record has a value of so many bytes.
    Big {
        /// Bytes.
        bytes: usize,
    },
}

/// A rule: everything that is set must fit. Rules are asked in their order; the first that fits is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Rule {
    /// `GET`.
    pub method: Option<String>,
    /// A part of the path, or a pattern with `*`.
    pub path: Option<String>,
    /// The word for the call: `list`, `search`, `batch_read`, `token` …
    pub call: Option<String>,
    /// The object type, by its plural name.
    pub object: Option<String>,
    /// A part of the bearer token.
    pub token: Option<String>,
    /// From this fitting request on, from 1.
    pub first: u64,
    /// To this one.
    pub last: u64,
    /// Of those every so many.
    pub every: u64,
    /// Of those this share, by the account's seed.
    pub probability: f64,
    /// From this virtual instant on.
    pub from_ms: i64,
    /// Until before this one.
    pub until_ms: i64,
    /// What happens.
    pub action: Action,
}

impl Default for Rule {
    fn default() -> Rule {
        Rule {
            method: None,
            path: None,
            call: None,
            object: None,
            token: None,
            first: 1,
            last: u64::MAX,
            every: 1,
            probability: 1.0,
            from_ms: i64::MIN,
            until_ms: i64::MAX,
            action: Action::Status(500),
        }
    }
}

impl Rule {
    /// A rule for every request.
    pub fn new(action: Action) -> Rule {
        Rule { action, ..Rule::default() }
    }

    /// Only for this call: `list`, `one`, `batch_read`, `search`, `properties`, `associations`, `owners`, `token` …
    pub fn call(self, call: &str) -> Rule {
        Rule { call: Some(call.into()), ..self }
    }

    /// Only for this object type.
    pub fn object(self, object: &str) -> Rule {
        Rule { object: Some(object.into()), ..self }
    }

    /// Only for this method.
    pub fn method(self, method: &str) -> Rule {
        Rule { method: Some(method.into()), ..self }
    }

    /// Only for paths with this part, or that match this pattern with `*`.
    pub fn path(self, path: &str) -> Rule {
        Rule { path: Some(path.into()), ..self }
    }

    /// Only for the `n`-th fitting request, from 1.
    pub fn nth(self, n: u64) -> Rule {
        Rule { first: n, last: n, ..self }
    }

    /// Only for so many fitting requests from `first` on.
    pub fn times(self, first: u64, count: u64) -> Rule {
        Rule { first, last: first.saturating_add(count) - 1, ..self }
    }

    /// Only for every `n`-th.
    pub fn every(self, n: u64) -> Rule {
        Rule { every: n.max(1), ..self }
    }

    /// Only for this share.
    pub fn probability(self, share: f64) -> Rule {
        Rule { probability: share, ..self }
    }

    /// Only between two instants of the virtual clock.
    pub fn between(self, from_ms: i64, until_ms: i64) -> Rule {
        Rule { from_ms, until_ms, ..self }
    }
}

/// A request as rules see it.
pub(super) struct Facts<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub call: &'a str,
    pub object: &'a str,
    pub token: &'a str,
    pub now: i64,
}

/// The rules and how often each was fitted and used.
#[derive(Default)]
pub(super) struct Rules {
    all: Vec<(Rule, u64)>,
    seed: u64,
}

impl Rules {
    pub fn new(seed: u64) -> Rules {
        Rules { all: Vec::new(), seed: mix(seed, 0x66_6175_6c74) }
    }

    pub fn add(&mut self, rule: Rule) {
        self.all.push((rule, 0));
    }

    pub fn clear(&mut self) {
        self.all.clear();
    }

    /// The first rule that fits. Later ones are not asked and do not count.
    pub fn fire(&mut self, facts: &Facts) -> Option<(usize, Action)> {
        for (at, (rule, seen)) in self.all.iter_mut().enumerate() {
            if !fits(rule, facts) {
                continue;
            }
            *seen += 1;
            if !(rule.first..=rule.last).contains(seen) || !(*seen - rule.first).is_multiple_of(rule.every.max(1)) {
                continue;
            }
            let drawn = (mix(self.seed ^ at as u64, *seen) >> 11) as f64 / (1u64 << 53) as f64;
            if drawn < rule.probability {
                return Some((at, rule.action.clone()));
            }
        }
        None
    }
}

fn fits(rule: &Rule, facts: &Facts) -> bool {
    let same = |wanted: &Option<String>, is: &str| wanted.as_ref().is_none_or(|wanted| wanted == is);
    same(&rule.method, facts.method)
        && same(&rule.call, facts.call)
        && same(&rule.object, facts.object)
        && rule.path.as_ref().is_none_or(|path| matches(path, facts.path))
        && rule.token.as_ref().is_none_or(|part| facts.token.contains(part.as_str()))
        && (rule.from_ms..rule.until_ms).contains(&facts.now)
}

/// A pattern with stars fits the whole path; one without is a part of it.
fn matches(pattern: &str, path: &str) -> bool {
    if !pattern.contains('*') {
        return path.contains(pattern);
    }
    let mut rest = path;
    for (at, piece) in pattern.split('*').enumerate() {
        match rest.find(piece) {
            Some(0) => rest = &rest[piece.len()..],
            Some(found) if at > 0 => rest = &rest[found + piece.len()..],
            _ => return false,
        }
    }
    pattern.ends_with('*') || rest.is_empty()
}

/// A status as the service words it.
pub(super) fn status(status: u16) -> super::wire::Failure {
    use super::wire::Failure;
    match status {
        400 => Failure::invalid("Invalid input"),
        401 => Failure::new(401, "INVALID_AUTHENTICATION", "Authentication credentials not found."),
        403 => Failure::html(403, "<html><head><title>403 Forbidden</title></head><body>Access denied</body></html>"),
        404 => Failure::not_found(),
        414 => super::too_long(),
        423 => Failure::plain(423, "The resource is locked. Wait at least 2 seconds before trying again."),
        477 => {
            Failure { headers: vec![("retry-after", "3600".into())], ..Failure::plain(477, "Migration in progress") }
        }
        502 | 520..=526 | 530 => {
            Failure::html(status, format!("<html><head><title>{status}</title></head><body>cloudflare</body></html>"))
        }
        503 => Failure::plain(503, "service unavailable"),
        504 => Failure::plain(504, "The request timed out"),
        _ => Failure::plain(status, "internal error"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_with_stars_fit_the_whole_path() {
        assert!(matches("/objects/", "/crm/v3/objects/contacts"));
        assert!(matches("/crm/*/contacts", "/crm/v3/objects/contacts"));
        assert!(!matches("/crm/*/contacts", "/crm/v3/objects/contacts/1"));
        assert!(matches("*/search", "/crm/v3/objects/deals/search"));
        assert!(matches("/crm/*", "/crm/v3"));
        assert!(!matches("/oauth/*", "/crm/oauth/v3"));
    }

    #[test]
    fn rules_count_what_fits_them() {
        let mut rules = Rules::new(1);
        rules.add(Rule::new(Action::Drop).call("list").nth(2));
        let facts = |call| Facts { method: "GET", path: "/", call, object: "", token: "", now: 0 };
        let fired: Vec<bool> =
            ["list", "one", "list", "list"].iter().map(|call| rules.fire(&facts(call)).is_some()).collect();
        assert_eq!(fired, [false, false, true, false]);
    }
}
