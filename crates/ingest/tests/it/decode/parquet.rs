//! Parquet: typed columns, differences between files, and files that lie.

use super::*;
use datafusion::arrow::array::{
    ArrayRef, Decimal128Array, Float64Array, Int32Array, Int64Array, ListArray, MapBuilder, StringBuilder, StructArray,
    TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{Fields, Int32Type as I32};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::file::properties::WriterProperties;
use expect_test::expect;

pub fn options() -> FileOptions {
    FileOptions { format: Format::Parquet, ..FileOptions::default() }
}

pub fn write(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true)))
            .unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(2)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

/// Three rows of everything.
pub fn everything() -> Vec<u8> {
    let names = StringArray::from(vec![Some("a"), None, Some("c")]);
    let inner = Int32Array::from(vec![Some(1), Some(2), Some(3)]);
    let fields = Fields::from(vec![Field::new("x", DataType::Int32, true), Field::new("y", DataType::Utf8, true)]);
    let nulls = Some(vec![true, false, true].into());
    let object = StructArray::new(fields, vec![Arc::new(inner), Arc::new(names.clone())], nulls);
    let list = ListArray::from_iter_primitive::<I32, _, _>([Some(vec![Some(1), Some(2)]), Some(vec![]), None]);
    let mut map = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for (key, value) in [("k", "v"), ("q", "r"), ("k", "w")] {
        map.keys().append_value(key);
        map.values().append_value(value);
        map.append(true).unwrap();
    }
    write(vec![
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3]))),
        ("name", Arc::new(names)),
        ("o", Arc::new(object)),
        ("l", Arc::new(list)),
        ("m", Arc::new(map.finish())),
        ("at", Arc::new(TimestampMicrosecondArray::from(vec![0, 1, 2]).with_timezone("UTC"))),
        ("d", Arc::new(Decimal128Array::from(vec![1, -2, 99_999]).with_precision_and_scale(38, 2).unwrap())),
    ])
}

fn run(columns: &str, files: &[(&str, Vec<u8>)]) -> String {
    let columns: Vec<FieldPath> = columns.split_whitespace().map(path).collect();
    let mut objects = BTreeMap::new();
    let mut parts = Vec::new();
    for (key, bytes) in files {
        parts.push(Part { id: 7, object: object(key, bytes.len()) });
        objects.insert(key.to_string(), Bytes::from(bytes.clone()));
    }
    let objects: Arc<dyn Objects> = Arc::new(Memory { objects, chunk: 1_000 });
    super::run(async {
        let spec = match ScanSpec::new(options(), columns).typed(&objects, &parts).await {
            Ok(spec) => spec,
            Err(error) => return format!("{:?}: {error}\n", error.kind),
        };
        let mut text: String = spec.types.iter().map(|ty| format!("{ty}; ")).collect::<String>() + "\n";
        match scan(spec, objects, &parts).await {
            Ok(batches) => batches.iter().for_each(|batch| tell(batch, &mut text)),
            Err(DataFusionError::External(error)) => writeln!(text, "{}", error.downcast::<Error>().unwrap()).unwrap(),
            Err(error) => panic!("{error}"),
        }
        text.lines()
            .map(|line| {
                if line.starts_with("end: ") {
                    format!("{}\n", line.split(',').next().unwrap())
                } else {
                    format!("{line}\n")
                }
            })
            .collect()
    })
}

#[track_caller]
fn check(columns: &str, files: &[(&str, Vec<u8>)], expected: Expect) {
    expected.assert_eq(&run(columns, files));
}

#[test]
fn columns_keep_their_types() {
    check(
        "d id at name",
        &[("a", everything())],
        expect![[r#"
        Decimal128(38, 2); Int64; Timestamp(µs, "UTC"); Utf8; 
        1 0.01 | 1 | 1970-01-01T00:00:00Z | a
        2 -0.02 | 2 | 1970-01-01T00:00:00.000001Z | ∅
        3 999.99 | 3 | 1970-01-01T00:00:00.000002Z | c
        end: 3 records
    "#]],
    );
    check(
        "o l m",
        &[("a", everything())],
        expect![[r#"
        Struct("x": Int32, "y": Utf8); List(Int32); Map("entries": non-null Struct("keys": non-null Utf8, "values": Utf8), unsorted); 
        1 {x: 1, y: a} | [1, 2] | {k: v}
        2 ∅ | [] | {q: r}
        3 {x: 3, y: c} | ∅ | {k: w}
        end: 3 records
    "#]],
    );
    check(
        "",
        &[("a", everything())],
        expect![[r#"

        1 
        2 
        3 
        end: 3 records
    "#]],
    );
}

#[test]
fn paths_lead_into_structs_lists_and_maps() {
    check(
        "o.x o.y l[1] m.k o",
        &[("a", everything())],
        expect![[r#"
        Int32; Utf8; Int32; Utf8; Struct("x": Int32, "y": Utf8); 
        1 1 | a | 2 | v | {x: 1, y: a}
        2 ∅ | ∅ | ∅ | ∅ | ∅
        3 3 | c | ∅ | w | {x: 3, y: c}
        end: 3 records
    "#]],
    );
}

#[test]
fn a_missing_column_is_null_and_told_once() {
    check(
        "id city o.z name.x",
        &[("a", everything())],
        expect![[r#"
        Int64; Utf8; Utf8; Utf8; 
        1 1 | ∅ | ∅ | ∅
        2 2 | ∅ | ∅ | ∅
        3 3 | ∅ | ∅ | ∅
        end: 3 records
          MAPPER-3700-400: a has no column "city"; it has: id, name, o, l, m, at, d
          MAPPER-3700-400: a has no column "o.z"; it has: id, name, o, l, m, at, d
          MAPPER-3700-400: a has no column "name.x"; it has: id, name, o, l, m, at, d
    "#]],
    );
}

#[test]
fn files_of_one_run_may_differ_in_their_types() {
    let wide = write(vec![("id", Arc::new(Int64Array::from(vec![1, 1 << 40])))]);
    let narrow = write(vec![
        ("id", Arc::new(Int32Array::from(vec![5, 6]))),
        ("n", Arc::new(Float64Array::from(vec![0.5, 1.0]))),
    ]);
    let text = write(vec![("id", Arc::new(StringArray::from(vec![Some("7"), Some("x"), None, Some("8")])))]);
    check(
        "id n",
        &[("a", narrow), ("b", wide.clone()), ("c", text)],
        expect![[r#"
        Int64; Float64; 
        1 5 | 0.5
        2 6 | 1.0
        end: 2 records
        1 1 | ∅
        2 1099511627776 | ∅
        end: 2 records
          MAPPER-3700-400: b has no column "n"; it has: id
        1 7 | ∅
        2 REJECTED INGEST-1401-400: the value of column "id" does not fit Int64, which the other files of the run have ""
        3 ∅ | ∅
        4 8 | ∅
        end: 4 records
          MAPPER-3700-400: c has no column "n"; it has: id
    "#]],
    );
    let list = write(vec![("id", Arc::new(ListArray::from_iter_primitive::<I32, _, _>([Some(vec![Some(1)])])))]);
    check(
        "id",
        &[("a", wide), ("b", list)],
        expect![[r#"
        Int64; 
        INGEST-1401-400: the column "id" of b is List(Int32) where the other files of the run have Int64 (at b)
    "#]],
    );
}

#[test]
fn a_file_of_no_rows_has_no_records() {
    check(
        "id",
        &[("a", write(vec![("id", Arc::new(Int64Array::from(Vec::<i64>::new())))])), ("b", Vec::new())],
        expect![[r#"
        Int64; 
        end: 0 records
        end: 0 records
    "#]],
    );
}

#[test]
fn broken_files_are_refused_by_name() {
    let whole = everything();
    check(
        "id",
        &[("a", whole[..whole.len() - 9].to_vec())],
        expect![[r#"
        Invalid: INGEST-1401-400: a is not a Parquet file that can be read: its end is missing (at a)
    "#]],
    );
    check(
        "id",
        &[("a", b"PAR1".to_vec())],
        expect![[r#"
        Invalid: INGEST-1401-400: a is not a Parquet file that can be read: it has only 4 bytes (at a)
    "#]],
    );
    check(
        "id",
        &[("a", b"id,n\n1,a\n2,b\n".to_vec())],
        expect![[r#"
        Invalid: INGEST-1401-400: a is not a Parquet file that can be read: its end is missing (at a)
    "#]],
    );
    check(
        "id",
        &[("a", b"PAR1\x00\x00\x00\x00PAR1".to_vec())],
        expect![[r#"
        Invalid: INGEST-1401-400: a is not a Parquet file that can be read: its footer is corrupt (at a)
    "#]],
    );
    check(
        "id",
        &[("a", b"PAR1\xFF\xFF\xFF\x7FPAR1".to_vec())],
        expect![[r#"
        Invalid: INGEST-1401-400: a is not a Parquet file that can be read: its footer claims 2147483647 bytes of 12 (at a)
    "#]],
    );
    check(
        "id",
        &[("a", b"PAR1xxxxxxxx\x04\x00\x00\x00PARE".to_vec())],
        expect![[r#"
        Invalid: INGEST-1401-400: a is not a Parquet file that can be read: it is encrypted (at a)
    "#]],
    );
    let mut cut = whole.clone();
    cut.drain(8..40);
    check(
        "id",
        &[("a", cut)],
        expect![[r#"
        Int64; 
        INGEST-1401-400: the Parquet data of a is corrupt, or of a kind that is not supported (at a)
    "#]],
    );
}

#[test]
fn a_file_in_an_archive_is_read_from_memory() {
    let mut writer = ::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    writer.start_file("a.parquet", ::zip::write::SimpleFileOptions::default()).unwrap();
    std::io::Write::write_all(&mut writer, &everything()).unwrap();
    let bytes = writer.finish().unwrap().into_inner();
    let (objects, object) = Memory::one("a.zip", bytes, 1_000);
    let parts = [Part { id: 7, object: object.clone() }];
    let options = FileOptions { compression: Some(forebay_model::files::Compression::ZipDeflate), ..options() };
    let text = super::run(async {
        let spec = ScanSpec::new(options, vec![path("id")]).typed(&objects, &parts).await.unwrap();
        told(spec, objects, object).await
    });
    assert!(text.starts_with("a.parquet:1 1\na.parquet:2 2\na.parquet:3 3\nend: 3 records, "), "{text}");
}

#[test]
fn no_mutation_of_a_good_file_brings_the_program_down() {
    let whole = everything();
    let mut state = 1u64;
    let mut refused = 0;
    // Panics of foreign decoders are expected and end as errors; their messages are of no interest here.
    std::panic::set_hook(Box::new(|_| {}));
    for _ in 0..300 {
        let mut bytes = whole.clone();
        for _ in 0..3 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let at = (state >> 33) as usize % bytes.len();
            bytes[at] = (state >> 20) as u8;
        }
        let text = run("id name o l m at d", &[("a", bytes)]);
        refused += !text.contains("end: ") as u32;
    }
    assert!(refused > 50, "{refused} refused");
}
