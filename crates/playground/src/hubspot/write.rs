//! Writing calls, so that clients can change data and not only tests: create, update, archive, merge, delete for good.

use super::records::{Ask, find, inputs, text};
use super::route::Op;
use super::sim::Sim;
use super::state::World;
use super::text::instant_text;
use super::wire::{Failure, Reply, Seen};
use serde_json::{Value, json};

type Values = Vec<(String, Option<String>)>;

/// What a writing call did.
enum Done {
    Records(u16, Vec<usize>),
    Batch(u16, Vec<usize>, Vec<String>),
    Nothing,
}

impl Sim {
    /// Does a writing call, and answers with the records as they are now.
    pub(super) fn write(&self, seen: &Seen, op: &Op, kind: usize, family: &str) -> Result<Reply, Failure> {
        let settings = self.settings();
        let now = self.stamp();
        let mut world = self.world_mut();
        let sees = self.sees(&world.kinds[kind].def.plural);
        let done = self.change(&mut world, seen, op, kind, now)?;
        let ask = Ask { world: &world, kind, now, switches: &settings.1, family, sees };
        let changed: Vec<String> = match op {
            Op::Archive(_) | Op::BatchArchive | Op::GdprDelete => Vec::new(),
            _ => seen.json()?["properties"].as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default(),
        };
        let mut wanted = ask.wanted(&[], &[]);
        wanted.properties.extend(ask.wanted(&changed, &[]).properties);
        wanted.properties.sort_unstable();
        wanted.properties.dedup();
        let mut scratch = String::new();
        let mut record = |index: usize| {
            let mut out = String::new();
            ask.write(&mut out, &mut scratch, index, &wanted, false);
            out
        };
        match done {
            Done::Nothing => Ok(Reply::json(204, String::new())),
            Done::Records(status, all) => Ok(Reply::json(status, all.first().map(|i| record(*i)).unwrap_or_default())),
            Done::Batch(status, all, missing) => {
                let records: Vec<String> = all.into_iter().map(record).collect();
                let mut out = format!("{{\"status\":\"COMPLETE\",\"results\":[{}]", records.join(","));
                let partly = super::records::write_missing(&mut out, &ask, &missing);
                let at = instant_text(now);
                out.push_str(&format!(",\"startedAt\":\"{at}\",\"completedAt\":\"{at}\"}}"));
                Ok(Reply::json(if missing.is_empty() { status } else { partly }, out))
            }
        }
    }

    fn change(&self, world: &mut World, seen: &Seen, op: &Op, kind: usize, now: i64) -> Result<Done, Failure> {
        let settings = self.settings();
        let sees = self.sees(&world.kinds[kind].def.plural);
        let live = |world: &World, id: &str, id_property: Option<&str>| -> Result<Option<usize>, Failure> {
            let ask = Ask { world, kind, now, switches: &settings.1, family: "v3", sees };
            Ok(find(&ask, id, id_property)?.filter(|index| world.kinds[kind].rows[*index].live()))
        };
        let body = if seen.method == "DELETE" { Value::Null } else { seen.json()? };
        let listed = || body.get("inputs").and_then(Value::as_array).cloned().unwrap_or_default();
        match op {
            Op::Create => {
                let values = values(world, kind, &body)?;
                unique(world, kind, &values)?;
                let id = world.create(kind, now, &values);
                Ok(Done::Records(201, world.kinds[kind].index(id).into_iter().collect()))
            }
            Op::Update(id) => {
                let values = values(world, kind, &body)?;
                let query = seen.query();
                let index = live(world, id, query.get("idProperty"))?.ok_or_else(Failure::not_found)?;
                world.set(kind, index, &values, now);
                Ok(Done::Records(200, vec![index]))
            }
            Op::Archive(id) => {
                // An id that is not there is archived already.
                if let Ok(id) = id.parse() {
                    world.archive(kind, id, now);
                }
                Ok(Done::Nothing)
            }
            Op::BatchCreate | Op::BatchUpdate if listed().len() > 100 => Err(too_many()),
            Op::BatchCreate => {
                let all: Vec<Values> = listed().iter().map(|one| values(world, kind, one)).collect::<Result<_, _>>()?;
                for one in &all {
                    unique(world, kind, one)?;
                }
                let ids: Vec<u64> = all.iter().map(|one| world.create(kind, now, one)).collect();
                let indexes = ids.into_iter().filter_map(|id| world.kinds[kind].index(id)).collect();
                Ok(Done::Batch(201, indexes, Vec::new()))
            }
            Op::BatchUpdate => {
                let (mut changed, mut missing) = (Vec::new(), Vec::new());
                for (id, one) in inputs(&body)?.into_iter().zip(listed()) {
                    let values = values(world, kind, &one)?;
                    match live(world, &id, one.get("idProperty").and_then(Value::as_str))? {
                        Some(index) => {
                            world.set(kind, index, &values, now);
                            changed.push(index);
                        }
                        None => missing.push(id),
                    }
                }
                Ok(Done::Batch(200, changed, missing))
            }
            Op::BatchArchive => {
                let ids = inputs(&body)?;
                if ids.len() > 100 {
                    return Err(too_many());
                }
                for id in ids.iter().filter_map(|id| id.parse().ok()) {
                    world.archive(kind, id, now);
                }
                Ok(Done::Nothing)
            }
            Op::Merge => {
                let id = |name: &str| body.get(name).and_then(text).and_then(|id| id.parse::<u64>().ok());
                let (Some(primary), Some(other)) = (id("primaryObjectId"), id("objectIdToMerge")) else {
                    return Err(Failure::invalid("primaryObjectId and objectIdToMerge are required"));
                };
                if !world.kinds[kind].def.merges {
                    let shout = world.kinds[kind].def.shout();
                    return Err(Failure::invalid(format!("Objects of type {shout} cannot be merged")));
                }
                let merged = world.merge(kind, primary, other, now);
                let merged = merged.ok_or_else(|| Failure::invalid("The objects to merge do not exist"))?;
                Ok(Done::Records(200, world.kinds[kind].index(merged).into_iter().collect()))
            }
            Op::GdprDelete => {
                let id = body.get("objectId").and_then(text).unwrap_or_default();
                let property = body.get("idProperty").and_then(Value::as_str);
                if let Some(index) = live(world, &id, property)? {
                    let id = world.kinds[kind].rows[index].id;
                    world.purge(kind, id, now);
                }
                Ok(Done::Nothing)
            }
            _ => Err(Failure::not_found()),
        }
    }
}

fn too_many() -> Failure {
    Failure::invalid("The maximum number of inputs supported in a batch request is 100")
}

/// The values that a body sets. Unknown and computed properties are refused.
fn values(world: &World, kind: usize, body: &Value) -> Result<Values, Failure> {
    let mut all = Values::new();
    for (name, value) in body.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let known = world.kinds[kind].property(name).filter(|p| p.archived_at.is_none());
        let wrong = match known {
            None => Some((format!("Property \"{name}\" does not exist"), "PROPERTY_DOESNT_EXIST")),
            Some(p) if p.read_only() => Some((format!("\"{name}\" is a read only property"), "READ_ONLY_VALUE")),
            Some(_) => None,
        };
        if let Some((message, code)) = wrong {
            let error = json!({ "message": message, "code": code, "context": { "propertyName": [name] } });
            let message = format!("Property values were not valid: [{error}]");
            return Err(Failure { errors: vec![error], ..Failure::invalid(message) });
        }
        let value = match value {
            Value::Null => None,
            Value::Bool(value) => Some(value.to_string()),
            other => text(other),
        };
        all.push((name.clone(), value));
    }
    Ok(all)
}

/// No two records share a unique value.
fn unique(world: &World, kind: usize, values: &Values) -> Result<(), Failure> {
    let target = &world.kinds[kind];
    for (name, value) in values {
        let Some(property) = target.property(name).filter(|p| p.unique) else { continue };
        let Some(value) = value.as_deref().filter(|value| !value.is_empty()) else { continue };
        for index in target.overlay.keys().map(|at| *at as usize).filter(|index| target.rows[*index].live()) {
            if world.text(target, index, &target.rows[index], property).as_deref() == Some(value) {
                let id = target.rows[index].id;
                let shout = target.def.shout();
                let message = format!("{shout} already exists. Existing ID: {id}");
                return Err(Failure::new(409, "CONFLICT", message));
            }
        }
    }
    Ok(())
}
