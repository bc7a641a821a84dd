//! Delimited text against the `csv` crate: what both take, they read alike.

use super::*;
use proptest::prelude::*;

/// The records of the `csv` crate, with their lines.
fn oracle(text: &str) -> Vec<(u64, Vec<String>)> {
    let mut reader = ::csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut records = Vec::new();
    for record in reader.records() {
        let record = record.unwrap();
        records.push((record.position().unwrap().line(), record.iter().map(str::to_string).collect()));
    }
    records
}

fn field() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9]{0,5}",
        "[a-z]{60,70}",
        r#"[a-z é🦀]{1,4}"[a-z"]{0,3}"#,
        Just("\"\"".to_string()),
        r#"[a-z,"\n é]{0,80}"#.prop_map(|text| format!("\"{}\"", text.replace('"', "\"\""))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn records_are_those_of_the_csv_crate(
        columns in 1usize..5,
        fields in proptest::collection::vec(field(), 0..60),
        end in prop_oneof![Just("\n"), Just("\r\n")],
        chunk in 1usize..200,
    ) {
        let mut text = (0..columns).map(|at| format!("c{at}")).collect::<Vec<_>>().join(",") + end;
        for record in fields.chunks_exact(columns) {
            // An empty line is no record, and shifts the oracle's lines.
            let line = record.join(",");
            text += if line.is_empty() { "x" } else { &line };
            text += end;
        }
        let mut expected = String::new();
        for (line, record) in oracle(&text).iter().skip(1) {
            prop_assert_eq!(record.len(), columns);
            // The oracle counts a line behind at "\r\n".
            let line = if end == "\n" { line.to_string() } else { String::new() };
            writeln!(expected, "{line} {}", plain(&record.join(" | "))).unwrap();
        }
        let names: Vec<FieldPath> = (0..columns).map(|at| path(&format!("c{at}"))).collect();
        let (objects, object) = Memory::one("a.csv", text.clone(), chunk);
        let told = super::run(told(ScanSpec::new(delimited(), names), objects, object));
        // The oracle knows no null.
        let mut rows = String::new();
        for row in told.replace('∅', "").lines().filter(|line| !line.starts_with("end: ")) {
            let row = if end == "\n" { row } else { row.trim_start_matches(|c: char| c.is_ascii_digit()) };
            writeln!(rows, "{row}").unwrap();
        }
        prop_assert_eq!(rows, expected, "{:?}", text);
    }

    #[test]
    fn no_bytes_break_it_and_every_record_is_accounted_for(
        bytes in proptest::collection::vec(prop_oneof![Just(b'"'), Just(b','), Just(b'\n'), Just(b'\r'), Just(b'a'), any::<u8>()], 0..300),
        chunk in 1usize..40,
    ) {
        for options in [delimited(), json(), FileOptions { encoding: "UTF-16LE".into(), ..delimited() }] {
            let mut seen: Option<String> = None;
            for chunk in [chunk, 4096] {
                let (objects, object) = Memory::one("a.csv", bytes.clone(), chunk);
                let told = super::run(told(ScanSpec::new(options.clone(), vec![path("a")]), objects, object));
                prop_assert!(told.starts_with("Invalid: ") || told.contains("end: "), "{}", told);
                if let Some(seen) = &seen {
                    prop_assert_eq!(seen, &told);
                }
                seen = Some(told);
            }
        }
    }
}
