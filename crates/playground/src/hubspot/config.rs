//! How an account is set up: its size, its limits, and every point where the live service's behaviour is not known.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Duration;

/// Where the virtual clock starts unless it is told otherwise: 2026-03-02T09:00:00Z, a Monday.
pub const START_MS: i64 = 1_772_442_000_000;

/// Where and how an account is served.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address of the API; port 0 takes a free one. Only loopback is accepted.
    pub listen: SocketAddr,
    /// The address of the control port, if one is wanted.
    pub control: Option<SocketAddr>,
    /// The same seed gives the same account.
    pub seed: u64,
    /// How many live contacts there are, if not as many as the profile says.
    pub contacts: Option<u64>,
    /// How many records of everything else.
    pub profile: Profile,
    /// What is enforced.
    pub limits: Limits,
    /// How long each answer takes.
    pub latency: Duration,
    /// The clock.
    pub clock: Clock,
    /// Points where the live service's behaviour is not known, or differs.
    pub switches: Switches,
    /// Scopes that the account did not grant.
    pub missing_scopes: Vec<String>,
    /// The account's number.
    pub portal_id: u64,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            control: None,
            seed: 42,
            contacts: None,
            profile: Profile::Small,
            limits: Limits::default(),
            latency: Duration::ZERO,
            clock: Clock::default(),
            switches: Switches::default(),
            missing_scopes: vec![
                "crm.objects.goals.read".into(),
                "crm.objects.contacts.highly_sensitive.read.v2".into(),
            ],
            portal_id: 777_001,
        }
    }
}

impl Config {
    /// A small profile with another number of contacts.
    pub fn with_contacts(contacts: u64) -> Config {
        Config { contacts: Some(contacts), ..Config::default() }
    }

    /// The ten-record account.
    pub fn tiny() -> Config {
        Config { profile: Profile::Tiny, ..Config::default() }
    }
}

/// The virtual clock. It stands still unless told otherwise, so that two runs give the same bytes; each change of
/// data moves it by a millisecond, so that two changes never carry one stamp by accident.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clock {
    /// The first instant, in milliseconds since 1970.
    pub start_ms: i64,
    /// Virtual seconds per real second; 0 stands still.
    pub factor: f64,
    /// How far each request moves it.
    pub per_request: Duration,
}

impl Default for Clock {
    fn default() -> Clock {
        Clock { start_ms: START_MS, factor: 0.0, per_request: Duration::ZERO }
    }
}

/// How much there is of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Profile {
    /// 10 contacts.
    Tiny,
    /// 1,000 contacts, 300 properties.
    Small,
    /// 100,000 contacts, 600 properties.
    Medium,
    /// 1,000,000 contacts, 1,000 properties.
    Large,
    /// As given.
    Custom(Volumes),
}

/// Numbers of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Volumes {
    /// Live contacts.
    pub contacts: u64,
    /// Live companies.
    pub companies: u64,
    /// Live deals.
    pub deals: u64,
    /// Live tickets.
    pub tickets: u64,
    /// Calls, emails, meetings, notes and tasks together.
    pub activities: u64,
    /// Records of the two custom types together.
    pub custom: u64,
    /// Properties of a contact; other types have fewer.
    pub properties: usize,
}

impl Profile {
    /// The numbers behind the name.
    pub fn volumes(self) -> Volumes {
        let of = |contacts, companies, deals, tickets, activities, custom, properties| Volumes {
            contacts,
            companies,
            deals,
            tickets,
            activities,
            custom,
            properties,
        };
        match self {
            Profile::Tiny => of(10, 4, 3, 2, 10, 3, 30),
            Profile::Small => of(1_000, 200, 300, 100, 2_000, 200, 300),
            Profile::Medium => of(100_000, 20_000, 30_000, 10_000, 200_000, 20_000, 600),
            Profile::Large => of(1_000_000, 200_000, 300_000, 100_000, 2_000_000, 100_000, 1_000),
            Profile::Custom(volumes) => volumes,
        }
    }
}

/// What is enforced, in rolling windows. `None` is unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Limits {
    /// Requests in ten seconds.
    pub burst: Option<u32>,
    /// Searches in a second, over all types.
    pub search: Option<u32>,
    /// Requests in a day of the account's time zone.
    pub daily: Option<u32>,
    /// Windows are of virtual time instead of real time.
    pub virtual_time: bool,
    /// Refused requests count in the burst window too.
    pub refused_count: bool,
}

impl Limits {
    /// A professional account: 190 in ten seconds, 5 searches a second, 625,000 a day.
    pub fn professional() -> Limits {
        Limits { burst: Some(190), search: Some(5), daily: Some(625_000), ..Limits::default() }
    }

    /// A free account: 100 in ten seconds, 5 searches a second, 250,000 a day.
    pub fn free() -> Limits {
        Limits { burst: Some(100), search: Some(5), daily: Some(250_000), ..Limits::default() }
    }
}

/// How late the search index is. Searches match what it holds, and answer with what is stored.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Lag {
    /// Not at all.
    #[default]
    None,
    /// Always so many milliseconds.
    Fixed(i64),
    /// Between two numbers of milliseconds, by record.
    Random(i64, i64),
    /// A share of the records is late by so many milliseconds; the others are not.
    Stuck(f64, i64),
}

/// Points where the live service's behaviour is not known, or differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Switches {
    /// A limit over the maximum is cut to it instead of refused.
    pub lenient_limits: bool,
    /// The token endpoint takes JSON.
    pub json_token_requests: bool,
    /// Each refresh gives a new refresh token; the old one lives for so many milliseconds more.
    pub rotate_refresh_token: Option<i64>,
    /// Associations name their target by text on v4 paths too, as newer descriptions say.
    pub text_target_ids: bool,
    /// `paging.next.link` points here instead of to the public host.
    pub links_to_self: bool,
    /// Searches count in the ten-second window.
    pub search_in_burst: bool,
    /// How late the index is.
    pub lag: Lag,
    /// Path families that answer 404: `v1`, `v3`, `v4`, `2025-09`, `2026-03`, `2026-09`.
    pub families_off: Vec<String>,
    /// The longest URL in bytes, host included, before 414.
    pub url_bytes: usize,
    /// How many associations a record has on one page of a batch.
    pub association_page: usize,
    /// Records without associations come with an error entry instead of being left out.
    pub no_association_errors: bool,
    /// A malformed id makes the whole batch 400 instead of counting as missing.
    pub bad_id_fails_batch: bool,
    /// `policyName` is left out of the search's 429.
    pub search_429_without_policy: bool,
    /// How many records were stamped in one millisecond; a quarter of the contacts and at most 25,000 by default.
    pub one_stamp: Option<u64>,
    /// Of a hundred records, how many are archived on top.
    pub archived_percent: u64,
    /// The first records of each type hold values that break readers.
    pub nasty: bool,
    /// There are merged records from the start.
    pub merges: bool,
    /// The properties that no reader needs to ask for come along with every record.
    pub extra_properties: bool,
}

impl Default for Switches {
    fn default() -> Switches {
        Switches {
            lenient_limits: false,
            json_token_requests: false,
            rotate_refresh_token: None,
            text_target_ids: false,
            links_to_self: false,
            search_in_burst: true,
            lag: Lag::None,
            families_off: Vec::new(),
            url_bytes: 16_000,
            association_page: 500,
            no_association_errors: false,
            bad_id_fails_batch: true,
            search_429_without_policy: false,
            one_stamp: None,
            archived_percent: 5,
            nasty: true,
            merges: true,
            extra_properties: true,
        }
    }
}
