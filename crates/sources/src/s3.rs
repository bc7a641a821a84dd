//! Amazon S3 and the stores that speak its protocol. The spec is `specs/amazon-s3.json`.
//!
//! What always holds: every request is signed here and sent through the gate. Start at `call.rs` for one request; what
//! is done with the answers is in `files.rs`.

mod call;
mod endpoint;
mod fault;
mod sign;
mod xml;

use crate::files::{Fault, Files, Keys, Named, Page, Root, Store, Words};
use crate::params::Params;
use crate::{Gate, Reach, Reader, Source};
use async_trait::async_trait;
use call::Ask;
use endpoint::Endpoint;
use forebay_model::files::Object;
use forebay_model::{Error, Kind, Place, Result, code};
use http::HeaderName;
use reqwest::Response;
use sign::Credentials;
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};
use url::Url;

/// The source.
pub(crate) static SOURCE: Source = Source {
    name: "amazon-s3",
    specs: &["ecadc60c-7455-4d87-84dc-2a0e293d997b"],
    reader: Reader::Files,
    reach: Reach::Files(open),
};

static WORDS: Words = Words { store: "S3", bucket: "bucket", object: "object", address: "serviceUrl" };

/// One account.
#[derive(Debug)]
pub(crate) struct S3 {
    gate: Gate,
    endpoint: Endpoint,
    credentials: Credentials,
    /// Regions that answers have named, by bucket; the empty name is the service's own.
    regions: RwLock<BTreeMap<String, String>>,
}

/// The account of a connection.
pub(crate) fn open(gate: &Gate, params: &Params<'_>) -> Result<Files> {
    let missing = |name: &str| {
        Error::new(Kind::Invalid, &code::FLOW_1100, format!("the connection has no {name}"))
            .at(Place::pointer(format!("/auth/params/{name}")))
            .advice("Give both the access key and the secret key.")
    };
    let key = params.text(&["s3AccessKey", "accessKeyId"]).ok_or_else(|| missing("s3AccessKey"))?;
    let secret = params.secret(&["s3SecretKey", "secretAccessKey"]).ok_or_else(|| missing("s3SecretKey"))?;
    let token = params.secret(&["s3SessionToken", "sessionToken"]);
    let endpoint = Endpoint::parse(params.text(&["serviceUrl"]).as_deref())?;
    let root = Root::new(params.text(&["bucketName"]), params.text(&["folderPath"]));
    let credentials = Credentials { key, secret, token };
    Ok(Files::new(S3 { gate: gate.clone(), endpoint, credentials, regions: RwLock::default() }, root))
}

#[async_trait]
impl Store for S3 {
    fn words(&self) -> &'static Words {
        &WORDS
    }

    fn gate(&self) -> &Gate {
        &self.gate
    }

    fn service(&self) -> Result<Url> {
        self.endpoint.root()
    }

    async fn buckets(&self, token: Option<&str>) -> Result<(Vec<String>, Option<String>), Fault> {
        let mut ask = Ask::get(Named::buckets(&WORDS));
        if let Some(token) = token {
            ask = ask.query("continuation-token", token);
        }
        self.document(&ask, xml::buckets).await
    }

    async fn page(&self, keys: &Keys, token: Option<&str>, most: Option<u32>) -> Result<Page, Fault> {
        let mut ask = Ask::get(Named::bucket(&WORDS, &keys.bucket))
            .query("list-type", "2")
            .query("encoding-type", "url")
            .query("max-keys", most.unwrap_or(1000).to_string())
            .query("prefix", keys.prefix.clone());
        if keys.flat {
            ask = ask.query("delimiter", "/");
        }
        if let Some(token) = token {
            ask = ask.query("continuation-token", token);
        }
        self.document(&ask, xml::page).await
    }

    async fn head(&self, bucket: &str, key: &str) -> Result<Object, Fault> {
        self.look(Named::object(&WORDS, bucket, key), bucket, key).await
    }

    async fn get(&self, bucket: &str, key: &str, headers: &[(HeaderName, String)]) -> Result<Response, Fault> {
        let ask = Ask::get(Named::object(&WORDS, bucket, key));
        self.attempt(&Ask { headers: headers.to_vec(), ..ask }).await
    }
}

impl S3 {
    fn region(&self, bucket: Option<&str>) -> String {
        let regions = self.regions.read().unwrap_or_else(PoisonError::into_inner);
        regions.get(bucket.unwrap_or_default()).unwrap_or(&self.endpoint.region).clone()
    }

    fn learn_region(&self, bucket: Option<&str>, region: String) {
        let mut regions = self.regions.write().unwrap_or_else(PoisonError::into_inner);
        regions.insert(bucket.unwrap_or_default().to_string(), region);
    }
}
