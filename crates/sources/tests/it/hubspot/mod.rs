//! The HubSpot source against a simulated account that is as strict and as awkward as the real one. Each test names the
//! section of the behaviour contract that it holds us to.

mod arithmetic;
mod auth;
mod exploring;
mod faults;
mod limits;
mod loading;
mod snapshots;

use forebay_model::{Error, Result, Scope};
use forebay_playground::hubspot::{Config, Hubspot, Profile, Running, Sim, Volumes};
use forebay_sources::tables::{Ledger, Page, Read, Rows, Shared};
use forebay_sources::{AccountId, Accounts, Gate, Memory, Patience, Places, Remote, Secrets, by_spec};
use futures::StreamExt;
use secrecy::SecretString;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub const SPEC: &str = "cc6a4487-9e91-433e-a3a3-9cf6626c1806";
pub const CONTACTS: &str = "Hubspot.Contacts";
/// No sweep falls due.
pub const NEVER: i64 = 0;

/// A simulated account, and what the program keeps of it.
pub struct Here {
    pub running: Running,
    pub memory: Arc<Memory>,
    pub accounts: Accounts,
}

pub fn secrets(of: &[(&str, &str)]) -> Secrets {
    of.iter().map(|(name, value)| (name.to_string(), SecretString::from(value.to_string()))).collect()
}

pub fn account_id() -> AccountId {
    AccountId { scope: Scope::organization("ORG"), connection: "c".into() }
}

/// Pauses of a test are short; the number of attempts is the real one.
pub fn patience() -> Patience {
    Patience {
        attempts: 40,
        first: Duration::from_millis(1),
        longest: Duration::from_millis(5),
        budget: Duration::from_secs(60),
    }
}

/// An account with so many contacts, and with few properties: tests are about records.
pub fn config(contacts: u64) -> Config {
    wide(contacts, 40)
}

/// The same with so many properties.
pub fn wide(contacts: u64, properties: usize) -> Config {
    let volumes = Volumes { contacts, companies: 60, deals: 70, tickets: 20, activities: 200, custom: 40, properties };
    Config { profile: Profile::Custom(volumes), ..Config::default() }
}

pub async fn here(config: Config) -> Here {
    let running = Hubspot::start(config).await.unwrap();
    let memory = Arc::new(Memory::default());
    let here = Here { accounts: accounts(&running.url(), memory.clone()), running, memory };
    here.memory.put("c", here.oauth());
    here
}

/// A process of its own, as far as sharing goes, over the same vault.
pub fn accounts(url: &str, memory: Arc<Memory>) -> Accounts {
    let gate = Gate::new(vec!["127.0.0.0/8".parse().unwrap()]).unwrap();
    Accounts::new(gate, memory, Places { hubspot: url.parse().unwrap() })
}

impl Here {
    pub fn sim(&self) -> &Sim {
        self.running.sim()
    }

    pub fn oauth(&self) -> Secrets {
        let account = self.running.account();
        secrets(&[
            ("clientSecret", &account.client_secret),
            ("accessToken", &account.access_token),
            ("refreshToken", &account.refresh_token),
        ])
    }

    /// The account through all four credentials, as the vault has them.
    pub fn remote(&self) -> Remote {
        self.remote_of(&self.accounts)
    }

    pub fn remote_of(&self, accounts: &Accounts) -> Remote {
        let params = json!({ "clientId": self.running.account().client_id });
        accounts.open(by_spec(SPEC).unwrap(), &account_id(), &params, &self.oauth()).unwrap().with_patience(patience())
    }

    /// The account through the token of a private app.
    pub fn private(&self) -> Remote {
        let secrets = secrets(&[("accessToken", &self.running.account().private_app_token)]);
        let id = AccountId { connection: "p".into(), ..account_id() };
        self.accounts.open(by_spec(SPEC).unwrap(), &id, &json!({}), &secrets).unwrap().with_patience(patience())
    }

    /// How many calls of a kind the account saw: `list contacts`.
    pub fn calls(&self, what: &str) -> u64 {
        self.sim().summary().objects.get(what).copied().unwrap_or_default()
    }
}

/// A flow: what it was given, where it goes on, and the table that came of it.
#[derive(Clone)]
pub struct Flow {
    pub rows: Rows,
    pub cursor: Option<Value>,
    pub ledger: Ledger,
    /// Living rows by id, with the version they have.
    pub lake: BTreeMap<String, (i64, Value)>,
    /// Deleted ids, with the version of their end and what they were merged into.
    pub deleted: BTreeMap<String, (i64, Option<String>)>,
    /// The lines that ended them.
    pub ends: Vec<Value>,
}

/// What one run brought.
#[derive(Debug, Default)]
pub struct Brought {
    pub upserts: usize,
    pub deletes: usize,
    pub known: u64,
    pub pages: usize,
    pub problems: Vec<String>,
}

impl Flow {
    pub fn of(table: &str) -> Flow {
        let rows = Rows { table: table.into(), columns: Vec::new(), incremental: true, overlap: 600_000, sweep: NEVER };
        Flow {
            rows,
            cursor: None,
            ledger: Ledger::default(),
            lake: BTreeMap::new(),
            deleted: BTreeMap::new(),
            ends: Vec::new(),
        }
    }

    pub fn read(&self) -> (Read, Shared) {
        let shared = Shared::new(self.ledger.clone());
        (Read { rows: self.rows.clone(), cursor: self.cursor.clone(), ledger: shared.clone() }, shared)
    }

    /// Runs to the end.
    pub async fn run(&mut self, remote: &Remote) -> Brought {
        self.try_run(remote, usize::MAX).await.unwrap()
    }

    /// Runs until the end, an error, or so many pages.
    pub async fn try_run(&mut self, remote: &Remote, most: usize) -> Result<Brought, Error> {
        let (read, _shared) = self.read();
        let mut pages = remote.pages(read);
        let mut brought = Brought::default();
        while brought.pages < most {
            let Some(page) = pages.next().await else { break };
            self.land(page?, &mut brought);
        }
        Ok(brought)
    }

    /// What a run does with a page; the ledger is what its entries say, not what the source noted.
    pub fn land(&mut self, page: Page, brought: &mut Brought) {
        let lines: Vec<&[u8]> = page.lines.split(|byte| *byte == b'\n').collect();
        let (last, lines) = lines.split_last().unwrap();
        assert!(last.is_empty(), "the last line has an end");
        assert_eq!(lines.len(), page.entries.len());
        for (line, entry) in lines.iter().zip(&page.entries) {
            let line: Value = serde_json::from_slice(line).unwrap();
            let key = line.get("_key").unwrap_or(&line["id"]).as_str().unwrap().to_string();
            assert_eq!((&key, line["_version"].as_i64()), (&entry.id, Some(entry.seen.version)));
            self.apply(key, line, brought);
            self.ledger.note(&entry.id, entry.seen);
        }
        brought.pages += 1;
        brought.known += page.known;
        brought.problems.extend(page.problems.into_iter().map(|problem| problem.id));
        self.cursor = Some(page.cursor);
    }

    fn apply(&mut self, key: String, line: Value, brought: &mut Brought) {
        let version = line["_version"].as_i64().unwrap();
        let before = self.lake.get(&key).map(|(v, _)| *v).max(self.deleted.get(&key).map(|(v, _)| *v));
        assert!(before.is_none_or(|before| before <= version), "the version of {key} goes back: {before:?}, {version}");
        match line["_change_request_type"].as_str().unwrap() {
            "u" => {
                brought.upserts += 1;
                self.deleted.remove(&key);
                self.lake.insert(key, (version, line));
            }
            "d" => {
                brought.deletes += 1;
                self.lake.remove(&key);
                let into = line["_merged_into"].as_str().map(String::from);
                self.deleted.insert(key, (version, into));
                self.ends.push(line);
            }
            other => panic!("{other}"),
        }
    }

    /// The table is the account's truth, row by row and member by member.
    #[track_caller]
    pub fn check(&self, sim: &Sim, object: &str) {
        let truth = sim.truth(object);
        let ids: Vec<&str> = truth.iter().map(|record| record["id"].as_str().unwrap()).collect();
        let missing: Vec<_> = ids.iter().filter(|id| !self.lake.contains_key(**id)).take(5).collect();
        assert!(missing.is_empty(), "missing: {missing:?}");
        let known: std::collections::HashSet<&str> = ids.iter().copied().collect();
        let extra: Vec<_> = self.lake.keys().filter(|id| !known.contains(id.as_str())).take(5).collect();
        assert!(extra.is_empty(), "extra: {extra:?}");
        for record in &truth {
            let id = record["id"].as_str().unwrap();
            let (_, row) = &self.lake[id];
            for (name, value) in record["properties"].as_object().unwrap() {
                let ours = &row["properties"][name];
                let empty = |value: &Value| value.is_null() || value == "";
                let same = ours == value || (empty(ours) && empty(value)) || is_spelling_of(ours, value);
                assert!(same, "{id}.{name}: {ours} is not {value}");
            }
            assert_eq!(row["createdAt"], record["createdAt"], "{id}");
        }
    }
}

/// Whether it is the one spelling of a value that HubSpot spells in several ways (hubspot.md §10.2).
fn is_spelling_of(ours: &Value, value: &Value) -> bool {
    let (Some(ours), Some(value)) = (ours.as_str(), value.as_str()) else { return false };
    match value.to_lowercase().as_str() {
        "true" | "yes" => ours == "true",
        "false" | "no" => ours == "false",
        _ => {
            let at = value.parse().ok().and_then(chrono::DateTime::from_timestamp_millis);
            let at = at.or_else(|| chrono::DateTime::parse_from_rfc3339(value).ok().map(|at| at.to_utc()));
            at.is_some_and(|at| {
                let moment = chrono::DateTime::parse_from_rfc3339(ours);
                ours == at.date_naive().to_string() || moment.is_ok_and(|moment| moment == at)
            })
        }
    }
}
