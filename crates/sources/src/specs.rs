//! The built-in connection and flow specs, as the API shows them (FS-SPEC-1 … 7, FS §11), and the way from a spec to its
//! source. The files are the truth: forms, validation, the list of secret fields and `docs/sources.md` all come from
//! them. `attributes.forebay.runnable` says whether this program can run a spec; where it cannot, `reason` says why.

use crate::{SOURCES, Source};
use forebay_model::{Error, Kind, Result, code};
use serde_json::Value;
use std::sync::LazyLock;

static SPECS: LazyLock<Vec<Value>> = LazyLock::new(|| CONNECTION_FILES.iter().copied().map(parse).collect());

static FLOW_SPECS: LazyLock<Vec<Value>> = LazyLock::new(|| FLOW_FILES.iter().copied().map(parse).collect());

/// A file each. Those that run come first; a test sees that no file is missing here.
const CONNECTION_FILES: &[&str] = &[
    include_str!("specs/amazon-s3.json"),
    include_str!("specs/azure-blob.json"),
    include_str!("specs/hubspot.json"),
    include_str!("specs/datalake.json"),
    include_str!("specs/activation-datalake.json"),
    include_str!("specs/adls-gen2.json"),
    include_str!("specs/amazon-kinesis.json"),
    include_str!("specs/amazon-redshift.json"),
    include_str!("specs/apache-hive.json"),
    include_str!("specs/apache-phoenix.json"),
    include_str!("specs/apache-spark.json"),
    include_str!("specs/azure-data-explorer.json"),
    include_str!("specs/azure-event-hubs.json"),
    include_str!("specs/azure-file-storage.json"),
    include_str!("specs/azure-synapse.json"),
    include_str!("specs/azure-table-storage.json"),
    include_str!("specs/cassandra.json"),
    include_str!("specs/couchbase.json"),
    include_str!("specs/data-landing-zone.json"),
    include_str!("specs/dynamics-online.json"),
    include_str!("specs/ftp.json"),
    include_str!("specs/generic-rest-extension.json"),
    include_str!("specs/generic-rest.json"),
    include_str!("specs/google-adwords.json"),
    include_str!("specs/google-big-query.json"),
    include_str!("specs/google-cloud.json"),
    include_str!("specs/google-pubsub.json"),
    include_str!("specs/greenplum.json"),
    include_str!("specs/hdfs.json"),
    include_str!("specs/hp-vertica.json"),
    include_str!("specs/http-api.json"),
    include_str!("specs/ibm-db2.json"),
    include_str!("specs/landing-zone.json"),
    include_str!("specs/mailchimp-members.json"),
    include_str!("specs/mariadb.json"),
    include_str!("specs/mysql.json"),
    include_str!("specs/odata.json"),
    include_str!("specs/oracle-eloqua.json"),
    include_str!("specs/oracle-object-storage.json"),
    include_str!("specs/oracle-responsys.json"),
    include_str!("specs/oracle-service-cloud.json"),
    include_str!("specs/oracle.json"),
    include_str!("specs/paypal.json"),
    include_str!("specs/postgres.json"),
    include_str!("specs/profile-store.json"),
    include_str!("specs/salesforce-marketing-cloud.json"),
    include_str!("specs/salesforce-service-cloud.json"),
    include_str!("specs/salesforce.json"),
    include_str!("specs/service-now.json"),
    include_str!("specs/sftp.json"),
    include_str!("specs/shopify.json"),
    include_str!("specs/snowflake.json"),
    include_str!("specs/sql-server.json"),
    include_str!("specs/square.json"),
    include_str!("specs/teradata-vantage.json"),
    include_str!("specs/veeva-crm.json"),
    include_str!("specs/zoho-crm.json"),
];

const FLOW_FILES: &[&str] = &[
    include_str!("flow_specs/cloud_storage.json"),
    include_str!("flow_specs/crm.json"),
    include_str!("flow_specs/rest_storage.json"),
    include_str!("flow_specs/stream_with_transformation.json"),
    include_str!("flow_specs/stream_without_transformation.json"),
    include_str!("flow_specs/stream_with_optional_transformation.json"),
    include_str!("flow_specs/dataset_export.json"),
];

fn parse(text: &str) -> Value {
    serde_json::from_str(text).expect("built-in specs are JSON: a test parses each of them")
}

/// The built-in connection specs.
pub fn specs() -> &'static [Value] {
    &SPECS
}

/// The built-in flow specs.
pub fn flow_specs() -> &'static [Value] {
    &FLOW_SPECS
}

/// A built-in connection spec.
pub fn spec(id: &str) -> Option<&'static Value> {
    SPECS.iter().find(|spec| spec["id"] == id)
}

/// A built-in flow spec.
pub fn flow_spec(id: &str) -> Option<&'static Value> {
    FLOW_SPECS.iter().find(|spec| spec["id"] == id)
}

/// The source that runs a connection spec. A spec without one is listed and stored, and refused when it is to run.
pub fn by_spec(id: &str) -> Option<&'static Source> {
    SOURCES.iter().copied().find(|source| source.specs.contains(&id))
}

/// The source that runs a connection spec, or the reason why there is none.
pub fn runner(id: &str) -> Result<&'static Source> {
    if let Some(source) = by_spec(id) {
        return Ok(source);
    }
    let message = match spec(id) {
        Some(spec) => {
            let reason = spec["attributes"]["forebay"]["reason"].as_str().unwrap_or("It is not the spec of a source.");
            format!("connections of the spec {} cannot be read from: {reason}", spec["name"])
        }
        None => format!("connections of the spec {id:?} cannot be read from: this Forebay has no source for it"),
    };
    Err(Error::new(Kind::Invalid, &code::FLOW_1100, message)
        .advice("It stays stored. GET /connectionSpecs?property=attributes.forebay.runnable==true lists what runs."))
}

#[cfg(test)]
#[path = "specs_tests.rs"]
mod tests;
