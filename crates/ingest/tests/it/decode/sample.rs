//! Previews and what is found out about a file.

use super::*;
use expect_test::expect;
use forebay_ingest::decode::{Sample, sample};
use forebay_model::files::Compression;
use std::io::Write as _;

fn run(key: &str, bytes: &[u8], options: Option<FileOptions>, limit: usize) -> Result<Sample, Error> {
    let (objects, object) = Memory::one(key, bytes.to_vec(), 1_000);
    super::run(sample(objects, &object, options, limit))
}

#[track_caller]
fn check(key: &str, bytes: impl AsRef<[u8]>, options: Option<FileOptions>, expected: Expect) {
    let text = match run(key, bytes.as_ref(), options, 3) {
        Err(error) => format!("{:?}: {error}\n", error.kind),
        Ok(sample) => {
            let FileOptions { format, compression, delimiter, encoding, .. } = &sample.options;
            let mut text = format!(
                "{format:?} {compression:?} {:?} {encoding} hierarchical={}\n",
                char::from(*delimiter),
                sample.hierarchical
            );
            for column in &sample.columns {
                writeln!(text, "{}: {}", column.name, serde_json::to_string(&column.ty).unwrap()).unwrap();
            }
            for row in &sample.rows {
                writeln!(text, "{row}").unwrap();
            }
            text
        }
    };
    expected.assert_eq(&text);
}

#[test]
fn a_delimited_file_has_text_columns() {
    check(
        "a.csv",
        "id,n\n1,\"a\"\"b\"\n2,\n3,c\n4,d\n",
        Some(delimited()),
        expect![[r#"
        Delimited None ',' UTF-8 hierarchical=false
        id: "string"
        n: "string"
        {"id":"1","n":"a\"b"}
        {"id":"2","n":null}
        {"id":"3","n":"c"}
    "#]],
    );
}

#[test]
fn bad_rows_are_left_out_of_a_preview() {
    check(
        "a.csv",
        b"id,n\n1\n2,\xFF\n3,c\n4,\"d\"x\n5,e\n6,\"open\nto the end",
        Some(delimited()),
        expect![[r#"
        Delimited None ',' UTF-8 hierarchical=false
        id: "string"
        n: "string"
        {"id":"3","n":"c"}
        {"id":"5","n":"e"}
    "#]],
    );
    check(
        "a.json",
        "{\"id\":1}\nnonsense\n{\"id\":\n{\"id\":4}\n",
        Some(json()),
        expect![[r#"
        Json None ',' UTF-8 hierarchical=true
        id: "long"
        {"id":1}
        {"id":4}
    "#]],
    );
    check(
        "a.json",
        "[{\"id\":1},{\"id\":2},nonsense]",
        Some(json()),
        expect![[r#"
        Json None ',' UTF-8 hierarchical=true
        id: "long"
        {"id":1}
        {"id":2}
    "#]],
    );
}

#[test]
fn a_file_with_nothing_good_is_refused() {
    check(
        "a.json",
        "[nonsense]",
        Some(json()),
        expect![[r#"
        Invalid: INGEST-1401-400: a.json is not JSON from line 1, column 2 on: a value is expected (at a.json line 1)
    "#]],
    );
    check(
        "a.csv",
        "id,\"n\n",
        Some(delimited()),
        expect![[r#"
        Invalid: INGEST-1401-400: the header of a.csv cannot be read: the quote opened in line 1 is never closed (at a.csv line 1)
    "#]],
    );
}

#[test]
fn an_empty_file_has_no_columns() {
    check(
        "a.csv",
        "",
        Some(delimited()),
        expect![[r#"
        Delimited None ',' UTF-8 hierarchical=false
    "#]],
    );
    check(
        "a.csv",
        "",
        None,
        expect![[r#"
        Delimited None ',' UTF-8 hierarchical=false
    "#]],
    );
    check(
        "a.csv",
        "id,n\n",
        None,
        expect![[r#"
        Delimited None ',' UTF-8 hierarchical=false
        id: "string"
        n: "string"
    "#]],
    );
}

#[test]
fn json_types_are_those_of_the_rows() {
    check(
        "a.json",
        r#"[{"id":1,"x":null,"o":{"a":1,"b":[1,2.5]},"m":1,"t":true},{"id":2.5,"o":{"c":"z"},"m":"y","l":[]},{"id":3}]"#,
        Some(json()),
        expect![[r#"
            Json None ',' UTF-8 hierarchical=true
            id: "number"
            x: "string"
            o: {"object":[{"name":"a","type":"long","required":false},{"name":"b","type":{"array":"number"},"required":false},{"name":"c","type":"string","required":false}]}
            m: "string"
            t: "boolean"
            l: {"array":"string"}
            {"id":1,"x":null,"o":{"a":1,"b":[1,2.5]},"m":1,"t":true}
            {"id":2.5,"o":{"c":"z"},"m":"y","l":[]}
            {"id":3}
        "#]],
    );
}

#[test]
fn parquet_types_are_those_of_the_file() {
    check(
        "a.parquet",
        super::parquet::everything(),
        None,
        expect![[r#"
        Parquet None ',' UTF-8 hierarchical=true
        id: "long"
        name: "string"
        o: {"object":[{"name":"x","type":"int","required":false},{"name":"y","type":"string","required":false}]}
        l: {"array":"int"}
        m: {"map":"string"}
        at: "dateTime"
        d: "number"
        {"id":1,"name":"a","o":{"x":1,"y":"a"},"l":[1,2],"m":{"k":"v"},"at":"1970-01-01T00:00:00Z","d":0.01}
        {"id":2,"name":null,"o":null,"l":[],"m":{"q":"r"},"at":"1970-01-01T00:00:00.000001Z","d":-0.02}
        {"id":3,"name":"c","o":{"x":3,"y":"c"},"l":null,"m":{"k":"w"},"at":"1970-01-01T00:00:00.000002Z","d":999.99}
    "#]],
    );
}

#[test]
fn the_delimiter_is_found_out() {
    check(
        "a.csv",
        "id;text\n1;a, b\n2;c, d, e\n",
        None,
        expect![[r#"
        Delimited None ';' UTF-8 hierarchical=false
        id: "string"
        text: "string"
        {"id":"1","text":"a, b"}
        {"id":"2","text":"c, d, e"}
    "#]],
    );
    for (text, delimiter) in [
        ("a,b,c\n1,\"x;y;z\",3\n", b','),
        ("a\tb\n1,5\t2\n2,5\t3\n", b'\t'),
        ("a|b|c\n1|2|3\n", b'|'),
        ("a^b^c\n1^2^3\n", b'^'),
        ("a\u{1}b\n1\u{1}2\n", 1),
        ("one column\nof: words\nonly\n", b','),
        ("a,b\n1,x|y\n2,z|w\n", b','),
        ("a;b;c\n\"1,2\";3,5;4\nragged\n5;6,1;7\n8;9;10\n", b';'),
    ] {
        let sample = run("a.txt", text.as_bytes(), None, 3).unwrap();
        assert_eq!(sample.options.delimiter, delimiter, "{text}");
    }
}

#[test]
fn format_and_encoding_are_found_out() {
    check(
        "a",
        " \n{\"id\":1}\n{\"id\":2}\n",
        None,
        expect![[r#"
        Json None ',' UTF-8 hierarchical=true
        id: "long"
        {"id":1}
        {"id":2}
    "#]],
    );
    check(
        "a",
        "\u{FEFF}[\n{\"id\":1}]",
        None,
        expect![[r#"
        Json None ',' UTF-8 hierarchical=true
        id: "long"
        {"id":1}
    "#]],
    );
    check(
        "a",
        "[brackets],b\n1,2\n",
        None,
        expect![[r#"
        Delimited None ',' UTF-8 hierarchical=false
        [brackets]: "string"
        b: "string"
        {"[brackets]":"1","b":"2"}
    "#]],
    );
    check(
        "a.csv",
        b"id,n\n1,Zo\xEB\n",
        None,
        expect![[r#"
        Delimited None ',' ISO-8859-1 hierarchical=false
        id: "string"
        n: "string"
        {"id":"1","n":"Zoë"}
    "#]],
    );
    let utf16: Vec<u8> = "id;n\n1;Zoë\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    check(
        "a.csv",
        utf16,
        None,
        expect![[r#"
        Delimited None ';' UTF-16LE hierarchical=false
        id: "string"
        n: "string"
        {"id":"1","n":"Zoë"}
    "#]],
    );
}

#[test]
fn compressions_are_found_out() {
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    check(
        "a.csv.gz",
        gzip(b"id|n\n1|a\n"),
        None,
        expect![[r#"
        Delimited Some(Gzip) '|' UTF-8 hierarchical=false
        id: "string"
        n: "string"
        {"id":"1","n":"a"}
    "#]],
    );
    let mut zip = ::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in [("empty.json", ""), ("a.json", "{\"id\":1}\n"), ("b.json", "{\"id\":2}\n")] {
        zip.start_file(name, ::zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    check(
        "a.zip",
        zip.finish().unwrap().into_inner(),
        None,
        expect![[r#"
        Json Some(ZipDeflate) ',' UTF-8 hierarchical=true
        id: "long"
        {"id":1}
    "#]],
    );
    let mut deflate = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    deflate.write_all(b"id,n\n1,a\n").unwrap();
    check(
        "a.csv.deflate",
        deflate.finish().unwrap(),
        None,
        expect![[r#"
        Delimited Some(Deflate) ',' UTF-8 hierarchical=false
        id: "string"
        n: "string"
        {"id":"1","n":"a"}
    "#]],
    );
    let mut tar = ::tar::Builder::new(Vec::new());
    let mut header = ::tar::Header::new_ustar();
    header.set_size(9);
    tar.append_data(&mut header, "a.csv", b"id,n\n1,a\n".as_slice()).unwrap();
    let tar = tar.into_inner().unwrap();
    for (key, bytes, compression) in [
        ("a.tgz", gzip(&tar), Compression::TarGzip),
        ("a", gzip(&tar), Compression::TarGzip),
        ("a.tar", tar, Compression::Tar),
    ] {
        let sample = run(key, &bytes, None, 3).unwrap();
        assert_eq!((sample.options.compression, sample.rows.len()), (Some(compression), 1), "{key}");
    }
}

#[test]
fn only_the_beginning_is_read() {
    use std::sync::atomic::{AtomicU64, Ordering};
    #[derive(Debug)]
    struct Counting(Arc<AtomicU64>, &'static str);
    impl Objects for Counting {
        fn read(&self, _: &Object, _: Option<Range<u64>>) -> BoxStream<'static, Result<Bytes, Error>> {
            let (read, block) = (self.0.clone(), Bytes::from(self.1.repeat(64 << 10)));
            futures::stream::repeat_with(move || {
                read.fetch_add(block.len() as u64, Ordering::SeqCst);
                Ok(block.clone())
            })
            .boxed()
        }
    }
    // The last one never ends a record: the budget cuts it off.
    for (block, options, rows) in
        [("id,n\n", delimited(), 100), ("{\"id\":1}\n", json(), 100), ("x,\"", delimited(), 0)]
    {
        let read = Arc::new(AtomicU64::new(0));
        let objects = Arc::new(Counting(read.clone(), block));
        let object = object("a", 1 << 40);
        let sample = sample(objects, &object, Some(options), 100);
        let sample = super::run(sample);
        assert_eq!(sample.map_or(0, |sample| sample.rows.len()), rows);
        assert!(read.load(Ordering::SeqCst) < 16 << 20, "{}", read.load(Ordering::SeqCst));
    }
}
