//! What tells a table's rows apart, as the table itself says it. The first merge writes the path of its key into the
//! table's configuration; from then on no commit brings rows that go by another key, or by none. Whoever let a run
//! begin may have looked before the identity changed: this looks at the very version that the commit follows.
//!
//! A table without rows has nothing to double, so it takes another key, and gives its key up to rows that have none.
//! Other programs pass over a setting that they do not know.

use crate::error::{CODE, failed};
use deltalake::kernel::{Metadata, MetadataExt};
use forebay_model::{Error, Kind, Result};
use object_store::path::Path;

/// The setting: the key's path as a JSON array of names.
const KEY: &str = "forebay.key";

/// The setting of a table that does not exist yet.
pub(crate) fn new(key: Option<&[String]>) -> Option<(&'static str, String)> {
    key.map(|key| (KEY, text(key)))
}

/// Whether a table's rows go by a key.
pub(crate) fn is(metadata: &Metadata) -> bool {
    metadata.configuration().contains_key(KEY)
}

/// A table's metadata after a commit of rows that go by this key, or by none; an error where its rows go by another.
pub(crate) fn after(table: &Path, metadata: Metadata, has_rows: bool, key: Option<&[String]>) -> Result<Metadata> {
    let doing = || format!("The lake could not say what tells the rows of {table} apart.");
    match (metadata.configuration().get(KEY), key.map(text)) {
        (None, None) => Ok(metadata),
        (Some(is), Some(asked)) if *is == asked => Ok(metadata),
        (Some(is), _) if has_rows => Err(refused(table, is, key)),
        (_, Some(asked)) => metadata.add_config_key(KEY.into(), asked).map_err(|e| failed(e, doing())),
        (Some(_), None) => metadata.remove_config_key(KEY).map_err(|e| failed(e, doing())),
    }
}

fn refused(table: &Path, is: &str, key: Option<&[String]>) -> Error {
    let is = serde_json::from_str(is).map_or(is.to_string(), |path: Vec<String>| path.join("."));
    let asked = match key {
        Some(key) => format!("goes by `{}`", key.join(".")),
        None => "has no primary identity".into(),
    };
    Error::new(
        Kind::Invalid,
        CODE,
        format!(
            "The table {table} keeps one row for each `{is}`, and this run {asked}: rows that are there would be \
             doubled, or merged with others."
        ),
    )
    .advice(format!("Make `{is}` the primary identity again, or load the data into a new dataset."))
}

fn text(key: &[String]) -> String {
    serde_json::Value::from(key).to_string()
}
