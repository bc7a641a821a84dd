//! Parquet to columns of their own types: range reads of the pinned object, only the asked fields, lists, maps and
//! structs as they are stored. Lines are row numbers, from 1.
//!
//! What a file says of itself is checked against its size before it is believed; a decoder that panics on bytes made
//! for it ends as an error of the file. A file may differ from the scan's types: a missing field is null and told
//! once, another type is cast, and a row whose value does not survive the cast is rejected.

mod fields;
mod reader;

use super::batch::Output;
use super::compress::{self, Entry};
use super::source::Source;
use super::{BATCH_BYTES, Flow, Halt, Objects, unreadable};
use bytes::Bytes;
use datafusion::arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, new_null_array};
use datafusion::arrow::compute::{CastOptions, cast_with_options, filter};
use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use datafusion::parquet::arrow::async_reader::{ParquetRecordBatchStream, ParquetRecordBatchStreamBuilder};
use datafusion::parquet::errors::ParquetError;
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::parquet::schema::types::SchemaDescriptor;
use forebay_model::event::Finding;
use forebay_model::files::{Compression, FileOptions, Object, Part};
use forebay_model::mapping::ast::FieldPath;
use forebay_model::{Error, Kind, Result, code};
use futures::StreamExt;
use futures::stream::BoxStream;
use reader::Reader;
use std::ops::Range;
use std::sync::Arc;
use tokio::sync::watch;

/// A compressed Parquet file is held in memory, since it is read from its end.
const MAX_HELD: usize = 256 << 20;
/// Files whose footers are read for a scan's types.
const FOOTERS: usize = 8;

/// Visits the object, or each entry of an archive, as an object of its own.
pub(crate) fn each_file(
    source: &Source,
    declared: Option<Compression>,
    visit: &mut dyn FnMut(&str, &Source) -> Flow,
) -> Flow {
    // Files are often declared by the compression of their inner pages.
    let bare = declared.is_none() || source.wait(source.fetch(0..source.object.size.min(4)))? == b"PAR1"[..];
    if bare {
        return visit(&source.object.key, source);
    }
    compress::each_entry(source, declared, &mut |mut entry: Entry<'_>| {
        let held = hold(&mut entry)?;
        let object = Object { key: entry.file.clone(), size: held.len() as u64, ..source.object.clone() };
        visit(&entry.file, &source.of(Arc::new(Held(held)), object))
    })
}

fn hold(entry: &mut Entry<'_>) -> Flow<Bytes> {
    let mut held = Vec::new();
    let mut block = vec![0; 1 << 20];
    loop {
        let amount = entry.fill(&mut block)?;
        held.extend_from_slice(&block[..amount]);
        if amount < block.len() {
            return Ok(held.into());
        }
        if held.len() > MAX_HELD {
            let message = format!("{} is a compressed Parquet file of more than {} MiB", entry.file, MAX_HELD >> 20);
            let error = Error { kind: Kind::TooLarge, ..unreadable(&entry.file, message) };
            return Err(error.advice("Upload it as it is: Parquet is compressed inside.").into());
        }
    }
}

/// A file in memory.
#[derive(Debug)]
struct Held(Bytes);

impl Objects for Held {
    fn read(&self, _: &Object, range: Option<Range<u64>>) -> BoxStream<'static, Result<Bytes>> {
        let bytes = match range {
            Some(range) => self.0.slice(range.start as usize..range.end as usize),
            None => self.0.clone(),
        };
        futures::stream::iter([Ok(bytes)]).boxed()
    }
}

/// Decodes the file into one column for each of `asked`, of the output's types.
pub(crate) fn decode(source: &Source, asked: &[FieldPath], out: &mut Output) -> Flow {
    let metadata = source.wait(reader::metadata(source))?;
    let plan = Columns::new(&metadata, asked, &source.object.key)?;
    if let Some(met) = &out.met {
        met.schema(plan.arrow.schema());
    }
    for column in 0..asked.len() {
        if let Some(finding) = plan.missing(column, asked) {
            out.finding(finding);
        }
    }
    let width = plan.width(&metadata);
    let rows = (BATCH_BYTES as u64 / width.max(1)).clamp(1, out.limit() as u64) as usize;
    let mut stream = plan.stream(source, rows)?;
    let mut line = 1;
    while let Some(batch) = source.wait(stream.next()) {
        let batch = batch.map_err(|e| corrupt(source, e))?;
        let lines: Vec<u64> = (line..line + batch.num_rows() as u64).collect();
        line += lines.len() as u64;
        give(&plan.pick(&batch, asked)?, lines, asked, out)?;
    }
    Ok(())
}

/// The first `limit` rows of the file, all columns.
pub(crate) fn preview(source: &Source, limit: usize) -> Flow<(Schema, Vec<RecordBatch>)> {
    let metadata = source.wait(reader::metadata(source))?;
    let plan = Columns::new(&metadata, &[], &source.object.key)?;
    let schema = plan.arrow.schema().as_ref().clone();
    let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(Reader::new(source), plan.arrow.clone());
    let builder = builder.with_limit(limit).with_batch_size(limit.max(1));
    let mut stream = builder.build().map_err(|e| corrupt(source, e))?;
    let mut batches = Vec::new();
    while let Some(batch) = source.wait(stream.next()) {
        batches.push(batch.map_err(|e| corrupt(source, e))?);
    }
    Ok((schema, batches))
}

/// The types of the asked fields in the first of the parts' files; text for those that no file has.
pub(crate) async fn types(
    objects: &Arc<dyn Objects>,
    parts: &[Part],
    options: &FileOptions,
    asked: &[FieldPath],
) -> Result<Vec<DataType>> {
    let mut types: Vec<Option<DataType>> = vec![None; asked.len()];
    for part in parts.iter().filter(|part| part.object.size > 0).take(FOOTERS) {
        let (_alive, gone) = watch::channel(());
        let source = Source::new(objects.clone(), part.object.clone(), gone);
        let (compression, asked) = (options.compression, asked.to_vec());
        let file = part.object.key.clone();
        let found = tokio::task::spawn_blocking(move || types_of(&source, compression, &asked));
        let found = match found.await.map_err(|e| super::broken(&file, e))? {
            Ok(found) => found,
            Err(Halt::Failed(error)) => return Err(*error),
            Err(Halt::Gone) => return Err(Error::internal(format!("reading {file} was given up"))),
        };
        for (known, found) in types.iter_mut().zip(found) {
            *known = match (known.take(), found) {
                (Some(known), Some(found)) => Some(fields::wider(known, found)),
                (known, found) => known.or(found),
            };
        }
    }
    Ok(types.into_iter().map(|found| found.unwrap_or(DataType::Utf8)).collect())
}

fn types_of(source: &Source, compression: Option<Compression>, asked: &[FieldPath]) -> Flow<Vec<Option<DataType>>> {
    let mut types: Vec<Option<DataType>> = vec![None; asked.len()];
    each_file(source, compression, &mut |_, source| {
        let metadata = source.wait(reader::metadata(source))?;
        let plan = Columns::new(&metadata, asked, &source.object.key)?;
        for (known, found) in types.iter_mut().zip(plan.types) {
            *known = known.take().or(found);
        }
        Ok(())
    })?;
    Ok(types)
}

/// The asked fields in one file.
struct Columns {
    arrow: ArrowReaderMetadata,
    mask: ProjectionMask,
    leaves: Vec<usize>,
    types: Vec<Option<DataType>>,
    file: String,
}

impl Columns {
    fn new(metadata: &Arc<ParquetMetaData>, asked: &[FieldPath], file: &str) -> Flow<Columns> {
        // Types are those of the format; an embedded Arrow schema may say anything.
        let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let arrow = ArrowReaderMetadata::try_new(metadata.clone(), options)
            .map_err(|e| unreadable(file, format!("the schema of {file} cannot be read")).caused_by(e))?;
        let schema = arrow.schema().clone();
        let types: Vec<_> = asked.iter().map(|path| fields::type_at(&schema, &path.0)).collect();
        let parquet = metadata.file_metadata().schema_descr();
        let mut leaves = Vec::new();
        for (path, _) in asked.iter().zip(&types).filter(|(_, found)| found.is_some()) {
            leaves.extend(leaves_of(parquet, &fields::prefix(&schema, &path.0)));
        }
        leaves.sort_unstable();
        leaves.dedup();
        let mask = ProjectionMask::leaves(parquet, leaves.iter().copied());
        Ok(Columns { arrow, mask, leaves, types, file: file.to_string() })
    }

    fn missing(&self, column: usize, asked: &[FieldPath]) -> Option<Finding> {
        if self.types[column].is_some() {
            return None;
        }
        let names: Vec<&str> =
            self.arrow.schema().fields().iter().take(20).map(|field| field.name().as_str()).collect();
        let name = asked[column].to_string();
        let message = format!("{} has no column \"{name}\"; it has: {}", self.file, names.join(", "));
        Some(Finding { column: Some(name), ..Finding::new(&code::MAPPER_3700, message) })
    }

    /// Bytes of a row, about.
    fn width(&self, metadata: &ParquetMetaData) -> u64 {
        let (mut bytes, mut rows) = (0u64, 0u64);
        for group in metadata.row_groups() {
            rows = rows.saturating_add(group.num_rows() as u64);
            for &leaf in &self.leaves {
                bytes = bytes.saturating_add(group.column(leaf).uncompressed_size() as u64);
            }
        }
        bytes / rows.max(1)
    }

    fn stream(&self, source: &Source, rows: usize) -> Flow<ParquetRecordBatchStream<Reader>> {
        let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(Reader::new(source), self.arrow.clone());
        let builder = builder.with_projection(self.mask.clone()).with_batch_size(rows);
        builder.build().map_err(|e| corrupt(source, e))
    }

    /// The asked fields of a batch; none where the file lacks one.
    fn pick(&self, batch: &RecordBatch, asked: &[FieldPath]) -> Flow<Vec<Option<ArrayRef>>> {
        let mut columns = Vec::with_capacity(asked.len());
        for (path, found) in asked.iter().zip(&self.types) {
            columns.push(match found {
                None => None,
                Some(_) => Some(fields::pick(batch, &path.0).map_err(|e| {
                    unreadable(&self.file, format!("the column \"{path}\" of {} cannot be read", self.file))
                        .caused_by(e)
                })?),
            });
        }
        Ok(columns)
    }
}

/// The leaves below a path of nested names.
fn leaves_of(schema: &SchemaDescriptor, prefix: &[&str]) -> Vec<usize> {
    let mut leaves = Vec::new();
    for leaf in 0..schema.num_columns() {
        let parts = schema.column(leaf).path().parts().to_vec();
        if parts.len() >= prefix.len() && parts.iter().zip(prefix).all(|(part, name)| part == name) {
            leaves.push(leaf);
        }
    }
    leaves
}

/// Brings the columns to the scan's types and gives them on, without the rows that do not fit.
fn give(columns: &[Option<ArrayRef>], lines: Vec<u64>, asked: &[FieldPath], out: &mut Output) -> Flow {
    let mut fitting = Vec::with_capacity(columns.len());
    let mut keep: Option<Vec<bool>> = None;
    let mut refused: Vec<(usize, Finding)> = Vec::new();
    for (at, column) in columns.iter().enumerate() {
        let want = out.type_of(at).clone();
        let Some(column) = column else {
            fitting.push(new_null_array(&want, lines.len()));
            continue;
        };
        if column.data_type() == &want {
            fitting.push(column.clone());
            continue;
        }
        let options = CastOptions { safe: true, ..CastOptions::default() };
        let cast = cast_with_options(column, &want, &options).map_err(|e| {
            let message = format!(
                "the column \"{}\" of {} is {} where the other files of the run have {want}",
                asked[at],
                out.file,
                column.data_type()
            );
            unreadable(&out.file, message).caused_by(e)
        })?;
        if cast.null_count() > column.null_count() {
            let keep = keep.get_or_insert_with(|| vec![true; lines.len()]);
            for row in (0..lines.len()).filter(|&row| cast.is_null(row) && column.is_valid(row)) {
                if keep[row] {
                    refused.push((row, unfit(column, row, &asked[at], &want)));
                }
                keep[row] = false;
            }
        }
        fitting.push(cast);
    }
    let Some(keep) = keep else { return out.columns(fitting, lines) };
    let mask = BooleanArray::from(keep);
    for column in &mut fitting {
        *column = filter(column, &mask).map_err(|e| Error::internal("rows could not be left out").caused_by(e))?;
    }
    let good = lines.iter().zip(mask.values()).filter(|(_, keep)| *keep).map(|(line, _)| *line).collect();
    out.columns(fitting, good)?;
    refused.sort_by_key(|(row, _)| *row);
    for (row, finding) in refused {
        out.reject(lines[row], finding, &[])?;
    }
    Ok(())
}

fn unfit(column: &ArrayRef, row: usize, path: &FieldPath, want: &DataType) -> Finding {
    let message = format!("the value of column \"{path}\" does not fit {want}, which the other files of the run have");
    let value = ArrayFormatter::try_new(column, &FormatOptions::default()).ok().map(|f| f.value(row).to_string());
    let value = value.map(|value| super::batch::cut(value.as_bytes(), 1 << 10));
    Finding { column: Some(path.to_string()), value, ..Finding::new(&code::INGEST_1401, message) }
}

/// A failure of the source, or else a corrupt file.
fn corrupt(source: &Source, error: ParquetError) -> Halt {
    source.failure(std::io::Error::other(error), |e| {
        let key = &source.object.key;
        unreadable(key, format!("the Parquet data of {key} is corrupt, or of a kind that is not supported"))
            .advice("Check the file with another reader, and write it anew.")
            .caused_by(e)
    })
}
