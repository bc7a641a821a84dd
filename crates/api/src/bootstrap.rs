//! What an empty store is given at its first start: an organization, its sandbox `prod`, one client with a
//! random secret, and the administrators' role for it. The secret is told once, to whoever started the program; the store keeps its hash.

use crate::access::roles::{administrators, is_built_in};
use crate::system_random;
use crate::tokens::account;
use forebay_model::filter::Query;
use forebay_model::{Resource, Result, Scope, Time};
use forebay_store::{List, New, Store};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The lease that keeps two programs from filling one store.
const LEASE: &str = "bootstrap";
/// The one document that says the store has been filled, in a scope that no caller can name.
const MARK: &str = "organization";
/// The id of the administrators' role.
const ADMINISTRATORS: &str = "administrators";

/// How the first client of a fresh store signs in.
#[derive(Debug)]
pub struct Credentials {
    /// `…@AdobeOrg`.
    pub organization: String,
    /// Also the API key.
    pub client_id: String,
    /// Told this once.
    pub client_secret: SecretString,
    /// The default sandbox.
    pub sandbox: String,
    /// The organization's namespace in the schema registry, without the underscore.
    pub tenant: String,
}

impl Credentials {
    /// What the server writes to `credentials.json` (mode 0600).
    pub fn to_json(&self) -> Value {
        json!({
            "organization": self.organization,
            "clientId": self.client_id,
            "clientSecret": self.client_secret.expose_secret(),
            "sandbox": self.sandbox,
            "tenant": self.tenant,
        })
    }
}

/// Fills an empty store; `None` if it was filled before.
///
/// # Errors
/// When the store fails.
pub async fn bootstrap(store: &Store, now: Time) -> Result<Option<Credentials>> {
    let nowhere = Scope::organization("");
    let list = List { query: Query::default(), order: Vec::new(), limit: 1, after: None };
    if let Some(mark) = store.list(&nowhere, Resource::Client, &list).await?.documents.first() {
        if let Some(org) = mark.text("/organization") {
            administer(store, &Scope::organization(org), now).await?;
        }
        return Ok(None);
    }
    let holder = hex(16);
    if !store.lease(LEASE, &holder, now, std::time::Duration::from_secs(60)).await? {
        return Ok(None);
    }
    let credentials = Credentials {
        organization: format!("{}@AdobeOrg", hex(24).to_uppercase()),
        client_id: hex(32),
        client_secret: SecretString::from(hex(64)),
        sandbox: "prod".into(),
        tenant: "forebay".into(),
    };
    let org = Scope::organization(&credentials.organization);
    let sandbox = uuid::Builder::from_random_bytes(system_random().to_be_bytes()).into_uuid().to_string();
    insert(
        store,
        &org,
        Resource::Sandbox,
        &sandbox,
        sandbox_body("prod", "Production", true, &credentials.client_id),
        now,
    )
    .await?;
    insert(store, &org, Resource::Client, &credentials.client_id, client_body(&credentials), now).await?;
    administer(store, &org, now).await?;
    insert(store, &nowhere, Resource::Client, MARK, json!({ "organization": credentials.organization }), now).await?;
    Ok(Some(credentials))
}

/// The organization that the first start made: what nobody in particular does to the server is its affair.
pub async fn operator(store: &Store) -> Result<Option<String>> {
    let list = List { query: Query::default(), order: Vec::new(), limit: 1, after: None };
    let mark = store.list(&Scope::organization(""), Resource::Client, &list).await?.documents.into_iter().next();
    Ok(mark.and_then(|mark| mark.text("/organization").map(str::to_string)))
}

/// Gives the organization its administrators' role, if it has none yet: one that is older than roles has its clients in it.
async fn administer(store: &Store, org: &Scope, now: Time) -> Result<()> {
    let list = List { query: Query::default(), order: Vec::new(), limit: 1000, after: None };
    if store.list(org, Resource::Role, &list).await?.documents.iter().any(is_built_in) {
        return Ok(());
    }
    let clients = store.list(org, Resource::Client, &list).await?.documents;
    let ids: Vec<&str> = clients.iter().map(|client| client.id.as_str()).collect();
    insert(store, org, Resource::Role, ADMINISTRATORS, administrators(&ids), now).await
}

async fn insert(store: &Store, scope: &Scope, resource: Resource, id: &str, body: Value, now: Time) -> Result<()> {
    let mut new = New::new(resource, id, body);
    new.stamp = false;
    store.insert(scope, new, now).await?;
    Ok(())
}

/// A sandbox's document. Its id is the document's.
pub fn sandbox_body(name: &str, title: &str, default: bool, client: &str) -> Value {
    json!({
        "name": name,
        "title": title,
        "state": "active",
        "type": "production",
        "region": "VA7",
        "isDefault": default,
        "eTag": 1,
        "createdBy": account(client),
        "modifiedBy": account(client),
    })
}

fn client_body(credentials: &Credentials) -> Value {
    json!({
        "clientId": credentials.client_id,
        "organization": credentials.organization,
        "tenantId": credentials.tenant,
        "secretHash": secret_hash(credentials.client_secret.expose_secret()),
    })
}

/// What is stored of a client's secret. A fast hash is enough: the secret has 256 random bits.
pub fn secret_hash(secret: &str) -> String {
    Sha256::digest(secret.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn hex(digits: usize) -> String {
    let mut text = String::new();
    while text.len() < digits {
        text.push_str(&format!("{:032x}", system_random()));
    }
    text.truncate(digits);
    text
}
