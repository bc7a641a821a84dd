//! Range reads for the Parquet decoder, and the footer: no number in it is believed before it was compared with the
//! object's size.

use crate::decode::source::Source;
use crate::decode::{Flow, Halt, MAX_FOOTER, unreadable};
use bytes::Bytes;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::errors::{ParquetError, Result as ParquetResult};
use datafusion::parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use forebay_model::{Error, Kind};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt};
use std::ops::Range;
use std::sync::Arc;

/// Read with the footer's length, in the hope that the footer is in it.
const TAIL: u64 = 64 << 10;
/// Ranges nearer than this are read as one.
const GAP: u64 = 256 << 10;
/// What is read as one is not longer.
const WHOLE: u64 = 16 << 20;
/// Reads under way at once.
const READS: usize = 4;

/// The object as the decoder reads it.
pub(super) struct Reader {
    source: Source,
}

impl Reader {
    pub fn new(source: &Source) -> Reader {
        Reader { source: source.clone() }
    }
}

impl AsyncFileReader for Reader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        fetch(&self.source, range).boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        let source = &self.source;
        async move {
            let wholes = merged(&ranges);
            let mut reads = Vec::new();
            for whole in &wholes {
                reads.push(fetch(source, whole.clone()));
            }
            let read: Vec<Bytes> = futures::stream::iter(reads).buffered(READS).try_collect().await?;
            let mut parts = Vec::with_capacity(ranges.len());
            for range in &ranges {
                let at = wholes.partition_point(|whole| whole.end < range.end);
                let from = (range.start - wholes[at].start) as usize;
                parts.push(read[at].slice(from..from + (range.end - range.start) as usize));
            }
            Ok(parts)
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        async move { metadata(&self.source).await.map_err(|halt| kept(&self.source, halt)) }.boxed()
    }
}

async fn fetch(source: &Source, range: Range<u64>) -> ParquetResult<Bytes> {
    if range.start > range.end || range.end > source.object.size {
        return Err(ParquetError::General("a range beyond the end of the file".into()));
    }
    source.fetch(range).await.map_err(|halt| kept(source, halt))
}

fn kept(source: &Source, halt: Halt) -> ParquetError {
    ParquetError::External(Box::new(source.faults.keep(halt)))
}

/// Few long ranges that hold all the given ones, in order.
fn merged(ranges: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut sorted = ranges.to_vec();
    sorted.sort_by_key(|range| (range.start, range.end));
    let mut wholes: Vec<Range<u64>> = Vec::new();
    for range in sorted {
        match wholes.last_mut() {
            Some(last)
                if range.start <= last.end || (range.start - last.end <= GAP && range.end - last.start <= WHOLE) =>
            {
                last.end = last.end.max(range.end);
            }
            _ => wholes.push(range),
        }
    }
    wholes
}

/// The footer, checked.
pub(super) async fn metadata(source: &Source) -> Flow<Arc<ParquetMetaData>> {
    let (key, size) = (&source.object.key, source.object.size);
    let refuse = |why: String| unreadable(key, format!("{key} is not a Parquet file that can be read: {why}"));
    if size < 12 {
        return Err(refuse(format!("it has only {size} bytes")).into());
    }
    let tail = source.fetch(size - TAIL.min(size)..size).await?;
    let (rest, end) = tail.split_at(tail.len() - 8);
    match &end[4..] {
        b"PAR1" => {}
        b"PARE" => return Err(refuse("it is encrypted".into()).into()),
        _ => return Err(refuse("its end is missing".into()).advice("Upload the file again, whole.").into()),
    }
    let length = u32::from_le_bytes([end[0], end[1], end[2], end[3]]) as u64;
    if length > size - 12 {
        return Err(refuse(format!("its footer claims {length} bytes of {size}")).into());
    }
    if length > MAX_FOOTER {
        let error = refuse(format!("its footer has {length} bytes; {MAX_FOOTER} is the limit"));
        return Err(Error { kind: Kind::TooLarge, ..error }.into());
    }
    let footer = match rest.len().checked_sub(length as usize) {
        Some(start) => tail.slice(start..rest.len()),
        None => source.fetch(size - 8 - length..size - 8).await?,
    };
    let metadata = ParquetMetaDataReader::decode_metadata(&footer);
    let metadata = metadata.map_err(|e| refuse("its footer is corrupt".into()).caused_by(e))?;
    check(&metadata, size).map_err(|why| refuse(why.into()))?;
    Ok(Arc::new(metadata))
}

/// Numbers of the footer that would be taken for lengths and places.
fn check(metadata: &ParquetMetaData, size: u64) -> Result<(), &'static str> {
    for group in metadata.row_groups() {
        if group.num_rows() < 0 {
            return Err("a row group has a negative number of rows");
        }
        for column in group.columns() {
            let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
            let inside = u64::try_from(start)
                .ok()
                .zip(u64::try_from(column.compressed_size()).ok())
                .and_then(|(start, length)| start.checked_add(length))
                .is_some_and(|end| end <= size);
            if !inside || column.uncompressed_size() < 0 {
                return Err("a column lies outside the file");
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_ranges_are_read_as_one() {
        let far = 10 << 20;
        let wholes = merged(&[5..10, 0..5, far..far + 1, 200..300, far + WHOLE..far + WHOLE + 1]);
        assert_eq!(wholes, [0..300, far..far + 1, far + WHOLE..far + WHOLE + 1]);
    }
}
