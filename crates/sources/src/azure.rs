//! Azure Blob Storage. The spec is `specs/azure-blob.json`.
//!
//! What always holds: every request is signed here, with the account's key or with a shared access signature, and sent
//! through the gate; the container is the first segment of a path unless the connection names one. A container is a
//! bucket and a blob an object in the words of `files.rs`, where what is done with the answers is. Start at
//! `account.rs` for what a connection says, and `call.rs` for one request. That these are our own requests, and not
//! those of `object_store`, has the reasons of `docs/adr/0007`.

mod account;
mod call;
mod fault;
mod sign;
mod xml;

use crate::files::{Fault, Files, Keys, Named, Page, Root, Store, Words, object};
use crate::params::Params;
use crate::{Gate, Reach, Reader, Source};
use account::Account;
use async_trait::async_trait;
use call::Ask;
use forebay_model::files::Object;
use forebay_model::{Error, Kind, Result, code};
use http::header::RANGE;
use http::{HeaderName, Method};
use reqwest::Response;
use url::Url;

/// The source.
pub(crate) static SOURCE: Source = Source {
    name: "azure-blob",
    specs: &["4c10e202-c428-4796-9208-5f1f5732b1cf"],
    reader: Reader::Files,
    reach: Reach::Files(open),
};

static WORDS: Words =
    Words { store: "Azure Blob Storage", bucket: "container", object: "blob", address: "the endpoint" };

/// Blobs on a page, each with its metadata: at most 8 KiB of it, which leaves a page well within its bound.
const PAGE: u32 = 2000;

/// One account.
#[derive(Debug)]
pub(crate) struct Azure {
    gate: Gate,
    account: Account,
}

/// The account of a connection.
pub(crate) fn open(gate: &Gate, params: &Params<'_>) -> Result<Files> {
    let account = Account::new(params)?;
    let root = Root::new(params.text(&["container", "containerName"]), params.text(&["folderPath"]));
    Ok(Files::new(Azure { gate: gate.clone(), account }, root))
}

#[async_trait]
impl Store for Azure {
    fn words(&self) -> &'static Words {
        &WORDS
    }

    fn gate(&self) -> &Gate {
        &self.gate
    }

    fn service(&self) -> Result<Url> {
        self.account.endpoint.target(&Named::buckets(&WORDS), "").map(|target| target.url)
    }

    /// A signature for one container cannot list containers: that one is all there is.
    async fn buckets(&self, token: Option<&str>) -> Result<(Vec<String>, Option<String>), Fault> {
        if let Some(only) = &self.account.container {
            let keys = Keys { bucket: only.clone(), prefix: String::new(), flat: true };
            self.page(&keys, None, Some(1)).await?;
            return Ok((vec![only.clone()], None));
        }
        let ask = Ask::get(Named::buckets(&WORDS)).query("comp", "list");
        self.document(&ask.query_some("marker", token), xml::containers).await
    }

    async fn page(&self, keys: &Keys, token: Option<&str>, most: Option<u32>) -> Result<Page, Fault> {
        let ask = Ask::get(Named::bucket(&WORDS, &keys.bucket))
            .query("restype", "container")
            .query("comp", "list")
            .query("include", "metadata")
            .query("maxresults", &most.unwrap_or(PAGE).to_string())
            .query_some("prefix", Some(keys.prefix.as_str()).filter(|prefix| !prefix.is_empty()))
            .query_some("delimiter", keys.flat.then_some("/"))
            .query_some("marker", token);
        self.document(&ask, xml::page).await
    }

    async fn head(&self, bucket: &str, key: &str) -> Result<Object, Fault> {
        let named = Named::object(&WORDS, bucket, key);
        let ask = Ask { method: Method::HEAD, ..Ask::get(named.clone()) };
        let response = match self.attempt(&ask).await {
            Ok(response) => response,
            Err(fault) if fault.error.kind == Kind::Refused => return Err(self.reason(bucket, key, fault).await),
            Err(fault) => return Err(fault),
        };
        let marked = |name: &str, value: &str| {
            let found = response.headers().get(name).and_then(|text| text.to_str().ok());
            found.is_some_and(|found| found.eq_ignore_ascii_case(value))
        };
        if marked("x-ms-resource-type", "directory") || marked("x-ms-meta-hdi_isfolder", "true") {
            let error = Error::new(Kind::NotFound, &code::FLOW_1101, format!("{named} is a folder"));
            return Err(Fault::last(error.advice("To select what is in it, set type to folder.")));
        }
        object(bucket, key, &response).ok_or_else(|| Fault::last(named.not_one("it lacks headers")))
    }

    async fn get(&self, bucket: &str, key: &str, headers: &[(HeaderName, String)]) -> Result<Response, Fault> {
        let ask = Ask::get(Named::object(&WORDS, bucket, key));
        self.attempt(&Ask { headers: headers.to_vec(), ..ask }).await
    }
}

impl Azure {
    /// Why a `HEAD` was refused: its answer has no body, so a `GET` is asked.
    async fn reason(&self, bucket: &str, key: &str, fault: Fault) -> Fault {
        let first = [(RANGE, "bytes=0-0".to_string())];
        self.get(bucket, key, &first).await.err().unwrap_or(fault)
    }
}
