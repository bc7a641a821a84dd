//! The columns that a flow's runs have met in its source. The first run's are known; what a later one meets anew is pending
//! until somebody takes it into the mapping or dismisses it.

use crate::claims::{Claim, check};
use crate::database::{failed, millis, time};
use crate::rows::{self, not_found};
use crate::traces::storable;
use crate::{Store, audit, changes, history, sandboxes, schedules};
use forebay_model::diff::Difference;
use forebay_model::{Document, Error, Kind, Resource, Result, Scope, Time, code};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe, Row};
use std::collections::BTreeSet;

/// Columns that are kept of one flow.
const MOST: usize = 12_000;
/// Bytes of a column's name; a longer one is not kept.
const LONGEST: usize = 512;
/// Characters of a value that shows what is in a column.
const SAMPLE: usize = 80;

/// What can be done when a source has a new column.
pub const POLICIES: &[&str] = &["notify", "ignore", "pause", "propagate"];

/// A column as a run met it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Met {
    /// As mappings name it.
    pub name: String,
    /// Its type, in the source's words.
    pub kind: String,
    /// One of its values.
    pub sample: Option<String>,
}

/// A column of a flow's source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowColumn {
    /// As mappings name it.
    pub name: String,
    /// Its type, in the source's words.
    pub kind: String,
    /// One of its values.
    pub sample: Option<String>,
    /// When a run met it first.
    pub first_seen: Time,
    /// That run.
    pub first_run: String,
    /// `known`, `pending` or `dismissed`.
    pub state: String,
}

/// The new columns of a flow that somebody should look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewColumns {
    /// The flow.
    pub flow: String,
    /// `notify`, `pause` or `propagate`.
    pub policy: String,
    /// The columns' names, in the order in which they were met.
    pub names: Vec<String>,
    /// When the first of them was met.
    pub since: Time,
}

/// Where the history of a flow says what was decided of a column; its name follows.
pub const DECIDED: &str = "/newColumns/";
/// Where it says what is done with new ones.
pub const POLICY: &str = "/newColumnPolicy";

impl Store {
    /// Notes the columns that a claimed run has met; answers those that are pending since. `mapped` are known whenever they
    /// come. By the flow's policy the flow may be disabled: the run itself goes on. `Stale` when it is no longer ours.
    pub async fn meet_columns(&self, claim: &Claim, met: &[Met], mapped: &[String], now: Time) -> Result<Vec<String>> {
        let (scope, flow) = (&claim.scope, claim.flow.id.as_str());
        let columns = self.columns(scope, flow).await?;
        let names = names(&columns);
        if met.iter().all(|column| names.contains(column.name.as_str()) || !keepable(&column.name)) {
            return Ok(Vec::new());
        }
        let mut tx = self.database.write_of(scope, Resource::Flow, flow).await?;
        check(&mut tx, claim).await?;
        let policy = policy(&mut tx, scope, flow).await?;
        let mut pending = Vec::new();
        let new = met.iter().filter(|column| keepable(&column.name) && !names.contains(column.name.as_str()));
        for column in new.take(MOST.saturating_sub(names.len())) {
            let known = names.is_empty() || policy == "ignore" || mapped.contains(&column.name);
            insert(&mut tx, claim, column, if known { "known" } else { "pending" }, now).await?;
            if !known {
                pending.push(column.name.clone());
            }
        }
        if policy == "pause" && !pending.is_empty() {
            let stored = rows::load(&mut tx, scope, Resource::Flow, flow).await?;
            if schedules::is_enabled(&stored.document) {
                let mut body = stored.document.body.clone();
                body["state"] = "disabled".into();
                let stored = rows::renewed(stored, body, now)?;
                rows::replace(&mut tx, scope, &stored).await?;
                schedules::keep(&mut tx, scope, &stored.document, now).await?;
            }
        }
        tx.commit().await.map_err(failed)?;
        Ok(pending)
    }

    /// What is known of a flow's columns, in the order in which they were met.
    pub async fn columns(&self, scope: &Scope, flow_id: &str) -> Result<Vec<FlowColumn>> {
        if flow_id.contains('\0') {
            return Err(not_found(Resource::Flow, flow_id));
        }
        let sql = "SELECT name, kind, sample, first_seen, first_run, state FROM flow_columns \
                   WHERE org = $1 AND sandbox = $2 AND flow_id = $3 ORDER BY first_seen, name";
        let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(flow_id);
        query.fetch_all(&self.database.readers).await.map_err(failed)?.iter().map(column).collect()
    }

    /// The pending columns of all flows, or of one, but of those that ignore them.
    pub async fn new_columns(&self, scope: &Scope, flow_id: Option<&str>) -> Result<Vec<NewColumns>> {
        let of_flow = if flow_id.is_some() { " AND c.flow_id = $3" } else { "" };
        let sql = format!(
            "SELECT c.flow_id, f.schema_policy, c.name, c.first_seen FROM flow_columns c JOIN flow_state f \
             ON f.org = c.org AND f.sandbox = c.sandbox AND f.flow_id = c.flow_id \
             WHERE c.org = $1 AND c.sandbox = $2 AND c.state = 'pending' AND f.schema_policy <> 'ignore'{of_flow} \
             ORDER BY c.flow_id, c.first_seen, c.name"
        );
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(&scope.org).bind(&scope.sandbox);
        if let Some(flow) = flow_id {
            query = query.bind(flow.replace('\0', ""));
        }
        let mut all: Vec<NewColumns> = Vec::new();
        for row in query.fetch_all(&self.database.readers).await.map_err(failed)? {
            let text = |i: usize| row.try_get::<String, _>(i).map_err(failed);
            let (flow, name) = (text(0)?, text(2)?);
            match all.last_mut().filter(|last| last.flow == flow) {
                Some(last) => last.names.push(name),
                None => {
                    let since = time(row.try_get(3).map_err(failed)?)?;
                    all.push(NewColumns { flow, policy: text(1)?, names: vec![name], since });
                }
            }
        }
        Ok(all)
    }

    /// Settles pending columns: they are `known` or `dismissed` from now on. Answers how many were pending.
    pub async fn settle_columns(
        &self,
        scope: &Scope,
        flow_id: &str,
        names: &[String],
        state: &str,
        now: Time,
    ) -> Result<usize> {
        if !matches!(state, "known" | "dismissed") {
            return Err(Error::internal("A column is settled as known or as dismissed."));
        }
        let mut tx = self.database.write_of(scope, Resource::Flow, flow_id).await?;
        sandboxes::open(&mut tx, scope).await?;
        let flow = rows::load(&mut tx, scope, Resource::Flow, flow_id).await?.document;
        let mut settled = Vec::new();
        for name in names.iter().filter(|name| keepable(name)) {
            let sql = "UPDATE flow_columns SET state = $5 WHERE org = $1 AND sandbox = $2 AND flow_id = $3 AND name = $4 AND state = 'pending'";
            let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(flow_id).bind(name).bind(state);
            if query.execute(&mut *tx).await.map_err(failed)?.rows_affected() == 1 {
                settled.push(Difference {
                    path: format!("{DECIDED}{}", name.replace('~', "~0").replace('/', "~1")),
                    before: Some("pending".into()),
                    after: Some(state.into()),
                });
            }
        }
        if !settled.is_empty() {
            decided(&mut tx, scope, &flow, &settled, now).await?;
        }
        tx.commit().await.map_err(failed)?;
        Ok(settled.len())
    }

    /// What is done when a flow's source has a new column: one of [`POLICIES`].
    pub async fn schema_policy(&self, scope: &Scope, flow_id: &str) -> Result<String> {
        let mut reader = self.database.readers.acquire().await.map_err(failed)?;
        policy(&mut reader, scope, flow_id).await
    }

    /// Changes that.
    pub async fn set_schema_policy(&self, scope: &Scope, flow_id: &str, policy: &str, now: Time) -> Result<()> {
        if !POLICIES.contains(&policy) {
            let message = format!("The policy for new columns is one of {}, not {policy:?}.", POLICIES.join(", "));
            return Err(Error::new(Kind::Invalid, &code::FLOW_1100, message));
        }
        let mut tx = self.database.write_of(scope, Resource::Flow, flow_id).await?;
        sandboxes::open(&mut tx, scope).await?;
        let flow = rows::load(&mut tx, scope, Resource::Flow, flow_id).await?.document;
        let before = self::policy(&mut tx, scope, flow_id).await?;
        if before == policy {
            return Ok(());
        }
        let sql = "UPDATE flow_state SET schema_policy = $4 WHERE org = $1 AND sandbox = $2 AND flow_id = $3";
        let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(flow_id).bind(policy);
        if query.execute(&mut *tx).await.map_err(failed)?.rows_affected() != 1 {
            return Err(not_found(Resource::Flow, flow_id));
        }
        let change = Difference { path: POLICY.into(), before: Some(before.into()), after: Some(policy.into()) };
        decided(&mut tx, scope, &flow, &[change], now).await?;
        tx.commit().await.map_err(failed)
    }
}

/// Tells of a decision, as of a change of the flow, whose document stays as it is.
async fn decided(
    connection: &mut AnyConnection,
    scope: &Scope,
    flow: &Document,
    differences: &[Difference],
    now: Time,
) -> Result<()> {
    audit::note(&mut *connection, flow, "Update").await?;
    history::tell(&mut *connection, scope, flow, "Update", millis(now), differences).await?;
    changes::note(connection, scope, flow, "updated", millis(now)).await
}

fn names(columns: &[FlowColumn]) -> BTreeSet<&str> {
    columns.iter().map(|column| column.name.as_str()).collect()
}

/// Whether a name can be a part of a key on both databases.
fn keepable(name: &str) -> bool {
    !name.is_empty() && name.len() <= LONGEST && !name.contains('\0')
}

async fn policy(connection: &mut AnyConnection, scope: &Scope, flow_id: &str) -> Result<String> {
    if flow_id.contains('\0') {
        return Err(not_found(Resource::Flow, flow_id));
    }
    let sql = "SELECT schema_policy FROM flow_state WHERE org = $1 AND sandbox = $2 AND flow_id = $3";
    let query = sqlx::query(sql).bind(&scope.org).bind(&scope.sandbox).bind(flow_id);
    let row = query.fetch_optional(connection).await.map_err(failed)?;
    row.ok_or_else(|| not_found(Resource::Flow, flow_id))?.try_get(0).map_err(failed)
}

async fn insert(connection: &mut AnyConnection, claim: &Claim, met: &Met, state: &str, now: Time) -> Result<()> {
    let sql = "INSERT INTO flow_columns (org, sandbox, flow_id, name, kind, sample, first_seen, first_run, state) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (org, sandbox, flow_id, name) DO NOTHING";
    let sample = met.sample.as_deref().map(|text| storable(&text.chars().take(SAMPLE).collect::<String>()));
    let query = sqlx::query(sql).bind(&claim.scope.org).bind(&claim.scope.sandbox).bind(&claim.flow.id);
    let query = query.bind(&met.name).bind(storable(&met.kind)).bind(sample).bind(millis(now));
    query.bind(&claim.run.id).bind(state).execute(connection).await.map_err(failed)?;
    Ok(())
}

fn column(row: &AnyRow) -> Result<FlowColumn> {
    Ok(FlowColumn {
        name: row.try_get(0).map_err(failed)?,
        kind: row.try_get(1).map_err(failed)?,
        sample: row.try_get(2).map_err(failed)?,
        first_seen: time(row.try_get(3).map_err(failed)?)?,
        first_run: row.try_get(4).map_err(failed)?,
        state: row.try_get(5).map_err(failed)?,
    })
}
