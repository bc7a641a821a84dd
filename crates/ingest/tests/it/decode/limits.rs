//! Limits, on generated streams: what is too long is neither kept nor the end of what follows it.

use super::*;
use forebay_ingest::decode::{MAX_FIELD, MAX_RECORD};

/// An object that is generated while it is read: texts, and runs of one byte.
#[derive(Debug, Clone)]
struct Generated(Vec<Piece>);

#[derive(Debug, Clone)]
enum Piece {
    Text(&'static str),
    Run(u8, usize),
}
use Piece::{Run, Text};

impl Generated {
    fn size(&self) -> usize {
        self.0
            .iter()
            .map(|piece| match piece {
                Text(text) => text.len(),
                Run(_, length) => *length,
            })
            .sum()
    }
}

impl Objects for Generated {
    fn read(&self, _: &Object, range: Option<Range<u64>>) -> BoxStream<'static, Result<Bytes, Error>> {
        assert!(range.is_none());
        let mut chunks = Vec::new();
        for piece in &self.0 {
            match *piece {
                Text(text) => chunks.push(Bytes::from_static(text.as_bytes())),
                Run(byte, length) => {
                    let block = Bytes::from(vec![byte; 1 << 20]);
                    let whole = std::iter::repeat_n(block.clone(), length >> 20);
                    chunks.extend(
                        whole.chain([block.slice(..length & ((1 << 20) - 1))]).filter(|chunk| !chunk.is_empty()),
                    );
                }
            }
        }
        futures::stream::iter(chunks.into_iter().map(Ok)).boxed()
    }
}

#[track_caller]
fn check(options: FileOptions, pieces: Vec<Piece>, expected: &[&str]) {
    let generated = Generated(pieces);
    let object_size = generated.size();
    let object = object("big", object_size);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let spec = ScanSpec::new(options, vec![path("id")]);
    let text = runtime.block_on(told(spec, Arc::new(generated), object));
    assert!(!text.contains("end: ") || text.contains(&format!(" records, {} bytes\n", object_size)), "{text}");
    let text = text.replace(&format!(", {object_size} bytes"), "");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), expected.len(), "{lines:?}");
    for (line, expected) in lines.iter().zip(expected) {
        assert!(line.starts_with(expected), "{:.200}\n{expected}", line);
    }
}

const LONG: usize = 40 << 20;

#[test]
fn a_line_that_is_too_long_is_rejected_and_the_next_one_is_read() {
    check(
        delimited(),
        vec![Text("id,n\n1,a\n2,"), Run(b'x', LONG), Text("\n3,c\n4,\"d\n\"\n5,e\n")],
        &[
            "2 1",
            "3 REJECTED INGEST-1401-400: the record is longer than 16 MiB ",
            "4 3",
            "5 4",
            "7 5",
            "end: 5 records",
        ],
    );
}

#[test]
fn a_quoted_field_that_is_too_long_is_skipped_to_its_end() {
    check(
        delimited(),
        vec![Text("id,n\n1,a\n2,\"\n"), Run(b'\n', LONG), Text(",\"\"x,\"\"\n\",b\r\n3,c\r\n")],
        &[
            "2 1",
            "3 REJECTED INGEST-1401-400: the record is longer than 16 MiB \"2,\\\"\\n\\n",
            &format!("{} 3", LONG + 6),
            "end: 3 records",
        ],
    );
}

#[test]
fn a_quote_that_is_never_closed_is_told_by_its_line() {
    check(
        delimited(),
        vec![Text("id,n\n1,\"a\nb\"\n2,x\n3,\"c\n"), Run(b'y', LONG)],
        &[
            "Invalid: INGEST-1401-400: a quote opened in line 5 of big is never closed, so the rest of the file cannot be read (at big line 5)",
        ],
    );
}

#[test]
fn a_field_has_a_limit_below_the_records() {
    check(
        delimited(),
        vec![Text("id,n\n1,"), Run(b'x', MAX_FIELD), Text("\n2,"), Run(b'x', MAX_FIELD + 1), Text("\n3,c\n")],
        &["2 1", "3 REJECTED INGEST-1401-400: a field is longer than 8 MiB ", "4 3", "end: 3 records"],
    );
}

#[test]
fn a_header_that_is_too_long_refuses_the_file() {
    check(
        delimited(),
        vec![Run(b'x', LONG), Text("\n1,c\n")],
        &[
            "Invalid: INGEST-1401-400: the header of big cannot be read: the record is longer than 16 MiB (at big line 1)",
        ],
    );
}

#[test]
fn a_json_line_that_is_too_long_is_rejected_and_the_next_one_is_read() {
    check(
        json(),
        vec![Text("{\"id\":1}\n{\"id\":\""), Run(b'x', LONG), Text("\"}\n{\"id\":3}\n")],
        &["1 1", "2 REJECTED INGEST-1401-400: the record is longer than 16 MiB ", "3 3", "end: 3 records"],
    );
    check(
        json(),
        vec![
            Text("{\"id\":\""),
            Run(b'x', MAX_RECORD - 9),
            Text("\"}\n{\"id\":\""),
            Run(b'y', MAX_RECORD - 8),
            Text("\"}"),
        ],
        &[
            &format!("1 {}", "x".repeat(98)),
            "2 REJECTED INGEST-1401-400: the record is longer than 16 MiB ",
            "end: 2 records",
        ],
    );
}

#[test]
fn an_element_that_is_too_long_refuses_the_file() {
    check(
        json(),
        vec![Text("[{\"id\":1},\n{\"id\":\""), Run(b'x', LONG), Text("\"}]")],
        &["Invalid: INGEST-1401-400: big is not JSON from line 2 on: the record is longer than 16 MiB (at big line 2)"],
    );
}

#[test]
fn a_scan_stops_reading_when_nobody_listens() {
    use futures::StreamExt;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[derive(Debug)]
    struct Endless(Arc<AtomicU64>);
    impl Objects for Endless {
        fn read(&self, _: &Object, _: Option<Range<u64>>) -> BoxStream<'static, Result<Bytes, Error>> {
            let read = self.0.clone();
            let block = Bytes::from("id\n".repeat(10_000));
            futures::stream::repeat_with(move || {
                read.fetch_add(1, Ordering::SeqCst);
                Ok(block.clone())
            })
            .boxed()
        }
    }
    let read = Arc::new(AtomicU64::new(0));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let part = Part { id: 7, object: object("endless", usize::MAX >> 1) };
        let spec = ScanSpec::new(delimited(), vec![path("id")]);
        let mut rows = stream(spec, Arc::new(Endless(read.clone())), &[part]).unwrap();
        assert!(rows.next().await.unwrap().unwrap().num_rows() > 0);
    });
    // Ends only if the blocking thread ends.
    drop(runtime);
    assert!(read.load(Ordering::SeqCst) < 1_000);
    assert_eq!(Arc::strong_count(&read), 1);
}

#[test]
fn a_batch_is_bounded_by_bytes_too() {
    let wide = "x".repeat(1 << 20);
    let text = format!("id\n{}", format!("{wide}\n").repeat(20));
    let (objects, object) = Memory::one("a.csv", text, 64 << 10);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let spec = ScanSpec::new(delimited(), vec![path("id")]);
    let batches = runtime.block_on(scan(spec, objects, &[Part { id: 7, object }])).unwrap();
    let rows: Vec<usize> = batches.iter().map(|batch| batch.num_rows()).collect();
    assert!(rows.len() >= 3 && rows.iter().all(|&rows| rows <= 9), "{rows:?}");
}

#[test]
fn parts_come_one_after_the_other_each_with_its_end() {
    let mut objects = BTreeMap::new();
    objects.insert("a".to_string(), Bytes::from("id\n1\n2\n"));
    objects.insert("b".to_string(), Bytes::new());
    objects.insert("c".to_string(), Bytes::from("id\n3\n"));
    let parts: Vec<Part> =
        objects.iter().map(|(key, bytes)| Part { id: 7, object: object(key, bytes.len()) }).collect();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let spec = ScanSpec::new(delimited(), vec![path("id")]);
    let batches = runtime.block_on(scan(spec, Arc::new(Memory { objects, chunk: 7 }), &parts)).unwrap();
    let mut text = String::new();
    for batch in &batches {
        tell(batch, &mut text);
    }
    assert_eq!(text, "2 1\n3 2\nend: 2 records, 7 bytes\nend: 0 records, 0 bytes\n2 3\nend: 1 records, 5 bytes\n");
}

#[test]
fn an_object_that_is_shorter_than_pinned_fails_as_unavailable() {
    let (objects, object) = Memory::one("a.csv", "id\n1\n", 7);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let object = Object { size: 9, ..object };
    let text = runtime.block_on(told(ScanSpec::new(delimited(), vec![path("id")]), objects, object));
    assert_eq!(text, "Unavailable { retry_after: None }: INGEST-1401-400: a.csv ended after 5 of 9 bytes (at a.csv)\n");
}

#[test]
fn a_changed_object_fails_as_the_source_says() {
    for options in [delimited(), json(), FileOptions { format: Format::Parquet, ..delimited() }] {
        let (objects, object) = Memory::one("a", "0123456789abcdef", 7);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let object = Object { etag: "\"2\"".into(), ..object };
        let text = runtime.block_on(told(ScanSpec::new(options, vec![path("id")]), objects, object));
        assert_eq!(text, "Stale: FLOW-1101-404: a changed\n");
    }
}
