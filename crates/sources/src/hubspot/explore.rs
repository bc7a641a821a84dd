//! What an account has to offer (hubspot.md §5.1): its tables, their columns, and a few rows.

use super::HubSpot;
use super::call::Ask;
use super::columns;
use super::fault::{Fault, Trouble};
use super::find::Finder;
use super::forms::{Forms, forms};
use super::paths::Target;
use super::place::Place;
use super::snapshot;
use super::types::{self, ObjectType, PAIRS, REFERENCE, STANDARD, What, bare, object, pair, standard};
use super::wire::{self, Property, Schema, Wanted};
use crate::tables::{Column, Table};
use forebay_model::Result;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long the list of custom objects is good for.
const FRESH: Duration = Duration::from_secs(300);
/// What reads custom objects.
const CUSTOM: [&str; 2] = ["crm.objects.custom.read", "crm.schemas.custom.read"];
/// The most rows of a preview.
const ROWS: usize = 100;

impl HubSpot {
    /// Three calls, however many tables there are: what is switched on, custom objects, and what was granted.
    pub(super) async fn all_tables(&self) -> Result<Vec<Table>> {
        self.meet().await?;
        let enabled = match self.call(&Ask::get(Target::Enablement, ""), |answer| wire::enablement(&answer.body)).await
        {
            Ok(enabled) => enabled,
            Err(fault) => unless_closed(fault, Vec::new())?,
        };
        let enabled: HashMap<String, bool> = enabled.into_iter().collect();
        let custom = match self.schemas().await {
            Ok(schemas) => Some(schemas),
            Err(fault) => unless_closed(fault, None)?,
        };
        let scopes = self.scopes().await;
        let missing = |wanted: &[&str]| match &scopes {
            Some(scopes) if !wanted.is_empty() && !wanted.iter().any(|scope| scopes.iter().any(|s| s == scope)) => {
                vec![wanted[0].to_string()]
            }
            _ => Vec::new(),
        };
        let table = |name: &str, missing: Vec<String>| Table {
            name: name.to_string(),
            path: format!("Hubspot.{name}"),
            readable: missing.is_empty(),
            missing,
        };
        let there = |id: &str| enabled.get(id).copied().unwrap_or(true);
        let mut tables = Vec::new();
        for kind in STANDARD.iter().filter(|kind| there(kind.id)) {
            tables.push(table(kind.name, missing(kind.scopes)));
        }
        for schema in custom.iter().flatten() {
            let lacking = CUSTOM.iter().flat_map(|scope| missing(&[scope])).collect();
            tables.push(table(&custom_name(schema), lacking));
        }
        for (name, _, scopes) in REFERENCE {
            tables.push(table(name, missing(scopes)));
        }
        for (from, to) in PAIRS {
            let (Some(from), Some(to)) = (standard(from), standard(to)) else { continue };
            let mut lacking = missing(from.scopes);
            lacking.extend(missing(to.scopes));
            lacking.dedup();
            tables.push(table(&pair(from.name, to.name), lacking));
        }
        Ok(tables)
    }

    /// Custom objects, asked for anew every few minutes.
    pub(super) async fn schemas(&self) -> Result<Vec<Schema>, Fault> {
        let known = self.account.facts().schemas.clone();
        if let Some((_, schemas)) = known.filter(|(since, _)| since.elapsed() < FRESH) {
            return Ok(schemas);
        }
        let schemas = self.call(&Ask::get(Target::Schemas, ""), |answer| wire::schemas(&answer.body)).await?;
        self.account.facts().schemas = Some((Instant::now(), schemas.clone()));
        Ok(schemas)
    }

    /// What a path names.
    pub(super) async fn resolve(&self, path: &str) -> Result<What> {
        if let Some(what) = types::resolve(path) {
            return Ok(what);
        }
        let name = bare(path);
        let schemas = match self.schemas().await {
            Ok(schemas) => schemas,
            Err(fault) => unless_closed(fault, Vec::new())?,
        };
        let is = |schema: &&Schema| {
            custom_name(schema).eq_ignore_ascii_case(name)
                || schema.id == name
                || schema.name.eq_ignore_ascii_case(name)
        };
        match schemas.iter().find(is) {
            Some(schema) => Ok(What::Objects(object(&schema.id, &custom_name(schema)))),
            None => Err(super::no_table(path)),
        }
    }

    /// The properties of a kind, sensitive ones included where they were granted (§5.1), and HubSpot's clock.
    pub(super) async fn properties(&self, id: &str) -> Result<(Vec<Property>, Option<i64>), Fault> {
        let ask = |sensitivity: &str| {
            Ask::get(Target::Properties(id.to_string()), format!("archived=false&dataSensitivity={sensitivity}"))
        };
        let read = |answer: &super::call::Answer| Ok((wire::properties(&answer.body)?, answer.date));
        let (mut properties, date) = self.call(&ask("non_sensitive"), read).await?;
        let scopes = self.scopes().await;
        for (sensitivity, lead) in [("sensitive", ".sensitive."), ("highly_sensitive", ".highly_sensitive.")] {
            // Where the scopes are not known, the answer tells.
            if scopes.as_ref().is_some_and(|scopes| !scopes.iter().any(|scope| scope.contains(lead))) {
                continue;
            }
            match self.call(&ask(sensitivity), read).await {
                Ok((more, _)) => properties.extend(more),
                Err(fault) if matches!(fault.trouble, Trouble::Denied(_) | Trouble::Wrong) => {}
                Err(fault) => return Err(fault),
            }
        }
        properties.sort_by(|a, b| a.name.cmp(&b.name));
        properties.dedup_by(|a, b| a.name == b.name);
        Ok((properties, date))
    }

    pub(super) async fn columns_of(&self, path: &str) -> Result<Vec<Column>> {
        self.meet().await?;
        match self.resolve(path).await? {
            What::Objects(object) => {
                let (properties, _) = self.properties(&object.id).await.map_err(|fault| *fault.error)?;
                Ok(columns::of_records(&properties))
            }
            other => Ok(columns::of_reference(&other)),
        }
    }

    pub(super) async fn rows_of(&self, path: &str, limit: usize) -> Result<Vec<Value>> {
        self.meet().await?;
        let portal = self.account.facts().portal;
        let limit = limit.min(ROWS);
        let (texts, columns, kind) = match self.resolve(path).await? {
            What::Objects(object) => {
                let (properties, _) = self.properties(&object.id).await.map_err(|fault| *fault.error)?;
                let columns = columns::of_records(&properties);
                let kind = object.id.clone();
                let forms = forms(&properties);
                let names = properties.into_iter().map(|property| property.name).collect();
                let texts = self.first(object, names, forms, limit).await.map_err(|fault| *fault.error)?;
                (texts, columns, kind)
            }
            other => {
                let texts = snapshot::first(self, &other, limit).await.map_err(|fault| *fault.error)?;
                (texts, columns::of_reference(&other), snapshot::kind(&other))
            }
        };
        let rows = texts.iter().filter_map(|text| serde_json::from_slice::<Value>(text).ok());
        Ok(rows.map(|record| columns::row(&record, &columns, portal, &kind)).collect())
    }

    async fn first(
        &self,
        object: ObjectType,
        names: Vec<String>,
        forms: Forms,
        limit: usize,
    ) -> Result<Vec<bytes::Bytes>, Fault> {
        let wanted = Arc::new(Wanted { modified: object.modified, forms, ..Wanted::default() });
        let finder = Finder { hubspot: self.clone(), object, names: Arc::new(names), wanted };
        let mut records = match finder.fits() {
            true => finder.page(&Place::default(), &finder.names, false, limit).await?.records,
            false => {
                let ids = finder.page(&Place::default(), &[], false, limit).await?.records;
                finder.look_up(ids.into_iter().map(|record| record.id).collect(), 0).await?.living
            }
        };
        records.truncate(limit);
        Ok(records.into_iter().map(|record| record.text).collect())
    }
}

/// The table of a custom object. A standard table of the same name keeps it (§5.1).
fn custom_name(schema: &Schema) -> String {
    match types::resolve(&schema.name) {
        Some(_) => format!("custom_{}", schema.name),
        None => schema.name.clone(),
    }
}

/// What stands in for an answer that the account was not granted.
fn unless_closed<T>(fault: Fault, instead: T) -> Result<T> {
    match fault.trouble {
        Trouble::Denied(_) | Trouble::Missing | Trouble::Wrong => Ok(instead),
        _ => Err(*fault.error),
    }
}
