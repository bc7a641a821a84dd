//! What rules do to an answer that is right.

use super::dispatch::{Ending, Outcome};
use super::fault::Action;
use super::wire::Seen;
use serde_json::{Value, json};
use std::time::Duration;

/// Applies a rule to an answer.
pub(super) fn after(action: &Action, seen: &Seen, outcome: &mut Outcome) {
    match action {
        Action::Delay { ms } => outcome.delay += Duration::from_millis(*ms),
        Action::Slow { bytes_per_second } => outcome.ending = Ending::Slow((*bytes_per_second).max(1)),
        Action::Stall { after } => outcome.ending = Ending::Stall(*after),
        Action::Drop => outcome.ending = Ending::Drop,
        Action::Cut { after, with_length } => outcome.ending = Ending::Cut(*after, *with_length),
        Action::ContentType(name) => outcome.content_type = Some(name.clone()),
        Action::Html => outcome.content_type = Some("text/html;charset=utf-8".into()),
        Action::Empty => outcome.reply.body.clear(),
        Action::Corrupt => {
            // In the middle, so that the first and the last byte look right.
            let half = (0..=outcome.reply.body.len() / 2).rev().find(|at| outcome.reply.body.is_char_boundary(*at));
            outcome.reply.body.insert_str(half.unwrap_or(0), "\"}]}{");
        }
        Action::DoublePage => edit(outcome, |body| {
            if let Some(results) = body.get_mut("results").and_then(Value::as_array_mut) {
                let again = results.clone();
                results.extend(again);
            }
        }),
        Action::EmptyPage => edit(outcome, |body| {
            if body.get("paging").is_some() {
                body["results"] = json!([]);
            }
        }),
        Action::RepeatCursor => {
            let query = seen.query();
            let mine = serde_json::from_slice::<Value>(&seen.body).ok().and_then(|body| body.get("after").cloned());
            let given = query.get("after").map(|after| Value::String(after.into())).or(mine);
            if let Some(given) = given {
                edit(outcome, |body| {
                    if body["paging"]["next"]["after"].is_string() {
                        body["paging"]["next"]["after"] = given;
                    }
                });
            }
        }
        Action::BatchPartial { every, as_200, single } => {
            let status = outcome.reply.status;
            edit(outcome, |body| leave_out(body, (*every).max(1), *single));
            if matches!(status, 200 | 207) {
                outcome.reply.status = if *as_200 { 200 } else { 207 };
            }
        }
        Action::Big { bytes } => edit(outcome, |body| {
            let first = body.get_mut("results").and_then(Value::as_array_mut).and_then(|all| all.first_mut());
            let record = match first {
                Some(first) => first,
                None => body,
            };
            if let Some(properties) = record.get_mut("properties").and_then(Value::as_object_mut)
                && let Some((_, value)) =
                    properties.iter_mut().find(|(name, _)| !name.contains("date") && *name != "hs_object_id")
            {
                *value = Value::String("x".repeat(*bytes));
            }
        }),
        _ => {}
    }
}

fn edit(outcome: &mut Outcome, change: impl FnOnce(&mut Value)) {
    if let Ok(mut body) = serde_json::from_str::<Value>(&outcome.reply.body) {
        change(&mut body);
        outcome.reply.body = body.to_string();
    }
}

fn leave_out(body: &mut Value, every: usize, single: bool) {
    let Some(results) = body.get_mut("results").and_then(Value::as_array_mut) else { return };
    let mut gone = Vec::new();
    let mut at = 0usize;
    results.retain(|record| {
        at += 1;
        let keep = !at.is_multiple_of(every);
        if !keep {
            gone.push(record["id"].clone());
        }
        keep
    });
    if gone.is_empty() {
        return;
    }
    let error = |context: Value| {
        json!({ "status": "error", "category": "OBJECT_NOT_FOUND",
            "message": "Could not get some objects, they may be deleted or not exist. Check that ids are valid.",
            "context": context, "errors": [], "links": {} })
    };
    let errors: Vec<Value> = match single {
        true => gone.iter().map(|id| error(json!({ "id": [id] }))).collect(),
        false => vec![error(json!({ "ids": gone }))],
    };
    body["numErrors"] = json!(errors.len());
    body["errors"] = Value::Array(errors);
}
