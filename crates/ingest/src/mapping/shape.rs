//! The target's columns from the rules' columns: nesting, objects copied whole (PL-MAP-3), and required fields.
//!
//! Always holds: a target that no rule feeds is null; a struct whose children are all null is null; of two rules for
//! one target the later counts.

use super::coerce::present;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, StructArray, new_null_array};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, FieldRef, Fields};
use datafusion::arrow::error::ArrowError;
use forebay_model::xdm::{Field, Type};
use std::sync::Arc;

/// One target field and what feeds it.
#[derive(Debug, Clone)]
pub struct Target {
    field: FieldRef,
    /// The rule that gives the field itself.
    rule: Option<usize>,
    /// Children, where a rule feeds one of them.
    children: Vec<Target>,
}

impl Target {
    /// The targets of a schema, fed by nothing.
    pub fn all(fields: &Fields) -> Vec<Target> {
        fields.iter().map(|field| Target { field: field.clone(), rule: None, children: Vec::new() }).collect()
    }

    /// Lets a rule feed the field at a path below `targets`; false when there is no such field.
    pub fn feed(targets: &mut [Target], path: &[String], rule: usize) -> bool {
        let Some((name, rest)) = path.split_first() else {
            return false;
        };
        let Some(target) = targets.iter_mut().find(|t| t.field.name() == name) else {
            return false;
        };
        if rest.is_empty() {
            target.rule = Some(rule);
            return true;
        }
        let DataType::Struct(fields) = target.field.data_type() else {
            return false;
        };
        if target.children.is_empty() {
            target.children = Target::all(fields);
        }
        Target::feed(&mut target.children, rest, rule)
    }

    /// The column. `nulls` gives a null column of a type; it is asked often and may remember.
    pub fn build(&self, rules: &[ArrayRef], rows: usize, nulls: &mut Empties) -> Result<ArrayRef, ArrowError> {
        let base = self.rule.map(|rule| &rules[rule]);
        let DataType::Struct(fields) = self.field.data_type() else {
            return Ok(base.cloned().unwrap_or_else(|| nulls.get(&self.field, rows)));
        };
        if self.children.is_empty() {
            return Ok(base.cloned().unwrap_or_else(|| nulls.get(&self.field, rows)));
        }
        let mut columns = Vec::with_capacity(fields.len());
        for (at, child) in self.children.iter().enumerate() {
            columns.push(match base {
                Some(base) => child.over(&inner(base.as_struct(), at)?, rules, rows, nulls)?,
                None => child.build(rules, rows, nulls)?,
            });
        }
        let nulls = present(&columns, None, rows);
        Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), columns, nulls, rows)?))
    }

    /// As [`Target::build`], where an object that is copied whole gives what no rule of its own does.
    fn over(
        &self,
        base: &ArrayRef,
        rules: &[ArrayRef],
        rows: usize,
        nulls: &mut Empties,
    ) -> Result<ArrayRef, ArrowError> {
        if self.rule.is_some() {
            return self.build(rules, rows, nulls);
        }
        let DataType::Struct(fields) = self.field.data_type() else {
            return Ok(base.clone());
        };
        if self.children.is_empty() {
            return Ok(base.clone());
        }
        let mut columns = Vec::with_capacity(fields.len());
        for (at, child) in self.children.iter().enumerate() {
            columns.push(child.over(&inner(base.as_struct(), at)?, rules, rows, nulls)?);
        }
        let nulls = present(&columns, None, rows);
        Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), columns, nulls, rows)?))
    }
}

/// A struct's child, null where the struct is.
fn inner(array: &StructArray, at: usize) -> Result<ArrayRef, ArrowError> {
    masked(array.column(at), array.nulls())
}

/// An array that is null wherever `keep` is not valid.
pub fn masked(array: &ArrayRef, keep: Option<&NullBuffer>) -> Result<ArrayRef, ArrowError> {
    let Some(keep) = keep.filter(|keep| keep.null_count() > 0) else {
        return Ok(array.clone());
    };
    let mask = datafusion::arrow::array::BooleanArray::new(!keep.inner(), None);
    datafusion::arrow::compute::nullif(array, &mask)
}

/// Null columns, made once and cut to length: a schema has hundreds of fields that a mapping leaves empty.
#[derive(Debug, Default)]
pub struct Empties(Vec<(FieldRef, ArrayRef)>);

impl Empties {
    /// A null column of a field's type.
    pub fn get(&mut self, field: &FieldRef, rows: usize) -> ArrayRef {
        let at = self.0.iter().position(|(known, _)| Arc::ptr_eq(known, field));
        let at = at.unwrap_or_else(|| {
            self.0.push((field.clone(), new_null_array(field.data_type(), rows)));
            self.0.len() - 1
        });
        let array = &mut self.0[at].1;
        if array.len() < rows {
            *array = new_null_array(field.data_type(), rows);
        }
        if array.len() == rows { array.clone() } else { array.slice(0, rows) }
    }
}

/// Finds what is required and null. Made once for a schema; costs nothing where nothing is required.
#[derive(Debug, Clone)]
pub struct Required {
    /// Place in the schema or struct.
    at: usize,
    name: String,
    required: bool,
    below: Below,
}

#[derive(Debug, Clone)]
enum Below {
    Nothing,
    Children(Vec<Required>),
    /// Elements of a list, or values of a map, that are objects.
    Elements(Vec<Required>),
}

impl Required {
    /// The required fields among some and below them.
    pub fn of(fields: &[Field]) -> Vec<Required> {
        let mut found = Vec::new();
        for (at, field) in fields.iter().enumerate() {
            let below = below(&field.ty);
            if field.required || !matches!(below, Below::Nothing) {
                found.push(Required { at, name: field.name.clone(), required: field.required, below });
            }
        }
        found
    }

    /// Adds `(row, path)` for each that is null where its parent is there.
    pub fn missing(fields: &[Required], columns: &[ArrayRef], rows: usize, out: &mut Vec<(usize, String)>) {
        search(fields, columns, None, rows, "", &|row| Some((row, Vec::new())), out);
    }
}

fn below(ty: &Type) -> Below {
    let (children, elements) = match ty {
        Type::Object(children) => (Required::of(children), false),
        Type::Array(item) | Type::Map(item) => match item.as_ref() {
            Type::Object(children) => (Required::of(children), true),
            _ => (Vec::new(), true),
        },
        _ => (Vec::new(), false),
    };
    match (children.is_empty(), elements) {
        (true, _) => Below::Nothing,
        (false, false) => Below::Children(children),
        (false, true) => Below::Elements(children),
    }
}

/// Turns a row of some columns into the batch's row, and its places in the lists around it, outermost first.
type Owner<'a> = &'a dyn Fn(usize) -> Option<(usize, Vec<usize>)>;

fn search(
    fields: &[Required],
    columns: &[ArrayRef],
    parent: Option<&NullBuffer>,
    rows: usize,
    path: &str,
    owner: Owner<'_>,
    out: &mut Vec<(usize, String)>,
) {
    for field in fields {
        let Some(column) = columns.get(field.at) else {
            continue;
        };
        let path = if path.is_empty() { field.name.clone() } else { format!("{path}.{}", field.name) };
        if field.required && column.logical_null_count() > 0 {
            let there = |row: usize| parent.is_none_or(|parent| parent.is_valid(row));
            for row in (0..rows).filter(|&row| column.is_null(row) && there(row)) {
                if let Some((row, places)) = owner(row) {
                    let placed = |path: String, at: &usize| path.replacen("[]", &format!("[{at}]"), 1);
                    out.push((row, places.iter().fold(path.clone(), placed)));
                }
            }
        }
        match &field.below {
            Below::Nothing => {}
            Below::Children(children) => {
                let array = column.as_struct();
                let both = NullBuffer::union(parent, array.nulls());
                search(children, array.columns(), both.as_ref(), rows, &path, owner, out);
            }
            Below::Elements(children) => elements(children, column, parent, &path, owner, out),
        }
    }
}

fn elements(
    children: &[Required],
    column: &ArrayRef,
    parent: Option<&NullBuffer>,
    path: &str,
    owner: Owner<'_>,
    out: &mut Vec<(usize, String)>,
) {
    let (offsets, values) = match column.data_type() {
        DataType::List(_) => (column.as_list::<i32>().offsets().clone(), column.as_list::<i32>().values().clone()),
        DataType::Map(..) => (column.as_map().offsets().clone(), column.as_map().values().clone()),
        _ => return,
    };
    let array = values.as_struct();
    let within = |element: usize| {
        let at = offsets.partition_point(|&start| start as usize <= element).checked_sub(1)?;
        let there = at < column.len() && column.is_valid(at) && parent.is_none_or(|parent| parent.is_valid(at));
        let (row, mut places) = if there { owner(at)? } else { return None };
        places.push(element - offsets[at] as usize);
        Some((row, places))
    };
    search(children, array.columns(), array.nulls(), array.len(), &format!("{path}[]"), &within, out);
}
