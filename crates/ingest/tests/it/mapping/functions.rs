//! The registry of functions and what is compiled agree. What each function gives is in the table of `cases`.

use super::evaluate;
use forebay_ingest::mapping::moment::Moment;
use forebay_model::mapping::functions::FUNCTIONS;

#[test]
fn every_function_runs_and_gives_what_its_example_says() {
    let mut seen = 0;
    for function in FUNCTIONS {
        let builtin = forebay_ingest::mapping::builtin(function.name)
            .unwrap_or_else(|| panic!("{} is not compiled", function.name));
        assert!(builtin.least <= function.min_args(), "{} takes fewer arguments than the registry says", function.name);
        assert!(function.max_args().is_none_or(|most| most <= builtin.most), "{} takes more arguments", function.name);
        let found = evaluate(function.example, &[]);
        let expected = match function.name {
            // The run's moment is an argument; these tests give their own.
            "now" => "2024-07-01T10:10:24.500Z".to_string(),
            "timestamp" => "1719828624500".to_string(),
            "uuid" => found.clone(),
            _ => text_of(function.result),
        };
        let same_moment =
            Moment::parse(&found).zip(Moment::parse(&expected)).is_some_and(|(a, b)| a.micros == b.micros);
        assert!(found == expected || same_moment, "{}: {found} is not {expected}", function.example);
        seen += 1;
    }
    assert!(seen >= 89, "only {seen} functions are there");
}

/// A result as the registry writes it (JSON) as a text target shows it.
fn text_of(result: &str) -> String {
    match serde_json::from_str(result) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(other) => other.to_string(),
        Err(_) => result.to_string(),
    }
}
