//! `forebay explain`: what an error code means. Needs no server.

use crate::failure::{Exit, Result};
use crate::names;
use crate::output::{Column, Screen, number, text};
use clap::Args;
use forebay_model::{Code, code};
use serde_json::{Value, json};

/// `forebay explain`
#[derive(Debug, Clone, Args)]
pub struct Explain {
    /// The code, such as FLOW-1404-412; all of them if none is named.
    #[arg(add = crate::completion::codes())]
    code: Option<String>,
}

const LIST: &[Column] = &[text("CODE", "/code"), number("STATUS", "/status"), text("TITLE", "/title")];

const ONE: &[Column] =
    &[text("code", "/code"), text("title", "/title"), number("status", "/status"), text("means", "/text")];

fn json_of(code: &Code) -> Value {
    json!({ "code": code.id, "title": code.title, "status": code.status, "text": code.text })
}

pub fn run(screen: &Screen, args: &Explain) -> Result<Exit> {
    let Some(wanted) = &args.code else {
        let rows: Vec<Value> = code::ALL.iter().map(|code| json_of(code)).collect();
        screen.list(LIST, &rows)?;
        return Ok(Exit::Ok);
    };
    match Code::find(wanted.trim()) {
        Some(code) => {
            screen.one(ONE, &json_of(code))?;
            Ok(Exit::Ok)
        }
        None => {
            let all: Vec<&str> = code::ALL.iter().map(|code| code.id).collect();
            // A code is often written without its status.
            let begins = all.iter().find(|id| id.to_lowercase().starts_with(&format!("{}-", wanted.to_lowercase())));
            let mut failure = names::unknown("error code", wanted, &all);
            if let Some(id) = begins {
                failure.message = format!("there is no error code {wanted:?}. Did you mean {id:?}?");
            }
            Err(failure.next("forebay explain"))
        }
    }
}
