//! `forebay doctor`: this machine, the way to the server, and the server, one line for each check, and what to do where one
//! fails.

use crate::Tool;
use crate::client::{Client, OWN, get};
use crate::context::{Config, Context, config_file, write_private};
use crate::failure::{Exit, Failure, Result};
use crate::output::{Column, Format, Screen, plain, text, told};
use chrono::DateTime;
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Seconds that two clocks may differ.
const OFF: i64 = 5;

/// `forebay doctor`
#[derive(Debug, Clone, Args)]
pub struct Doctor {
    /// Write what the server tells of itself into this file, secrets masked, to be read and sent.
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
}

pub(crate) const CHECKS: &[Column] = &[
    told("", "/level", |value, _, _| match value.as_str() {
        Some("ok") => "✔".into(),
        Some("warn") => "▲".into(),
        _ => "✖".into(),
    }),
    text("CHECK", "/name"),
    text("FOUND", "/message"),
    told("TO DO", "/advice", |value, _, _| plain(value)),
];

fn check(name: &str, level: &str, message: impl Into<String>, advice: &str) -> Value {
    let mut check = json!({ "name": name, "level": level, "ok": level != "error", "message": message.into() });
    if !advice.is_empty() {
        check["advice"] = json!(advice);
    }
    check
}

fn ok(name: &str, message: impl Into<String>) -> Value {
    check(name, "ok", message, "")
}

pub async fn run(tool: &Tool, args: Doctor) -> Result<Exit> {
    let screen = &tool.screen;
    let mut checks = vec![ok("program", concat!("forebay ", env!("CARGO_PKG_VERSION"))), configuration()];
    let mut bundle = None;
    match Context::find(&tool.named()) {
        Err(failure) => checks.push(check("context", "error", &failure.message, &failure.next_command())),
        Ok(context) => {
            checks.push(ok("context", format!("{}: {} in {}", context.name, context.url, context.sandbox)));
            let client = tool.client(context)?;
            if way(&client, &mut checks).await {
                bundle = server(&client, &mut checks, args.bundle.is_some()).await;
            }
        }
    }
    let failed = checks.iter().any(|check| check["level"] == "error");
    match screen.format {
        Format::Json | Format::Yaml => screen.one(&[], &json!({ "ok": !failed, "checks": checks }))?,
        _ => screen.list(CHECKS, &checks)?,
    }
    if let Some(file) = args.bundle {
        write(screen, &file, &checks, bundle)?;
    }
    Ok(if failed { Exit::Failed } else { Exit::Ok })
}

/// The file of profiles: readable, and by nobody else.
fn configuration() -> Value {
    let Some(file) = config_file() else {
        return check("profiles", "warn", "neither XDG_CONFIG_HOME nor HOME is set", "export HOME, to keep profiles");
    };
    if let Err(failure) = Config::read() {
        return check("profiles", "error", failure.message, &format!("mend or remove {}", file.display()));
    }
    #[cfg(unix)]
    if let Ok(found) = std::fs::metadata(&file) {
        let mode = std::os::unix::fs::PermissionsExt::mode(&found.permissions());
        if mode & 0o077 != 0 {
            let message = format!("others can read {}, which has secrets", file.display());
            return check("profiles", "error", message, &format!("chmod 600 {}", file.display()));
        }
    }
    match file.exists() {
        true => ok("profiles", file.display().to_string()),
        false => ok("profiles", "none yet; forebay login makes one"),
    }
}

/// Name, port and clock. Whether somebody answers.
async fn way(client: &Client, checks: &mut Vec<Value>) -> bool {
    let Ok(url) = url::Url::parse(&client.context.url) else { return false };
    let (host, port) = (
        url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_string(),
        url.port_or_known_default().unwrap_or(80),
    );
    let began = Instant::now();
    let found = tokio::time::timeout(Duration::from_secs(5), tokio::net::lookup_host((host.as_str(), port))).await;
    match found {
        Ok(Ok(addresses)) => {
            let addresses: Vec<String> = addresses.map(|address| address.ip().to_string()).collect();
            checks.push(ok("name", format!("{host} is {} ({} ms)", addresses.join(", "), began.elapsed().as_millis())));
        }
        Ok(Err(e)) => {
            checks.push(check(
                "name",
                "error",
                format!("{host} is unknown: {e}"),
                "check the URL: forebay context show",
            ));
            return false;
        }
        Err(_) => {
            checks.push(check(
                "name",
                "error",
                format!("nobody said who {host} is"),
                "check the network's name service",
            ));
            return false;
        }
    }
    let began = Instant::now();
    match tokio::time::timeout(Duration::from_secs(5), tokio::net::TcpStream::connect((host.as_str(), port))).await {
        Ok(Ok(_)) => checks.push(ok("port", format!("{port} is open ({} ms)", began.elapsed().as_millis()))),
        Ok(Err(e)) => {
            checks.push(check(
                "port",
                "error",
                format!("{host}:{port}: {e}"),
                "forebay serve (it has to run), or mend the URL",
            ));
            return false;
        }
        Err(_) => {
            checks.push(check(
                "port",
                "error",
                format!("{host}:{port} does not answer"),
                "a firewall may be between; check the URL",
            ));
            return false;
        }
    }
    match client.health().await {
        Ok((version, date)) => {
            checks.push(clock(date.as_deref()));
            checks.push(match version {
                Some(version) if version == env!("CARGO_PKG_VERSION") => {
                    ok("version", format!("the server is {version} too"))
                }
                Some(version) => {
                    check("version", "warn", format!("the server is {version}"), "use the same version on both sides")
                }
                None => check(
                    "version",
                    "warn",
                    "the server does not tell its version",
                    "is this a Forebay server? forebay context show",
                ),
            });
            true
        }
        Err(failure) => {
            checks.push(check("health", "error", failure.message, "look at the server's log"));
            false
        }
    }
}

fn clock(date: Option<&str>) -> Value {
    let told = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok());
    let Some(told) = told else {
        return check("clock", "warn", "the server does not tell the time", "compare the clocks by hand");
    };
    let off = (chrono::Utc::now() - told.to_utc()).num_seconds();
    match off.abs() <= OFF {
        true => ok("clock", format!("{} s apart", off.abs())),
        false => check(
            "clock",
            "error",
            format!("the clocks are {} s apart", off.abs()),
            "set both by NTP: tokens and schedules go by the clock",
        ),
    }
}

/// What the server says of itself, to somebody who is signed in.
async fn server(client: &Client, checks: &mut Vec<Value>, bundled: bool) -> Option<Value> {
    match client.send(get("/data/foundation/sandbox-management/").lookup()).await {
        Ok(answer) => {
            let named: Vec<&str> =
                answer.body["sandboxes"].as_array().into_iter().flatten().filter_map(|s| s["name"].as_str()).collect();
            checks.push(ok("sign in", format!("client {}", client.context.client_id)));
            let wanted = client.context.sandbox.as_str();
            checks.push(match named.contains(&wanted) {
                true => ok("sandbox", wanted),
                false => check(
                    "sandbox",
                    "error",
                    format!("there is no sandbox {wanted:?}, but {}", named.join(", ")),
                    "forebay context use --sandbox NAME",
                ),
            });
        }
        Err(failure) => {
            let next = failure.next_command();
            checks.push(check("sign in", "error", failure.message, &next));
            return None;
        }
    }
    match client.send(get(format!("{OWN}/system")).lookup()).await {
        Ok(answer) => {
            for found in answer.body["checks"].as_array().into_iter().flatten() {
                let mut found = found.clone();
                if found["level"].is_null() {
                    found["level"] = json!(if found["ok"] == json!(true) { "ok" } else { "error" });
                }
                found["name"] = json!(format!("server: {}", plain(&found["name"])));
                checks.push(found);
            }
        }
        Err(failure) if failure.exit == Exit::Forbidden => {
            checks.push(check(
                "server",
                "warn",
                "this client may not see how the server is",
                "ask for the permission set view-user-activity-log",
            ));
        }
        Err(failure) => checks.push(check("server", "warn", failure.message, "")),
    }
    match bundled {
        true => client.send(get(format!("{OWN}/system/diagnostics")).lookup()).await.ok().map(|answer| answer.body),
        false => None,
    }
}

fn write(screen: &Screen, file: &std::path::Path, checks: &[Value], server: Option<Value>) -> Result<()> {
    let whole = json!({ "program": env!("CARGO_PKG_VERSION"), "at": crate::output::exact(screen.now), "checks": checks, "server": server });
    write_private(file, &format!("{whole:#}\n"))
        .map_err(|e| Failure::new(Exit::Failed, format!("{} cannot be written: {e}", file.display())))?;
    screen.say(&format!("wrote {}; secrets are masked; read it before you send it", file.display()));
    Ok(())
}
