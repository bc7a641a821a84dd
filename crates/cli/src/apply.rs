//! `forebay apply`: carries a plan out, in an order in which it can be done. What failed half way is taken up again by the
//! same command: what was made stays, and what was made for a thing that did not come to be is used or taken away.

use crate::Session;
use crate::client::{CATALOG, Client, FLOW, REGISTRY, call, delete, get, patch, post, segment};
use crate::connections::resolved;
use crate::failure::{Exit, Failure, Result};
use crate::names::{self, Kind};
use crate::output::{Format, clean};
use crate::plan::{self, Action, Planned, Sources, Step};
use clap::Args;
use forebay_model::manifest::convert::{LAKE, MASK};
use forebay_model::manifest::{Connection, Dataset, Flow, Manifest, State, secret};
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Types of the schema registry's answers.
const WHOLE: &str = "application/vnd.adobe.xed+json; version=1";
const LIST: &str = "application/vnd.adobe.xed+json";
const DESCRIPTORS: &str = "application/vnd.adobe.xdm+json";
const MAPPING_SETS: &str = "/data/foundation/conversion/mappingSets";

/// `forebay apply`
#[derive(Debug, Clone, Args)]
pub struct Apply {
    #[command(flatten)]
    sources: Sources,
}

pub async fn run(session: &Session, args: Apply) -> Result<Exit> {
    if session.globals.as_curl {
        return Err(Failure::usage("apply is several calls, each made of the answers before")
            .next("forebay plan, or forebay apply -vv"));
    }
    let planned = plan::make(session, &args.sources).await?;
    let screen = &session.screen;
    if planned.steps.is_empty() || session.globals.dry_run {
        plan::show(screen, &planned)?;
        return Ok(Exit::Ok);
    }
    if screen.format == Format::Table {
        screen.say(plan::text(screen, &planned).trim_end());
    }
    session.confirm("Apply this plan?")?;
    let mut work = Work::new(session, &planned);
    let mut done: Vec<Value> = Vec::new();
    for step in &planned.steps {
        let (kind, name) = (step.manifest.kind(), step.manifest.name());
        let id = work.step(step).await.map_err(|mut failure| {
            failure.message = format!("{kind} {name:?}: {}", failure.message);
            failure.at = failure
                .at
                .map(|at| format!("{at}{}", step.place.as_deref().map(|p| format!(" ({p})")).unwrap_or_default()))
                .or(step.place.clone());
            screen.say(&format!(
                "{} of {} steps are done; the same command goes on from there.",
                done.len(),
                planned.steps.len()
            ));
            failure
        })?;
        let word = match step.action {
            Action::Create => "created",
            Action::Change => "changed",
            Action::Delete => "deleted",
        };
        screen.say(&format!("{} {word} the {} {}", screen.good("✔"), kind.to_lowercase(), clean(name)));
        done.push(json!({ "action": step.action.name(), "kind": kind, "name": name, "id": id }));
    }
    if screen.format != Format::Table {
        use crate::output::text;
        screen.list(
            &[text("ACTION", "/action"), text("KIND", "/kind"), text("NAME", "/name"), text("ID", "/id")],
            &done,
        )?;
    }
    let flow = planned.steps.iter().find(|step| step.action == Action::Create && step.manifest.kind() == "Flow");
    if let Some(flow) = flow {
        screen.say(&format!("Try: forebay runs list --flow {}", names::quoted(flow.manifest.name())));
    }
    Ok(Exit::Ok)
}

/// What is known while a plan is carried out.
struct Work<'a> {
    session: &'a Session,
    planned: &'a Planned,
    /// Ids of connections by their names.
    connections: BTreeMap<String, String>,
    /// Ids and schemas of datasets by their names.
    datasets: BTreeMap<String, (String, String)>,
    /// The organization's namespace, once it was asked for.
    namespace: Option<String>,
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_string()
}

impl<'a> Work<'a> {
    fn new(session: &'a Session, planned: &'a Planned) -> Work<'a> {
        let mut work =
            Work { session, planned, connections: BTreeMap::new(), datasets: BTreeMap::new(), namespace: None };
        for (manifest, refs) in &planned.current {
            let (name, id) = (manifest.name().to_string(), text(refs, "/id"));
            match manifest {
                Manifest::Connection(_) => drop(work.connections.insert(name, id)),
                Manifest::Dataset(_) => drop(work.datasets.insert(name, (id, text(refs, "/schema")))),
                Manifest::Flow(_) => {}
            }
        }
        work
    }

    fn client(&self) -> &Client {
        &self.session.client
    }

    /// The answer's `id` of something new.
    async fn made(&self, path: &str, body: Value) -> Result<String> {
        Ok(text(&self.client().send(post(path, body)).await?.body, "/id"))
    }

    async fn step(&mut self, step: &Step) -> Result<String> {
        let id = text(&step.refs, "/id");
        match (step.action, &step.manifest) {
            (Action::Create, Manifest::Connection(connection)) => {
                let id = self.create_connection(connection).await?;
                self.connections.insert(connection.name.clone(), id.clone());
                Ok(id)
            }
            (Action::Create, Manifest::Dataset(dataset)) => {
                let (id, schema) = self.create_dataset(dataset).await?;
                self.datasets.insert(dataset.name.clone(), (id.clone(), schema));
                Ok(id)
            }
            (Action::Create, Manifest::Flow(flow)) => self.create_flow(flow).await,
            (Action::Change, Manifest::Connection(connection)) => {
                self.change_connection(connection, step).await.map(|()| id)
            }
            (Action::Change, Manifest::Dataset(dataset)) => self.change_dataset(dataset, step).await.map(|()| id),
            (Action::Change, Manifest::Flow(flow)) => self.change_flow(flow, step).await.map(|()| id),
            (Action::Delete, Manifest::Connection(_)) => {
                self.client()
                    .send(
                        delete(format!("{FLOW}/connections/{}", segment(&id)))
                            .header("if-match", text(&step.refs, "/etag")),
                    )
                    .await?;
                Ok(id)
            }
            (Action::Delete, Manifest::Flow(flow)) => {
                self.client()
                    .send(
                        delete(format!("{FLOW}/flows/{}", segment(&id))).header("if-match", text(&step.refs, "/etag")),
                    )
                    .await?;
                self.sweep(flow, &[]).await?;
                Ok(id)
            }
            (Action::Delete, Manifest::Dataset(_)) => Ok(id),
        }
    }

    /// What a step changes, by the beginnings of members.
    fn touches(step: &Step, member: &str) -> bool {
        let below = format!("{member}.");
        step.changes.iter().any(|change| change.path == member || change.path.starts_with(&below))
    }

    // Connections.

    async fn spec(&self, name: &str) -> Result<Value> {
        let found = names::choose(Kind::Spec, name, self.planned.specs.clone())?;
        Ok(self.client().send(get(format!("{FLOW}/connectionSpecs/{}", segment(&found.id)))).await?.item())
    }

    async fn create_connection(&self, connection: &Connection) -> Result<String> {
        let spec = self.spec(&connection.spec).await?;
        let params = resolved(self.session, connection)?;
        let answer = self.client().send(post(format!("{FLOW}/connections"), connection.body(&spec, params))).await?;
        let id = text(&answer.body, "/id");
        if connection.state == State::Disabled {
            let operations = json!([{ "op": "replace", "path": "/state", "value": "disabled" }]);
            let path = format!("{FLOW}/connections/{}", segment(&id));
            self.client().send(patch(path, &text(&answer.body, "/etag"), operations)).await?;
        }
        Ok(id)
    }

    async fn change_connection(&self, connection: &Connection, step: &Step) -> Result<()> {
        if Self::touches(step, "spec") {
            return Err(Failure::usage("the connection spec of a connection cannot change")
                .next("give it another name, and let the flows refer to that"));
        }
        let mut operations = Vec::new();
        if Self::touches(step, "description") {
            operations.push(json!({ "op": "add", "path": "/description", "value": connection.description }));
        }
        if Self::touches(step, "auth")
            && let Some(auth) = &connection.auth
        {
            let sent: Vec<&str> =
                step.changes.iter().filter(|change| change.sensitive).map(|change| change.path.as_str()).collect();
            let mut wanted = connection.clone();
            let mut params = Map::new();
            if let Some(auth) = &mut wanted.auth {
                // A secret that does not change is sent as the mask, and need not be at hand.
                auth.params.retain(|name, value| {
                    let keep = secret(value).is_none() || sent.contains(&format!("auth.params.{name}").as_str());
                    if !keep {
                        params.insert(name.clone(), json!(MASK));
                    }
                    keep
                });
            }
            params.extend(resolved(self.session, &wanted)?);
            operations
                .push(json!({ "op": "add", "path": "/auth", "value": { "specName": auth.kind, "params": params } }));
        }
        if Self::touches(step, "state") {
            operations.push(json!({ "op": "add", "path": "/state", "value": connection.state }));
        }
        let path = format!("{FLOW}/connections/{}", segment(&text(&step.refs, "/id")));
        self.client().send(patch(path, &text(&step.refs, "/etag"), json!(operations))).await?;
        Ok(())
    }

    // Datasets.

    async fn namespace(&mut self) -> Result<String> {
        if self.namespace.is_none() {
            let stats = self.client().send(get(format!("{REGISTRY}/stats"))).await?;
            self.namespace = Some(format!("_{}", text(&stats.body, "/tenantId")));
        }
        Ok(self.namespace.clone().unwrap_or_default())
    }

    /// What an earlier try left of a dataset that did not come to be: ours by its mark, and nobody's.
    async fn left(&self, kind: &str, title: &str, mark: &str) -> Result<Option<Value>> {
        let path = format!("{REGISTRY}/tenant/{kind}");
        let found = self.client().send(get(path).query("limit", 500).header("accept", LIST)).await?;
        let used = |id: &str| {
            self.planned.current.iter().any(|(_, refs)| {
                refs["schema"] == id || refs["groups"].as_array().is_some_and(|groups| groups.contains(&json!(id)))
            }) || self.datasets.values().any(|(_, schema)| schema == id)
        };
        let results = found.body["results"].as_array().cloned().unwrap_or_default();
        Ok(results
            .into_iter()
            .find(|body| body["title"] == title && body["description"] == mark && !used(&text(body, "/$id"))))
    }

    /// Defines a resource of the registry, over what an earlier try left of it.
    async fn define(&self, kind: &str, body: Value, mark: &str) -> Result<String> {
        let path = format!("{REGISTRY}/tenant/{kind}");
        if let Some(left) = self.left(kind, &text(&body, "/title"), mark).await? {
            let path = format!("{path}/{}", segment(&text(&left, "/meta:altId")));
            let put = crate::client::Call { body: Some(body.clone()), ..call(Method::PUT, path) };
            // What cannot be made over is left alone.
            if let Ok(answer) = self.client().send(put).await {
                return Ok(text(&answer.body, "/$id"));
            }
        }
        Ok(text(&self.client().send(post(path, body)).await?.body, "/$id"))
    }

    async fn create_dataset(&mut self, dataset: &Dataset) -> Result<(String, String)> {
        let namespace = self.namespace().await?;
        let mut own = Vec::new();
        if let Some(group) = dataset.group_body(&namespace) {
            own.push(self.define("fieldgroups", group, &dataset.mark()).await?);
        }
        let schema = self.define("schemas", dataset.schema_body(&own), &dataset.mark()).await?;
        self.say_key(dataset, &schema, &namespace, None).await?;
        let answer = self.client().send(post(format!("{CATALOG}/dataSets"), dataset.body(&schema))).await?;
        let id = answer.body.pointer("/0").and_then(Value::as_str).unwrap_or_default();
        Ok((id.rsplit('/').next().unwrap_or_default().to_string(), schema))
    }

    /// Says which field tells rows apart. `known` is the descriptor that said it before.
    async fn say_key(&self, dataset: &Dataset, schema: &str, namespace: &str, known: Option<&str>) -> Result<()> {
        let path = format!("{REGISTRY}/tenant/descriptors");
        let before = match known {
            Some(id) => Some(id.to_string()),
            None => self.descriptor(schema).await?,
        };
        let one = |id: &str| format!("{path}/{}", segment(id));
        match (dataset.descriptor_body(schema, namespace), before) {
            (None, None) => {}
            (None, Some(id)) => drop(self.client().send(delete(one(&id))).await?),
            (Some(body), None) => drop(self.client().send(post(path, body)).await?),
            (Some(body), Some(id)) => {
                let put = crate::client::Call { body: Some(body), ..call(Method::PUT, one(&id)) };
                self.client().send(put).await?;
            }
        }
        Ok(())
    }

    async fn descriptor(&self, schema: &str) -> Result<Option<String>> {
        let path = format!("{REGISTRY}/tenant/descriptors");
        let found = self.client().send(get(path).header("accept", DESCRIPTORS)).await?;
        let all = found.body.as_object().into_iter().flatten().filter_map(|(_, list)| list.as_array()).flatten();
        let mut primary =
            all.filter(|body| forebay_model::identity::is_primary(body) && body["xdm:sourceSchema"] == schema);
        Ok(primary.next().map(|body| text(body, "/@id")))
    }

    async fn resource(&self, kind: &str, id: &str) -> Result<Value> {
        let path = format!("{REGISTRY}/tenant/{kind}/{}", segment(id));
        Ok(self.client().send(get(path).header("accept", WHOLE)).await?.body)
    }

    async fn redefine(&self, kind: &str, id: &str, body: Value) -> Result<()> {
        let path = format!("{REGISTRY}/tenant/{kind}/{}", segment(id));
        self.client().send(crate::client::Call { body: Some(body), ..call(Method::PUT, path) }).await?;
        Ok(())
    }

    async fn change_dataset(&mut self, dataset: &Dataset, step: &Step) -> Result<()> {
        let namespace = self.namespace().await?;
        let schema = text(&step.refs, "/schema");
        let groups: Vec<String> = step.refs["groups"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_string)
            .collect();
        let mut own = groups.clone();
        if Self::touches(step, "fields") {
            own = self.change_fields(dataset, &groups, &namespace).await?;
        }
        if Self::touches(step, "fieldGroups") || Self::touches(step, "class") || own != groups {
            let mut body = self.resource("schemas", &schema).await?;
            body["allOf"] = dataset.schema_body(&own)["allOf"].clone();
            if let Some(members) = body.as_object_mut() {
                members.remove("meta:class");
            }
            self.redefine("schemas", &schema, body).await?;
        }
        if Self::touches(step, "key") {
            let known = step.refs["descriptor"].as_str();
            self.say_key(dataset, &schema, &namespace, known).await?;
        }
        if Self::touches(step, "description") {
            let path = format!("{CATALOG}/dataSets/{}", segment(&text(&step.refs, "/id")));
            self.client()
                .send(patch(path, &text(&step.refs, "/etag"), json!({ "description": dataset.description })))
                .await?;
        }
        Ok(())
    }

    /// Writes the dataset's own fields into its field groups: each field stays in the group that has it, new ones go into
    /// the first. Answers the groups.
    async fn change_fields(&self, dataset: &Dataset, groups: &[String], namespace: &str) -> Result<Vec<String>> {
        if groups.is_empty() {
            return match dataset.group_body(namespace) {
                Some(group) => Ok(vec![self.define("fieldgroups", group, &dataset.mark()).await?]),
                None => Ok(Vec::new()),
            };
        }
        let mut bodies = Vec::new();
        for id in groups {
            bodies.push(self.resource("fieldgroups", id).await?);
        }
        let fields_of = |body: &Value| -> Vec<String> {
            let parts = body["definitions"].as_object().into_iter().flatten().map(|(_, part)| part).chain([body]);
            let objects = parts.filter_map(|part| part["properties"][namespace]["properties"].as_object());
            objects.flat_map(|object| object.keys().cloned()).collect()
        };
        let held: Vec<Vec<String>> = bodies.iter().map(fields_of).collect();
        for (index, (id, mut body)) in groups.iter().zip(bodies).enumerate() {
            let elsewhere = |name: &str| {
                held.iter().enumerate().any(|(other, names)| other != index && names.iter().any(|n| n == name))
            };
            let mut part = dataset.clone();
            part.fields = dataset
                .fields
                .iter()
                .filter(|(name, _)| held[index].iter().any(|n| n == name) || index == 0 && !elsewhere(name))
                .map(|(name, field)| (name.to_string(), field.clone()))
                .collect();
            let Some(wanted) = part.group_body(namespace) else { continue };
            body["definitions"] = wanted["definitions"].clone();
            body["allOf"] = wanted["allOf"].clone();
            if let Some(members) = body.as_object_mut() {
                members.remove("properties");
            }
            self.redefine("fieldgroups", id, body).await?;
        }
        Ok(groups.to_vec())
    }

    // Flows.

    /// The ids that a flow refers to: connection, its spec, dataset, schema.
    async fn ends(&self, flow: &Flow) -> Result<(String, Value, String, String)> {
        let missing = |kind: &str, name: &str| {
            Failure::new(Exit::NotFound, format!("there is no {kind} {name:?}")).next(format!("forebay {kind}s list"))
        };
        let connection =
            self.connections.get(&flow.connection).ok_or_else(|| missing("connection", &flow.connection))?;
        let (dataset, schema) = self.datasets.get(&flow.dataset).ok_or_else(|| missing("table", &flow.dataset))?;
        let document = self.client().send(get(format!("{FLOW}/connections/{}", segment(connection)))).await?.item();
        Ok((connection.clone(), document["connectionSpec"].clone(), dataset.clone(), schema.clone()))
    }

    /// Takes away what was made for a flow that is no more, or never came to be. `kept` stays.
    async fn sweep(&self, flow: &Flow, kept: &[&str]) -> Result<()> {
        if flow.name.contains(['"', '\\']) {
            return Ok(());
        }
        for kind in ["sourceConnections", "targetConnections"] {
            let path = format!("{FLOW}/{kind}");
            let found = get(&path).query("property", format!("description==\"{}\"", flow.mark())).query("limit", 100);
            for document in self.client().send(found).await?.items() {
                let id = text(&document, "/id");
                if !kept.contains(&id.as_str()) {
                    // One that a flow uses is refused, and stays.
                    self.client().send(delete(format!("{path}/{}", segment(&id)))).await.ok();
                }
            }
        }
        let name = format!("{} mapping", flow.name);
        let found = self.client().send(get(MAPPING_SETS).query("name", name).query("limit", 100)).await?;
        for set in found.body["data"].as_array().into_iter().flatten() {
            let id = text(set, "/id");
            if !kept.contains(&id.as_str()) {
                self.client().send(delete(format!("{MAPPING_SETS}/{}", segment(&id)))).await.ok();
            }
        }
        Ok(())
    }

    async fn create_flow(&self, flow: &Flow) -> Result<String> {
        let (connection, spec, dataset, schema) = self.ends(flow).await?;
        self.sweep(flow, &[]).await?;
        let source = self.made(&format!("{FLOW}/sourceConnections"), flow.source_body(&connection, &spec)).await?;
        let target = self.made(&format!("{FLOW}/targetConnections"), flow.target_body(&dataset, &schema)).await?;
        let set = match flow.mapping_body(&schema) {
            Some(body) => Some(self.made(MAPPING_SETS, body).await?),
            None => None,
        };
        let flow_spec = self.flow_spec(&text(&spec, "/id")).await?;
        let mut body = json!({ "name": flow.name, "flowSpec": { "id": flow_spec["id"], "version": flow_spec["version"] },
            "sourceConnectionIds": [source], "targetConnectionIds": [target],
            "transformations": flow.transformations(set.as_deref().map(|id| (id, 0))),
            "scheduleParams": flow.schedule_body(None), "options": flow.options_body() });
        if !flow.description.is_empty() {
            body["description"] = json!(flow.description);
        }
        let id = self.made(&format!("{FLOW}/flows"), body).await?;
        if flow.state == State::Disabled {
            let action = call(Method::POST, format!("{FLOW}/flows/{}/action", segment(&id))).query("op", "disable");
            self.client().send(action).await?;
        }
        Ok(id)
    }

    /// The flow spec that joins a source with the lake.
    async fn flow_spec(&self, spec: &str) -> Result<Value> {
        let all = self.client().send(get(format!("{FLOW}/flowSpecs")).query("limit", 1000)).await?.items();
        let has =
            |body: &Value, member: &str, id: &str| body[member].as_array().is_some_and(|ids| ids.contains(&json!(id)));
        let mut fitting = all
            .into_iter()
            .filter(|body| has(body, "sourceConnectionSpecIds", spec) && has(body, "targetConnectionSpecIds", LAKE));
        fitting.next().ok_or_else(|| {
            Failure::new(
                Exit::Failed,
                "no flow spec joins connections of this spec with the lake: nothing reads it yet",
            )
            .next("forebay specs list")
        })
    }

    /// Whether another flow uses it too.
    fn shared(&self, pointer: &str, id: &str, own: &str) -> bool {
        let mut others = self.planned.current.iter().map(|(_, refs)| refs).filter(|refs| refs["id"] != own);
        others.any(|refs| refs.pointer(pointer).and_then(Value::as_str) == Some(id))
    }

    async fn change_flow(&self, flow: &Flow, step: &Step) -> Result<()> {
        let (connection, spec, dataset, schema) = self.ends(flow).await?;
        let refs = &step.refs;
        let own = text(refs, "/id");
        let (mut source, mut target) = (text(refs, "/sourceConnection/id"), text(refs, "/targetConnection/id"));
        let mut set = refs["mappingSet"].as_str().map(str::to_string);
        let mut operations = Vec::new();
        let mut add = |path: &str, value: Value| operations.push(json!({ "op": "add", "path": path, "value": value }));
        let moved = Self::touches(step, "dataset");
        if Self::touches(step, "source") || Self::touches(step, "connection") {
            let (data, params) = flow.source.bodies();
            // A flow was given of one table what says nothing of another: that takes a new source connection.
            let new = Self::touches(step, "connection")
                || Self::touches(step, "source.table")
                || Self::touches(step, "source.path") && flow.source.table.is_some()
                || Self::touches(step, "source.params.cdcEnabled")
                || self.shared("/sourceConnection/id", &source, &own);
            if new {
                source = self.made(&format!("{FLOW}/sourceConnections"), flow.source_body(&connection, &spec)).await?;
                add("/sourceConnectionIds", json!([source]));
            } else {
                let path = format!("{FLOW}/sourceConnections/{}", segment(&source));
                let change = json!([{ "op": "add", "path": "/data", "value": data }, { "op": "add", "path": "/params", "value": params }]);
                self.client().send(patch(path, &text(refs, "/sourceConnection/etag"), change)).await?;
            }
        }
        if moved {
            target = self.made(&format!("{FLOW}/targetConnections"), flow.target_body(&dataset, &schema)).await?;
            add("/targetConnectionIds", json!([target]));
        }
        if Self::touches(step, "mapping") || Self::touches(step, "deltaColumn") || moved {
            let list = self.transformations(flow, step, &schema, &mut set, moved).await?;
            add("/transformations", list);
        }
        if Self::touches(step, "description") {
            add("/description", json!(flow.description));
        }
        if Self::touches(step, "schedule") {
            add("/scheduleParams", flow.schedule_body(refs.get("startTime")));
        }
        if Self::touches(step, "options") {
            let current = self.client().send(get(format!("{FLOW}/flows/{}", segment(&own)))).await?.item();
            let mut options = current["options"].as_object().cloned().unwrap_or_default();
            options.remove("partialIngestionPercent");
            options.extend(flow.options_body().as_object().cloned().unwrap_or_default());
            add("/options", json!(options));
        }
        if Self::touches(step, "state") {
            add("/state", json!(flow.state));
        }
        if !operations.is_empty() {
            let path = format!("{FLOW}/flows/{}", segment(&own));
            self.client().send(patch(path, &text(refs, "/etag"), json!(operations))).await?;
        }
        let kept: Vec<&str> =
            [Some(source.as_str()), Some(target.as_str()), set.as_deref()].into_iter().flatten().collect();
        self.sweep(flow, &kept).await
    }

    /// The list of transformations with what is wanted in it, and everything else as it is.
    async fn transformations(
        &self,
        flow: &Flow,
        step: &Step,
        schema: &str,
        set: &mut Option<String>,
        moved: bool,
    ) -> Result<Value> {
        let own = text(&step.refs, "/id");
        let mut list = step.refs["transformations"].as_array().cloned().unwrap_or_default();
        let known = list.iter().find(|entry| entry["name"] == "Mapping").map(|entry| entry["params"].clone());
        let mapping = match flow.mapping_body(schema) {
            None => None,
            Some(_) if !Self::touches(step, "mapping") && !moved && known.is_some() => known,
            Some(body) => {
                let kept = set.clone().filter(|id| !moved && !self.shared("/mappingSet", id, &own));
                let (id, version) = match kept {
                    Some(id) => {
                        let put = call(Method::PUT, format!("{MAPPING_SETS}/{}", segment(&id)));
                        let answer = self.client().send(crate::client::Call { body: Some(body), ..put }).await?;
                        (id, answer.body["version"].clone())
                    }
                    None => (self.made(MAPPING_SETS, body).await?, json!(0)),
                };
                *set = Some(id.clone());
                Some(json!({ "mappingId": id, "mappingVersion": version }))
            }
        };
        if Self::touches(step, "deltaColumn") {
            list.retain(|entry| entry["name"] != "Copy");
            if let Some(column) = &flow.delta_column {
                list.insert(0, json!({ "name": "Copy", "params": { "deltaColumn": { "name": column } } }));
            }
        }
        match (list.iter_mut().find(|entry| entry["name"] == "Mapping"), mapping) {
            (Some(entry), Some(params)) => entry["params"] = params,
            (None, Some(params)) => list.push(json!({ "name": "Mapping", "params": params })),
            (Some(_), None) => list.retain(|entry| entry["name"] != "Mapping"),
            (None, None) => {}
        }
        Ok(Value::Array(list))
    }
}
