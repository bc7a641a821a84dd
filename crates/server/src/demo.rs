//! `forebay demo`: the playground and the platform in one process, with connections that are there already.
//!
//! Left running it is for people: the web UI has what they need to make two dataflows with nothing typed ([`recipes`]),
//! and things to break and repair ([`control`]). With `--exit` it walks the public API by itself ([`walk`]).

mod client;
mod control;
mod recipes;
mod reset;
mod walk;

use crate::config;
use crate::{Demo, DemoCommand, Output, serve};
use control::Control;
use serde_json::json;
use std::net::SocketAddr;
use std::sync::Arc;
use walk::Walk;

/// Runs the demo.
pub async fn command(args: Demo) -> Result<(), String> {
    if let Some(DemoCommand::Reset(args)) = args.command {
        return reset::command(&args.data).await;
    }
    let mut config = config::read(None, std::env::vars())?;
    config.server.data = args.data.clone();
    config.server.listen = free(args.listen)?;
    config.egress.allow.extend(["127.0.0.0/8", "::1/128"].map(|n| n.parse::<ipnet::IpNet>().expect("a network")));
    if std::env::var_os("FOREBAY_LOG_FILTER").is_none() {
        config.log.filter = "warn".into();
    }
    let control = Arc::new(Control::start(&args.data).await?);
    let hubspot = control.hubspot_url();
    config.hubspot.base_url = hubspot.parse().map_err(|e| format!("{hubspot} is no URL: {e}"))?;
    let platform = serve::start_with(config.clone(), Some(control.clone())).await?;
    control.open(&platform)?;
    let done = if args.exit {
        Walk::run(&args, &config, &platform, &control).await
    } else {
        stay(&args, &platform, &control).await
    };
    platform.shutdown().await;
    done
}

/// Leaves everything to people, until Ctrl-C.
async fn stay(args: &Demo, platform: &serve::Running, control: &Control) -> Result<(), String> {
    let made = control.connections().await.map_err(|e| serve::said("the demo's connections could not be made", e))?;
    let flows = control.flows().await.map_err(|e| serve::said("the flows could not be listed", e))?;
    let (url, data, link) = (platform.url(), args.data.display(), platform.link().await);
    match args.output {
        Output::Json => {
            let told = json!({ "url": url, "ui": link, "credentials": platform.credentials(), "s3": control.s3_url(),
                "hubspot": control.hubspot_url(), "created": made, "flows": flows });
            println!("{told}");
        }
        Output::Text => {
            if !url.ends_with(&format!(":{}", args.listen.port())) && args.listen.port() != 0 {
                println!("{} is taken; this is another port.\n", args.listen);
            }
            if let Some(link) = &link {
                serve::tell(link);
            }
            println!("Running  Forebay at {url}, S3 at {}, HubSpot at {}", control.s3_url(), control.hubspot_url());
            match made.as_slice() {
                [] => println!("Created  nothing: the connections were there"),
                made => println!("Created  the connections {}", made.join(" and ")),
            }
            println!("Lies in  {data}: metadata, tables, sample files, credentials.json");
            println!("Remove   Ctrl-C, then rm -r {data}; or begin anew with forebay demo reset --data {data}");
            match flows.first() {
                Some(flow) => println!("Try      forebay run {flow} --wait"),
                None => println!("Try      the cards on the UI's first page"),
            }
        }
    }
    serve::interrupted().await;
    Ok(())
}

/// `wanted`, or a free port beside it when another program has it.
fn free(wanted: SocketAddr) -> Result<SocketAddr, String> {
    let any = SocketAddr::new(wanted.ip(), 0);
    let listener = std::net::TcpListener::bind(wanted).or_else(|_| std::net::TcpListener::bind(any));
    listener.and_then(|l| l.local_addr()).map_err(|e| format!("no port of {} is free: {e}", wanted.ip()))
}
