//! `forebay connections`: credentials of accounts. Secrets go in by a prompt, a file, stdin or the environment, and never
//! come out.

use crate::Session;
use crate::client::{FLOW, delete, get, patch, post, segment};
use crate::failure::{Exit, Failure, Result};
use crate::names::{self, Kind, quoted};
use crate::output::{Column, Format, age, number, text, told};
use crate::{files, secrets, specs};
use clap::{Args, Subcommand};
use forebay_model::manifest::convert::MASK;
use forebay_model::manifest::{self, Auth, Connection, Manifest};
use serde_json::{Map, Value, json};
use std::path::PathBuf;

/// `forebay connections …`
#[derive(Debug, Clone, Subcommand)]
pub enum ConnectionsCommand {
    /// All of them.
    List,
    /// One of them; secrets are shown as `(set)`.
    Get(Named),
    /// Make one, guided by what its spec asks for, from a manifest, or from parameters; then test it.
    Create(Create),
    /// Change parameters, the name, the description or the state.
    Update(Update),
    /// Try the credentials: one line for each check.
    Test(Named),
    /// Delete one that no flow uses.
    Delete(Named),
}

/// One connection.
#[derive(Debug, Clone, Args)]
pub struct Named {
    /// Its name, its id, or the first characters of its id.
    #[arg(add = crate::completion::names(Kind::Connection))]
    connection: String,
}

/// `forebay connections create`
#[derive(Debug, Clone, Args)]
pub struct Create {
    /// What it is called.
    #[arg(long)]
    name: Option<String>,
    /// For people.
    #[arg(long)]
    description: Option<String>,
    /// The connection spec, such as amazon-s3.
    #[arg(long, add = crate::completion::names(Kind::Spec))]
    spec: Option<String>,
    /// How it signs in, where the spec has several ways.
    #[arg(long)]
    auth: Option<String>,
    /// Ask for what the spec asks for.
    #[arg(long, short, conflicts_with = "file")]
    interactive: bool,
    /// A manifest with the connection; `-` is stdin.
    #[arg(long, short, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A parameter. A value may be `env:NAME` or `@FILE`; a secret must be.
    #[arg(long = "param", short, value_name = "NAME=VALUE")]
    params: Vec<String>,
    /// The parameter that is read from stdin.
    #[arg(long, value_name = "NAME")]
    secret_stdin: Option<String>,
    /// Do not test it afterwards.
    #[arg(long)]
    no_test: bool,
}

/// `forebay connections update`
#[derive(Debug, Clone, Args)]
pub struct Update {
    /// Its name, its id, or the first characters of its id.
    #[arg(add = crate::completion::names(Kind::Connection))]
    connection: String,
    /// Another name.
    #[arg(long)]
    name: Option<String>,
    /// Another description.
    #[arg(long)]
    description: Option<String>,
    /// `enabled` or `disabled`.
    #[arg(long)]
    state: Option<String>,
    /// Another value of a parameter: as for `create`.
    #[arg(long = "param", short, value_name = "NAME=VALUE")]
    params: Vec<String>,
    /// A secret that is asked for.
    #[arg(long, value_name = "NAME")]
    ask: Vec<String>,
    /// The parameter that is read from stdin.
    #[arg(long, value_name = "NAME")]
    secret_stdin: Option<String>,
}

pub(crate) const LIST: &[Column] = &[
    text("NAME", "/name"),
    text("SPEC", "/spec"),
    text("STATE", "/state"),
    text("SIGNS IN WITH", "/auth/specName"),
    age("CHANGED", "/updatedAt"),
    told("ID", "/id", |value, _, _| names::short(value.as_str().unwrap_or_default()).into()),
];

pub(crate) const ONE: &[Column] = &[
    text("name", "/name"),
    text("id", "/id"),
    text("description", "/description"),
    text("spec", "/spec"),
    text("state", "/state"),
    text("signs in with", "/auth/specName"),
    told("parameters", "/auth/params", |value, _, _| {
        let params = value.as_object().into_iter().flatten();
        params.map(|(name, value)| format!("{name}={}", crate::output::plain(value))).collect::<Vec<_>>().join("  ")
    }),
    age("changed", "/updatedAt"),
];

pub async fn run(session: &Session, command: ConnectionsCommand) -> Result<Exit> {
    match command {
        ConnectionsCommand::List => {
            let specs = names::all(&session.client, Kind::Spec).await?;
            let found = names::pages(&session.client, &format!("{FLOW}/connections")).await?;
            let rows: Vec<Value> = found.into_iter().map(|body| shown(body, &specs)).collect();
            session.screen.list(LIST, &rows)?;
            if rows.is_empty() {
                session.screen.say("No connections yet. Try: forebay connections create --spec amazon-s3 -i");
            }
        }
        ConnectionsCommand::Get(named) => {
            let found = names::find(&session.client, Kind::Connection, &named.connection).await?;
            let specs = names::all(&session.client, Kind::Spec).await?;
            let answer = session.client.send(get(path(&found.id))).await?;
            session.screen.one(ONE, &shown(answer.item(), &specs))?;
        }
        ConnectionsCommand::Create(args) => return create(session, args).await,
        ConnectionsCommand::Update(args) => update(session, args).await?,
        ConnectionsCommand::Test(named) => {
            let found = names::find(&session.client, Kind::Connection, &named.connection).await?;
            return test(session, &found.id, &found.name).await;
        }
        ConnectionsCommand::Delete(named) => {
            let found = names::find(&session.client, Kind::Connection, &named.connection).await?;
            session.confirm(&format!("Delete the connection {:?}? Its secrets are gone then.", found.name))?;
            session.client.send(delete(path(&found.id))).await.map_err(|failure| match failure.code.as_deref() {
                Some("FLOW-1418-400") => failure.next("forebay flows list"),
                _ => failure,
            })?;
            session.screen.say(&format!("deleted the connection {}", found.name));
        }
    }
    Ok(Exit::Ok)
}

fn path(id: &str) -> String {
    format!("{FLOW}/connections/{}", segment(id))
}

/// A connection as it is shown: its spec by name, its secrets as `(set)`.
fn shown(mut body: Value, specs: &[names::Found]) -> Value {
    let id = body["connectionSpec"]["id"].as_str().unwrap_or_default();
    let spec = specs.iter().find(|spec| spec.id == id).map_or(id, |spec| &spec.name).to_string();
    body["spec"] = json!(spec);
    if let Some(params) = body.pointer_mut("/auth/params").and_then(Value::as_object_mut) {
        for value in params.values_mut().filter(|value| **value == MASK) {
            *value = json!("(set)");
        }
    }
    body
}

async fn create(session: &Session, args: Create) -> Result<Exit> {
    let manifest = match &args.file {
        Some(file) => from_file(file, &args)?,
        None => from_flags(session, &args).await?,
    };
    let (mut connection, given) = manifest;
    let spec = names::find(&session.client, Kind::Spec, &connection.spec).await?;
    let spec = session.client.send(get(format!("{FLOW}/connectionSpecs/{}", segment(&spec.id))).lookup()).await?.item();
    if connection.auth.is_some() || spec["authSpec"].as_array().is_some_and(|list| !list.is_empty()) {
        connection.fit(&spec).map_err(|fault| {
            Failure::usage(fault.message).at(fault.at).next(format!("forebay specs show {}", quoted(&connection.spec)))
        })?;
    }
    let mut params = resolved(session, &connection)?;
    params.extend(given);
    let answer = session.client.send(post(format!("{FLOW}/connections"), connection.body(&spec, params))).await?;
    let id = answer.body["id"].as_str().unwrap_or_default().to_string();
    session.screen.say(&format!("{} created the connection {}", session.screen.good("✔"), connection.name));
    if args.no_test {
        session.screen.one(ONE, &json!({ "id": id, "name": connection.name }))?;
        return Ok(Exit::Ok);
    }
    if session.screen.format != Format::Table {
        let checks = checks(session, &id).await?;
        let whole = checks["result"] == json!(true);
        session.screen.one(ONE, &json!({ "id": id, "name": connection.name, "test": checks }))?;
        return Ok(if whole { Exit::Ok } else { Exit::Failed });
    }
    session.screen.one(ONE, &json!({ "id": id, "name": connection.name }))?;
    test(session, &id, &connection.name).await
}

fn from_file(file: &std::path::Path, args: &Create) -> Result<(Connection, Map<String, Value>)> {
    let mut found = files::read(&[file.to_path_buf()])?;
    found.retain(|entry| matches!(entry.manifest, Manifest::Connection(_)));
    if let Some(name) = &args.name {
        found.retain(|entry| entry.manifest.name() == name);
    }
    match (found.pop(), found.is_empty()) {
        (Some(files::Entry { manifest: Manifest::Connection(connection), .. }), true) => Ok((connection, Map::new())),
        (None, _) => Err(Failure::usage(format!("{} has no such connection", file.display()))),
        _ => Err(Failure::usage(format!("{} has several connections: say which with --name", file.display()))
            .next(format!("forebay apply -f {}", file.display()))),
    }
}

/// From flags, and from answers where it may ask. Values are given apart: they may be secrets.
async fn from_flags(session: &Session, args: &Create) -> Result<(Connection, Map<String, Value>)> {
    let screen = &session.screen;
    let found = match &args.spec {
        Some(spec) => names::find(&session.client, Kind::Spec, spec).await?,
        None if args.interactive && screen.can_ask() => {
            let mut all = names::all(&session.client, Kind::Spec).await?;
            all.retain(|spec| !spec.body["sourceSpec"].is_null());
            let named: Vec<&str> = all.iter().map(|spec| spec.name.as_str()).collect();
            let which = secrets::ask_which(screen, "Kind of system", &named)?;
            all.swap_remove(which)
        }
        None => return Err(Failure::usage("--spec is missing: it names the kind of system").next("forebay specs list")),
    };
    let spec =
        session.client.send(get(format!("{FLOW}/connectionSpecs/{}", segment(&found.id))).lookup()).await?.item();
    let name = match &args.name {
        Some(name) => name.clone(),
        None => secrets::ask_text(screen, "Name", Some(found.name.clone()), true)
            .map_err(|f| f.next("the same with --name NAME"))?,
    };
    let ways: Vec<&str> =
        spec["authSpec"].as_array().into_iter().flatten().filter_map(|auth| auth["name"].as_str()).collect();
    let way = match (&args.auth, ways.as_slice()) {
        (Some(auth), _) => auth.clone(),
        (None, []) => String::new(),
        (None, [one]) => one.to_string(),
        (None, several) if args.interactive => {
            several[secrets::ask_which(screen, "Sign in with", several)?].to_string()
        }
        (None, several) => {
            let message =
                format!("the spec has several ways to sign in: say one with --auth, of {}", several.join(", "));
            return Err(Failure::usage(message).next(format!("forebay specs show {}", quoted(&found.name))));
        }
    };
    let fields: Vec<Value> = specs::fields(&spec).into_iter().filter(|field| field["auth"] == way.as_str()).collect();
    let mut given = given(session, &args.params, args.secret_stdin.as_deref(), &fields)?;
    for field in &fields {
        let name = field["name"].as_str().unwrap_or_default();
        let (secret, needed) = (field["secret"] == json!(true), field["required"] == json!(true));
        if given.contains_key(name) || !args.interactive && !needed {
            continue;
        }
        let may_ask = args.interactive || secret && screen.can_ask();
        if !may_ask {
            let message = format!("the parameter {name} is missing");
            return Err(Failure::usage(message).next(format!("the same with --param {name}=… or with -i")));
        }
        let what = format!("{} ({name})", field["title"].as_str().unwrap_or(name));
        if let Some(description) = field["description"].as_str().filter(|_| args.interactive) {
            screen.say(&screen.dim(&crate::output::clean(description)));
        }
        let value = match secret {
            true if needed => secrets::ask(screen, &what)?,
            true => dialoguer::Password::new()
                .with_prompt(crate::output::clean(&format!("{what}, empty for none")))
                .allow_empty_password(true)
                .interact()
                .map_err(|_| Failure::silent(Exit::Interrupted))?,
            false => secrets::ask_text(screen, &what, None, needed)?,
        };
        if secret {
            session.client.hide(&value);
        }
        if !value.is_empty() {
            given.insert(name.into(), json!(value));
        }
    }
    let auth = (!way.is_empty()).then(|| Auth { kind: way, params: Map::new() });
    let connection = Connection {
        name,
        description: args.description.clone().unwrap_or_default(),
        spec: found.name,
        auth,
        ..Connection::default()
    };
    Ok((connection, given))
}

/// `NAME=VALUE`s: a value is text, `env:NAME` or `@FILE`. A secret is never the text itself.
fn given(
    session: &Session,
    params: &[String],
    from_stdin: Option<&str>,
    fields: &[Value],
) -> Result<Map<String, Value>> {
    let secret = |name: &str| fields.iter().any(|field| field["name"] == name && field["secret"] == json!(true));
    let mut given = Map::new();
    for param in params {
        let Some((name, value)) = param.split_once('=') else {
            return Err(Failure::usage(format!("--param is NAME=VALUE: {:?} has no =", names::short(param))));
        };
        let known: Vec<&str> = fields.iter().filter_map(|field| field["name"].as_str()).collect();
        if !known.is_empty() && !known.contains(&name) {
            return Err(names::unknown("parameter", name, &known).next("forebay specs show SPEC"));
        }
        let value = match secrets::referred(value)? {
            Some(value) => {
                session.client.hide(&value);
                value
            }
            None if secret(name) => {
                let message = format!("{name} is a secret: it does not belong on a command line, where others see it");
                return Err(Failure::usage(message).next(format!(
                    "the same with --param {name}=env:VARIABLE, --param {name}=@FILE or --secret-stdin {name}"
                )));
            }
            None => value.to_string(),
        };
        given.insert(name.into(), json!(value));
    }
    if let Some(name) = from_stdin {
        let value = secrets::stdin()?;
        session.client.hide(&value);
        given.insert(name.into(), json!(value));
    }
    Ok(given)
}

/// The parameters of a manifest, its secrets read from where they are.
pub fn resolved(session: &Session, connection: &Connection) -> Result<Map<String, Value>> {
    let mut params = Map::new();
    for (name, value) in connection.auth.iter().flat_map(|auth| &auth.params) {
        let value = match manifest::secret(value) {
            Some(from) => {
                let secret = secrets::referred(from)?
                    .ok_or_else(|| Failure::usage(format!("auth.params.{name}: a secret is env:NAME or file:PATH")))?;
                session.client.hide(&secret);
                json!(secret)
            }
            None => value.clone(),
        };
        params.insert(name.clone(), value);
    }
    Ok(params)
}

async fn update(session: &Session, args: Update) -> Result<()> {
    let found = names::find(&session.client, Kind::Connection, &args.connection).await?;
    let current = session.client.send(get(path(&found.id)).lookup()).await?.item();
    let spec_id = current["connectionSpec"]["id"].as_str().unwrap_or_default();
    let spec = session.client.send(get(format!("{FLOW}/connectionSpecs/{}", segment(spec_id))).lookup()).await?.item();
    let way = current.pointer("/auth/specName").and_then(Value::as_str).unwrap_or_default();
    let fields: Vec<Value> = specs::fields(&spec).into_iter().filter(|field| field["auth"] == way).collect();
    let mut given = given(session, &args.params, args.secret_stdin.as_deref(), &fields)?;
    for name in &args.ask {
        let secret = secrets::ask(&session.screen, name)?;
        session.client.hide(&secret);
        given.insert(name.clone(), json!(secret));
    }
    let mut operations = Vec::new();
    for (member, value) in [("name", &args.name), ("description", &args.description), ("state", &args.state)] {
        if let Some(value) = value {
            operations.push(json!({ "op": "add", "path": format!("/{member}"), "value": value }));
        }
    }
    if !given.is_empty() {
        let mut params = current.pointer("/auth/params").and_then(Value::as_object).cloned().unwrap_or_default();
        params.extend(given);
        operations.push(json!({ "op": "add", "path": "/auth/params", "value": params }));
    }
    if operations.is_empty() {
        return Err(Failure::usage("nothing is to be changed").next("forebay connections update --help"));
    }
    let etag = current["etag"].as_str().unwrap_or_default();
    session.client.send(patch(path(&found.id), etag, json!(operations))).await?;
    session.screen.say(&format!("changed the connection {}", found.name));
    Ok(())
}

pub(crate) const CHECKS: &[Column] = &[
    told("", "/ok", |value, _, _| if *value == json!(true) { "✔".into() } else { "✖".into() }),
    text("CHECK", "/name"),
    number("MS", "/millis"),
    told("WHY", "/error", |value, _, _| {
        let part = |name: &str| value[name].as_str().map(|text| text.trim_end_matches('.')).unwrap_or_default();
        [part("message"), part("advice")].iter().filter(|text| !text.is_empty()).copied().collect::<Vec<_>>().join(". ")
    }),
];

async fn checks(session: &Session, id: &str) -> Result<Value> {
    Ok(session.client.send(get(format!("{}/test", path(id)))).await?.body)
}

async fn test(session: &Session, id: &str, name: &str) -> Result<Exit> {
    let answer = checks(session, id).await?;
    let rows = answer["checks"].as_array().cloned().unwrap_or_default();
    match session.screen.format {
        Format::Json | Format::Yaml => session.screen.one(CHECKS, &answer)?,
        _ => session.screen.list(CHECKS, &rows)?,
    }
    if answer["result"] == json!(true) {
        return Ok(Exit::Ok);
    }
    let failed = rows.iter().find(|check| check["ok"] != json!(true));
    let mut failure = Failure::new(Exit::Failed, format!("the connection {name:?} does not work"));
    failure.code = failed.and_then(|check| check.pointer("/error/code")?.as_str()).map(str::to_string);
    Err(failure.next(format!("forebay connections update {} --ask PARAMETER", quoted(name))))
}
