//! Columns that a flow takes over by itself: where its policy is `propagate`, what approving does happens at the end of the
//! run that met them, in the flow's own name.
//!
//! What always holds: a field that is filled is never filled from another column, and one that is there keeps its type. A
//! column for which that would not hold waits for a person, with the reason. Whoever calls holds the flow's run, so that
//! nobody else does the same meanwhile; what was broken off is done again by the next run.

use super::columns::{ColumnPolicy, Kept, PendingColumn, Planned, WantedColumn, carry_out, kept, plan, schema_of};
use crate::App;
use crate::caller::{Caller, Member, any_client};
use crate::identity;
use crate::problem::invalid;
use crate::rights::Held;
use crate::xdm::Registry;
use forebay_model::error::Kind;
use forebay_model::mapping::MappingSet;
use forebay_model::xdm::Type;
use forebay_model::{Document, Error, Resource, Result, Scope, code};
use forebay_store::audit::follow;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Digits of what stands for a request's id.
const DIGITS: usize = 32;

/// What became of a flow's new columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Propagated {
    /// The next run fills these.
    pub taken: Vec<String>,
    /// These wait for a person, and why.
    pub left: Vec<(String, String)>,
}

/// Takes over the columns that wait, as far as that can be done without a person.
pub async fn propagate(app: &App, scope: &Scope, flow: &str) -> Result<Propagated> {
    let document = app.store.get(scope, Resource::Flow, flow).await?;
    let caller = itself(app, scope, &document).await?;
    let trail = app.store.trail(&app.hex(DIGITS), app.now());
    {
        let mut entry = trail.entry();
        entry.org = scope.org.clone();
        entry.account = caller.member.account.clone();
        entry.client = caller.member.client.clone();
        entry.sandbox = scope.sandbox_name.clone();
        entry.operation = "a run took over new columns".into();
    }
    follow(trail, take_over(app, &caller, document)).await
}

/// The flow as the one who acts. It holds no right: what is done in its name is what its policy says.
async fn itself(app: &App, scope: &Scope, flow: &Document) -> Result<Caller> {
    let client = any_client(app, &scope.org).await?;
    let client = client.ok_or_else(|| Error::new(Kind::NotFound, &code::HTTP_404, "the organization has no client"))?;
    let account = format!("flow {}", flow.text("/name").unwrap_or(&flow.id));
    let member = Member {
        org: scope.org.clone(),
        client: flow.id.clone(),
        tenant: client.text("/tenantId").unwrap_or("forebay").to_string(),
        held: Arc::new(Held::default()),
        token: None,
        account,
    };
    Ok(Caller { member, scope: scope.clone() })
}

async fn take_over(app: &App, caller: &Caller, flow: Document) -> Result<Propagated> {
    let kept = kept(app, caller, &flow.id).await?;
    if kept.policy != ColumnPolicy::Propagate || kept.pending.is_empty() {
        return Ok(Propagated::default());
    }
    let Choice { plan, left, way } = choose(app, caller, &flow, &kept).await?;
    if let Some((registry, schema, set)) = way
        && !plan.is_empty()
    {
        carry_out(app, caller, flow, registry, (&schema, set), &plan).await?;
    }
    Ok(Propagated { taken: plan.into_iter().map(|column| column.name).collect(), left })
}

/// Why columns that wait are not taken over, by their names.
pub(super) async fn reasons(
    app: &App,
    caller: &Caller,
    flow: &Document,
    kept: &Kept,
) -> Result<BTreeMap<String, String>> {
    Ok(choose(app, caller, flow, kept).await?.left.into_iter().collect())
}

/// What can be done by itself.
#[derive(Default)]
struct Choice {
    plan: Vec<Planned>,
    left: Vec<(String, String)>,
    /// What it is carried out with: definitions, schema, mapping set.
    way: Option<(Registry, String, Value)>,
}

/// Looks at each column alone: one that cannot be taken over keeps no other one back.
async fn choose(app: &App, caller: &Caller, flow: &Document, kept: &Kept) -> Result<Choice> {
    let all = |reason: &str| Choice {
        left: kept.pending.iter().map(|column| (column.name.clone(), reason.to_string())).collect(),
        ..Choice::default()
    };
    let found = async {
        let set = identity::mapping_set(app, caller, flow).await?;
        let set = set.ok_or_else(|| invalid("the flow has no mapping set: columns arrive under their own names"))?;
        Ok::<_, Error>((set, schema_of(app, caller, flow).await?))
    };
    let (set, schema) = match found.await {
        Ok(found) => found,
        Err(error) => return told(error).map(|reason| all(&reason)),
    };
    let registry = Registry::open(app, caller).await?;
    let rules = MappingSet::parse(&set)?.rules;
    let mut choice = Choice::default();
    for column in &kept.pending {
        let wanted = WantedColumn { name: column.name.clone(), ty: None, target: None };
        let planned = match plan(caller, &registry, &schema, kept, &[wanted]) {
            Ok(mut planned) => planned.swap_remove(0),
            Err(error) => {
                choice.left.push((column.name.clone(), told(error)?));
                continue;
            }
        };
        let target = planned.target.join(".");
        let other = choice.plan.iter().find(|other| other.target == planned.target);
        let reason = if let Some(other) = other {
            Some(format!("the field {target} is for the column {:?} already", other.name))
        } else if rules.iter().any(|rule| rule.destination == planned.target) {
            Some(format!("the field {target} is filled already"))
        } else {
            let there = registry.tree(&schema)?.find(&planned.target).map(|field| field.ty.clone());
            there.and_then(|ty| differs(&ty, column).then(|| other_type(&target, column)))
        };
        match reason {
            Some(reason) => choice.left.push((column.name.clone(), reason)),
            None => choice.plan.push(planned),
        }
    }
    choice.way = Some((registry, schema, set));
    Ok(choice)
}

/// What a person could mend is a reason; anything else fails.
fn told(error: Error) -> Result<String> {
    match error.kind {
        Kind::Invalid => Ok(error.message.into_owned()),
        _ => Err(error),
    }
}

fn other_type(target: &str, column: &PendingColumn) -> String {
    let ty = if column.ty.is_empty() { "string" } else { &column.ty };
    format!("the field {target} is there already and is of another type than {ty}")
}

/// Whether a field that is there takes other values than the column has.
fn differs(field: &Type, column: &PendingColumn) -> bool {
    let same = match column.ty.as_str() {
        "" | "string" => matches!(field, Type::String),
        "boolean" => matches!(field, Type::Boolean),
        "byte" | "short" | "int" | "integer" => matches!(field, Type::Int | Type::Long),
        "long" => matches!(field, Type::Long),
        "number" | "double" => matches!(field, Type::Number),
        "date" => matches!(field, Type::Date),
        "date-time" | "dateTime" => matches!(field, Type::DateTime),
        _ => false,
    };
    !same
}
