//! Manifest files: read document by document, so that a fault is told with file, line and column.

use crate::failure::{Failure, Result};
use forebay_model::manifest::{Connection, Dataset, Flow, KINDS, Manifest};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Bytes of a file at most.
const MOST: u64 = 16 * 1024 * 1024;

/// A manifest, and where it was read.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it says.
    pub manifest: Manifest,
    /// Its file.
    pub file: String,
    /// The line that it begins in.
    pub line: usize,
}

impl Entry {
    /// `flows/orders.yaml:12`
    pub fn place(&self) -> String {
        format!("{}:{}", self.file, self.line)
    }
}

/// Reads files, folders of files, and stdin (`-`). Each thing may be there once.
///
/// # Errors
/// For what cannot be read, with its place.
pub fn read(paths: &[PathBuf]) -> Result<Vec<Entry>> {
    let mut entries: Vec<Entry> = Vec::new();
    for path in paths {
        for (file, text) in texts(path)? {
            for entry in parse(&file, &text)? {
                let same = |other: &&Entry| {
                    (other.manifest.kind(), other.manifest.name()) == (entry.manifest.kind(), entry.manifest.name())
                };
                if let Some(other) = entries.iter().find(same) {
                    let (kind, name) = (entry.manifest.kind(), entry.manifest.name());
                    return Err(Failure::usage(format!(
                        "the {kind} {name:?} is there twice: in {} too",
                        other.place()
                    ))
                    .at(entry.place())
                    .next("the same with one of the two taken out"));
                }
                entries.push(entry);
            }
        }
    }
    if entries.is_empty() {
        let named: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(Failure::usage(format!("there are no manifests in {}", named.join(", ")))
            .next("forebay flows init CONNECTION PATH --to TABLE > flow.yaml"));
    }
    Ok(entries)
}

fn texts(path: &Path) -> Result<Vec<(String, String)>> {
    let failed = |path: &Path, e: std::io::Error| Failure::usage(format!("{} cannot be read: {e}", path.display()));
    if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().take(MOST).read_to_string(&mut text).map_err(|e| failed(Path::new("stdin"), e))?;
        return Ok(vec![("stdin".into(), text)]);
    }
    let mut files = vec![path.to_path_buf()];
    if path.is_dir() {
        files.clear();
        for entry in std::fs::read_dir(path).map_err(|e| failed(path, e))? {
            let file = entry.map_err(|e| failed(path, e))?.path();
            let kind = file.extension().and_then(|kind| kind.to_str()).unwrap_or_default().to_lowercase();
            if file.is_file() && ["yaml", "yml", "json"].contains(&kind.as_str()) {
                files.push(file);
            }
        }
        files.sort();
    }
    let mut texts = Vec::new();
    for file in files {
        let mut text = String::new();
        let open = std::fs::File::open(&file).and_then(|open| open.take(MOST).read_to_string(&mut text));
        open.map_err(|e| failed(&file, e))?;
        texts.push((file.display().to_string(), text));
    }
    Ok(texts)
}

/// The manifests of one file.
pub fn parse(file: &str, text: &str) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for (above, document) in documents(text) {
        let content = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
        let Some(first) = document.lines().position(|line| content(&line)) else { continue };
        let manifest = manifest(file, above, document)?;
        let entry = Entry { manifest, file: file.into(), line: above + first + 1 };
        if let Err(fault) = entry.manifest.check() {
            let line = above + line_of(document, &fault.at).unwrap_or(first) + 1;
            return Err(Failure::usage(format!("{}: {}", fault.at, fault.message))
                .at(format!("{file}:{line}"))
                .next(HELP));
        }
        entries.push(entry);
    }
    Ok(entries)
}

const HELP: &str = "forebay plan again, once it is mended; docs/book/manifest.md has the format";

/// The documents of a text, each with the number of lines above it.
fn documents(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let (mut start, mut above) = (0, 0);
    let mut at = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let bare = line.trim_end();
        if bare == "---" || bare.starts_with("--- ") {
            found.push((above, &text[start..at]));
            (start, above) = (at + line.len(), number + 1);
        }
        at += line.len();
    }
    found.push((above, &text[start..]));
    found
}

#[derive(Deserialize)]
struct Head {
    kind: Option<String>,
}

fn manifest(file: &str, above: usize, document: &str) -> Result<Manifest> {
    let head: Head = yaml(file, above, document)?;
    let Some(kind) = head.kind else {
        let message = format!("`kind` is missing: it is one of {}", KINDS.join(", "));
        return Err(Failure::usage(message).at(format!("{file}:{}", above + 1)).next(HELP));
    };
    // The kind is known: its line is taken out, so that the rest is read as that kind, with places.
    let line = document.lines().position(|line| line.starts_with("kind:"));
    let Some(line) = line else { return yaml(file, above, document) };
    let rest: String = document
        .split_inclusive('\n')
        .enumerate()
        .map(|(number, text)| if number == line { "\n" } else { text })
        .collect();
    match kind.as_str() {
        "Connection" => Ok(Manifest::Connection(yaml::<Connection>(file, above, &rest)?)),
        "Dataset" => Ok(Manifest::Dataset(yaml::<Dataset>(file, above, &rest)?)),
        "Flow" => Ok(Manifest::Flow(yaml::<Flow>(file, above, &rest)?)),
        other => {
            let failure = crate::names::unknown("kind", other, &KINDS);
            let message = format!("{}; there are {}", failure.message, KINDS.join(", "));
            Err(Failure::usage(message).at(format!("{file}:{}:7", above + line + 1)).next(HELP))
        }
    }
}

fn yaml<T: DeserializeOwned>(file: &str, above: usize, text: &str) -> Result<T> {
    serde_saphyr::from_str(text).map_err(|error| {
        let place = error.location().filter(|location| location.line() > 0);
        let at = match place {
            Some(location) => format!("{file}:{}:{}", above + location.line() as usize, location.column()),
            None => format!("{file}:{}", above + 1),
        };
        let message = error.without_snippet().to_string();
        Failure::usage(unplaced(message.trim())).at(at).next(HELP)
    })
}

/// Without the place, which is told in the lines of the whole file.
fn unplaced(message: &str) -> String {
    let end = message.rfind(" at line ").unwrap_or(message.len());
    let (text, rest) = message.split_at(end);
    let only_place =
        rest.trim_start_matches(" at line ").chars().all(|c| c.is_ascii_digit() || ", column:".contains(c));
    if only_place { text.trim_end_matches(&[',', ':'][..]).to_string() } else { message.to_string() }
}

/// The line of a member of a document, from 0: the first that has its last name.
fn line_of(document: &str, at: &str) -> Option<usize> {
    let mut from = 0;
    let mut found = None;
    for name in at.split(['.', '[']).filter(|name| !name.is_empty()) {
        if let Ok(index) = name.trim_end_matches(']').parse::<usize>() {
            let items = document.lines().enumerate().skip(from);
            let item = items.filter(|(_, line)| line.trim_start().starts_with("- ")).nth(index);
            found = item.map(|(line, _)| line).or(found);
        } else {
            let is = |line: &str| line.trim_start().trim_start_matches("- ").starts_with(&format!("{name}:"));
            found = document.lines().enumerate().skip(from).find(|(_, line)| is(line)).map(|(line, _)| line).or(found);
        }
        from = found.map_or(from, |line| line + 1);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, at: &str, part: &str) {
        let failure = parse("f.yaml", text).unwrap_err();
        assert_eq!(failure.at.as_deref(), Some(at), "{}", failure.message);
        assert!(failure.message.contains(part), "{}", failure.message);
    }

    #[test]
    fn documents_are_read_with_their_lines() {
        let text = "# orders\n\nkind: Dataset\nname: a\nfields:\n  id: string\n---\n# nothing\n---\nname: b\nkind: Dataset\nfields: {x: long}\n";
        let entries = parse("f.yaml", text).unwrap();
        let places: Vec<String> = entries.iter().map(Entry::place).collect();
        assert_eq!(places, ["f.yaml:3", "f.yaml:10"]);
        let json = "{\"kind\": \"Dataset\", \"name\": \"c\", \"fields\": {\"x\": \"long\"}}";
        assert_eq!(parse("f.json", json).unwrap()[0].manifest.name(), "c");
    }

    #[test]
    fn a_fault_is_told_with_file_line_and_column() {
        refused("kind: Flow\nname: f\nconection: c\n", "f.yaml:3:1", "conection");
        refused("kind: Dataset\nname: d\nfields:\n  id: strin\n", "f.yaml:4:7", "strin");
        refused("name: x\n---\nkind: Dataset\n", "f.yaml:1", "kind");
        refused(
            "kind: Dataset\nname: d\nfields: {a: string}\n---\nkind: Flo\nname: x\n",
            "f.yaml:5:7",
            "Did you mean \"Flow\"?",
        );
        refused("kind: Dataset\nname: d\n  bad: indent\n", "f.yaml:3:6", "");
    }

    #[test]
    fn what_is_wrong_but_can_be_read_is_told_with_its_line() {
        refused(
            "kind: Flow\nname: f\nconnection: c\ndataset: d\nsource: {path: /a}\nmapping:\n- {to: a, from: b}\n- {to: a, value: 1}\n",
            "f.yaml:8",
            "filled twice",
        );
        refused("kind: Dataset\nname: d\nfields:\n  a: string\nkey: b\n", "f.yaml:5", "no field `b`");
    }

    #[test]
    fn one_thing_is_there_once() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.yaml", "b.yml"] {
            std::fs::write(folder.path().join(name), "kind: Dataset\nname: d\nfields: {a: string}\n").unwrap();
        }
        let failure = read(&[folder.path().to_path_buf()]).unwrap_err();
        assert!(failure.message.contains("there twice") && failure.at.unwrap().ends_with("b.yml:1"));
    }
}
