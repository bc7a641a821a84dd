//! The beginning of a file, for a preview: its columns and first good rows, and, where nothing is declared, how it is
//! to be read. Reads only the beginning (of a Parquet file the footer and the first row group), never the whole.

mod sniff;

use super::compress::{self, Entry};
use super::source::Source;
use super::{Flow, Halt, Objects, csv, encoding, json, parquet};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::arrow::json::writer::{LineDelimited, WriterBuilder};
use forebay_model::files::{FileOptions, Format, Object};
use forebay_model::xdm::{Field, Type};
use forebay_model::{Error, Result};
use serde_json::{Map, Value};
use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::watch;

/// Decompressed bytes that a sample of a text file may take.
const BUDGET: u64 = 4 << 20;

/// The beginning of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// How the file is read: as asked, or as found out.
    pub options: FileOptions,
    /// Rows are documents with parts inside (JSON, nested Parquet).
    pub hierarchical: bool,
    /// The columns, in the file's order.
    pub columns: Vec<SampleColumn>,
    /// The first good rows: an object each.
    pub rows: Vec<Value>,
}

/// A column of a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleColumn {
    /// Its name.
    pub name: String,
    /// Its type: text in delimited files, what the rows show in JSON, the stored type in Parquet.
    pub ty: Type,
}

/// Reads the file's beginning: at most `limit` rows. Without options they are found out (`determineProperties`).
pub async fn sample(
    objects: Arc<dyn Objects>,
    object: &Object,
    options: Option<FileOptions>,
    limit: usize,
) -> Result<Sample> {
    let (alive, gone) = watch::channel(());
    let source = Source::new(objects, object.clone(), gone);
    let work = tokio::task::spawn_blocking(move || read(&source, options, limit));
    let sample = work.await;
    drop(alive);
    match sample.map_err(|e| super::broken(&object.key, e))? {
        Ok(sample) => Ok(sample),
        Err(Halt::Failed(error)) => Err(*error),
        Err(Halt::Gone) => Err(Error::internal(format!("reading {} was given up", object.key))),
    }
}

fn read(source: &Source, options: Option<FileOptions>, limit: usize) -> Flow<Sample> {
    let options = match options {
        Some(options) => options,
        None => sniff::properties(source)?,
    };
    let encoding = encoding::by_label(&options.encoding, &source.object.key)?;
    let mut found = None;
    if source.object.size > 0 {
        let done = match options.format {
            Format::Parquet => parquet::each_file(source, options.compression, &mut |_, source| {
                let (schema, batches) = parquet::preview(source, limit)?;
                found = Some(typed(&options, &schema, &batches)?);
                Err(Halt::Gone)
            }),
            Format::Delimited | Format::Json => compress::each_entry(source, options.compression, &mut |entry| {
                let (entry, spent) = begin(entry);
                let entry = encoding::utf8(entry, encoding)?;
                let sample = match options.format {
                    Format::Json => documents(&options, json::preview(entry, options.lines, limit)?),
                    _ => {
                        let (names, rows) = csv::preview(entry, options.delimiter, limit, &|| spent.get())?;
                        flat(&options, names, rows)
                    }
                };
                // An archive may begin with an empty member.
                if sample.columns.is_empty() {
                    return Ok(());
                }
                found = Some(sample);
                Err(Halt::Gone)
            }),
        };
        match done {
            Err(Halt::Gone) if found.is_some() => {}
            other => other?,
        }
    }
    Ok(found.unwrap_or_else(|| Sample {
        hierarchical: options.format == Format::Json,
        options,
        columns: Vec::new(),
        rows: Vec::new(),
    }))
}

/// The entry's beginning; the flag says that there was more.
fn begin(entry: Entry<'_>) -> (Entry<'_>, Rc<Cell<bool>>) {
    let spent = Rc::new(Cell::new(false));
    let reader = Box::new(Beginning { reader: entry.reader, left: BUDGET, spent: spent.clone() });
    (Entry { reader, ..entry }, spent)
}

struct Beginning<R> {
    reader: R,
    left: u64,
    spent: Rc<Cell<bool>>,
}

impl<R: Read> Read for Beginning<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            self.spent.set(true);
            return Ok(0);
        }
        let most = to.len().min(self.left as usize);
        let amount = self.reader.read(&mut to[..most])?;
        self.left -= amount as u64;
        Ok(amount)
    }
}

fn flat(options: &FileOptions, names: Vec<String>, rows: Vec<Vec<Option<String>>>) -> Sample {
    let mut documents = Vec::with_capacity(rows.len());
    for row in rows {
        let members = names.iter().cloned().zip(row.into_iter().map(|field| field.map_or(Value::Null, Value::String)));
        documents.push(Value::Object(members.collect()));
    }
    let columns = names.into_iter().map(|name| SampleColumn { name, ty: Type::String }).collect();
    Sample { options: options.clone(), hierarchical: false, columns, rows: documents }
}

fn documents(options: &FileOptions, rows: Vec<Value>) -> Sample {
    let mut ty = None;
    for row in &rows {
        ty = merged(ty, shape(row));
    }
    let columns = match ty {
        Some(Shape::Object(members)) => {
            members.into_iter().map(|(name, shape)| SampleColumn { name, ty: settled(shape) }).collect()
        }
        _ => Vec::new(),
    };
    Sample { options: options.clone(), hierarchical: true, columns, rows }
}

/// What values show of their type; none for null.
enum Shape {
    Of(Type),
    Object(Vec<(String, Option<Shape>)>),
    Array(Option<Box<Shape>>),
}

fn shape(value: &Value) -> Option<Shape> {
    match value {
        Value::Null => None,
        Value::Bool(_) => Some(Shape::Of(Type::Boolean)),
        Value::Number(number) if number.is_i64() => Some(Shape::Of(Type::Long)),
        Value::Number(_) => Some(Shape::Of(Type::Number)),
        Value::String(_) => Some(Shape::Of(Type::String)),
        Value::Array(elements) => {
            let of = elements.iter().fold(None, |of, element| merged(of, shape(element)));
            Some(Shape::Array(of.map(Box::new)))
        }
        Value::Object(members) => {
            Some(Shape::Object(members.iter().map(|(name, value)| (name.clone(), shape(value))).collect()))
        }
    }
}

fn merged(one: Option<Shape>, other: Option<Shape>) -> Option<Shape> {
    Some(match (one, other) {
        (None, shape) | (shape, None) => return shape,
        (Some(Shape::Of(a)), Some(Shape::Of(b))) if a == b => Shape::Of(a),
        (Some(Shape::Of(Type::Long | Type::Number)), Some(Shape::Of(Type::Long | Type::Number))) => {
            Shape::Of(Type::Number)
        }
        (Some(Shape::Array(a)), Some(Shape::Array(b))) => {
            Shape::Array(merged(a.map(|a| *a), b.map(|b| *b)).map(Box::new))
        }
        (Some(Shape::Object(mut members)), Some(Shape::Object(others))) => {
            for (name, shape) in others {
                match members.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, known)) => *known = merged(known.take(), shape),
                    None => members.push((name, shape)),
                }
            }
            Shape::Object(members)
        }
        // Values of different types have only their text in common.
        _ => Shape::Of(Type::String),
    })
}

fn settled(shape: Option<Shape>) -> Type {
    match shape {
        None => Type::String,
        Some(Shape::Of(ty)) => ty,
        Some(Shape::Array(of)) => Type::Array(Box::new(settled(of.map(|of| *of)))),
        Some(Shape::Object(members)) => {
            let field = |(name, shape)| Field { name, ty: settled(shape), required: false };
            Type::Object(members.into_iter().map(field).collect())
        }
    }
}

fn typed(options: &FileOptions, schema: &Schema, batches: &[RecordBatch]) -> Flow<Sample> {
    let columns: Vec<SampleColumn> =
        schema.fields().iter().map(|f| SampleColumn { name: f.name().clone(), ty: xdm(f.data_type()) }).collect();
    let nested = |column: &SampleColumn| matches!(column.ty, Type::Object(_) | Type::Array(_) | Type::Map(_));
    let failed = |e| Error::internal("the sample could not be shown as JSON").caused_by(e);
    let mut text = Vec::new();
    let mut writer = WriterBuilder::new().with_explicit_nulls(true).build::<_, LineDelimited>(&mut text);
    for batch in batches {
        writer.write(batch).map_err(failed)?;
    }
    writer.finish().map_err(failed)?;
    let mut rows = Vec::new();
    for row in serde_json::Deserializer::from_slice(&text).into_iter::<Map<String, Value>>() {
        rows.push(Value::Object(row.map_err(|e| Error::internal("the sample is no JSON").caused_by(e))?));
    }
    Ok(Sample { options: options.clone(), hierarchical: columns.iter().any(nested), columns, rows })
}

/// The schema type of a stored one.
pub(super) fn xdm(ty: &DataType) -> Type {
    match ty {
        DataType::Boolean => Type::Boolean,
        DataType::Int8 => Type::Byte,
        DataType::UInt8 | DataType::Int16 => Type::Short,
        DataType::UInt16 | DataType::Int32 => Type::Int,
        DataType::UInt32 | DataType::Int64 | DataType::UInt64 => Type::Long,
        ty if ty.is_floating() || ty.is_decimal() => Type::Number,
        DataType::Date32 | DataType::Date64 => Type::Date,
        DataType::Timestamp(..) => Type::DateTime,
        DataType::Struct(fields) => {
            let field = |f: &Arc<datafusion::arrow::datatypes::Field>| Field {
                name: f.name().clone(),
                ty: xdm(f.data_type()),
                required: !f.is_nullable(),
            };
            Type::Object(fields.iter().map(field).collect())
        }
        DataType::List(element) | DataType::LargeList(element) | DataType::FixedSizeList(element, _) => {
            Type::Array(Box::new(xdm(element.data_type())))
        }
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(fields) if fields.len() == 2 => Type::Map(Box::new(xdm(fields[1].data_type()))),
            _ => Type::String,
        },
        _ => Type::String,
    }
}
