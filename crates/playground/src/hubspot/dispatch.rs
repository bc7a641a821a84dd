//! From a request to its answer: rules, tokens, limits, scopes, and then the call itself.

use super::config::{Limits, Switches};
use super::fault::{self, Action, Facts};
use super::journal::Entry;
use super::limits::Policy;
use super::oauth::Caller;
use super::property::Sensitivity;
use super::records::{self, Ask};
use super::route::{Op, Route, route};
use super::sim::{Sim, locked};
use super::text::mix;
use super::wire::{Failure, Reply, Seen};
use super::{associations, meta, search};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// How an answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Whole,
    Slow(u64),
    Stall(usize),
    Cut(usize, bool),
    Drop,
}

/// An answer, and what is done to it on its way.
pub(super) struct Outcome {
    pub reply: Reply,
    pub delay: Duration,
    pub ending: Ending,
    pub content_type: Option<String>,
    pub now: i64,
}

impl Sim {
    /// Answers a request.
    pub(super) fn answer(&self, seen: &Seen) -> Outcome {
        self.moved_by_request();
        self.settle();
        let now = self.now_ms();
        let settings = self.settings();
        let (limits, switches) = (&settings.0, &settings.1);
        let number = self.correlations.fetch_add(1, Ordering::SeqCst) + 1;
        let correlation = correlation(self.config.seed, number);
        let route = route(&seen.method, seen.path());
        let token = seen.authorization.as_deref().unwrap_or_default();
        let object = self.object_name(route.as_ref());
        let call = route.as_ref().map_or("unknown", |route| route.call);
        let facts = Facts { method: &seen.method, path: seen.path(), call, object: &object, token, now };
        let fired = locked(&self.rules).fire(&facts);
        let action = fired.as_ref().map(|(_, action)| action);

        let mut caller = None;
        let expired = self
            .auth()
            .check(seen.authorization.as_deref(), now)
            .is_err_and(|f| f.category == Some("EXPIRED_AUTHENTICATION"));
        let answered = match action.map(|action| self.before(action, seen, &object, now)) {
            Some(Err(failure)) => Err(failure),
            _ => self.call(seen, route.as_ref(), limits, switches, now, &mut caller),
        };
        let mut reply = answered.unwrap_or_else(|failure| failure.reply(&correlation));
        reply.correlation = correlation.clone();
        if call != "search" && route.is_some() && call != "token" {
            self.rate_headers(&mut reply, limits, caller);
        }
        let mut outcome = Outcome { reply, delay: self.config.latency, ending: Ending::Whole, content_type: None, now };
        if let Some(action) = action {
            super::damage::after(action, seen, &mut outcome);
            if *action == Action::ExpireTokensAfter {
                self.expire_tokens();
            }
        }
        let returned = outcome.reply.returned.take();
        let entry = Entry {
            number,
            real_ms: self.real_ms(),
            at_ms: now,
            method: seen.method.clone(),
            template: route.as_ref().map_or_else(|| "unknown".into(), |route| route.template.clone()),
            call: call.into(),
            object: object.clone(),
            target: seen.target.chars().take(2_048).collect(),
            received: seen.body.len(),
            sent: outcome.reply.body.len(),
            status: outcome.reply.status,
            rule: fired.as_ref().map(|(at, _)| *at),
            token: match caller {
                Some(Caller::Oauth(generation)) => Some(generation),
                _ => None,
            },
            expired,
            levels: locked(&self.windows).levels(),
            records: returned.as_ref().map_or(0, |(_, ids)| ids.len()),
            correlation,
        };
        let secret = self.secret_in(&seen.target, call);
        let strays = route.as_ref().map(|route| super::strays::of(&route.op, seen)).unwrap_or_default();
        locked(&self.journal).note(entry, secret, strays);
        self.follow(call, &object, returned.map(|(_, ids)| ids));
        outcome
    }

    /// Does what was to happen after this answer.
    fn follow(&self, call: &str, object: &str, returned: Option<Vec<u64>>) {
        let due = locked(&self.scripts).after(call, object);
        for mutation in due {
            self.apply_at(&mutation, returned.as_deref(), self.now_ms());
        }
    }

    fn moved_by_request(&self) {
        let ms = self.per_request.load(Ordering::SeqCst);
        if ms > 0 {
            self.advance(Duration::from_millis(ms));
        }
    }

    fn object_name(&self, route: Option<&Route>) -> String {
        let Some(name) = route.and_then(|route| route.object.as_deref()) else { return String::new() };
        let world = self.world();
        world.kind(name).map_or_else(|| name.into(), |kind| world.kinds[kind].def.plural.clone())
    }

    fn secret_in(&self, target: &str, call: &str) -> bool {
        // These have the token in their path: nobody can help it.
        if matches!(call, "access_token" | "refresh_token" | "revoke") {
            return false;
        }
        let auth = self.auth();
        let account = &auth.account;
        [&account.client_secret, &account.refresh_token, &account.private_app_token]
            .into_iter()
            .chain(auth.access.keys())
            .any(|secret| target.contains(secret.as_str()))
    }

    /// What a rule does before the call is looked at; an error is the answer.
    fn before(&self, action: &Action, seen: &Seen, object: &str, now: i64) -> Result<(), Failure> {
        let portal = self.config.portal_id;
        match action {
            Action::RateLimit { policy, retry_after, named } => {
                return Err(policy.failure(portal, *named, *retry_after));
            }
            Action::ExpireTokens => self.auth().expire_all(now),
            Action::RevokeRefresh => self.auth().refresh.values_mut().for_each(|until| *until = now),
            Action::RevokeClient => self.auth().client_revoked = true,
            Action::RemoveApp => {
                let mut auth = self.auth();
                auth.static_revoked = true;
                auth.access.values_mut().for_each(|access| access.revoked = true);
                auth.refresh.values_mut().for_each(|until| *until = now);
            }
            Action::Rotate { grace } => self.auth().rotate = Some(*grace),
            Action::AuthFlap => return Err(fault::status(401)),
            Action::DropScope => {
                let world = self.world();
                let kind = world.kind(object);
                let scope = kind.map_or("crm.objects.custom.read", |kind| world.kinds[kind].def.scope);
                return Err(meta::missing_scope(scope));
            }
            Action::Status(status) => return Err(fault::status(*status)),
            Action::Answer { status, headers, body } => {
                let headers = headers.iter().filter_map(|(name, value)| Some((header_name(name)?, value.clone())));
                return Err(Failure {
                    headers: headers.collect(),
                    ..Failure { status: *status, whole: Some(body.clone()), ..Failure::default() }
                });
            }
            Action::Migration { retry_after } => {
                let headers = vec![("retry-after", retry_after.to_string())];
                return Err(Failure { headers, ..Failure::plain(477, "Migration in progress") });
            }
            Action::CursorExpired if seen.query().get("after").is_some() => {
                return Err(Failure::invalid("The paging cursor is not valid any more"));
            }
            Action::VersionOff => return Err(unknown_path(seen.path())),
            Action::Redirect { to } => {
                return Err(Failure { headers: vec![("location", to.clone())], ..Failure::html(302, "") });
            }
            Action::Html => {
                return Err(Failure::html(
                    200,
                    "<!DOCTYPE html><html><body>Please wait while we check your browser</body></html>",
                ));
            }
            Action::Empty => return Err(Failure { status: 200, whole: Some(" ".into()), ..Failure::default() }),
            _ => {}
        }
        Ok(())
    }

    fn call(
        &self,
        seen: &Seen,
        route: Option<&Route>,
        limits: &Limits,
        switches: &Switches,
        now: i64,
        caller: &mut Option<Caller>,
    ) -> Result<Reply, Failure> {
        if "https://".len() + seen.host.len() + seen.target.len() > switches.url_bytes {
            return Err(super::too_long());
        }
        let route = route.filter(|route| !switches.families_off.contains(&route.family));
        let Some(route) = route else { return Err(unknown_path(seen.path())) };
        let family = route.family.as_str();
        if route.op.of_tokens() {
            // Before the tokens are locked: no lock is taken under another that may be taken the other way round.
            let scopes = self.scopes();
            let mut auth = self.auth();
            return match &route.op {
                Op::Token => auth.token(seen, family, &scopes, switches, now),
                Op::Introspect => auth.introspect(seen, &scopes, switches, now),
                Op::AccessToken(token) => auth.access_token(token, &scopes, now),
                Op::RefreshToken(token) => auth.refresh_token(token, &scopes, now),
                _ => auth.revoke(seen, switches, seen.path(), now),
            };
        }
        *caller = Some(self.auth().check(seen.authorization.as_deref(), now)?);
        self.admit(route, limits, switches, now)?;
        match &route.op {
            Op::Account => return Ok(meta::account(self.config.portal_id)),
            Op::DailyUsage => return Ok(meta::usage(locked(&self.windows).today, limits.daily, now)),
            _ => {}
        }
        let world = self.world();
        let kind = match &route.object {
            Some(name) => self.kind_for(&world, name, &route.op)?,
            None => 0,
        };
        if route.op.writes() {
            drop(world);
            return self.write(seen, &route.op, kind, family);
        }
        let sees = self.sees(&world.kinds[kind].def.plural);
        let ask = Ask { world: &world, kind, now, switches, family, sees };
        let target = |name: &str| self.kind_for(&world, name, &route.op);
        match &route.op {
            Op::List => records::list(&ask, seen),
            Op::One(id) => records::one(&ask, seen, id),
            Op::BatchRead => records::batch_read(&ask, seen),
            Op::Search if !world.kinds[kind].def.searchable && family == "v3" => Err(unknown_path(seen.path())),
            Op::Search => search::search(&ask, seen),
            Op::Properties => meta::properties(&ask, seen),
            Op::Property(name) => meta::property(&ask, seen, name),
            Op::PropertiesBatch => meta::properties_batch(&ask, seen),
            Op::Schemas => self.scope("crm.schemas.custom.read").and_then(|()| meta::schemas(&world, seen)),
            Op::Schema => Ok(meta::schema_of(&ask)),
            Op::Enablement => Ok(meta::enablement(&world)),
            Op::EnablementOf => Ok(Reply::value(&serde_json::json!({ "enablement": !world.kinds[kind].def.off }))),
            Op::Associations(to) => associations::batch(&ask, seen, target(to)?, false),
            Op::AssociationsOld(to) => associations::batch(&ask, seen, target(to)?, true),
            Op::AssociationsOne(id, to) => associations::one(&ask, seen, id, target(to)?),
            Op::Labels(to) => Ok(associations::labels(&ask, target(to)?, family == "v3")),
            Op::Owners => self.scope("crm.objects.owners.read").and_then(|()| meta::owners(&ask, seen)),
            Op::Owner(id) => meta::owner_of(&ask, seen, id),
            Op::Pipelines => meta::pipelines(&ask, None, false),
            Op::Pipeline(id) => meta::pipelines(&ask, Some(id), false),
            Op::Stages(id) => meta::pipelines(&ask, Some(id), true),
            Op::ListsSearch => self.scope("crm.lists.read").and_then(|()| meta::lists_search(&world, seen)),
            Op::ListOne(id) => meta::list_one(&world, id),
            Op::ListMembers(id, joined) => meta::list_members(&ask, seen, id, *joined),
            Op::Emails => self.scope("content").and_then(|()| meta::marketing(&ask, seen, "emails")),
            Op::Forms => self.scope("forms").and_then(|()| meta::marketing(&ask, seen, "forms")),
            Op::Campaigns => {
                self.scope("marketing.campaigns.read").and_then(|()| meta::marketing(&ask, seen, "campaigns"))
            }
            _ => Err(unknown_path(seen.path())),
        }
    }

    fn admit(&self, route: &Route, limits: &Limits, switches: &Switches, now: i64) -> Result<(), Failure> {
        let search = route.op == Op::Search;
        let clock = if limits.virtual_time { now } else { self.real_ms() as i64 };
        let in_burst = !search || switches.search_in_burst;
        match locked(&self.windows).admit(limits, search, in_burst, clock, now) {
            None => Ok(()),
            Some(policy) => {
                let named = !(policy == Policy::Secondly && switches.search_429_without_policy);
                Err(policy.failure(self.config.portal_id, named, None))
            }
        }
    }

    fn rate_headers(&self, reply: &mut Reply, limits: &Limits, caller: Option<Caller>) {
        let windows = locked(&self.windows);
        let most = limits.burst.unwrap_or(super::limits::UNLIMITED);
        reply.headers.push(("x-hubspot-ratelimit-max", most.to_string()));
        reply.headers.push(("x-hubspot-ratelimit-remaining", windows.remaining(limits).to_string()));
        reply.headers.push(("x-hubspot-ratelimit-interval-milliseconds", "10000".into()));
        reply.headers.push(("x-hubspot-ratelimit-secondly", (most / 10).to_string()));
        reply.headers.push(("x-hubspot-ratelimit-secondly-remaining", (most / 10).to_string()));
        if caller == Some(Caller::Static) {
            let daily = limits.daily.unwrap_or(super::limits::UNLIMITED);
            reply.headers.push(("x-hubspot-ratelimit-daily", daily.to_string()));
            let left = daily.saturating_sub(windows.today);
            reply.headers.push(("x-hubspot-ratelimit-daily-remaining", left.to_string()));
        }
    }

    /// The type that a path names, if the account has it and granted its scope.
    fn kind_for(&self, world: &super::state::World, name: &str, op: &Op) -> Result<usize, Failure> {
        let numbered = name.split_once('-').is_some_and(|(a, b)| a.parse::<u32>().is_ok() && b.parse::<u64>().is_ok());
        let unknown = || match numbered {
            true => Failure::plain(400, format!("Invalid object or event type id: {name}")),
            false => Failure::plain(400, format!("Unable to infer object type from: {name}")),
        };
        let kind = world.kind(name).ok_or_else(unknown)?;
        let def = &world.kinds[kind].def;
        // The bare name of a custom type works on some calls only.
        let bare = def.custom() && name == def.plural;
        if bare && matches!(op, Op::Properties | Op::Property(_) | Op::PropertiesBatch) {
            return Err(unknown());
        }
        if def.off && !matches!(op, Op::EnablementOf) {
            return Err(unknown());
        }
        self.scope(def.scope)?;
        Ok(kind)
    }

    fn scope(&self, scope: &str) -> Result<(), Failure> {
        match self.config.missing_scopes.iter().any(|missing| missing == scope) {
            true => Err(meta::missing_scope(scope)),
            false => Ok(()),
        }
    }

    /// The most sensitive properties of a type that may be read.
    pub(super) fn sees(&self, plural: &str) -> Sensitivity {
        let granted =
            |level: &str| !self.config.missing_scopes.contains(&format!("crm.objects.{plural}.{level}.read.v2"));
        match (granted("sensitive"), granted("highly_sensitive")) {
            (true, true) => Sensitivity::Highly,
            (true, false) => Sensitivity::Sensitive,
            _ => Sensitivity::Plain,
        }
    }

    fn scopes(&self) -> Vec<String> {
        let world = self.world();
        let mut all: Vec<String> = world.kinds.iter().map(|kind| kind.def.scope.to_string()).collect();
        for other in [
            "oauth",
            "crm.objects.owners.read",
            "crm.schemas.custom.read",
            "crm.lists.read",
            "content",
            "forms",
            "marketing.campaigns.read",
            "crm.objects.contacts.sensitive.read.v2",
            "crm.objects.contacts.highly_sensitive.read.v2",
        ] {
            all.push(other.into());
        }
        all.sort();
        all.dedup();
        all.retain(|scope| !self.config.missing_scopes.contains(scope));
        all
    }
}

fn unknown_path(path: &str) -> Failure {
    let body = format!(
        "<html>\n<head>\n<title>Error 404 Not Found</title>\n</head>\n<body><h2>HTTP ERROR 404</h2>\n\
         <p>Problem accessing {path}. Reason:\n<pre>    Not Found</pre></p>\n</body>\n</html>\n"
    );
    Failure::html(404, body)
}

fn header_name(name: &str) -> Option<&'static str> {
    ["retry-after", "location", "content-type", "x-hubspot-ratelimit-max", "x-hubspot-ratelimit-remaining"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name))
}

/// A number that looks like a UUID, by the number of the request.
fn correlation(seed: u64, number: u64) -> String {
    let (a, b) = (mix(seed ^ 0x636f72, number), mix(seed ^ 0x7272, number));
    format!(
        "{:08x}-{:04x}-4{:03x}-8{:03x}-{:012x}",
        a >> 32,
        a >> 16 & 0xffff,
        a & 0xfff,
        b >> 48 & 0xfff,
        b & 0xffff_ffff_ffff
    )
}
