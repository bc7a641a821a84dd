//! What changes in a sandbox, told as it happens: a stream of server-sent events.
//!
//! The store has the changes in order and without gaps (`forebay_store::Change`), whichever process made them; a stream is
//! a place in that order, and the events' ids are its numbers. One task a sandbox and process asks the store for the last
//! number while somebody watches; a stream reads what is new when that number moves. It ends with the session, with the
//! right to the sandbox, and when the program stops.

use super::kinds::{kind, reading};
use crate::App;
use crate::caller::{Caller, caller};
use crate::params::Params;
use crate::problem::Problem;
use crate::serve::Stopping;
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chrono::TimeDelta;
use forebay_model::error::Kind;
use forebay_model::{Error, Result, Scope, Time, code};
use forebay_store::{Change, Store};
use futures::stream;
use http::request::Parts;
use http::{HeaderName, header};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use utoipa::ToSchema;

/// How often the store is asked for the last change, while somebody watches.
const POLL: Duration = Duration::from_millis(300);
/// How often a stream says that it is alive.
const BEAT: Duration = Duration::from_secs(15);
/// How often a stream looks at the clock.
const TICK: Duration = Duration::from_secs(1);
/// How often it is asked whether the caller may still watch, by the program's clock.
const RECHECK: TimeDelta = TimeDelta::seconds(60);
/// Streams of one client in this process.
const MOST: usize = 20;
/// Changes that are read at once.
const AT_ONCE: i64 = 500;

/// What an event tells.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChangeEvent {
    /// `flow`, `run`, `connection` and the like; also the event's name.
    kind: &'static str,
    /// Of the document.
    id: String,
    /// `created`, `updated` or `deleted`.
    action: String,
    /// Its state, if it has one.
    #[serde(skip_serializing_if = "String::is_empty")]
    state: String,
    /// When, in epoch milliseconds.
    at: i64,
    /// A run's flow.
    #[serde(skip_serializing_if = "String::is_empty")]
    flow_id: String,
}

/// Those who watch, in this process.
#[derive(Clone, Default)]
pub struct Watchers(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// The last change of each sandbox that is watched; -1 until it is known.
    heads: Mutex<HashMap<(String, String), watch::Sender<i64>>>,
    /// Open streams of each client.
    open: Mutex<HashMap<String, usize>>,
}

/// A stream's place among those of its client.
struct Seat {
    watchers: Watchers,
    client: String,
}

fn locked<K: Eq + Hash, V>(map: &Mutex<HashMap<K, V>>) -> MutexGuard<'_, HashMap<K, V>> {
    map.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Watchers {
    fn seat(&self, client: &str) -> Option<Seat> {
        let mut open = locked(&self.0.open);
        let count = open.entry(client.to_string()).or_default();
        if *count >= MOST {
            return None;
        }
        *count += 1;
        Some(Seat { watchers: self.clone(), client: client.to_string() })
    }

    /// The last change of a sandbox, as it moves.
    fn head(&self, store: &Store, scope: &Scope) -> watch::Receiver<i64> {
        let key = (scope.org.clone(), scope.sandbox.clone());
        let mut heads = locked(&self.0.heads);
        if let Some(head) = heads.get(&key) {
            return head.subscribe();
        }
        let (head, watched) = watch::channel(-1);
        heads.insert(key, head.clone());
        tokio::spawn(self.clone().poll(store.clone(), scope.clone(), head));
        watched
    }

    async fn poll(self, store: Store, scope: Scope, head: watch::Sender<i64>) {
        loop {
            match store.last_change(&scope).await {
                Ok(last) => {
                    head.send_if_modified(|known| std::mem::replace(known, last) != last);
                }
                Err(error) => tracing::warn!("the last change of a sandbox could not be read: {error}"),
            }
            tokio::time::sleep(POLL).await;
            // Nobody can begin to watch while the lock is held.
            let mut heads = locked(&self.0.heads);
            if head.receiver_count() == 0 {
                heads.remove(&(scope.org, scope.sandbox));
                return;
            }
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = locked(&self.watchers.0.open);
        if let Some(count) = open.get_mut(&self.client) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.client);
            }
        }
    }
}

/// One stream.
struct Feed {
    app: App,
    caller: Caller,
    /// The request, to ask again whether the caller may watch.
    parts: Parts,
    checked: Time,
    /// The last change that was told or passed over.
    at: i64,
    head: watch::Receiver<i64>,
    stopping: Option<watch::Receiver<bool>>,
    beat: Instant,
    /// What comes before anything else.
    first: Option<String>,
    _seat: Seat,
}

/// `GET /events`: what changes in the sandbox from now on, or from the event on that `Last-Event-ID` names. The event
/// `reset` says that everything may have changed.
#[utoipa::path(get, path = "/events", tag = "Events",
    params(("sandbox" = Option<String>, Query, description = "In place of the header"), ("last-event-id" = Option<String>, Header)),
    responses((status = 200, description = "Server-sent events, without end", body = ChangeEvent, content_type = "text/event-stream"),
        (status = 503, description = "The client has too many streams open")))]
pub async fn watch_events(
    State(app): State<App>,
    caller: Caller,
    params: Params,
    stopping: Option<Extension<Stopping>>,
    parts: Parts,
) -> Result<Response, Problem> {
    let seat = app.watchers.seat(&caller.member.client).ok_or_else(|| {
        let retry_after = Some(Duration::from_secs(30));
        let message = format!("the client watches {MOST} streams already, the most that it may");
        Error::new(Kind::TooMany { retry_after }, &code::HTTP_503, message).advice("Close one of them.")
    })?;
    let head = app.watchers.head(&app.store, &caller.scope);
    let last = app.store.last_change(&caller.scope).await?;
    let seen = parts.headers.get("last-event-id").and_then(|id| id.to_str().ok()).map(str::trim);
    let seen = seen.filter(|id| !id.is_empty()).or(params.one("lastEventId")?);
    let (at, begins) = match seen.map(str::parse::<i64>) {
        None => (last, ""),
        Some(Ok(seen)) if (0..=last).contains(&seen) => (seen, ""),
        // Not one of ours, or of a database that was put back.
        Some(_) => (last, "event: reset\ndata: {}\n"),
    };
    let feed = Feed {
        checked: app.now(),
        app,
        caller,
        parts,
        at,
        head,
        stopping: stopping.map(|Extension(Stopping(stopping))| stopping),
        beat: Instant::now() + BEAT,
        // The id counts from here on, though nothing has happened yet.
        first: Some(format!("retry: 1000\nid: {at}\n{begins}\n")),
        _seat: seat,
    };
    let events = stream::unfold(feed, async |mut feed| {
        let text = feed.next().await?;
        Some((Ok::<String, Infallible>(text), feed))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        // A proxy must not wait for more.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(events)).into_response())
}

impl Feed {
    /// The next piece of the stream; none at its end.
    async fn next(&mut self) -> Option<String> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            if !self.may_watch().await {
                return None;
            }
            let head = *self.head.borrow_and_update();
            if head >= 0
                && head != self.at
                && let Some(text) = self.news().await
            {
                self.beat = Instant::now() + BEAT;
                return Some(text);
            }
            tokio::select! {
                changed = self.head.changed() => changed.ok()?,
                () = tokio::time::sleep_until(self.beat) => {
                    self.beat = Instant::now() + BEAT;
                    return Some(":\n\n".into());
                }
                () = tokio::time::sleep(TICK) => {}
                () = stopped(&mut self.stopping) => return None,
            }
        }
    }

    /// Asks again, once a minute, what was asked when the stream began.
    async fn may_watch(&mut self) -> bool {
        let now = self.app.now();
        if now - self.checked < RECHECK {
            return true;
        }
        match caller(&self.parts, &self.app).await {
            Ok(caller) => {
                (self.caller, self.checked) = (caller, now);
                true
            }
            // It is not known: the next minute tells, or the token's end.
            Err(error) if matches!(error.kind, Kind::Unavailable { .. }) => {
                self.caller.member.token.as_ref().is_some_and(|token| now.timestamp() <= token.ends)
            }
            Err(_) => false,
        }
    }

    /// What is new, as text; none if nothing is.
    async fn news(&mut self) -> Option<String> {
        match self.app.store.changes(&self.caller.scope, self.at, AT_ONCE).await {
            Ok(Some(changes)) => {
                let last = changes.last()?.seq;
                let mut text: String = changes.into_iter().filter_map(|change| self.event(change)).collect();
                if text.is_empty() {
                    // Nothing that the caller may read: it goes on from here all the same.
                    text = format!("id: {last}\n\n");
                }
                self.at = last;
                Some(text)
            }
            Ok(None) => {
                self.at = self.app.store.last_change(&self.caller.scope).await.ok()?;
                Some(event(self.at, "reset", &json!({})))
            }
            Err(error) => {
                tracing::warn!("changes of a sandbox could not be read: {error}");
                None
            }
        }
    }

    fn event(&self, change: Change) -> Option<String> {
        let Some(resource) = change.kind else {
            return Some(event(change.seq, "reset", &json!({})));
        };
        if !self.caller.may(reading(resource)) {
            return None;
        }
        let kind = kind(resource);
        let told = ChangeEvent {
            kind,
            id: change.id,
            action: change.action,
            state: change.state,
            at: change.at,
            flow_id: change.flow,
        };
        Some(event(change.seq, kind, &serde_json::to_value(told).ok()?))
    }
}

/// Waits until the program is asked to stop.
async fn stopped(stopping: &mut Option<watch::Receiver<bool>>) {
    match stopping {
        Some(stopping) => {
            stopping.wait_for(|stop| *stop).await.ok();
        }
        None => std::future::pending().await,
    }
}

/// JSON has no line breaks of its own.
fn event(id: i64, name: &str, data: &Value) -> String {
    format!("id: {id}\nevent: {name}\ndata: {data}\n\n")
}
