//! The house rules that a machine can check: which crate may lean on which, one home for each heavy library, one
//! version of the engine, files that can be held in the head, words on what each file is for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const LINES: usize = 1_000;

/// Which of our crates each of our crates may lean on. Arrows point down.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("store", &["model"]),
    ("sources", &["model"]),
    ("lake", &["model"]),
    ("ingest", &["model", "store", "sources", "lake"]),
    ("api", &["model", "store", "sources"]),
    ("playground", &[]),
    ("cli", &["model"]),
    ("server", &["model", "store", "sources", "lake", "ingest", "api", "playground", "cli"]),
];

/// Heavy libraries and the crates they live in.
const HOMES: &[(&str, &[&str])] = &[
    ("axum", &["api"]),
    ("utoipa", &["api"]),
    ("sqlx", &["store"]),
    ("datafusion", &["lake", "ingest"]),
    ("deltalake", &["lake"]),
    ("s3s", &["playground"]),
    ("clap", &["server", "cli"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Dependencies of each crate, without those that only its tests have.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let dir = entry.unwrap().path();
        let manifest = std::fs::read_to_string(dir.join("Cargo.toml")).unwrap();
        let (mut section, mut names) = (String::new(), BTreeSet::new());
        for line in manifest.lines() {
            if line.starts_with('[') {
                section = line.trim_matches(['[', ']']).to_string();
            } else if section == "dependencies" && line.contains('=') {
                names.insert(line.split(['.', '=', ' ']).next().unwrap().to_string());
            }
        }
        all.insert(dir.file_name().unwrap().to_str().unwrap().to_string(), names);
    }
    all
}

/// Every source file of the project, as git would add it.
fn sources(extension: &str) -> Vec<PathBuf> {
    fn walk(dir: &Path, extension: &str, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && !name.starts_with('.') && !["target", "node_modules", "data"].contains(&name) {
                walk(&path, extension, found);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root(), extension, &mut found);
    assert!(!found.is_empty(), "no .{extension} files: the walk is wrong");
    found
}

#[test]
fn arrows_point_down() {
    let all = dependencies();
    let known: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    for (name, dependencies) in &all {
        assert!(
            known.contains(name.as_str()),
            "crate {name} is new: a new crate needs an ADR and a line in this table"
        );
        let allowed = ARROWS.iter().find(|(n, _)| n == name).unwrap().1;
        for dependency in dependencies.iter().filter_map(|d| d.strip_prefix("forebay-")) {
            assert!(allowed.contains(&dependency), "{name} may not lean on {dependency}");
        }
    }
}

#[test]
fn each_heavy_library_has_one_home() {
    for (library, homes) in HOMES {
        for (name, dependencies) in &dependencies() {
            assert!(
                !dependencies.contains(*library) || homes.contains(&name.as_str()),
                "{library} lives in {homes:?}, not in {name}"
            );
        }
    }
}

#[test]
fn there_is_one_arrow_one_parquet_and_one_object_store() {
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    for name in ["arrow-array", "parquet", "object_store", "datafusion"] {
        let versions = lock.lines().filter(|l| *l == format!("name = \"{name}\"")).count();
        assert_eq!(versions, 1, "{versions} versions of {name}: they move together (docs/adr)");
    }
}

#[test]
fn no_file_is_too_long_and_each_says_what_it_is_for() {
    for path in sources("rs") {
        let text = std::fs::read_to_string(&path).unwrap();
        let lines = text.lines().count();
        assert!(lines <= LINES, "{} has {lines} lines; {LINES} is the most", path.display());
        assert!(text.starts_with("//!"), "{} does not begin with a //! line that says what it is for", path.display());
    }
}

#[test]
fn nobody_ignores_a_test() {
    let ignored = concat!("#[", "ignore");
    for path in sources("rs") {
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains(ignored), "{} ignores a test", path.display());
    }
}
