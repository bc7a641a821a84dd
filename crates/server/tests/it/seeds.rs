//! The five tutorials that the project began with: every request that they print, with curl, as printed but for the host,
//! the values in braces and the slips named here; and what they print as the answer, against ours. `seeds/` has their
//! blocks of code as they are.

use crate::harness::{Bucket, Forebay, encoded};
use crate::tutorial::{HEADERS, shell};
use forebay_playground::hubspot::{Config, Hubspot, Profile};
use serde_json::Value;

const SEEDS: [(&str, &str); 5] = [
    ("HubSpot, Korean", include_str!("seeds/hubspot-ko.md")),
    ("HubSpot, Chinese", include_str!("seeds/hubspot-zh.md")),
    ("HubSpot, French", include_str!("seeds/hubspot-fr.md")),
    ("HubSpot, Spanish", include_str!("seeds/hubspot-es.md")),
    ("Amazon S3, Korean", include_str!("seeds/s3-ko.md")),
];

/// A fenced block: its language and its text.
fn blocks(seed: &str) -> Vec<(&str, &str)> {
    let fenced = seed.split("```").skip(1).step_by(2);
    fenced.map(|block| block.split_once('\n').expect("a block has a language")).collect()
}

/// Slip: all four HubSpot tutorials leave the quote behind the body open.
fn closed(command: &str) -> String {
    let command = command.trim_end();
    match command.matches('\'').count() % 2 {
        0 => command.to_string(),
        _ => format!("{command}'"),
    }
}

/// Slip: one HubSpot tutorial prints a comma behind the last member of the spec.
fn json(printed: &str) -> Value {
    let comma = printed.rfind("],\n        }").filter(|_| serde_json::from_str::<Value>(printed).is_err());
    let repaired = match comma {
        Some(at) => format!("{}]{}", &printed[..at], &printed[at + 2..]),
        None => printed.to_string(),
    };
    serde_json::from_str(&repaired).unwrap_or_else(|e| panic!("{e}: {repaired}"))
}

/// What is printed is there: members beside it are ours to add, texts ours to word, ids and etags of their form.
fn shows(printed: &Value, ours: &Value, at: &str, wrong: &mut Vec<String>) {
    match (printed, ours) {
        (Value::Object(members), Value::Object(_)) => {
            for (name, member) in members {
                // Slip A-1: the S3 tutorial's spec requires what it does not declare.
                let slip = name == "required" && member[0] == "accessKeyId";
                if name != "description" && !slip {
                    shows(member, &ours[name], &format!("{at}/{name}"), wrong);
                }
            }
        }
        (Value::Array(printed), Value::Array(all)) => {
            for (i, item) in printed.iter().enumerate() {
                shows(item, all.get(i).unwrap_or(&Value::Null), &format!("{at}/{i}"), wrong);
            }
        }
        (Value::String(text), Value::String(own)) if at == "/etag" => {
            let quoted = |text: &str| text.len() > 2 && text.starts_with('"') && text.ends_with('"');
            if quoted(text) != quoted(own) {
                wrong.push(format!("{at} is {own}"));
            }
        }
        (Value::String(text), Value::String(own)) if at == "/id" && uuid::Uuid::parse_str(text).is_ok() => {
            if uuid::Uuid::parse_str(own).is_err() {
                wrong.push(format!("{at} is {own}"));
            }
        }
        _ if printed == ours => {}
        _ => wrong.push(format!("{at} is {ours}, printed as {printed}")),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_of_the_five_seeds_runs_as_printed_and_answers_what_is_printed() {
    let bucket = Bucket::playground("seeds").await;
    let config = Config { contacts: Some(50), profile: Profile::Tiny, ..Config::default() };
    let account = Hubspot::start(config).await.unwrap();
    let url = account.url();
    let forebay = Forebay::start_with(&[("FOREBAY_HUBSPOT_BASE_URL", &url)]).await;
    let who = account.account();
    let (mut requests, mut answers, mut wrong) = (0, 0, Vec::new());
    for (name, seed) in SEEDS {
        let mut last = Value::Null;
        for (language, block) in blocks(seed) {
            match language {
                "http" | "https" => {
                    // The bare forms, `GET /connectionSpecs?property=name=="hubspot"`: with the headers, raw quotes and all.
                    for line in block.lines().filter(|line| line.starts_with("GET ")) {
                        let path = line.trim_start_matches("GET ");
                        let at = "https://platform.adobe.io/data/foundation/flowservice";
                        let answer = shell(&forebay, &format!("curl -sS -X GET '{at}{path}'{HEADERS}"));
                        let items = answer["items"].as_array().unwrap_or_else(|| panic!("{name}: {line}: {answer}"));
                        assert!(items.len() == 1 || !path.contains('?') && items.len() > 1, "{name}: {line}: {answer}");
                        requests += 1;
                    }
                    // `POST /connections` says no more than the command that follows it.
                    assert!(block.lines().all(|line| ["GET ", "POST "].iter().any(|verb| line.starts_with(verb))));
                }
                "shell" => {
                    let command = closed(block)
                        .replacen("curl ", "curl -sS ", 1)
                        .replace("{CLIENT_ID}", &who.client_id)
                        .replace("{CLIENT_SECRET}", &who.client_secret)
                        .replace("{REFRESH_TOKEN}", &who.refresh_token)
                        .replace("{S3_ACCESS_KEY}", &bucket.access_key)
                        .replace("{S3_SECRET_KEY}", &bucket.secret_key);
                    last = shell(&forebay, &command);
                    requests += 1;
                }
                "json" => {
                    let mut faults = Vec::new();
                    shows(&json(block), &last, "", &mut faults);
                    wrong.extend(faults.into_iter().map(|fault| format!("{name}: {fault}")));
                    answers += 1;
                }
                other => panic!("{name}: a block of {other}"),
            }
        }
        // What the last request of each made is there, and shows no secret.
        let id = encoded(last["id"].as_str().unwrap_or_else(|| panic!("{name}: {last}")));
        let item = forebay.get(&format!("{}/connections/{id}", crate::harness::FLOW)).await;
        let text = item.to_string();
        for secret in [&who.client_secret, &who.refresh_token, &bucket.secret_key] {
            assert!(!text.contains(secret.as_str()), "{name}: FS-ENV-9");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!((requests, answers), (11, 7), "requests and answers of the five");
    bucket.end().await;
}
