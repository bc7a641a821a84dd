//! The control port: what tests may do to the account, as JSON over HTTP. The API's port knows nothing of it.
//!
//! Bodies are those of the types of the same names: a [`Rule`], a [`Mutation`], a [`Plan`], [`Limits`], [`Switches`].

use super::config::{Limits, Switches};
use super::fault::Rule;
use super::script::{Mutation, When};
use super::serve::Body;
use super::sim::{Plan, Sim};
use super::wire::Query;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Serves the control port until it is dropped.
pub(super) async fn serve(listener: TcpListener, sim: Arc<Sim>) {
    let mut connections = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let sim = sim.clone();
                connections.spawn(async move {
                    let service = service_fn(move |request| handle(sim.clone(), request));
                    let connection = hyper::server::conn::http1::Builder::new()
                        .timer(TokioTimer::new())
                        .serve_connection(TokioIo::new(stream), service);
                    // Its client went.
                    let _ = connection.await;
                });
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn handle(sim: Arc<Sim>, request: Request<Incoming>) -> Result<Response<Body>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let path = parts.uri.path().to_string();
    let (status, kind, text) = match answer(&sim, parts.method.as_str(), &path, &query, &body) {
        Ok(Said::Json(value)) => (200, "application/json", value.to_string()),
        Ok(Said::Lines(text)) => (200, "application/x-ndjson", text),
        Err((status, message)) => (status, "application/json", json!({ "message": message }).to_string()),
    };
    let mut response = Response::new(BodyExt::boxed(Full::new(Bytes::from(text)).map_err(|never| match never {})));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert("content-type", http::HeaderValue::from_static(kind));
    Ok(response)
}

enum Said {
    Json(Value),
    Lines(String),
}

type Answer = Result<Said, (u16, String)>;

fn parsed<T: DeserializeOwned>(body: &[u8]) -> Result<T, (u16, String)> {
    serde_json::from_slice(body).map_err(|e| (400, format!("the body could not be read: {e}")))
}

fn done() -> Answer {
    Ok(Said::Json(json!({})))
}

fn answer(sim: &Sim, method: &str, path: &str, query: &Query, body: &[u8]) -> Answer {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let ["__sim", rest @ ..] = &parts[..] else { return Err((404, "the control port has /__sim/… only".into())) };
    if let ["truth" | "associations" | "ids", object, ..] = rest
        && !sim.has(object)
    {
        return Err((404, format!("there is no object type {object}")));
    }
    match (method, rest) {
        ("GET", ["clock"]) => Ok(Said::Json(json!({ "nowMs": sim.now_ms() }))),
        ("POST", ["clock"]) => {
            let wanted: Value = parsed(body)?;
            let ms = wanted["advanceMs"].as_u64().or(wanted["advance_ms"].as_u64());
            sim.advance(Duration::from_millis(ms.unwrap_or(0)));
            if let Some(ms) = wanted["perRequestMs"].as_u64() {
                sim.set_request_time(Duration::from_millis(ms));
            }
            Ok(Said::Json(json!({ "nowMs": sim.now_ms() })))
        }
        ("GET", ["account"]) => {
            let account = sim.account();
            Ok(Said::Json(json!({ "clientId": account.client_id, "clientSecret": account.client_secret,
                "accessToken": account.access_token, "refreshToken": account.refresh_token,
                "privateAppToken": account.private_app_token, "portalId": account.portal_id })))
        }
        ("GET", ["requests"]) => {
            let entry = |entry| serde_json::to_string(entry).unwrap_or_default() + "\n";
            Ok(Said::Lines(sim.requests().iter().map(entry).collect()))
        }
        ("DELETE", ["requests"]) => {
            sim.forget_requests();
            done()
        }
        ("GET", ["summary"]) => Ok(Said::Json(json!(sim.summary()))),
        ("GET", ["ids", object]) => Ok(Said::Json(json!({ "live": sim.ids(object),
            "archived": sim.archived_ids(object), "purged": sim.purged_ids(object) }))),
        ("GET", ["truth", object]) => {
            let mut lines = String::new();
            let archived = query.get("archived") == Some("true");
            sim.each_truth(object, archived, |record| {
                lines.push_str(record);
                lines.push('\n');
            });
            Ok(Said::Lines(lines))
        }
        ("GET", ["truth", object, "merges"]) => {
            let merged = |(old, new): (u64, u64)| (old.to_string(), Value::String(new.to_string()));
            Ok(Said::Json(Value::Object(sim.merges(object).into_iter().map(merged).collect())))
        }
        ("GET", ["associations", from, to]) => {
            let line = |row: Value| row.to_string() + "\n";
            Ok(Said::Lines(sim.association_truth(from, to).into_iter().map(line).collect()))
        }
        ("POST", ["minimum"]) => Ok(Said::Json(json!({ "requests": sim.minimum(&parsed::<Plan>(body)?) }))),
        ("POST", ["faults"]) => {
            let rules: Value = parsed(body)?;
            let rules = if rules.is_array() { rules } else { json!([rules]) };
            let rules: Vec<Rule> = serde_json::from_value(rules).map_err(|e| (400, format!("no rule: {e}")))?;
            rules.into_iter().for_each(|rule| sim.fault(rule));
            done()
        }
        ("DELETE", ["faults"]) => {
            sim.clear_faults();
            done()
        }
        ("POST", ["script"]) => {
            #[derive(serde::Deserialize)]
            struct Script {
                when: When,
                mutation: Mutation,
            }
            let script: Script = parsed(body)?;
            known(sim, &script.mutation)?;
            sim.script(script.when, script.mutation);
            done()
        }
        ("DELETE", ["script"]) => {
            sim.clear_scripts();
            done()
        }
        ("POST", ["mutate"]) => {
            let mutation: Mutation = parsed(body)?;
            known(sim, &mutation)?;
            sim.apply(&mutation);
            done()
        }
        ("POST", ["limits"]) => {
            sim.set_limits(parsed::<Limits>(body)?);
            done()
        }
        ("GET", ["switches"]) => Ok(Said::Json(json!(sim.switches()))),
        ("POST", ["switches"]) => {
            // What is not named stays.
            let mut all = json!(sim.switches());
            let changes: serde_json::Map<String, Value> = parsed(body)?;
            for (name, value) in changes {
                if all.get(&name).is_none() {
                    return Err((400, format!("there is no switch {name}")));
                }
                all[&name] = value;
            }
            let switches: Switches = serde_json::from_value(all).map_err(|e| (400, format!("no switches: {e}")))?;
            sim.set_switches(switches);
            done()
        }
        ("POST", ["scenario"]) => {
            let name: Value = parsed(body)?;
            let name = name["name"].as_str().unwrap_or_default();
            if !sim.scenario(name) {
                return Err((400, format!("there is no scenario {name}; there are {:?}", super::scenario::SCENARIOS)));
            }
            done()
        }
        ("POST", ["tokens", "expire"]) => {
            sim.expire_tokens();
            done()
        }
        ("POST", ["reset"]) => {
            sim.reset();
            done()
        }
        ("POST", ["snapshot"]) => {
            sim.snapshot();
            done()
        }
        ("POST", ["restore"]) => match sim.restore_snapshot() {
            true => done(),
            false => Err((409, "there is no snapshot".into())),
        },
        _ => Err((404, format!("the control port has no {method} {path}"))),
    }
}

fn known(sim: &Sim, mutation: &Mutation) -> Result<(), (u16, String)> {
    match mutation.objects().into_iter().find(|object| !sim.has(object)) {
        Some(object) => Err((400, format!("there is no object type {object}"))),
        None => Ok(()),
    }
}
