//! `forebay api`: any call, with credentials.

use crate::Session;
use crate::client::{Call, FLOW, call};
use crate::failure::{Exit, Failure, Result};
use crate::output::Format;
use clap::Args;
use reqwest::Method;
use serde_json::Value;
use std::io::Read;

/// `forebay api`
#[derive(Debug, Clone, Args)]
pub struct Api {
    /// GET, POST, PUT, PATCH or DELETE; a path alone is a GET.
    method: String,
    /// The path, with its query. What does not begin with /data, /ims, /health, /metrics or /openapi.json is of Flow
    /// Service; /forebay/… is what is offered beyond the public contract.
    path: Option<String>,
    /// The body: JSON, `@FILE`, or `-` for stdin.
    #[arg(long, short)]
    body: Option<String>,
    /// A header, such as `Accept: application/yaml`.
    #[arg(long, short = 'H', value_name = "NAME: VALUE")]
    header: Vec<String>,
    /// The etag that a change is made from; `*` for any.
    #[arg(long, value_name = "ETAG")]
    if_match: Option<String>,
}

pub async fn run(session: &Session, args: Api) -> Result<Exit> {
    let (method, path) = match &args.path {
        Some(path) => (args.method.to_uppercase(), path.clone()),
        None if args.method.starts_with('/') => ("GET".into(), args.method.clone()),
        None => return Err(Failure::usage("the path is missing").next("forebay api GET '/flows?limit=5'")),
    };
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];
    if !known.contains(&method.as_str()) {
        return Err(crate::names::unknown("method", &method, &known).next("forebay api GET '/flows?limit=5'"));
    }
    let method: Method = method.parse().map_err(|_| Failure::usage("that is no method"))?;
    let mut call: Call = call(method, full(&path)?);
    for header in &args.header {
        let Some((name, value)) = header.split_once(':') else {
            return Err(Failure::usage(format!("{header:?} is no header: it has no colon")).next("forebay api --help"));
        };
        // Lives as long as the process: a command line has few headers.
        call.headers.push((Box::leak(name.trim().to_lowercase().into_boxed_str()), value.trim().to_string()));
    }
    if let Some(etag) = args.if_match {
        call.headers.push(("if-match", etag));
    }
    call.body = args.body.as_deref().map(body).transpose()?;
    let answer = session.client.send(call).await?;
    if let Some(etag) = &answer.etag {
        session.screen.tell(1, &format!("etag {etag}"));
    }
    match (&answer.body, session.screen.format) {
        (Value::Null, _) if answer.text.is_empty() => session.screen.say(&format!("{}: no body", answer.status)),
        (Value::Null, _) => session.screen.print(&answer.text)?,
        (body, Format::Yaml) => session.screen.print(&crate::output::yaml(body)?)?,
        (body, Format::Jsonl) => match body["items"].as_array() {
            Some(items) => session.screen.list(&[], items)?,
            None => session.screen.print(&body.to_string())?,
        },
        (body, _) => session.screen.print(&format!("{body:#}"))?,
    }
    Ok(Exit::Ok)
}

fn full(path: &str) -> Result<String> {
    if !path.starts_with('/') {
        return Err(
            Failure::usage(format!("{path:?} is no path: it begins with /")).next("forebay api GET '/flows?limit=5'")
        );
    }
    let literal = ["/data/", "/ims/", "/health", "/metrics", "/openapi.json"];
    if literal.iter().any(|start| path.starts_with(start)) {
        return Ok(path.into());
    }
    match path.strip_prefix("/forebay/") {
        Some(rest) => Ok(format!("/data/foundation/forebay/{rest}")),
        None => Ok(format!("{FLOW}{path}")),
    }
}

fn body(given: &str) -> Result<Value> {
    let text = match given.strip_prefix('@') {
        Some(file) => {
            std::fs::read_to_string(file).map_err(|e| Failure::usage(format!("{file} cannot be read: {e}")))?
        }
        None if given == "-" => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            text
        }
        None => given.to_string(),
    };
    serde_json::from_str(&text).map_err(|e| {
        Failure::usage(format!("the body is no JSON: {e}")).at(format!("line {} column {}", e.line(), e.column()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_paths_are_of_flow_service() {
        for (given, expected) in [
            ("/flows?limit=5", "/data/foundation/flowservice/flows?limit=5"),
            ("/forebay/overview", "/data/foundation/forebay/overview"),
            ("/data/foundation/catalog/dataSets", "/data/foundation/catalog/dataSets"),
            ("/health", "/health"),
        ] {
            assert_eq!(full(given).unwrap(), expected);
        }
        assert_eq!(full("flows").unwrap_err().exit, Exit::Usage);
    }
}
