//! What happens to the account by itself: changes at a point of a sequence of requests, or of the virtual clock.

use serde::{Deserialize, Serialize};

/// When a change happens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum When {
    /// After the `n`-th answer to this call from now on, once.
    After {
        /// `list`, `search` …
        call: String,
        /// The object type, by its plural name; any if not given.
        object: Option<String>,
        /// From 1.
        n: u64,
    },
    /// After every `n`-th answer to this call.
    Every {
        /// `list`, `search` …
        call: String,
        /// The object type, by its plural name; any if not given.
        object: Option<String>,
        /// Every how many.
        n: u64,
    },
    /// At an instant of the virtual clock, once.
    At {
        /// Milliseconds since 1970.
        ms: i64,
    },
    /// Every so many milliseconds of the virtual clock.
    EveryMs {
        /// Milliseconds.
        ms: i64,
    },
}

/// Which records are changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Which {
    /// These.
    Ids(Vec<u64>),
    /// So many live ones, drawn by the account's seed.
    Random(usize),
    /// Those that the call just delivered.
    Returned,
    /// So many of the live ones that were modified at or after an instant.
    ChangedSince {
        /// Milliseconds since 1970.
        ms: i64,
        /// How many.
        n: usize,
    },
}

/// A change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Mutation {
    /// Each record gets new values and a stamp of its own.
    Edit {
        /// The type.
        object: String,
        /// The records.
        which: Which,
    },
    /// All get one stamp.
    BulkEdit {
        /// The type.
        object: String,
        /// The records.
        which: Which,
    },
    /// One property gets a value; `None` clears it.
    Set {
        /// The type.
        object: String,
        /// The records.
        which: Which,
        /// The property.
        property: String,
        /// The value.
        value: Option<String>,
    },
    /// New records.
    Create {
        /// The type.
        object: String,
        /// How many.
        n: usize,
    },
    /// To the recycle bin.
    Archive {
        /// The type.
        object: String,
        /// The records.
        which: Which,
    },
    /// And back.
    Restore {
        /// The type.
        object: String,
        /// The records.
        which: Which,
    },
    /// Gone for good.
    Purge {
        /// The type.
        object: String,
        /// The records.
        which: Which,
    },
    /// The first two become one with a new id.
    Merge {
        /// The type.
        object: String,
        /// The records.
        which: Which,
    },
    /// Calculated properties get new values; no stamp moves.
    Recalculate {
        /// The type.
        object: String,
        /// The records.
        which: Which,
    },
    /// Links two records; no stamp moves.
    Associate {
        /// A type.
        from: String,
        /// A record of it.
        id: u64,
        /// Another type.
        to: String,
        /// A record of that.
        to_id: u64,
    },
    /// Undoes all links between two records; no stamp moves.
    Dissociate {
        /// A type.
        from: String,
        /// A record of it.
        id: u64,
        /// Another type.
        to: String,
        /// A record of that.
        to_id: u64,
    },
    /// A new property. Records have values for it at once, and no stamp moves.
    AddProperty {
        /// The type.
        object: String,
        /// Its name.
        name: String,
        /// Its type: `string`, `number` …
        kind: String,
    },
    /// A property goes.
    ArchiveProperty {
        /// The type.
        object: String,
        /// Its name.
        name: String,
    },
    /// A property gets another type, and its values with it.
    RetypeProperty {
        /// The type.
        object: String,
        /// Its name.
        name: String,
        /// Its new type.
        kind: String,
    },
    /// A property gets another name and keeps its values.
    RenameProperty {
        /// The type.
        object: String,
        /// Its name.
        from: String,
        /// Its new name.
        to: String,
    },
    /// Switches a type on or off.
    SetEnabled {
        /// The type.
        object: String,
        /// On.
        on: bool,
    },
    /// A contact joins a list.
    JoinList {
        /// The list, from 1.
        list: u64,
        /// The contact.
        id: u64,
    },
    /// A contact leaves a list.
    LeaveList {
        /// The list, from 1.
        list: u64,
        /// The contact.
        id: u64,
    },
    /// Moves the virtual clock.
    Advance {
        /// Milliseconds.
        ms: u64,
    },
}

impl Mutation {
    /// The types that it names.
    pub(super) fn objects(&self) -> Vec<&str> {
        match self {
            Mutation::Edit { object, .. }
            | Mutation::BulkEdit { object, .. }
            | Mutation::Set { object, .. }
            | Mutation::Create { object, .. }
            | Mutation::Archive { object, .. }
            | Mutation::Restore { object, .. }
            | Mutation::Purge { object, .. }
            | Mutation::Merge { object, .. }
            | Mutation::Recalculate { object, .. }
            | Mutation::AddProperty { object, .. }
            | Mutation::ArchiveProperty { object, .. }
            | Mutation::RetypeProperty { object, .. }
            | Mutation::RenameProperty { object, .. }
            | Mutation::SetEnabled { object, .. } => vec![object],
            Mutation::Associate { from, to, .. } | Mutation::Dissociate { from, to, .. } => vec![from, to],
            Mutation::JoinList { .. } | Mutation::LeaveList { .. } | Mutation::Advance { .. } => Vec::new(),
        }
    }
}

/// What is to happen, with the counts of what has.
#[derive(Default)]
pub(super) struct Scripts {
    all: Vec<Script>,
}

struct Script {
    when: When,
    mutation: Mutation,
    seen: u64,
    /// The next instant, for those that follow the clock.
    next: i64,
    done: bool,
}

impl Scripts {
    pub fn add(&mut self, when: When, mutation: Mutation, now: i64) {
        let next = match when {
            When::At { ms } => ms,
            When::EveryMs { ms } => now + ms.max(1),
            _ => i64::MAX,
        };
        self.all.push(Script { when, mutation, seen: 0, next, done: false });
    }

    pub fn clear(&mut self) {
        self.all.clear();
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What an answer sets off.
    pub fn after(&mut self, call: &str, object: &str) -> Vec<Mutation> {
        let mut due = Vec::new();
        for script in self.all.iter_mut().filter(|script| !script.done) {
            let (wanted, of, n, once) = match &script.when {
                When::After { call, object, n } => (call, object, *n, true),
                When::Every { call, object, n } => (call, object, (*n).max(1), false),
                _ => continue,
            };
            if wanted != call || of.as_ref().is_some_and(|of| of != object) {
                continue;
            }
            script.seen += 1;
            if script.seen == n || (!once && script.seen.is_multiple_of(n)) {
                due.push(script.mutation.clone());
                script.done = once;
            }
        }
        due
    }

    /// What was due by `now`, with its instant, in the order of time.
    pub fn due(&mut self, now: i64) -> Vec<(i64, Mutation)> {
        let mut due = Vec::new();
        for script in self.all.iter_mut().filter(|script| !script.done) {
            while script.next <= now {
                due.push((script.next, script.mutation.clone()));
                match script.when {
                    When::EveryMs { ms } => script.next += ms.max(1),
                    _ => {
                        script.done = true;
                        break;
                    }
                }
            }
        }
        due.sort_by_key(|(at, _)| *at);
        due
    }
}
