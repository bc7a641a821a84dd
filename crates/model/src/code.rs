//! The table of error codes: the contract's, and nothing besides. The error pages are generated from it.

/// One error code of the contract.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// As the wire shows it, such as `FLOW-1404-412`.
    pub id: &'static str,
    /// The HTTP status it answers with (for codes that only appear inside runs: the id's suffix).
    pub status: u16,
    /// A few words.
    pub title: &'static str,
    /// What it means and what to do, for the error pages.
    pub text: &'static str,
}

macro_rules! codes {
    ($($name:ident $id:literal $status:literal $title:literal $text:literal;)*) => {
        $(#[doc = concat!("`", $id, "`: ", $title)] pub static $name: Code = Code { id: $id, status: $status, title: $title, text: $text };)*
        /// Every code, in the order of this file.
        pub static ALL: &[&Code] = &[$(&$name),*];
    };
}

codes! {
    FLOW_1101 "FLOW-1101-404" 404 "Not found at the source" "The source has no such bucket, folder, file or table. Explore the connection to see what it holds.";
    FLOW_1102 "FLOW-1102-500" 500 "The source failed" "The source answered with an error. Its message says why; check the credentials and the source's own status.";
    FLOW_1103 "FLOW-1103-503" 503 "The source is unavailable" "The source could not be reached. Try again later, or check the endpoint.";
    FLOW_1104 "FLOW-1104-504" 504 "The source timed out" "The source did not answer in time. Try again later.";
    FLOW_1400 "FLOW-1400-500" 500 "Internal error" "A fault of this server. The log has the details under the request id.";
    FLOW_1419 "FLOW-1419-400" 400 "Mapping validation failed" "A mapping set is wrong, or does not fit its schema. The message names the mapping and the fault.";
    FLOW_1439 "FLOW-1439-404" 404 "Resource not found" "There is no such resource in this organization and sandbox.";
    INGEST_1401 "INGEST-1401-400" 400 "Corrupt data" "A record or a file cannot be parsed. The diagnostics name the file, the line and the reason.";
    MAPPER_3700 "MAPPER-3700-400" 400 "Mapping error" "A mapped column could not be filled: the source lacks it, or its value does not convert.";
    XDM_1012 "XDM-1012-404" 404 "Resource not found" "There is no such class, field group, data type or schema. The message names the id that was looked for.";
    XDM_1020 "XDM-1020-400" 400 "Schema validation error" "The definition of a schema, class, field group or data type is wrong. The message names the field and the fault.";
    XDM_1413 "XDM-1413-400" 400 "Merge schema error" "Two parts of a schema define the same field with types that do not fit together. Rename one of the two.";
}
