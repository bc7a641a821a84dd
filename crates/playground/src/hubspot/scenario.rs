//! Ready-made trouble, by name.

use super::config::Lag;
use super::fault::{Action, Rule};
use super::limits::Policy;
use super::script::{Mutation, When, Which};
use super::sim::{Sim, locked};
use super::state::DAY;
use std::time::Duration;

/// The names of all scenarios.
pub const SCENARIOS: [&str; 12] = [
    "calm",
    "busy_office",
    "month_end",
    "merge_day",
    "purge",
    "token_40_minutes",
    "quota_runs_out",
    "edge_trouble",
    "lagging_index",
    "schema_drift",
    "association_only_changes",
    "migration_477",
];

impl Sim {
    /// Starts a scenario; false if there is none of that name. Those that need time to pass let each request take a
    /// quarter of a virtual second.
    pub fn scenario(&self, name: &str) -> bool {
        let contacts = || "contacts".to_string();
        let page = Duration::from_millis(250);
        match name {
            "calm" => {
                self.clear_faults();
                self.clear_scripts();
                self.set_request_time(Duration::ZERO);
            }
            "busy_office" => {
                self.set_request_time(page);
                // Two edits a second, of what an incremental run reads.
                let which = Which::ChangedSince { ms: self.config.clock.start_ms - 3 * DAY, n: 1 };
                self.script(When::EveryMs { ms: 500 }, Mutation::Edit { object: contacts(), which });
            }
            "month_end" => {
                let ids = self.ids("contacts");
                self.bulk_edit("contacts", &ids[..ids.len().min(25_000)]);
            }
            "merge_day" => {
                self.set_request_time(page);
                for object in ["contacts", "companies", "deals"] {
                    let merge = Mutation::Merge { object: object.into(), which: Which::Random(2) };
                    self.script(When::EveryMs { ms: 2_000 }, merge);
                }
            }
            "purge" => {
                self.set_request_time(page);
                let purge = Mutation::Purge { object: contacts(), which: Which::Random(1) };
                self.script(When::EveryMs { ms: 3_000 }, purge);
            }
            // A hundred requests a minute of the virtual clock: forty minutes in four thousand.
            "token_40_minutes" => self.set_request_time(Duration::from_millis(600)),
            "quota_runs_out" => {
                let mut limits = self.settings().0;
                limits.daily = Some(locked(&self.windows).today + 50);
                self.change_limits(limits);
            }
            "edge_trouble" => edge_trouble().into_iter().for_each(|rule| self.fault(rule)),
            "lagging_index" => {
                let mut switches = self.switches();
                switches.lag = Lag::Random(0, 120_000);
                self.set_switches(switches);
                return self.scenario("busy_office");
            }
            "schema_drift" => {
                let after = |n| When::After { call: "list".into(), object: Some(contacts()), n };
                let name = || "added_while_reading".to_string();
                self.script(
                    after(2),
                    Mutation::AddProperty { object: contacts(), name: name(), kind: "string".into() },
                );
                self.script(after(4), Mutation::ArchiveProperty { object: contacts(), name: "rating".into() });
                let retyped = Mutation::RetypeProperty { object: contacts(), name: name(), kind: "number".into() };
                self.script(after(6), retyped);
                let renamed =
                    Mutation::RenameProperty { object: contacts(), from: "channels".into(), to: "ways".into() };
                self.script(after(8), renamed);
            }
            "association_only_changes" => {
                let (people, companies) = (self.ids("contacts"), self.ids("companies"));
                if companies.is_empty() {
                    return true;
                }
                for (at, id) in people.iter().step_by((people.len() / 50).max(1)).enumerate() {
                    let to = companies[at * 7 % companies.len()];
                    match at % 3 {
                        0 => self.dissociate("contacts", *id, "companies", to),
                        _ => self.associate("contacts", *id, "companies", to),
                    }
                }
            }
            "migration_477" => {
                self.fault(Rule::new(Action::Migration { retry_after: 7_200 }).path("/crm/").times(5, 3))
            }
            _ => return false,
        }
        true
    }
}

/// Three in a hundred requests fail, each in one of many ways.
fn edge_trouble() -> Vec<Rule> {
    let actions = [
        Action::Status(500),
        Action::Status(502),
        Action::Status(503),
        Action::Status(504),
        Action::Status(521),
        Action::Status(423),
        Action::RateLimit { policy: Policy::TenSecondly, retry_after: None, named: true },
        Action::RateLimit { policy: Policy::Secondly, retry_after: Some(1), named: false },
        Action::Drop,
        Action::Cut { after: 100, with_length: true },
        Action::Corrupt,
        Action::Html,
        Action::Empty,
        Action::Delay { ms: 200 },
    ];
    let share = 0.03 / actions.len() as f64;
    actions.into_iter().map(|action| Rule::new(action).probability(share)).collect()
}
