//! `forebay plan`: what the server has beside what files say, member by member.

use crate::Session;
use crate::client::{FLOW, OWN, get};
use crate::failure::{Exit, Failure, Result};
use crate::files::{self, Entry};
use crate::names::{self, Found, Kind};
use crate::output::{Format, Screen, clean};
use clap::Args;
use forebay_model::manifest::diff::{self, Change};
use forebay_model::manifest::{Fault, Manifest, State};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What a plan is made of.
#[derive(Debug, Clone, Args)]
pub struct Sources {
    /// A manifest file, a folder of them, or `-` for stdin.
    #[arg(long = "file", short, value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Delete flows and connections that no file has. Datasets stay: they hold data.
    #[arg(long)]
    pub prune: bool,
    /// Send secrets again, though they are set.
    #[arg(long)]
    pub resend_secrets: bool,
}

/// `forebay plan`
#[derive(Debug, Clone, Args)]
pub struct Plan {
    #[command(flatten)]
    sources: Sources,
    /// End with 9 if there is something to change.
    #[arg(long)]
    exit_code: bool,
}

/// What is to be done with one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is not there yet.
    Create,
    /// It is another.
    Change,
    /// No file has it.
    Delete,
}

/// One thing that is to be done.
#[derive(Debug, Clone)]
pub struct Step {
    /// What.
    pub action: Action,
    /// What a file wants; for a deletion, what is there.
    pub manifest: Manifest,
    /// The documents behind what is there.
    pub refs: Value,
    /// Member by member.
    pub changes: Vec<Change>,
    /// Where it is wanted.
    pub place: Option<String>,
}

/// Everything that is to be done, and what is there.
pub struct Planned {
    /// In the order in which it can be done.
    pub steps: Vec<Step>,
    /// What needs nothing.
    pub same: usize,
    /// What is there.
    pub current: Vec<(Manifest, Value)>,
    /// Connection specs.
    pub specs: Vec<Found>,
}

pub async fn run(session: &Session, args: Plan) -> Result<Exit> {
    let planned = make(session, &args.sources).await?;
    show(&session.screen, &planned)?;
    let empty = planned.steps.is_empty();
    if !empty && session.screen.format == Format::Table {
        let files: Vec<String> = args
            .sources
            .files
            .iter()
            .map(|file| format!("-f {}", names::quoted(&file.display().to_string())))
            .collect();
        let prune = if args.sources.prune { " --prune" } else { "" };
        session.screen.say(&format!("Try: forebay apply {}{prune}", files.join(" ")));
    }
    Ok(if args.exit_code && !empty { Exit::Changes } else { Exit::Ok })
}

/// Reads the files and what the server has, and compares them.
pub async fn make(session: &Session, sources: &Sources) -> Result<Planned> {
    let mut wanted = files::read(&sources.files)?;
    let answer = session.client.send(get(format!("{OWN}/manifest")).lookup()).await?;
    let mut current = Vec::new();
    for item in answer.items() {
        let manifest = serde_json::from_value(item["manifest"].clone())
            .map_err(|e| Failure::new(Exit::Failed, format!("the server's manifest cannot be read: {e}")))?;
        current.push((manifest, item["refs"].clone()));
    }
    let specs = names::all(&session.client, Kind::Spec).await?;
    for entry in &mut wanted {
        if let Manifest::Connection(connection) = &mut entry.manifest {
            let place = entry.file.clone();
            let at = format!("{place}:{}", entry.line);
            let found = names::choose(Kind::Spec, &connection.spec, specs.clone()).map_err(|f| f.at(at.clone()))?;
            let spec = session.client.send(get(format!("{FLOW}/connectionSpecs/{}", found.id)).lookup()).await?.item();
            connection.fit(&spec).map_err(|Fault { at: member, message }| {
                Failure::usage(format!("{member}: {message}")).at(at).next(format!("forebay specs show {}", found.name))
            })?;
        }
    }
    referred(&wanted, &current)?;
    let mut planned = compare(wanted, current, sources)?;
    planned.specs = specs;
    Ok(planned)
}

/// Flows refer to what is there, or will be.
fn referred(wanted: &[Entry], current: &[(Manifest, Value)]) -> Result<()> {
    let known = |kind: &str| -> BTreeSet<String> {
        let all = wanted.iter().map(|entry| &entry.manifest).chain(current.iter().map(|(manifest, _)| manifest));
        all.filter(|manifest| manifest.kind() == kind).map(|manifest| manifest.name().to_string()).collect()
    };
    let (connections, datasets) = (known("Connection"), known("Dataset"));
    for entry in wanted {
        let Manifest::Flow(flow) = &entry.manifest else { continue };
        for (kind, name, known) in
            [("connection", &flow.connection, &connections), ("dataset", &flow.dataset, &datasets)]
        {
            if !known.contains(name) {
                let names: Vec<&str> = known.iter().map(String::as_str).collect();
                let failure = names::unknown(kind, name, &names);
                let message =
                    format!("{}: neither a file nor the server has it", failure.message.trim_end_matches('?'));
                return Err(Failure::new(Exit::NotFound, message)
                    .at(entry.place())
                    .next(format!("forebay {kind}s list")));
            }
        }
    }
    Ok(())
}

/// What is to be done, in an order in which it can be done.
fn compare(wanted: Vec<Entry>, current: Vec<(Manifest, Value)>, sources: &Sources) -> Result<Planned> {
    let mut steps = Vec::new();
    let mut same = 0;
    for entry in &wanted {
        let (kind, name) = (entry.manifest.kind(), entry.manifest.name());
        let mut there = current.iter().filter(|(other, _)| (other.kind(), other.name()) == (kind, name));
        let (found, more) = (there.next(), there.count());
        if more > 0 {
            let message = format!("{} {kind}s on the server are called {name:?}: a manifest goes by names", more + 1);
            return Err(Failure::new(Exit::Conflict, message)
                .at(entry.place())
                .next("rename or delete all but one of them, by id"));
        }
        let place = Some(entry.place());
        let manifest = entry.manifest.clone();
        let step = match found {
            None => {
                let changes = diff::of_new(&manifest);
                Step { action: Action::Create, manifest, refs: Value::Null, changes, place }
            }
            Some((there, refs)) => {
                let changes = diff::between(there, &manifest, sources.resend_secrets);
                if changes.is_empty() {
                    same += 1;
                    continue;
                }
                Step { action: Action::Change, manifest, refs: refs.clone(), changes, place }
            }
        };
        steps.push(step);
    }
    if sources.prune {
        for (manifest, refs) in &current {
            let kept = wanted
                .iter()
                .any(|entry| (entry.manifest.kind(), entry.manifest.name()) == (manifest.kind(), manifest.name()));
            let used = wanted.iter().any(|entry| match &entry.manifest {
                Manifest::Flow(flow) => manifest.kind() == "Connection" && flow.connection == manifest.name(),
                _ => false,
            });
            if !kept && !used && manifest.kind() != "Dataset" && !is_draft(manifest) {
                let manifest = manifest.clone();
                steps.push(Step {
                    action: Action::Delete,
                    manifest,
                    refs: refs.clone(),
                    changes: Vec::new(),
                    place: None,
                });
            }
        }
    }
    steps.sort_by_key(|step| {
        let order =
            ["Connection", "Dataset", "Flow"].iter().position(|kind| *kind == step.manifest.kind()).unwrap_or(0);
        match step.action {
            Action::Delete => (1, 3 - order),
            _ => (0, order),
        }
    });
    Ok(Planned { steps, same, current, specs: Vec::new() })
}

fn is_draft(manifest: &Manifest) -> bool {
    match manifest {
        Manifest::Connection(connection) => connection.state == State::Draft,
        Manifest::Flow(flow) => flow.state == State::Draft,
        Manifest::Dataset(_) => false,
    }
}

impl Action {
    /// As JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            Action::Create => "create",
            Action::Change => "change",
            Action::Delete => "delete",
        }
    }

    fn sign(self, screen: &Screen) -> String {
        match self {
            Action::Create => screen.good("+"),
            Action::Change => screen.warn("~"),
            Action::Delete => screen.bad("-"),
        }
    }
}

/// Tells what is to be done.
pub fn show(screen: &Screen, planned: &Planned) -> Result<()> {
    match screen.format {
        Format::Table => screen.print(&text(screen, planned)),
        Format::Csv => {
            let rows: Vec<Value> = planned.steps.iter().map(json_of).collect();
            use crate::output::text;
            screen.list(
                &[text("ACTION", "/action"), text("KIND", "/kind"), text("NAME", "/name"), text("FILE", "/file")],
                &rows,
            )
        }
        Format::Jsonl => screen.list(&[], &planned.steps.iter().map(json_of).collect::<Vec<_>>()),
        _ => screen.one(&[], &whole(planned)),
    }
}

fn whole(planned: &Planned) -> Value {
    let count = |action| planned.steps.iter().filter(|step| step.action == action).count();
    json!({ "changes": planned.steps.iter().map(json_of).collect::<Vec<_>>(),
        "summary": { "create": count(Action::Create), "change": count(Action::Change), "delete": count(Action::Delete),
            "same": planned.same } })
}

fn json_of(step: &Step) -> Value {
    let fields: Vec<Value> = step
        .changes
        .iter()
        .map(|change| match change.sensitive {
            true => json!({ "path": change.path, "sensitive": true }),
            false => json!({ "path": change.path, "before": change.before, "after": change.after }),
        })
        .collect();
    let mut shown = json!({ "action": step.action.name(), "kind": step.manifest.kind(), "name": step.manifest.name(), "fields": fields });
    if let Some(id) = step.refs["id"].as_str() {
        shown["id"] = json!(id);
    }
    if let Some(place) = &step.place {
        shown["file"] = json!(place);
    }
    shown
}

/// The plan for people.
pub fn text(screen: &Screen, planned: &Planned) -> String {
    let mut text = String::new();
    for step in &planned.steps {
        let sign = step.action.sign(screen);
        let place = step.place.as_deref().map(|place| screen.dim(&format!("  {}", clean(place)))).unwrap_or_default();
        text.push_str(&format!(
            "{sign} {} {}{place}\n",
            step.manifest.kind(),
            screen.bold(&clean(step.manifest.name()))
        ));
        for change in &step.changes {
            let value = |value: &Option<Value>| match value {
                None => "(none)".to_string(),
                Some(value) => clean(&value.to_string()),
            };
            let told = match (change.sensitive, step.action) {
                (true, _) => "(sensitive)".into(),
                (false, Action::Create) => value(&change.after),
                _ => format!("{} → {}", value(&change.before), value(&change.after)),
            };
            text.push_str(&format!("    {}: {told}\n", clean(&change.path)));
        }
    }
    let count = |action| planned.steps.iter().filter(|step| step.action == action).count();
    text.push_str(&match planned.steps.is_empty() {
        true => format!("No changes: {} as the files have it.\n", planned.same),
        false => format!(
            "Plan: {} to create, {} to change, {} to delete, {} the same.\n",
            count(Action::Create),
            count(Action::Change),
            count(Action::Delete),
            planned.same
        ),
    });
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(value: Value) -> Entry {
        Entry { manifest: serde_json::from_value(value).unwrap(), file: "f.yaml".into(), line: 1 }
    }

    fn dataset(name: &str) -> Value {
        json!({ "kind": "Dataset", "name": name, "fields": { "id": "string" } })
    }

    fn flow(name: &str) -> Value {
        json!({ "kind": "Flow", "name": name, "connection": "c", "dataset": "d", "source": { "path": "/a" } })
    }

    fn sources(prune: bool) -> Sources {
        Sources { files: Vec::new(), prune, resend_secrets: false }
    }

    fn there(values: &[Value]) -> Vec<(Manifest, Value)> {
        values.iter().map(|value| (entry(value.clone()).manifest, json!({ "id": "x" }))).collect()
    }

    #[track_caller]
    fn check(wanted: &[Value], current: &[Value], prune: bool, expected: &[&str]) {
        let wanted = wanted.iter().cloned().map(entry).collect();
        let planned = compare(wanted, there(current), &sources(prune)).unwrap();
        let told: Vec<String> = planned
            .steps
            .iter()
            .map(|s| format!("{} {} {}", s.action.name(), s.manifest.kind(), s.manifest.name()))
            .collect();
        assert_eq!(told, expected);
    }

    #[test]
    fn steps_come_in_an_order_in_which_they_can_be_done() {
        check(&[flow("f"), dataset("d")], &[], false, &["create Dataset d", "create Flow f"]);
        check(&[flow("f")], &[flow("f")], false, &[]);
        let connection = json!({ "kind": "Connection", "name": "c", "spec": "s" });
        check(
            &[dataset("e")],
            &[connection, dataset("d"), flow("f")],
            true,
            &["create Dataset e", "delete Flow f", "delete Connection c"],
        );
    }

    #[test]
    fn what_a_flow_of_the_files_reads_through_is_not_pruned() {
        let connections = ["c", "other"].map(|name| json!({ "kind": "Connection", "name": name, "spec": "s" }));
        check(
            &[flow("f")],
            &[connections[0].clone(), connections[1].clone(), flow("f")],
            true,
            &["delete Connection other"],
        );
    }

    #[test]
    fn two_of_one_name_are_refused() {
        let failure = compare(vec![entry(flow("f"))], there(&[flow("f"), flow("f")]), &sources(false)).err().unwrap();
        assert_eq!(failure.exit, Exit::Conflict);
    }

    #[test]
    fn what_a_flow_refers_to_must_be_somewhere() {
        let failure = referred(
            &[entry(flow("f"))],
            &there(&[dataset("dd"), json!({ "kind": "Connection", "name": "c", "spec": "s" })]),
        )
        .unwrap_err();
        assert!(failure.message.contains("there is no dataset \"d\". Did you mean \"dd\""), "{}", failure.message);
        assert_eq!((failure.exit, failure.at.as_deref()), (Exit::NotFound, Some("f.yaml:1")));
    }
}
