//! Tokens: the one that never ends, and those that live for half an hour.

use super::text::{instant_text, mix};
use super::wire::{Failure, Query, Reply, Seen};
use super::{Account, config::Config, config::Switches};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How long an access token lives, in seconds.
pub(super) const LIFE: i64 = 1_800;

/// An access token.
#[derive(Debug, Clone)]
pub(super) struct Access {
    pub generation: u64,
    pub expires: i64,
    pub revoked: bool,
}

/// All tokens of the account.
#[derive(Clone)]
pub(super) struct Auth {
    pub account: Account,
    seed: u64,
    pub access: BTreeMap<String, Access>,
    /// Until when each refresh token works.
    pub refresh: BTreeMap<String, i64>,
    pub generation: u64,
    pub client_revoked: bool,
    pub static_revoked: bool,
    /// The next refresh gives a new refresh token, the old one living for so long.
    pub rotate: Option<i64>,
    pub refreshes: u64,
}

/// Who sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    /// With a static token.
    Static,
    /// With a token that ends.
    Oauth(u64),
}

fn hex(seed: u64, what: u64, digits: usize) -> String {
    let mut text = String::new();
    let mut at = 0;
    while text.len() < digits {
        text.push_str(&format!("{:016x}", mix(seed ^ what, at)));
        at += 1;
    }
    text.truncate(digits);
    text
}

fn uuid(seed: u64, what: u64) -> String {
    let digits = hex(seed, what, 32);
    format!("{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..])
}

impl Auth {
    pub fn new(config: &Config) -> Auth {
        let seed = mix(config.seed, 0x746f_6b65_6e73);
        let account = Account {
            client_id: uuid(seed, 1),
            client_secret: uuid(seed, 2),
            access_token: format!("CAT0{}", hex(seed, 3, 120)),
            refresh_token: format!("na1-{}", hex(seed, 4, 32)),
            private_app_token: format!("pat-na1-{}", uuid(seed, 5)),
            portal_id: config.portal_id,
        };
        let first = Access { generation: 0, expires: config.clock.start_ms + LIFE * 1_000, revoked: false };
        Auth {
            access: BTreeMap::from([(account.access_token.clone(), first)]),
            refresh: BTreeMap::from([(account.refresh_token.clone(), i64::MAX)]),
            account,
            seed,
            generation: 0,
            client_revoked: false,
            static_revoked: false,
            rotate: None,
            refreshes: 0,
        }
    }

    /// Who a bearer token belongs to.
    pub fn check(&self, authorization: Option<&str>, now: i64) -> Result<Caller, Failure> {
        let token = authorization
            .and_then(|text| text.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some((_, token)) = token else { return Err(invalid()) };
        let token = token.trim();
        if token == self.account.private_app_token && !self.static_revoked {
            return Ok(Caller::Static);
        }
        match self.access.get(token) {
            Some(access) if access.revoked || self.client_revoked => Err(invalid()),
            Some(access) if access.expires <= now => {
                let ago = (now - access.expires) / 1_000;
                let message = format!("The OAuth token used to make this call expired {ago} second(s) ago.");
                Err(Failure {
                    context: vec![("expire time", vec![instant_text(access.expires)])],
                    ..Failure::new(401, "EXPIRED_AUTHENTICATION", message)
                })
            }
            Some(access) => Ok(Caller::Oauth(access.generation)),
            None => Err(invalid()),
        }
    }

    /// The fields of a token request.
    fn form(seen: &Seen, switches: &Switches) -> Result<Query, Failure> {
        let kind = seen.content_type.as_deref().unwrap_or_default();
        if kind.starts_with("application/x-www-form-urlencoded") {
            return Ok(Query::parse(&String::from_utf8_lossy(&seen.body)));
        }
        if kind.starts_with("application/json") && switches.json_token_requests {
            let body = seen.json()?;
            let fields = body.as_object().into_iter().flatten();
            return Ok(Query(
                fields.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.into()))).collect(),
            ));
        }
        Err(refused("BAD_REQUEST", "invalid_request", "the body must be application/x-www-form-urlencoded"))
    }

    /// `POST /oauth/…/token`.
    pub fn token(
        &mut self,
        seen: &Seen,
        family: &str,
        scopes: &[String],
        switches: &Switches,
        now: i64,
    ) -> Result<Reply, Failure> {
        let form = Auth::form(seen, switches)?;
        match form.get("grant_type") {
            Some("refresh_token") => {}
            None | Some("") => return Err(refused("MISSING_GRANT_TYPE", "invalid_request", "grant_type is missing")),
            Some("authorization_code") => {
                return Err(refused("BAD_AUTH_CODE", "invalid_grant", "missing or unknown auth code"));
            }
            Some(_) => return Err(refused("BAD_GRANT_TYPE", "unsupported_grant_type", "grant_type is not supported")),
        }
        if form.get("client_id") != Some(&self.account.client_id) || self.client_revoked {
            return Err(refused("BAD_CLIENT_ID", "invalid_client", "missing or unknown client id"));
        }
        if form.get("client_secret") != Some(&self.account.client_secret) {
            return Err(refused("BAD_CLIENT_SECRET", "invalid_client", "missing or invalid client secret"));
        }
        let given = form.get("refresh_token").unwrap_or_default().to_string();
        if self.refresh.get(&given).is_none_or(|until| *until <= now) {
            let message = "refresh token is invalid, expired or revoked";
            return Err(refused("BAD_REFRESH_TOKEN", "invalid_grant", message));
        }
        self.refreshes += 1;
        self.generation += 1;
        let access = format!("CAT{}{}", self.generation, hex(self.seed, 100 + self.generation, 120));
        let lives = Access { generation: self.generation, expires: now + LIFE * 1_000, revoked: false };
        self.access.insert(access.clone(), lives);
        let mut refresh = given.clone();
        if let Some(grace) = self.rotate.take().or(switches.rotate_refresh_token) {
            refresh = format!("na1-{}", hex(self.seed, 1_000_000 + self.generation, 32));
            self.refresh.insert(given, now + grace);
            self.refresh.insert(refresh.clone(), i64::MAX);
        }
        let mut body = json!({ "token_type": "bearer", "access_token": access, "refresh_token": refresh,
            "expires_in": LIFE });
        if family != "v1"
            && let Some(fields) = body.as_object_mut()
        {
            fields.insert("hub_id".into(), self.account.portal_id.into());
            fields.insert("scopes".into(), json!(scopes));
            fields.insert("user_id".into(), 31.into());
            fields.insert("token_use".into(), "access_token".into());
        }
        Ok(Reply::value(&body))
    }

    /// What only the service itself can read.
    fn signed(&self, expires: i64) -> Value {
        json!({ "expiresAt": expires, "scopes": "", "hubId": self.account.portal_id, "userId": 31, "appId": 1_234_567,
            "appInstallId": "1", "audience": "", "signature": "", "newSignature": "", "scopeToScopeGroupPks": "",
            "hublet": "na1", "trialScopes": "", "trialScopeToScopeGroupPks": "", "isUserLevel": false,
            "isServiceAccount": false, "installingUserId": 31, "isPrivateDistribution": false })
    }

    fn details(&self, token: &str, scopes: &[String], now: i64) -> Option<Value> {
        let access = self.access.get(token).filter(|a| !a.revoked && a.expires > now)?;
        Some(json!({ "token": token, "user": "owner@example.test", "hub_domain": "example.test", "scopes": scopes,
            "signed_access_token": self.signed(access.expires),
            "hub_id": self.account.portal_id, "app_id": 1_234_567,
            "expires_in": (access.expires - now) / 1_000, "user_id": 31, "token_type": "access",
            "is_private_distribution": false }))
    }

    /// `GET /oauth/v1/access-tokens/{token}`.
    pub fn access_token(&self, token: &str, scopes: &[String], now: i64) -> Result<Reply, Failure> {
        let unknown = || refused("BAD_ACCESS_TOKEN", "invalid_request", "missing or unknown access token");
        self.details(token, scopes, now)
            .map(|body| Reply::value(&body))
            .ok_or_else(|| Failure { status: 404, ..unknown() })
    }

    /// `GET /oauth/v1/refresh-tokens/{token}`.
    pub fn refresh_token(&self, token: &str, scopes: &[String], now: i64) -> Result<Reply, Failure> {
        if self.refresh.get(token).is_none_or(|until| *until <= now) {
            let unknown = refused("BAD_REFRESH_TOKEN", "invalid_request", "missing or unknown refresh token");
            return Err(Failure { status: 404, ..unknown });
        }
        Ok(Reply::value(&json!({ "token": token, "user": "owner@example.test", "hub_domain": "example.test",
            "scopes": scopes, "hub_id": self.account.portal_id, "client_id": self.account.client_id,
            "user_id": 31, "token_type": "refresh" })))
    }

    /// `POST /oauth/…/token/introspect`.
    pub fn introspect(&self, seen: &Seen, scopes: &[String], switches: &Switches, now: i64) -> Result<Reply, Failure> {
        let form = Auth::form(seen, switches)?;
        if form.get("client_id").is_some_and(|id| id != self.account.client_id)
            || form.get("client_secret").is_some_and(|secret| secret != self.account.client_secret)
        {
            return Err(refused("BAD_CLIENT_SECRET", "invalid_client", "missing or invalid client secret"));
        }
        let token = form.get("token").unwrap_or_default();
        let body = if let Some(access) = self.access.get(token).filter(|a| !a.revoked && a.expires > now) {
            json!({ "active": true, "token_use": "access_token", "token_type": "bearer", "token": token,
                "client_id": self.account.client_id, "app_id": 1_234_567, "hub_id": self.account.portal_id,
                "user_id": 31, "user": "owner@example.test", "hub_domain": "example.test", "scopes": scopes,
                "expires_in": (access.expires - now) / 1_000, "is_private_distribution": false,
                "signed_access_token": self.signed(access.expires) })
        } else if self.refresh.get(token).is_some_and(|until| *until > now) {
            json!({ "active": true, "token_use": "refresh_token", "token_type": "bearer", "token": token,
                "client_id": self.account.client_id, "app_id": 1_234_567, "hub_id": self.account.portal_id,
                "user_id": 31, "user": "owner@example.test", "hub_domain": "example.test", "scopes": scopes })
        } else {
            json!({ "active": false })
        };
        Ok(Reply::value(&body))
    }

    /// `POST /oauth/…/token/revoke`.
    pub fn revoke(&mut self, seen: &Seen, switches: &Switches, path: &str, now: i64) -> Result<Reply, Failure> {
        let token = match path.split_once("/refresh-tokens/") {
            Some((_, token)) => super::wire::decoded(token.trim_end_matches('/')),
            None => Auth::form(seen, switches)?.get("token").unwrap_or_default().to_string(),
        };
        if let Some(until) = self.refresh.get_mut(&token) {
            *until = now;
        }
        if let Some(access) = self.access.get_mut(&token) {
            access.revoked = true;
        }
        Ok(Reply::json(204, String::new()))
    }

    /// Ends all access tokens.
    pub fn expire_all(&mut self, now: i64) {
        for access in self.access.values_mut() {
            access.expires = access.expires.min(now);
        }
    }
}

fn invalid() -> Failure {
    Failure::new(
        401,
        "INVALID_AUTHENTICATION",
        "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more \
         details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
    )
}

/// A refusal of the token endpoint, with the old fields and the standard ones.
pub(super) fn refused(status: &'static str, error: &str, message: &str) -> Failure {
    let whole = json!({ "error": error, "error_description": message, "status": status, "message": message });
    Failure { status: 400, whole: Some(whole.to_string()), ..Failure::default() }
}
