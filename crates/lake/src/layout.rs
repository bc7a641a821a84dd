//! Where things lie in a lake, relative to its root:
//! `tables/<sandbox id>/<dataset id>/…`, `batches/<sandbox id>/<batch id>/{row_errors/part-*.json, input_files/…}`,
//! `raw/<sandbox id>/<flow id>/<run id>/…`, `ledgers/<sandbox id>/<flow id>/…` and, for files that clients upload,
//! `staging/<sandbox id>/<batch id>/…`.

/// The location of a dataset's table.
pub fn table(sandbox: &str, dataset: &str) -> String {
    format!("tables/{sandbox}/{dataset}")
}

/// The location of a batch's diagnostics and other leftovers.
pub fn batch(sandbox: &str, batch: &str) -> String {
    format!("batches/{sandbox}/{batch}")
}

/// The location of a batch's row errors.
pub fn row_errors(sandbox: &str, batch: &str) -> String {
    format!("batches/{sandbox}/{batch}/row_errors")
}

/// The location of what a flow's runs landed as it came.
pub fn raw(sandbox: &str, flow: &str) -> String {
    format!("raw/{sandbox}/{flow}")
}

/// The location of a flow's ledgers: what it was given of a source that is read record by record.
pub fn ledgers(sandbox: &str, flow: &str) -> String {
    format!("ledgers/{sandbox}/{flow}")
}

/// The sandbox's id in a table's location.
pub(crate) fn sandbox(table: &str) -> Option<&str> {
    let mut segments = table.split('/');
    match (segments.next(), segments.next(), segments.next(), segments.next()) {
        (Some("tables"), Some(sandbox), Some(dataset), None) if !sandbox.is_empty() && !dataset.is_empty() => {
            Some(sandbox)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(location: &str, expected: Option<&str>) {
        assert_eq!(sandbox(location), expected);
    }

    #[test]
    fn a_tables_location_names_its_sandbox() {
        check(&table("s1", "d1"), Some("s1"));
    }

    #[test]
    fn other_locations_name_none() {
        check("tables/s1", None);
        check("tables//d1", None);
        check("tables/s1/d1/more", None);
        check(&batch("s1", "b1"), None);
    }
}
