//! `forebay demo reset`: a demo that has ended begins anew at its next start; one that runs is restored where it is.

use super::client::{Client, text};
use super::control::MARK;
use crate::place::Place;
use reqwest::Method;
use std::path::Path;

/// Resets the demo over a folder.
pub async fn command(data: &Path) -> Result<(), String> {
    if !data.exists() {
        println!("{} is not there: nothing is to be reset.", data.display());
        return Ok(());
    }
    // Only what a demo has made is removed.
    if !data.join(MARK).is_file() {
        return Err(format!("{} is no demo's folder: {MARK} is not in it", data.display()));
    }
    match Place::take(data, false) {
        Ok(_place) => {
            std::fs::remove_dir_all(data).map_err(|e| format!("{} cannot be removed: {e}", data.display()))?;
            println!("{} is removed; the next `forebay demo` begins anew.", data.display());
            Ok(())
        }
        Err(_) => running(data).await,
    }
}

async fn running(data: &Path) -> Result<(), String> {
    let file = data.join("credentials.json");
    let known = std::fs::read_to_string(&file).map_err(|e| format!("{} could not be read: {e}", file.display()))?;
    let known = serde_json::from_str(&known).map_err(|e| format!("{} is not JSON: {e}", file.display()))?;
    let url = text(&known, "/url");
    let mut client = Client::new(&url, &file)?;
    client.sign_in().await?;
    let answer = Client::receive(client.request(Method::POST, "/data/foundation/forebay/demo/reset")).await?;
    if !answer.status.is_success() {
        return Err(format!("the demo at {url} could not be reset: {} {}", answer.status, answer.body));
    }
    println!("The demo at {url} is as it was at its first start.");
    Ok(())
}
