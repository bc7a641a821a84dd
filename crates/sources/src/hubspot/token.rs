//! Tokens: renewed before they expire, by one task of one process at a time, stored before they are used
//! (hubspot.md §3.2); and the first meeting with an account (§3.3).

use super::account::{Account, Token, connection_key};
use super::call::Ask;
use super::fault::{Fault, Policy, RECONNECT, Trouble};
use super::paths::Target;
use super::wire;
use crate::params::Params;
use crate::pause::{self, Pauses};
use crate::{Patience, Secrets};
use forebay_model::{Error, Kind, code};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long one process may take to renew.
const LEASE: Duration = Duration::from_secs(120);
/// How long to use the old token after a renewal failed.
const AGAIN: Duration = Duration::from_secs(20);
/// The life of a token whose answer does not say (§3.2).
const LIFETIME: u64 = 1800;

impl Account {
    /// A token that has enough life left, renewed first where it has not.
    pub(super) async fn token(self: &Arc<Self>, patience: Patience) -> Result<Token, Fault> {
        let (due, generation, access) = {
            let tokens = self.tokens();
            (tokens.due(Instant::now()), tokens.generation, tokens.access.clone())
        };
        match access {
            Some(text) if !due || self.app.is_none() => Ok(Token { text, generation }),
            _ => self.renew(generation, patience).await,
        }
    }

    /// Another token than the one of that generation. Whoever waits may give up; the renewal itself goes on to its end,
    /// since a token that was granted and not stored would be lost.
    pub(super) async fn renew(self: &Arc<Self>, generation: u64, patience: Patience) -> Result<Token, Fault> {
        let account = self.clone();
        let renewal = tokio::spawn(async move { account.renew_in_turn(generation, patience).await });
        renewal.await.map_err(|e| Error::internal("the renewal of a token broke off").caused_by(e))?
    }

    async fn renew_in_turn(self: &Arc<Self>, generation: u64, patience: Patience) -> Result<Token, Fault> {
        let _one = self.renewing.lock().await;
        if let Some(current) = self.current().filter(|token| token.generation != generation) {
            return Ok(current);
        }
        let renewable = self.app.is_some() && self.tokens().refresh.is_some();
        if !renewable {
            let message = "HubSpot did not accept the access token, and there is nothing to renew it with";
            return Err(Error::new(Kind::Refused, &code::FLOW_1102, message).advice(RECONNECT).into());
        }
        let holder = format!("{:016x}", getrandom::u64().unwrap_or_default());
        let name = format!("hubspot/renewal/{}", connection_key(&self.id));
        let started = Instant::now();
        while !self.vault.lease(&name, &holder, LEASE).await? {
            if started.elapsed() > LEASE * 2 {
                let message = "another process has been renewing the HubSpot token for too long";
                return Err(Error::new(Kind::Unavailable { retry_after: None }, &code::FLOW_1103, message).into());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let renewed = self.renew_alone(generation, patience).await;
        if let Err(e) = self.vault.lease(&name, &holder, Duration::ZERO).await {
            tracing::warn!("the lease of a token's renewal could not be given up: {e}");
        }
        renewed
    }

    /// The part of a renewal that one process does at a time.
    async fn renew_alone(self: &Arc<Self>, generation: u64, patience: Patience) -> Result<Token, Fault> {
        // Somebody else may have renewed it, or the user may have replaced it.
        let stored = self.vault.secrets(&self.id).await?;
        let given = Params::new(&serde_json::Value::Null, &stored);
        let used = given.secret(&["refreshToken"]);
        self.take_over(given.secret(&["accessToken"]), used.clone());
        if let Some(current) = self.current().filter(|token| token.generation != generation) {
            return Ok(current);
        }
        let unstored = self.tokens().unstored.clone();
        let (access, refresh, lifetime) = match unstored {
            Some(renewed) => renewed,
            None => match self.ask_for_token(patience).await {
                Ok(renewed) => renewed,
                Err(fault) => return self.old_token(generation, fault),
            },
        };
        self.tokens().unstored = Some((access.clone(), refresh.clone(), lifetime));
        // The user may have replaced the tokens meanwhile: theirs are not overwritten with what the old ones brought.
        let stored = self.vault.secrets(&self.id).await?;
        let now = Params::new(&serde_json::Value::Null, &stored);
        let text = |secret: Option<SecretString>| secret.map(|secret| secret.expose_secret().to_string());
        if text(now.secret(&["refreshToken"])) != text(used) {
            self.take_over(now.secret(&["accessToken"]), now.secret(&["refreshToken"]));
            if let Some(current) = self.current().filter(|token| token.generation != generation) {
                self.tokens().unstored = None;
                return Ok(current);
            }
        }
        let renewed =
            Secrets::from([("accessToken".to_string(), access.clone()), ("refreshToken".to_string(), refresh.clone())]);
        self.vault.renew(&self.id, renewed).await?;
        let mut tokens = self.tokens();
        tokens.put(access.clone(), refresh, lifetime);
        tracing::info!(connection = %self.id.connection, "the HubSpot token was renewed");
        Ok(Token { text: access, generation: tokens.generation })
    }

    /// The old token while it has life left; the renewal is tried again in a while.
    fn old_token(&self, generation: u64, fault: Fault) -> Result<Token, Fault> {
        let mut tokens = self.tokens();
        let alive = tokens.expires.is_some_and(|(expires, _)| expires > Instant::now());
        let passing = matches!(fault.error.kind, Kind::Unavailable { .. } | Kind::TooMany { .. } | Kind::TimedOut);
        match tokens.access.clone().filter(|_| alive && passing) {
            Some(text) => {
                tokens.not_before = Some(Instant::now() + AGAIN);
                tracing::warn!("the HubSpot token could not be renewed yet: {}", fault.error);
                Ok(Token { text, generation })
            }
            None => Err(fault),
        }
    }

    /// Asks the token endpoint, and again where that may help.
    async fn ask_for_token(
        self: &Arc<Self>,
        patience: Patience,
    ) -> Result<(SecretString, SecretString, Duration), Fault> {
        let (Some(app), Some(refresh)) = (&self.app, self.tokens().refresh.clone()) else {
            return Err(Error::internal("a token without an app cannot be renewed").into());
        };
        let body = form(&[
            ("grant_type", "refresh_token"),
            ("client_id", &app.id),
            ("client_secret", app.secret.expose_secret()),
            ("refresh_token", refresh.expose_secret()),
        ]);
        let ask = Ask::form(Target::Token, body);
        let granted = self.alone(&ask, patience, wire::granted).await?;
        // What was granted is stored even where the account turns out to be another: the old token may be dead.
        let lifetime = Duration::from_secs(granted.expires_in.filter(|left| *left > 0).unwrap_or(LIFETIME));
        let renewed = granted.refresh_token.map_or(refresh, SecretString::from);
        if let Some(scopes) = granted.scopes {
            self.facts().scopes = Some(scopes);
        }
        Ok((SecretString::from(granted.access_token), renewed, lifetime))
    }

    /// One call that proves who we are by itself, at whichever generation of paths answers.
    pub(super) async fn alone<T>(
        self: &Arc<Self>,
        ask: &Ask,
        patience: Patience,
        read: impl Fn(&[u8]) -> Result<T, &'static str>,
    ) -> Result<T, Fault> {
        let family = ask.target.family();
        let mut profile = self.profile(family);
        let mut pauses = Pauses::new(patience);
        let started = Instant::now();
        loop {
            // A renewal does not wait in a queue for those who wait for it.
            if ask.target != Target::Token {
                self.budget.take(false).await?;
            }
            let fault = match self.attempt(ask, profile, None).await {
                Ok(answer) => match read(&answer.body) {
                    Ok(found) => {
                        self.set_profile(family, profile);
                        return Ok(found);
                    }
                    Err(why) => Fault::odd(&ask.target, why),
                },
                Err(fault) => fault,
            };
            let wait = match (&fault.trouble, profile.next()) {
                (Trouble::Missing, Some(older)) => {
                    profile = older;
                    continue;
                }
                (Trouble::Limited { policy: Policy::Daily, .. }, _) => return Err(fault),
                (Trouble::Limited { wait, .. }, _) => Some(*wait),
                (Trouble::Passing | Trouble::Failing | Trouble::Blocked, _) => fault.wait,
                _ => return Err(fault),
            };
            // The lease of a renewal must outlast the renewal.
            match pauses.next(wait, pause::chance()) {
                Some(pause) if started.elapsed() + pause < LEASE / 2 => tokio::time::sleep(pause).await,
                _ => return Err(fault),
            }
        }
    }
}

/// A form, percent-encoded.
pub(super) fn form(fields: &[(&str, &str)]) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    fields.join("&")
}
