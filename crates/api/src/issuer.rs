//! Another issuer of access tokens, by the operator's word: its tokens are accepted beside our own. Its keys are fetched
//! through the one gate, kept, and fetched anew when a token names a key that is not among them, though not too often.

use crate::jwt::{self, KeySet};
use forebay_model::error::Kind;
use forebay_model::{Error, Result, Time, code};
use forebay_sources::Gate;
use serde_json::{Map, Value};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use url::Url;

/// Keys are good for so many seconds, and for as many again while they cannot be fetched anew.
const FRESH: i64 = 600;
/// Seconds between two fetches that unknown keys ask for.
const AGAIN: i64 = 30;
/// Bytes of a key set.
const MAX_SET: usize = 1 << 20;
/// Characters of a name in a token.
const LONGEST: usize = 255;
/// Roles that one token may name.
const MOST_ROLES: usize = 100;

/// What the operator says of the issuer.
#[derive(Debug, Clone)]
pub struct IssuerSettings {
    /// `iss` of its tokens, exactly.
    pub issuer: String,
    /// `aud` of tokens that are for us.
    pub audience: String,
    /// Where its keys are.
    pub jwks_url: Url,
    /// The organization that all its users belong to; empty: the claim says it.
    pub organization: String,
    /// The claim that names the organization.
    pub organization_claim: String,
    /// The claim that names the user: who `createdBy` names, and whom roles are given to.
    pub user_claim: String,
    /// The claim that names the client, which is also the API key.
    pub client_claim: String,
    /// The claim that names roles of this server.
    pub roles_claim: String,
}

/// The issuer, and its keys as far as they are known.
pub struct Issuer {
    settings: IssuerSettings,
    gate: Gate,
    kept: RwLock<Kept>,
    /// One fetch at a time.
    turn: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Issuer").field(&self.settings.issuer).finish()
    }
}

#[derive(Clone, Default)]
struct Kept {
    keys: Arc<KeySet>,
    /// When they were fetched, in epoch seconds.
    fetched: Option<i64>,
    /// When that was last tried.
    tried: Option<i64>,
}

/// Whom the issuer vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// The organization.
    pub org: String,
    /// The user.
    pub user: String,
    /// The client that the token was issued to.
    pub client: String,
    /// Roles that the token names.
    pub roles: Vec<String>,
}

impl Issuer {
    /// An issuer whose keys come through `gate`.
    pub fn new(settings: IssuerSettings, gate: Gate) -> Issuer {
        Issuer { settings, gate, kept: RwLock::default(), turn: tokio::sync::Mutex::new(()) }
    }

    /// Whether a token says that it is of this issuer.
    pub fn is_of(&self, claims: &Map<String, Value>) -> bool {
        claims.get("iss").and_then(Value::as_str) == Some(&self.settings.issuer)
    }

    /// Whom a token of this issuer is about; 401013 if it is not good, 503 while its keys cannot be had.
    pub async fn check(&self, token: &str, now: Time) -> Result<Vouched> {
        let head = jwt::head(token).ok_or_else(invalid)?;
        let kid = head.kid.as_deref().ok_or_else(invalid)?;
        let keys = self.keys(kid, now.timestamp()).await?;
        if !keys.has(kid) {
            return Err(invalid());
        }
        let claims = keys.open(token, &head).ok_or_else(invalid)?;
        let ours = self.is_of(&claims) && jwt::is_for(&claims, |aud| aud == self.settings.audience);
        if !ours || !jwt::alive(&claims, now) || text(&claims, "sub").is_none() {
            return Err(invalid());
        }
        self.vouched(&claims).ok_or_else(invalid)
    }

    fn vouched(&self, claims: &Map<String, Value>) -> Option<Vouched> {
        let settings = &self.settings;
        let org = match settings.organization.as_str() {
            "" => text(claims, &settings.organization_claim)?,
            fixed => fixed.to_string(),
        };
        let user = text(claims, &settings.user_claim)?;
        // The accounts of our own clients are not the issuer's to hand out.
        if user.to_ascii_lowercase().ends_with(crate::tokens::ACCOUNT_DOMAIN) {
            return None;
        }
        let roles = match claim(claims, &settings.roles_claim) {
            Some(Value::Array(roles)) => roles.iter().filter_map(Value::as_str).map(str::to_string).collect(),
            Some(Value::String(roles)) => roles.split_whitespace().map(str::to_string).collect(),
            _ => Vec::new(),
        };
        let client = text(claims, &settings.client_claim)?;
        Some(Vouched { org, user, client, roles: roles.into_iter().take(MOST_ROLES).collect() })
    }

    fn kept(&self) -> Kept {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The keys; with one of that id among them if there is one to be had.
    async fn keys(&self, kid: &str, now: i64) -> Result<Arc<KeySet>> {
        let within = |moment: Option<i64>, seconds: i64| moment.is_some_and(|at| (now - at).abs() < seconds);
        let enough = |kept: &Kept| within(kept.fetched, FRESH) && kept.keys.has(kid);
        let kept = self.kept();
        if enough(&kept) {
            return Ok(kept.keys);
        }
        let turn = self.turn.lock().await;
        let mut kept = self.kept();
        if !enough(&kept) && !within(kept.tried, AGAIN) {
            kept.tried = Some(now);
            match self.fetch().await {
                Ok(keys) => (kept.keys, kept.fetched) = (Arc::new(keys), Some(now)),
                Err(error) => tracing::warn!(issuer = self.settings.issuer, "its keys could not be fetched: {error}"),
            }
            *self.kept.write().unwrap_or_else(PoisonError::into_inner) = kept.clone();
        }
        drop(turn);
        if within(kept.fetched, 2 * FRESH) {
            return Ok(kept.keys);
        }
        let kind = Kind::Unavailable { retry_after: Some(Duration::from_secs(AGAIN as u64)) };
        Err(Error::new(kind, &code::FLOW_1103, "the keys of the token's issuer cannot be fetched now")
            .advice("Try again."))
    }

    async fn fetch(&self) -> Result<KeySet> {
        let bytes = self.gate.fetch(&self.settings.jwks_url, MAX_SET).await?;
        let set = serde_json::from_slice::<Value>(&bytes).ok();
        let keys = set.as_ref().and_then(KeySet::parse).filter(|keys| keys.len() > 0);
        keys.ok_or_else(|| Error::new(Kind::Refused, &code::FLOW_1102, "there is no JWK set with a usable key"))
    }
}

/// A claim by its name, else by a path of names with dots between.
fn claim<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    let mut names = name.split('.');
    let mut value = claims.get(names.next()?)?;
    for name in names {
        value = value.get(name)?;
    }
    Some(value)
}

fn text(claims: &Map<String, Value>, name: &str) -> Option<String> {
    let text = claim(claims, name)?.as_str()?;
    let good = !text.is_empty() && text.chars().count() <= LONGEST && !text.chars().any(char::is_control);
    good.then(|| text.to_string())
}

fn invalid() -> Error {
    Error::new(Kind::Unauthenticated, &code::GATEWAY_401013, code::GATEWAY_401013.title)
}
