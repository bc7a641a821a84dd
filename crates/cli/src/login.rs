//! `forebay login` and `forebay context`: servers, clients and sandboxes, and which of them is used.

use crate::client::{OWN, call, get, post};
use crate::context::{Config, Context, Profile};
use crate::failure::{Exit, Failure, Result};
use crate::output::{Column, text, told};
use crate::{Tool, names, secrets};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde_json::{Value, json};

/// `forebay login`
#[derive(Debug, Clone, Args)]
pub struct Login {
    /// What the profile is called.
    #[arg(long, default_value = "default")]
    name: String,
    /// The API client; asked for if it is not given.
    #[arg(long, env = "FOREBAY_CLIENT_ID")]
    client_id: Option<String>,
    /// The organization; the server tells it if it can.
    #[arg(long, env = "FOREBAY_ORG")]
    org: Option<String>,
    /// Where the secret is read from: `-` for stdin, `@FILE`, or `env:NAME`. Asked for if it is not given.
    #[arg(long, value_name = "PLACE")]
    secret_from: Option<String>,
    /// Only print a link that signs a browser in, once.
    #[arg(long)]
    browser: bool,
}

/// `forebay context …`
#[derive(Debug, Clone, Subcommand)]
pub enum ContextCommand {
    /// All profiles.
    List,
    /// The one in use: server, sandbox and user.
    Show,
    /// Use another profile from now on, or another sandbox of this one.
    Use {
        /// The profile.
        #[arg(add = crate::completion::contexts())]
        name: Option<String>,
    },
    /// Forget a profile.
    Delete {
        /// The profile.
        #[arg(add = crate::completion::contexts())]
        name: String,
    },
}

const PROFILES: &[Column] = &[
    told("CURRENT", "/current", |value, _, _| if *value == json!(true) { "*".into() } else { String::new() }),
    text("NAME", "/name"),
    text("URL", "/url"),
    text("SANDBOX", "/sandbox"),
    text("CLIENT", "/clientId"),
];

const SHOWN: &[Column] = &[
    text("context", "/context"),
    text("url", "/url"),
    text("sandbox", "/sandbox"),
    text("organization", "/organization"),
    text("client", "/clientId"),
    text("user", "/user"),
    text("server", "/serverVersion"),
];

/// Signs in, and remembers it.
pub async fn login(tool: &Tool, args: Login) -> Result<Exit> {
    if args.browser {
        return browser(tool).await;
    }
    let screen = &tool.screen;
    let url = match &tool.globals.url {
        Some(url) => url.clone(),
        None => match std::env::var("FOREBAY_URL") {
            Ok(url) if !url.is_empty() => url,
            _ => secrets::ask_text(screen, "Server URL", Some("http://127.0.0.1:8787".into()), true)
                .map_err(|failure| failure.next("forebay login --url URL --client-id ID --secret-from -"))?,
        },
    };
    let client_id = match args.client_id {
        Some(id) => id,
        None => secrets::ask_text(screen, "Client id", None, true)
            .map_err(|failure| failure.next("forebay login --url URL --client-id ID --secret-from -"))?,
    };
    let secret = match args.secret_from.as_deref() {
        Some("-") => secrets::stdin()?,
        Some(from) => secrets::referred(from)?.ok_or_else(|| {
            Failure::usage("--secret-from names a place and not the secret: `-`, `@FILE` or `env:NAME`")
        })?,
        None => match std::env::var("FOREBAY_CLIENT_SECRET") {
            Ok(secret) if !secret.is_empty() => secret,
            _ => secrets::ask(screen, "Client secret")?,
        },
    };
    let mut profile = Profile {
        url: url.trim_end_matches('/').to_string(),
        client_id,
        client_secret: secret,
        organization: args.org.unwrap_or_default(),
        sandbox: tool.globals.sandbox.clone().unwrap_or_default(),
    };
    let client = tool.client(Context::of(&args.name, &profile))?;
    client.hide(&profile.client_secret);
    let session = client.session(&profile).await?;
    if let Some(org) = session.pointer("/org/id").and_then(Value::as_str) {
        profile.organization = org.into();
    }
    if profile.organization.is_empty() {
        profile.organization = secrets::ask_text(screen, "Organization (…@AdobeOrg)", None, true)
            .map_err(|f| f.next("the same with --org ID"))?;
    }
    let client = tool.client(Context::of(&args.name, &profile))?;
    let sandboxes = client.send(get("/data/foundation/sandbox-management/").lookup()).await?;
    let sandboxes = sandboxes.body["sandboxes"].as_array().cloned().unwrap_or_default();
    let named: Vec<&str> = sandboxes.iter().filter_map(|sandbox| sandbox["name"].as_str()).collect();
    if profile.sandbox.is_empty() {
        let default = sandboxes.iter().find(|sandbox| sandbox["isDefault"] == json!(true)).or(sandboxes.first());
        profile.sandbox = default.and_then(|sandbox| sandbox["name"].as_str()).unwrap_or("prod").into();
    } else if !named.contains(&profile.sandbox.as_str()) {
        return Err(names::unknown("sandbox", &profile.sandbox, &named).next("forebay sandboxes list"));
    }
    if tool.globals.dry_run {
        screen.say("The server knows the client. Nothing was written: this was a dry run.");
        return Ok(Exit::Ok);
    }
    let mut config = Config::read()?;
    let shown = json!({ "context": args.name, "url": profile.url, "sandbox": profile.sandbox,
        "organization": profile.organization, "clientId": profile.client_id, "user": session.get("account") });
    config.contexts.insert(args.name.clone(), profile);
    config.current = Some(args.name);
    let file = config.write()?;
    screen.one(SHOWN, &shown)?;
    screen.say(&format!("{} signed in; kept in {}", screen.good("✔"), file.display()));
    Ok(Exit::Ok)
}

impl crate::client::Client {
    /// What the server says of a client: its organization and account. Nothing where the server is older.
    async fn session(&self, profile: &Profile) -> Result<Value> {
        let body = json!({ "clientId": profile.client_id, "clientSecret": profile.client_secret });
        match self.anonymous(call(Method::POST, format!("{OWN}/session")), &body).await {
            Ok(answer) => Ok(answer),
            Err(failure) if matches!(failure.exit, Exit::NotFound) => Ok(Value::Null),
            Err(failure) => Err(failure.next("forebay login, with another client or secret")),
        }
    }
}

/// A link for a browser.
async fn browser(tool: &Tool) -> Result<Exit> {
    let client = tool.client(Context::find(&tool.named())?)?;
    let answer = client.send(post(format!("{OWN}/session/links"), json!({}))).await?;
    match tool.screen.machine() {
        true => tool.screen.print(&format!("{:#}", answer.body))?,
        false => {
            tool.screen.print(answer.body["url"].as_str().unwrap_or_default())?;
            tool.screen.say("The link signs in whoever opens it first, once, within 15 minutes.");
        }
    }
    Ok(Exit::Ok)
}

/// Profiles.
pub async fn context(tool: &Tool, command: ContextCommand) -> Result<Exit> {
    let screen = &tool.screen;
    match command {
        ContextCommand::List => {
            let config = Config::read()?;
            let rows: Vec<Value> = config
                .contexts
                .iter()
                .map(|(name, profile)| {
                    json!({ "name": name, "url": profile.url, "sandbox": profile.sandbox, "clientId": profile.client_id,
                        "organization": profile.organization, "current": config.current.as_ref() == Some(name) })
                })
                .collect();
            screen.list(PROFILES, &rows)?;
            if rows.is_empty() {
                screen.say("No profiles yet. Try: forebay login");
            }
        }
        ContextCommand::Show => {
            let context = Context::find(&tool.named())?;
            let client = tool.client(context)?;
            let context = &client.context;
            let mut shown = json!({ "context": context.name, "url": context.url, "sandbox": context.sandbox,
                "organization": context.organization, "clientId": context.client_id });
            match client.send(get(format!("{OWN}/session")).lookup()).await {
                Ok(answer) => {
                    shown["user"] = answer.body["account"].clone();
                    shown["serverVersion"] = answer.body["version"].clone();
                }
                // What is known without the server is told all the same.
                Err(failure) => screen.say(&format!("{} {failure}", screen.warn("▲"))),
            }
            screen.one(SHOWN, &shown)?;
        }
        ContextCommand::Use { name } => {
            let mut config = Config::read()?;
            let name = match name.or(config.current.clone()) {
                Some(name) => name,
                None => return Err(Failure::usage("no profile is in use: name one").next("forebay context list")),
            };
            let known: Vec<&str> = config.contexts.keys().map(String::as_str).collect();
            if !known.contains(&name.as_str()) {
                return Err(names::unknown("context", &name, &known).next("forebay context list"));
            }
            if let Some(sandbox) = &tool.globals.sandbox
                && let Some(profile) = config.contexts.get_mut(&name)
            {
                profile.sandbox = sandbox.clone();
            }
            let sandbox = config.contexts.get(&name).map(|profile| profile.sandbox.clone()).unwrap_or_default();
            config.current = Some(name.clone());
            config.write()?;
            screen.say(&format!("context {name}  sandbox {sandbox}"));
        }
        ContextCommand::Delete { name } => {
            let mut config = Config::read()?;
            let known: Vec<String> = config.contexts.keys().cloned().collect();
            if config.contexts.remove(&name).is_none() {
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                return Err(names::unknown("context", &name, &known).next("forebay context list"));
            }
            if config.current.as_deref() == Some(&name) {
                config.current = None;
            }
            config.write()?;
            screen.say(&format!("forgot {name}; the client on the server stays"));
        }
    }
    Ok(Exit::Ok)
}
