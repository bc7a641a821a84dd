//! The header of delimited text: which of the asked columns stands where.

use crate::decode::{Flow, unreadable, unreadable_at};
use forebay_model::event::Finding;
use forebay_model::mapping::ast::FieldPath;
use forebay_model::{Error, code};

/// Header names that a message shows.
const SHOWN: usize = 20;

/// For each asked column the position in the header, or none and a finding.
pub(super) fn places(
    asked: &[FieldPath],
    names: &[String],
    file: &str,
    line: u64,
) -> Flow<(Vec<Option<usize>>, Vec<Finding>)> {
    let (mut places, mut findings) = (Vec::new(), Vec::new());
    for path in asked {
        let name = path.plain();
        let place = place(&name, names, file, line)?;
        if place.is_none() {
            let mut finding = Finding::new(&code::MAPPER_3700, missing(&name, names, file));
            finding.column = Some(name);
            findings.push(finding);
        }
        places.push(place);
    }
    // One column may be gone; a file with none of them is another file than the flow was made for.
    if !asked.is_empty() && findings.len() == asked.len() {
        let message = format!("none of the mapped columns is in {file}: {}", findings[0].message);
        return Err(unreadable_at(file, line, message)
            .advice("Check columnDelimiter and encoding of the source connection, and the names in the mapping set.")
            .into());
    }
    Ok((places, findings))
}

/// Exactly so named; else so named but for blanks around it.
fn place(name: &str, names: &[String], file: &str, line: u64) -> Result<Option<usize>, Error> {
    let exact: Vec<usize> = positions(names, |other| other == name);
    let found = if exact.is_empty() { positions(names, |other| other.trim() == name.trim()) } else { exact };
    match found[..] {
        [] => Ok(None),
        [at] => Ok(Some(at)),
        [first, second, ..] => {
            let message = format!(
                "the header of {file} has the mapped column \"{}\" twice, as columns {} and {}",
                name,
                first + 1,
                second + 1
            );
            Err(unreadable_at(file, line, message).advice("Give each mapped column a name of its own."))
        }
    }
}

fn positions(names: &[String], same: impl Fn(&str) -> bool) -> Vec<usize> {
    let mut found = Vec::new();
    for (at, name) in names.iter().enumerate() {
        if same(name) {
            found.push(at);
        }
    }
    found
}

fn missing(name: &str, names: &[String], file: &str) -> String {
    let mut shown = names[..names.len().min(SHOWN)].join(", ");
    if names.len() > SHOWN {
        shown.push_str(&format!(" and {} more", names.len() - SHOWN));
    }
    format!("the header of {file} has no column \"{name}\"; it has: {shown}")
}

/// The delimiter must be a byte with no other meaning.
pub(super) fn check_delimiter(delimiter: u8, file: &str) -> Result<(), Error> {
    match delimiter {
        b'"' | b'\n' | b'\r' | 0x80.. => {
            let message = format!("{file} cannot be read with the delimiter {:?}", char::from(delimiter));
            Err(unreadable(file, message).advice("Set data.properties.columnDelimiter to a single ASCII character."))
        }
        _ => Ok(()),
    }
}
