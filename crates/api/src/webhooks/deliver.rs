//! The loop that tells webhooks: it takes deliveries from the store's queue, sends each through the gate, and notes what came
//! of it. Any number of processes may run it.

use super::{SECRET, key};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::TimeDelta;
use forebay_model::error::Kind;
use forebay_model::{Error, Resource, Result, Time, code};
use forebay_sources::Gate;
use forebay_store::{Delivery, Outcome, Store};
use futures::future::join_all;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::json;
use sha2::Sha256;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use url::Url;

/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a delivery is ours: longer than a try takes.
const LEASE: Duration = Duration::from_secs(60);
/// Deliveries that are tried at once.
const AT_ONCE: usize = 8;
/// The longest sleep: another process may have put something into the queue.
const TICK: Duration = Duration::from_secs(5);
/// Seconds before each try after the first. After the last, nobody is told.
const PAUSES: &[i64] = &[10, 60, 300, 1_800, 7_200, 21_600, 43_200];
/// How long deliveries that ended are shown.
const KEPT: TimeDelta = TimeDelta::days(30);
/// How often older ones are looked for.
const PRUNE: Duration = Duration::from_secs(3600);

/// Tells webhooks how runs end.
#[derive(Clone)]
pub struct Deliverer {
    /// Has the queue.
    pub store: Store,
    /// The way out.
    pub gate: Gate,
    /// Tells the time.
    pub clock: Arc<dyn Fn() -> Time + Send + Sync>,
}

impl Deliverer {
    /// Delivers until `stop`. A try that is under way is ended and noted.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut changed = self.store.changed();
        let mut pruned: Option<Instant> = None;
        loop {
            if pruned.is_none_or(|at| at.elapsed() > PRUNE) {
                pruned = Some(Instant::now());
                if let Err(error) = self.store.prune_deliveries((self.clock)() - KEPT).await {
                    tracing::warn!(%error, "old deliveries could not be removed; it is tried again");
                }
            }
            changed.borrow_and_update();
            let nap = match self.deliver_due().await {
                Ok(0) => self.nap().await,
                Ok(_) => Duration::ZERO,
                Err(error) => {
                    tracing::warn!(%error, "webhooks could not be told; it is tried again");
                    TICK
                }
            };
            tokio::select! {
                () = &mut stop => return,
                () = tokio::time::sleep(nap) => {}
                _ = changed.changed(), if !nap.is_zero() => {}
            }
        }
    }

    /// Until the next delivery is due.
    async fn nap(&self) -> Duration {
        match self.store.next_delivery().await {
            Ok(Some(due)) => {
                (due - (self.clock)()).to_std().unwrap_or_default().clamp(Duration::from_millis(200), TICK)
            }
            _ => TICK,
        }
    }

    /// Tries what is due, a few at once; answers how many.
    pub async fn deliver_due(&self) -> Result<usize> {
        let mut claimed = Vec::new();
        while claimed.len() < AT_ONCE
            && let Some(delivery) = self.store.claim_delivery((self.clock)(), LEASE).await?
        {
            claimed.push(delivery);
        }
        let count = claimed.len();
        for noted in join_all(claimed.into_iter().map(|delivery| self.attempt(delivery))).await {
            noted?;
        }
        Ok(count)
    }

    /// One try, and a note of it.
    async fn attempt(&self, delivery: Delivery) -> Result<()> {
        let (at, began) = ((self.clock)(), Instant::now());
        let result = self.send(&delivery, at).await;
        let mut attempt = json!({ "at": at.timestamp_millis(), "millis": began.elapsed().as_millis() as u64 });
        let last = delivery.document.body["attempts"].as_array().map_or(0, Vec::len);
        let again = match PAUSES.get(last) {
            Some(seconds) => Outcome::Retry((self.clock)() + TimeDelta::seconds(*seconds)),
            None => Outcome::Failed,
        };
        let outcome = match result {
            Ok(status) => {
                attempt["status"] = json!(status);
                match status {
                    200..300 => Outcome::Delivered,
                    // The receiver says that it will not come back.
                    410 => Outcome::Failed,
                    _ => again,
                }
            }
            Err(error) => {
                attempt["error"] = json!({ "code": error.code.id, "message": error.message });
                if error.kind == Kind::Invalid { Outcome::Failed } else { again }
            }
        };
        let id = &delivery.document.id;
        if outcome == Outcome::Failed {
            tracing::warn!(delivery.id = %id, webhook.id = %delivery.webhook, "a webhook was not told: its tries are used up");
        }
        self.store.note_delivery(&delivery, attempt, outcome, (self.clock)()).await?;
        Ok(())
    }

    /// Sends a delivery to where its webhook is now, signed with the secret that it has now.
    async fn send(&self, delivery: &Delivery, at: Time) -> Result<u16> {
        let scope = &delivery.scope;
        let webhook = self.store.get(scope, Resource::Webhook, &delivery.webhook).await?;
        if webhook.text("/state") != Some("enabled") {
            return Err(Error::new(Kind::Invalid, &code::FLOW_1422, "the webhook is disabled"));
        }
        let url = Url::parse(webhook.text("/url").unwrap_or_default())
            .map_err(|error| Error::internal("A webhook's address cannot be read.").caused_by(error))?;
        let secrets = self.store.secrets(scope, Resource::Webhook, &delivery.webhook).await?;
        let key = secrets.get(SECRET).and_then(key).ok_or_else(|| Error::internal("A webhook has no key."))?;
        let body = delivery.document.body["payload"].to_string();
        let headers = headers(&delivery.document.id, at, &body, &key)?;
        self.gate.post(&url, headers, Bytes::from(body), PATIENCE).await
    }
}

/// The headers of "Standard Webhooks": a receiver computes the signature anew, and knows a repetition by its id.
fn headers(id: &str, at: Time, body: &str, key: &[u8]) -> Result<HeaderMap> {
    let seconds = at.timestamp().to_string();
    let mut mac = Hmac::<Sha256>::new_from_slice(key)
        .map_err(|error| Error::internal("A webhook's key cannot sign.").caused_by(error))?;
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF-8"));
    for (name, value) in [("webhook-id", id), ("webhook-timestamp", &seconds), ("webhook-signature", &signature)] {
        let value = HeaderValue::from_str(value)
            .map_err(|error| Error::internal("A webhook's header cannot be written.").caused_by(error))?;
        headers.insert(HeaderName::from_static(name), value);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_specification() {
        // The example of the open specification.
        let secret = secrecy::SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let at = Time::from_timestamp(1_614_265_330, 0).unwrap();
        let found =
            headers("msg_p5jXN8AQM9LWM0D4loKWxJek", at, r#"{"test": 2432232314}"#, &key(&secret).unwrap()).unwrap();
        assert_eq!(found["webhook-signature"], "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_eq!(found["webhook-timestamp"], "1614265330");
    }
}
