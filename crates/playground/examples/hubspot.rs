//! Serves an account and prints what a client needs, or with `measure` how fast it answers on one thread:
//! `cargo run --release --example hubspot [measure]`.

use forebay_playground::hubspot::{Config, Hubspot, Profile, Running, Volumes};
use std::io::{Read, Write};
use std::time::Instant;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failed> {
    let measured = std::env::args().nth(1).is_some_and(|what| what == "measure");
    let volumes = Volumes { contacts: 1_000_000, ..Profile::Medium.volumes() };
    let profile = if measured { Profile::Custom(volumes) } else { Profile::Small };
    let started = Instant::now();
    let running = Hubspot::start(Config { profile, ..Config::default() }).await?;
    if !measured {
        let account = running.account();
        println!(
            "{}",
            serde_json::json!({ "url": running.url(), "token": account.private_app_token, "clientId": account.client_id,
                "clientSecret": account.client_secret, "refreshToken": account.refresh_token })
        );
        std::future::pending::<()>().await;
    }
    println!("made in {:.0} ms", started.elapsed().as_secs_f64() * 1e3);
    tokio::task::spawn_blocking(move || measure(&running)).await?
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

fn measure(running: &Running) -> Result<(), Failed> {
    let sim = running.sim();
    let names: Vec<String> = sim.property_names("contacts").into_iter().take(30).collect();
    let query = format!("limit=100&properties={}", names.join(","));
    let token = running.account().private_app_token;
    let mut stream = std::net::TcpStream::connect(running.addr)?;
    stream.set_nodelay(true)?;
    for (what, coding) in [("plain", "identity"), ("gzip", "gzip")] {
        let mut size = 0;
        let pages = 4_000;
        let ids = sim.ids("contacts");
        let started = Instant::now();
        for page in 0..pages {
            let target = format!("/crm/v3/objects/contacts?{query}&after={}", ids[page * 100]);
            size += exchange(&mut stream, "GET", &target, &token, coding, "")?;
        }
        let seconds = started.elapsed().as_secs_f64();
        println!("{what}: {:.0} list pages/s of {} bytes", pages as f64 / seconds, size / pages);
    }
    let started = Instant::now();
    let (mut seen, mut after) = (0, String::new());
    let ids = sim.ids("contacts");
    loop {
        let target = format!("/crm/v3/objects/contacts?limit=100&properties=email{after}");
        let page = exchange_text(&mut stream, &target, &token)?;
        for record in page.split("{\"id\":\"").skip(1) {
            let id = record.split('"').next().unwrap_or_default();
            assert_eq!(id.parse::<u64>()?, ids[seen], "every id once, in order");
            seen += 1;
        }
        let Some((_, next)) = page.split_once("\"paging\":{\"next\":{\"after\":\"") else { break };
        after = format!("&after={}", next.split('"').next().unwrap_or_default());
    }
    assert_eq!(seen, ids.len());
    println!("walked {seen} contacts, each once, in {:.1} s", started.elapsed().as_secs_f64());
    for (what, filter) in [
        ("by id", r#"{"propertyName":"hs_object_id","operator":"GT","value":"500000000000"}"#),
        ("by date", r#"{"propertyName":"lastmodifieddate","operator":"GTE","value":"1700000000000"}"#),
    ] {
        let body = format!(r#"{{"filterGroups":[{{"filters":[{filter}]}}],"sorts":["hs_object_id"],"limit":200}}"#);
        let started = Instant::now();
        for _ in 0..50 {
            exchange(&mut stream, "POST", "/crm/v3/objects/contacts/search", &token, "identity", &body)?;
        }
        println!("search {what}: {:.1} ms over a million", started.elapsed().as_secs_f64() * 1e3 / 50.0);
    }
    Ok(())
}

fn exchange_text(stream: &mut std::net::TcpStream, target: &str, token: &str) -> Result<String, Failed> {
    Ok(String::from_utf8(bytes(stream, "GET", target, token, "identity", "")?)?)
}

fn exchange(
    stream: &mut std::net::TcpStream,
    method: &str,
    target: &str,
    token: &str,
    coding: &str,
    body: &str,
) -> Result<usize, Failed> {
    Ok(bytes(stream, method, target, token, coding, body)?.len())
}

fn bytes(
    stream: &mut std::net::TcpStream,
    method: &str,
    target: &str,
    token: &str,
    coding: &str,
    body: &str,
) -> Result<Vec<u8>, Failed> {
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\naccept-encoding: {coding}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut bytes = Vec::with_capacity(1 << 18);
    let mut buffer = [0; 1 << 16];
    loop {
        let read = stream.read(&mut buffer)?;
        bytes.extend_from_slice(&buffer[..read]);
        let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).ok_or("no length")?;
        let wanted = end + 4 + length.parse::<usize>()?;
        while bytes.len() < wanted {
            let read = stream.read(&mut buffer)?;
            bytes.extend_from_slice(&buffer[..read]);
        }
        return Ok(bytes);
    }
}
