//! `forebay sandboxes`, `users`, `keys` and `audit`: the organization's own affairs.

use crate::Session;
use crate::client::{Call, OWN, call, delete, get, post, segment};
use crate::context::{Config, write_private};
use crate::failure::{Exit, Failure, Result};
use crate::names::{self, Kind, quoted};
use crate::output::{Column, Format, age, moment, number, plain, text, told};
use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use tokio::time::{Instant, sleep};

const SANDBOXES: &str = "/data/foundation/sandbox-management/sandboxes";
const ROLES: &str = "/data/foundation/access-control/administration/roles";
const AUDIT: &str = "/data/foundation/audit";
/// How long a sandbox is waited for.
const READY: Duration = Duration::from_secs(60);

/// `forebay sandboxes …`
#[derive(Debug, Clone, Subcommand)]
pub enum SandboxesCommand {
    /// All sandboxes.
    List,
    /// Make one.
    Create {
        /// Lower-case letters, digits and hyphens.
        name: String,
        /// For people.
        #[arg(long)]
        title: Option<String>,
        /// `development` or `production`.
        #[arg(long = "type", default_value = "development", value_parser = ["development", "production"])]
        kind: String,
    },
    /// Take everything out of one: flows, tables, schemas.
    Reset {
        /// Its name.
        name: String,
    },
    /// Delete one, with everything in it.
    Delete {
        /// Its name.
        name: String,
    },
}

const SANDBOX: &[Column] = &[
    text("NAME", "/name"),
    text("TITLE", "/title"),
    text("TYPE", "/type"),
    text("STATE", "/state"),
    told("DEFAULT", "/isDefault", |value, _, _| if *value == json!(true) { "*".into() } else { String::new() }),
];

pub async fn sandboxes(session: &Session, command: SandboxesCommand) -> Result<Exit> {
    let (client, screen) = (&session.client, &session.screen);
    let path = |name: &str| format!("{SANDBOXES}/{}", segment(name));
    match command {
        SandboxesCommand::List => {
            let answer = client.send(get(SANDBOXES).query("limit", 100)).await?;
            screen.list(SANDBOX, answer.body["sandboxes"].as_array().map(Vec::as_slice).unwrap_or_default())?;
        }
        SandboxesCommand::Create { name, title, kind } => {
            let body = json!({ "name": name, "title": title.unwrap_or_else(|| name.clone()), "type": kind });
            client.send(post(SANDBOXES, body)).await?;
            screen.one(SANDBOX, &active(session, &name).await?)?;
            screen.say(&format!("Try: forebay context use --sandbox {name}"));
        }
        SandboxesCommand::Reset { name } => {
            session.confirm(&format!("Empty the sandbox {name:?}? Its flows, tables and schemas are gone then."))?;
            let reset = Call { body: Some(json!({ "action": "reset" })), ..call(Method::PUT, path(&name)) };
            client.send(reset).await?;
            active(session, &name).await?;
            screen.say(&format!("emptied the sandbox {name}"));
        }
        SandboxesCommand::Delete { name } => {
            session.confirm(&format!("Delete the sandbox {name:?}, with its flows, tables and schemas?"))?;
            client.send(delete(path(&name))).await?;
            screen.say(&format!("deleted the sandbox {name}"));
        }
    }
    Ok(Exit::Ok)
}

/// Waits until a sandbox can be worked in: it is made and emptied behind the answer.
async fn active(session: &Session, name: &str) -> Result<Value> {
    let deadline = Instant::now() + session.globals.timeout.map_or(READY, Duration::from_secs);
    loop {
        let found = session.client.send(get(format!("{SANDBOXES}/{}", segment(name))).lookup()).await?.body;
        match found["state"].as_str() {
            Some("creating" | "resetting") if Instant::now() < deadline => sleep(Duration::from_millis(200)).await,
            Some("creating" | "resetting") => {
                let message = format!("the sandbox {name} is not active yet; it will be");
                return Err(Failure::new(Exit::TimedOut, message).next("forebay sandboxes list"));
            }
            _ => return Ok(found),
        }
    }
}

/// `forebay users …`
#[derive(Debug, Clone, Subcommand)]
pub enum UsersCommand {
    /// All API clients, and their roles.
    List,
    /// Make an API client; its secret is told once.
    Create {
        /// For people.
        name: String,
        /// For people.
        #[arg(long)]
        description: Option<String>,
        /// A role that it gets; several times for several.
        #[arg(long, add = crate::completion::names(Kind::Role))]
        role: Vec<String>,
    },
    /// Revoke an API client; what it made stays.
    Delete {
        /// Its name or id.
        #[arg(add = crate::completion::names(Kind::User))]
        user: String,
    },
    /// All roles, and what they allow.
    Roles,
    /// Give an API client a role.
    Grant {
        /// Its name or id.
        #[arg(add = crate::completion::names(Kind::User))]
        user: String,
        /// The role.
        #[arg(add = crate::completion::names(Kind::Role))]
        role: String,
    },
    /// Take a role from an API client.
    Revoke {
        /// Its name or id.
        #[arg(add = crate::completion::names(Kind::User))]
        user: String,
        /// The role.
        #[arg(add = crate::completion::names(Kind::Role))]
        role: String,
    },
}

const USER: &[Column] = &[
    text("NAME", "/name"),
    text("CLIENT ID", "/id"),
    text("ROLES", "/roles"),
    age("SECRET SINCE", "/secretSince"),
    text("SECRET", "/clientSecret"),
];

const LISTED: &[Column] =
    &[text("NAME", "/name"), text("CLIENT ID", "/id"), text("ROLES", "/roles"), age("SECRET SINCE", "/secretSince")];

const ROLE: &[Column] = &[
    text("NAME", "/name"),
    text("ALLOWS", "/permissionSets"),
    text("IN SANDBOXES", "/sandboxes"),
    text("WHAT", "/description"),
];

pub async fn users(session: &Session, command: UsersCommand) -> Result<Exit> {
    let (client, screen) = (&session.client, &session.screen);
    match command {
        UsersCommand::List => {
            let mut users =
                client.send(get(format!("{OWN}/clients")).query("limit", 1000)).await?.body["clients"].take();
            let roles = names::all(client, Kind::Role).await?;
            let mut held: Vec<(String, Vec<Value>)> = Vec::new();
            for role in roles {
                let path = format!("{ROLES}/{}/subjects", segment(&role.id));
                let subjects = client.send(get(path).query("limit", 100).lookup()).await?.items();
                held.push((role.name, subjects));
            }
            for user in users.as_array_mut().into_iter().flatten() {
                let has = |subjects: &[Value]| {
                    subjects.iter().any(|s| s["subjectId"] == user["id"] || s["subjectId"] == user["account"])
                };
                let roles: Vec<&str> =
                    held.iter().filter(|(_, subjects)| has(subjects)).map(|(name, _)| name.as_str()).collect();
                user["roles"] = json!(roles);
            }
            screen.list(LISTED, users.as_array().map(Vec::as_slice).unwrap_or_default())?;
        }
        UsersCommand::Create { name, description, role } => {
            let mut roles = Vec::new();
            for role in &role {
                roles.push(names::find(client, Kind::Role, role).await?);
            }
            let body = json!({ "name": name, "description": description });
            let mut made = client.send(post(format!("{OWN}/clients"), body)).await?.body;
            let id = made["clientId"].as_str().unwrap_or_default().to_string();
            let mut given = Vec::new();
            let mut refused = None;
            for role in roles {
                match subject(session, &role.id, "add", &id).await {
                    Ok(()) => given.push(role.name),
                    Err(failure) => refused = Some(failure),
                }
            }
            made["roles"] = json!(given);
            // Told whatever became of the roles: nothing tells it again.
            screen.one(USER, &made)?;
            screen.say("The secret is told this once.");
            if let Some(failure) = refused {
                return Err(failure.next(format!("forebay users grant {} ROLE", quoted(&name))));
            }
            if role.is_empty() {
                screen.say(&format!("It has no role yet. Try: forebay users grant {} ROLE", quoted(&name)));
            }
        }
        UsersCommand::Delete { user } => {
            let found = names::find(client, Kind::User, &user).await?;
            session.confirm(&format!("Revoke the client {:?}? Whoever uses it is nobody then.", found.name))?;
            client.send(delete(format!("{OWN}/clients/{}", segment(&found.id)))).await?;
            screen.say(&format!("revoked the client {}", found.name));
        }
        UsersCommand::Roles => {
            let answer = client.send(get(ROLES).query("limit", 100)).await?;
            screen.list(ROLE, answer.body["roles"].as_array().map(Vec::as_slice).unwrap_or_default())?;
        }
        UsersCommand::Grant { user, role } => change(session, &user, &role, "add").await?,
        UsersCommand::Revoke { user, role } => change(session, &user, &role, "remove").await?,
    }
    Ok(Exit::Ok)
}

async fn change(session: &Session, user: &str, role: &str, op: &str) -> Result<()> {
    let user = names::find(&session.client, Kind::User, user).await?;
    let role = names::find(&session.client, Kind::Role, role).await?;
    subject(session, &role.id, op, &user.id).await?;
    let word = if op == "add" { "has" } else { "has no more" };
    session.screen.say(&format!("{} {word} the role {}", user.name, role.name));
    Ok(())
}

async fn subject(session: &Session, role: &str, op: &str, user: &str) -> Result<()> {
    let path = format!("{ROLES}/{}/subjects", segment(role));
    let body = json!([{ "op": op, "path": "/apiIntegration", "value": user }]);
    session.client.send(Call { body: Some(body), ..call(Method::PATCH, path) }).await?;
    Ok(())
}

/// `forebay keys …`
#[derive(Debug, Clone, Subcommand)]
pub enum KeysCommand {
    /// Give an API client a new secret, which is told once. The one before, and its tokens, end.
    Rotate {
        /// Its name or id; the one in use if none is named.
        #[arg(add = crate::completion::names(Kind::User))]
        user: Option<String>,
    },
}

pub async fn keys(session: &Session, command: KeysCommand) -> Result<Exit> {
    let KeysCommand::Rotate { user } = command;
    let (client, screen) = (&session.client, &session.screen);
    let own = client.context.client_id.clone();
    let found = names::find(client, Kind::User, user.as_deref().unwrap_or(&own)).await?;
    session.confirm(&format!("Give the client {:?} a new secret? The one before ends at once.", found.name))?;
    let path = format!("{OWN}/clients/{}/rotate", segment(&found.id));
    let made = client.send(call(Method::POST, path)).await?.body;
    let secret = made["clientSecret"].as_str().unwrap_or_default();
    let kept = if found.id == own { keep(session, secret) } else { Ok(None) };
    // Told whatever became of the file: nothing tells it again.
    screen.one(USER, &made)?;
    match kept {
        Ok(Some(place)) => screen.say(&format!("The new secret is in {place} too.")),
        Ok(None) => screen.say("The secret is told this once."),
        Err(e) => {
            return Err(Failure::new(Exit::Failed, format!("the new secret could not be kept: {e}"))
                .next("forebay login, with the secret above"));
        }
    }
    Ok(Exit::Ok)
}

/// Keeps the new secret of the client in use where the old one was read from.
fn keep(session: &Session, secret: &str) -> Result<Option<String>> {
    let context = &session.client.context;
    if std::env::var_os("FOREBAY_CLIENT_ID").is_some() {
        return Ok(None);
    }
    let mut config = Config::read()?;
    if let Some(profile) = config.contexts.get_mut(&context.name) {
        profile.client_secret = secret.into();
        return Ok(Some(config.write()?.display().to_string()));
    }
    let file = Path::new(&context.name);
    let Ok(text) = std::fs::read_to_string(file) else { return Ok(None) };
    let mut value: Value = serde_json::from_str(&text).map_err(|e| Failure::new(Exit::Failed, e.to_string()))?;
    value["clientSecret"] = json!(secret);
    write_private(file, &format!("{value:#}"))?;
    Ok(Some(context.name.clone()))
}

/// `forebay audit …`
#[derive(Debug, Clone, Subcommand)]
pub enum AuditCommand {
    /// Who did what, newest first.
    List {
        /// Such as Create, Update, Delete.
        #[arg(long)]
        action: Option<String>,
        /// The account.
        #[arg(long)]
        user: Option<String>,
        /// The id of what it was done to.
        #[arg(long)]
        asset: Option<String>,
        /// Success, Failure or Deny.
        #[arg(long)]
        status: Option<String>,
        /// From then on: ISO 8601.
        #[arg(long)]
        since: Option<String>,
        /// How many.
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=1000))]
        limit: u64,
    },
    /// Whether the trail is whole.
    Verify,
}

const EVENTS: &[Column] = &[
    moment("AT", "/timestamp"),
    text("ACTION", "/action"),
    text("WHAT", "/assetType"),
    told("NAME", "", |_, row, _| {
        [&row["assetName"], &row["assetId"]].iter().map(|v| plain(v)).find(|t| !t.is_empty()).unwrap_or_default()
    }),
    text("BY", "/userEmail"),
    text("STATUS", "/status"),
    text("SANDBOX", "/sandboxName"),
];

const VERIFIED: &[Column] = &[
    told("trail", "/whole", |value, _, _| if *value == json!(true) { "✔ whole".into() } else { "✖ broken".into() }),
    number("entries", "/entries"),
    number("first broken", "/firstBroken"),
];

pub async fn audit(session: &Session, command: AuditCommand) -> Result<Exit> {
    let (client, screen) = (&session.client, &session.screen);
    match command {
        AuditCommand::List { action, user, asset, status, since, limit } => {
            let mut call = get(format!("{AUDIT}/events")).query("limit", limit);
            for (name, value) in [("action", action), ("user", user), ("assetId", asset), ("status", status)] {
                if let Some(value) = value {
                    call = call.query("property", format!("{name}=={value}"));
                }
            }
            if let Some(since) = since {
                call = call.query("property", format!("timestamp>{since}"));
            }
            let answer = client.send(call).await?;
            let events =
                answer.body.pointer("/_embedded/events").and_then(Value::as_array).cloned().unwrap_or_default();
            screen.list(EVENTS, &events)?;
            if events.is_empty() {
                screen.say("No event fits.");
            }
            Ok(Exit::Ok)
        }
        AuditCommand::Verify => {
            let answer = client.send(get(format!("{AUDIT}/verification"))).await?;
            screen.one(VERIFIED, &answer.body)?;
            if answer.body["whole"] == json!(true) {
                return Ok(Exit::Ok);
            }
            let message = "the audit trail is not as it was written";
            match screen.format {
                Format::Table => {
                    Err(Failure::new(Exit::Failed, message).next("forebay audit list, and a backup to compare with"))
                }
                _ => Ok(Exit::Failed),
            }
        }
    }
}
