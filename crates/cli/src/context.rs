//! Where the server is and who asks: a profile of `config.json`, the environment, or the credentials that a server on
//! this machine wrote at its first start.

use crate::failure::{Exit, Failure, Result};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where a server listens that nobody told otherwise.
const URL: &str = "http://127.0.0.1:8787";

/// The file with the profiles.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Config {
    /// The profile that is used when none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
    /// The profiles, by their names.
    #[serde(default)]
    pub contexts: BTreeMap<String, Profile>,
}

/// One server, and one client of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Where the server is.
    pub url: String,
    /// The client, which is also the API key.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
    /// The organization.
    #[serde(default)]
    pub organization: String,
    /// The sandbox that is used when none is named.
    #[serde(default)]
    pub sandbox: String,
}

/// Who asks, and whom.
#[derive(Debug, Clone)]
pub struct Context {
    /// The profile's name, or where else it is from.
    pub name: String,
    /// Where the server is, without a trailing slash.
    pub url: String,
    /// The client.
    pub client_id: String,
    /// Its secret; none where a token is given.
    pub client_secret: Option<SecretString>,
    /// A token from the environment.
    pub token: Option<SecretString>,
    /// The organization.
    pub organization: String,
    /// The sandbox.
    pub sandbox: String,
}

/// What the command line says of it.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// `--context`
    pub context: Option<String>,
    /// `--url`
    pub url: Option<String>,
    /// `--sandbox`
    pub sandbox: Option<String>,
}

/// Where the profiles are.
pub fn config_file() -> Option<PathBuf> {
    if let Some(file) = filled("FOREBAY_CLI_CONFIG") {
        return Some(file.into());
    }
    let folder = filled("XDG_CONFIG_HOME").map(PathBuf::from);
    let folder = folder.or_else(|| Some(home()?.join(".config")))?;
    Some(folder.join("forebay/config.json"))
}

/// Where tokens are kept until they expire.
pub fn cache_folder() -> Option<PathBuf> {
    let folder = filled("XDG_CACHE_HOME").map(PathBuf::from);
    Some(folder.or_else(|| Some(home()?.join(".cache")))?.join("forebay/tokens"))
}

fn home() -> Option<PathBuf> {
    filled("HOME").or_else(|| filled("USERPROFILE")).map(PathBuf::from)
}

fn filled(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

impl Config {
    /// Reads the file; an empty one where there is none.
    ///
    /// # Errors
    /// When it cannot be read, or is not what we wrote.
    pub fn read() -> Result<Config> {
        let Some(file) = config_file() else { return Ok(Config::default()) };
        let text = match std::fs::read_to_string(&file) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Config::default()),
            Err(e) => return Err(Failure::new(Exit::Failed, format!("{} cannot be read: {e}", file.display()))),
        };
        serde_json::from_str(&text).map_err(|e| {
            Failure::usage(format!("{} is not a file of profiles: {e}", file.display())).at(format!(
                "{}:{}:{}",
                file.display(),
                e.line(),
                e.column()
            ))
        })
    }

    /// Writes the file, for nobody but its owner.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self) -> Result<PathBuf> {
        let Some(file) = config_file() else {
            return Err(Failure::usage("neither XDG_CONFIG_HOME nor HOME says where profiles are kept"));
        };
        let text = serde_json::to_string_pretty(self).map_err(|e| Failure::new(Exit::Failed, e.to_string()))?;
        write_private(&file, &format!("{text}\n"))
            .map_err(|e| Failure::new(Exit::Failed, format!("{} cannot be written: {e}", file.display())))?;
        Ok(file)
    }
}

/// Writes a file that only its owner may read, as a whole or not at all.
///
/// # Errors
/// When it cannot be written.
pub fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    let folder = file.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let beside = folder.join(format!(".{name}.{}", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&beside).and_then(|mut out| {
        out.write_all(text.as_bytes())?;
        out.sync_all()
    });
    let moved = written.and_then(|()| std::fs::rename(&beside, file));
    if moved.is_err() {
        std::fs::remove_file(&beside).ok();
    }
    moved
}

/// What a server wrote at its first start.
fn local(file: &Path) -> Result<Option<Context>> {
    let Ok(text) = std::fs::read_to_string(file) else { return Ok(None) };
    let value: Value = serde_json::from_str(&text)
        .map_err(|e| Failure::usage(format!("{} is not a file of credentials: {e}", file.display())))?;
    let text = |names: &[&str]| {
        let found = names.iter().filter_map(|name| value[*name].as_str()).find(|text| !text.is_empty());
        found.unwrap_or_default().to_string()
    };
    let url = text(&["url"]);
    Ok(Some(Context {
        name: file.display().to_string(),
        url: if url.is_empty() { URL.into() } else { url },
        client_id: text(&["clientId", "apiKey"]),
        client_secret: Some(text(&["clientSecret"]).into()),
        token: None,
        organization: text(&["imsOrgId", "organization"]),
        sandbox: text(&["sandbox"]),
    }))
}

impl Context {
    /// Finds out who asks: `--context`, else the environment over the current profile, else what a server on this machine
    /// wrote.
    ///
    /// # Errors
    /// When nothing says so, or what says so contradicts itself.
    pub fn find(named: &Named) -> Result<Context> {
        let context = Context::known(named)?;
        let mut context = match context {
            Some(context) => context,
            None => {
                return Err(Failure::new(Exit::Forbidden, "nothing says which server to ask, and as whom")
                    .next("forebay login, or `forebay serve` or `forebay demo` in this folder"));
            }
        };
        context.url = context.url.trim_end_matches('/').to_string();
        let good = url::Url::parse(&context.url).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !good {
            return Err(Failure::usage(format!("{:?} is not the URL of a server", context.url)));
        }
        if context.sandbox.is_empty() {
            context.sandbox = "prod".into();
        }
        if context.client_id.is_empty() {
            return Err(Failure::new(Exit::Forbidden, "no client is known").next("forebay login"));
        }
        Ok(context)
    }

    fn known(named: &Named) -> Result<Option<Context>> {
        let config = Config::read()?;
        let wanted = named.context.clone().or_else(|| filled("FOREBAY_CONTEXT"));
        let explicit = wanted.is_some();
        let base = match wanted.or(config.current.clone()) {
            Some(name) => match config.contexts.get(&name) {
                Some(profile) => Some(Context::of(&name, profile)),
                None if explicit => {
                    let known: Vec<&str> = config.contexts.keys().map(String::as_str).collect();
                    return Err(crate::names::unknown("context", &name, &known).next("forebay context list"));
                }
                None => None,
            },
            None => None,
        };
        let profile = base.is_some();
        let client = filled("FOREBAY_CLIENT_ID");
        let base = match base {
            None if client.is_none() => match local(Path::new("data/credentials.json"))? {
                Some(context) => Some(context),
                None => local(Path::new("data/demo/credentials.json"))?,
            },
            base => base,
        };
        let url = named.url.clone().or_else(|| filled("FOREBAY_URL"));
        if base.is_none() && client.is_none() && url.is_none() {
            return Ok(None);
        }
        let mut context = base.unwrap_or_else(|| Context {
            name: "environment".into(),
            url: URL.into(),
            client_id: String::new(),
            client_secret: None,
            token: None,
            organization: String::new(),
            sandbox: String::new(),
        });
        if let Some(url) = url {
            // A profile's secret is for its own server and for no other.
            if profile && client.is_none() && url.trim_end_matches('/') != context.url.trim_end_matches('/') {
                return Err(Failure::usage(format!(
                    "{url} is not the server of the context {:?}, whose secret it would be told",
                    context.name
                ))
                .next("forebay login --url URL --name NAME, or set FOREBAY_CLIENT_ID and FOREBAY_CLIENT_SECRET"));
            }
            context.url = url;
        }
        if let Some(client) = client {
            context.client_id = client;
            context.client_secret = filled("FOREBAY_CLIENT_SECRET").map(SecretString::from);
        }
        context.token = filled("FOREBAY_TOKEN").map(SecretString::from);
        for (name, member) in [("FOREBAY_ORG", &mut context.organization), ("FOREBAY_SANDBOX", &mut context.sandbox)] {
            if let Some(value) = filled(name) {
                *member = value;
            }
        }
        if let Some(sandbox) = &named.sandbox {
            context.sandbox = sandbox.clone();
        }
        Ok(Some(context))
    }

    /// Of a profile.
    pub fn of(name: &str, profile: &Profile) -> Context {
        Context {
            name: name.into(),
            url: profile.url.clone(),
            client_id: profile.client_id.clone(),
            client_secret: Some(profile.client_secret.clone().into()),
            token: None,
            organization: profile.organization.clone(),
            sandbox: profile.sandbox.clone(),
        }
    }

    /// The secret, where there is one.
    pub fn secret(&self) -> Option<&str> {
        self.client_secret.as_ref().map(ExposeSecret::expose_secret).filter(|secret| !secret.is_empty())
    }

    /// Whether what is sent stays on this machine or is encrypted.
    pub fn is_private(&self) -> bool {
        let Ok(url) = url::Url::parse(&self.url) else { return false };
        url.scheme() == "https" || is_loopback(&url)
    }
}

/// Whether a URL is of this machine.
pub fn is_loopback(url: &url::Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
