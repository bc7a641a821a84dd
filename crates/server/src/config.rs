//! The configuration: `default.toml`, compiled in, names every key and says what it does; a file lies over it, then
//! the environment. Unknown keys are errors, in the file and in the environment alike.

use figment::Figment;
use figment::providers::{Env, Format, Toml};
use ipnet::IpNet;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use url::Url;

/// The text of the defaults.
pub const DEFAULTS: &str = include_str!("../default.toml");

/// Variables with this prefix are the tests' own.
const TEST_PREFIX: &str = "FOREBAY_TEST_";

/// All keys.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub server: Server,
    pub database: Database,
    pub issuer: Issuer,
    pub audit: Audit,
    pub egress: Egress,
    pub hubspot: Hubspot,
    pub run: Run,
    pub lake: Lake,
    pub upload: Upload,
    pub log: Log,
}

/// `[server]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub data: PathBuf,
    pub listen: SocketAddr,
    pub public_url: String,
    pub behind_proxy: bool,
    pub strict_headers: bool,
}

/// `[database]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// It may hold a password.
    #[serde(deserialize_with = "secret")]
    pub url: SecretString,
    pub connections: u32,
}

/// `[issuer]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    pub issuer: String,
    pub audience: String,
    pub jwks_url: String,
    pub organization: String,
    pub organization_claim: String,
    pub user_claim: String,
    pub client_claim: String,
    pub roles_claim: String,
}

impl Issuer {
    /// What the API is to know of it; none if there is none. All that a token is judged by must be said.
    pub fn settings(&self) -> Result<Option<forebay_api::IssuerSettings>, String> {
        if self.issuer.is_empty() {
            return Ok(None);
        }
        if self.issuer == "forebay" {
            return Err("issuer.issuer is \"forebay\", which is this server itself".to_string());
        }
        let organization = if self.organization.is_empty() { &self.organization_claim } else { &self.organization };
        for (name, value) in [
            ("audience", &self.audience),
            ("organization_claim", organization),
            ("user_claim", &self.user_claim),
            ("client_claim", &self.client_claim),
        ] {
            if value.is_empty() {
                return Err(format!("issuer.issuer is set, so issuer.{name} must be set too"));
            }
        }
        let jwks_url = self
            .jwks_url
            .parse::<Url>()
            .map_err(|e| format!("issuer.jwks_url is not a URL such as https://id.example.com/keys: {e}"))?;
        Ok(Some(forebay_api::IssuerSettings {
            issuer: self.issuer.clone(),
            audience: self.audience.clone(),
            jwks_url,
            organization: self.organization.clone(),
            organization_claim: self.organization_claim.clone(),
            user_claim: self.user_claim.clone(),
            client_claim: self.client_claim.clone(),
            roles_claim: self.roles_claim.clone(),
        }))
    }
}

/// `[audit]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    pub days: u64,
}

/// `[egress]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Egress {
    #[serde(deserialize_with = "networks")]
    pub allow: Vec<IpNet>,
}

/// `[hubspot]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hubspot {
    pub base_url: Url,
}

/// `[run]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    pub memory: u64,
    pub concurrency: usize,
    pub tasks: usize,
    pub attempts: u32,
    pub lease_seconds: u64,
    pub idle_minutes: u64,
    pub checkpoint_seconds: u64,
    pub overlap_hours: i64,
    pub tick_ms: u64,
}

/// `[lake]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lake {
    pub file_size: u64,
    pub checkpoint_commits: u64,
    pub upkeep_minutes: u64,
    pub compact_files: usize,
    pub vacuum_hours: u64,
    pub log_days: u64,
    pub diagnostics_days: u64,
    pub raw_days: u64,
}

/// `[upload]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Upload {
    pub request_mb: u64,
    pub batch_files: u64,
    pub batch_gb: u64,
    pub file_ranges: u64,
    pub abandon_days: u64,
}

/// `[log]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub format: LogFormat,
    pub filter: String,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    Json,
}

fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<SecretString, D::Error> {
    String::deserialize(from).map(SecretString::from)
}

/// Networks as a list, or as text with commas.
fn networks<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpNet>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Shape {
        List(Vec<String>),
        Text(String),
    }
    let list = match Shape::deserialize(from)? {
        Shape::List(list) => list,
        Shape::Text(text) => text.split(',').map(str::to_string).collect(),
    };
    let mut networks = Vec::new();
    for text in list.iter().map(|t| t.trim()).filter(|t| !t.is_empty()) {
        let parsed = text.parse::<IpNet>().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from));
        networks.push(
            parsed.map_err(|_| serde::de::Error::custom(format!("`{text}` is not a network such as 10.1.0.0/16")))?,
        );
    }
    Ok(networks)
}

/// Reads the configuration. `vars` is the environment.
pub fn read(file: Option<&Path>, vars: impl Iterator<Item = (String, String)>) -> Result<Config, String> {
    let names = names();
    for (name, _) in vars {
        let other = name.starts_with(TEST_PREFIX) || forebay_cli::VARIABLES.contains(&name.as_str());
        if name.starts_with("FOREBAY_") && !other && !names.contains_key(&name) {
            return Err(format!(
                "the environment names {name}, which is no key of the configuration; the keys are {}",
                names.keys().cloned().collect::<Vec<_>>().join(", ")
            ));
        }
    }
    let mut figment = Figment::from(Toml::string(DEFAULTS));
    if let Some(file) = file {
        figment = figment.merge(Toml::file_exact(file));
    }
    let env = Env::raw()
        .filter_map(move |name| names.get(&name.as_str().to_uppercase()).map(|key| key.clone().into()))
        .split(".");
    let config: Config = figment.merge(env).extract().map_err(|e| format!("the configuration is wrong: {e}"))?;
    config.check()?;
    Ok(config)
}

impl Config {
    /// What no single key can say: plain HTTP is for this machine, or for a proxy that ends TLS.
    pub fn check(&self) -> Result<(), String> {
        self.issuer.settings()?;
        if self.server.listen.ip().is_loopback() || self.server.behind_proxy {
            return Ok(());
        }
        Err(format!(
            "server.listen is {}, which others can reach, and this server speaks plain HTTP: put a proxy with TLS in front and set server.behind_proxy = true (FOREBAY_SERVER_BEHIND_PROXY=true)",
            self.server.listen
        ))
    }
}

/// Environment name → key, for every key of `default.toml`.
fn names() -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    let (mut section, mut key_of) = (String::new(), |section: &str, key: &str| {
        names.insert(format!("FOREBAY_{}_{}", section, key).to_uppercase(), format!("{section}.{key}"));
    });
    for line in DEFAULTS.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = name.to_string();
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            key_of(&section, key);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_whole() {
        let config = read(None, std::iter::empty()).unwrap();
        assert_eq!(config.server.listen.to_string(), "127.0.0.1:8787");
        assert!(config.egress.allow.is_empty());
    }

    #[test]
    fn every_key_has_a_name_in_the_environment() {
        assert_eq!(names().get("FOREBAY_EGRESS_ALLOW").map(String::as_str), Some("egress.allow"));
        assert_eq!(names().get("FOREBAY_RUN_LEASE_SECONDS").map(String::as_str), Some("run.lease_seconds"));
    }

    #[test]
    fn a_variable_that_is_no_key_is_an_error() {
        let client = [("FOREBAY_SANDBOX".to_string(), "dev".to_string())];
        assert!(read(None, client.into_iter()).is_ok(), "what the command line reads is no key of ours");
        let vars = [("FOREBAY_EGRES_ALLOW".to_string(), "x".to_string())];
        assert!(read(None, vars.into_iter()).unwrap_err().contains("FOREBAY_EGRES_ALLOW"));
    }

    #[test]
    fn a_key_of_a_file_that_does_not_exist_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c.toml");
        std::fs::write(&file, "[run]\nmemori = 3\n").unwrap();
        assert!(read(Some(&file), std::iter::empty()).unwrap_err().contains("memori"));
    }

    #[test]
    fn the_databases_address_is_not_printed() {
        let vars = || [("FOREBAY_DATABASE_URL".to_string(), "postgres://a:hunter2@b/c".to_string())].into_iter();
        assert_eq!(names().get("FOREBAY_DATABASE_URL").map(String::as_str), Some("database.url"));
        let mut config = read(None, vars()).unwrap();
        config.database.url = SecretString::from("postgres://a:hunter2@b/c");
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn an_issuer_is_whole_or_an_error() {
        let vars = |given: &[(&str, &str)]| -> Vec<(String, String)> {
            given.iter().map(|(name, value)| (format!("FOREBAY_ISSUER_{name}"), value.to_string())).collect()
        };
        assert_eq!(names().get("FOREBAY_ISSUER_JWKS_URL").map(String::as_str), Some("issuer.jwks_url"));
        let dir = tempfile::tempdir().unwrap();
        let read = |text: &str| {
            let file = dir.path().join("c.toml");
            std::fs::write(&file, format!("[issuer]\n{text}")).unwrap();
            read(Some(&file), vars(&[]).into_iter()).and_then(|config| config.issuer.settings())
        };
        assert!(read("").unwrap().is_none());
        let whole = "issuer = \"https://id/\"\naudience = \"forebay\"\njwks_url = \"https://id/keys\"\n";
        assert_eq!(read(whole).unwrap().unwrap().user_claim, "sub");
        for (without, named) in [("audience", "issuer.audience"), ("jwks_url", "issuer.jwks_url")] {
            let text: Vec<&str> = whole.lines().filter(|line| !line.starts_with(without)).collect();
            assert!(read(&text.join("\n")).unwrap_err().contains(named));
        }
        assert!(read(&format!("{whole}client_claim = \"\"")).unwrap_err().contains("client_claim"));
        assert!(read(&whole.replace("https://id/\"", "forebay\"")).unwrap_err().contains("itself"));
    }

    #[test]
    fn others_reach_it_only_behind_a_proxy() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c.toml");
        std::fs::write(&file, "[server]\nlisten = \"0.0.0.0:1\"\n").unwrap();
        assert!(read(Some(&file), std::iter::empty()).unwrap_err().contains("behind_proxy"));
    }
}
