//! What the API asks of the data engine: samples of files, rows of datasets, the objects beside a batch.

use async_trait::async_trait;
use bytes::Bytes;
use forebay_api::{Engine, Host, Mapped, Sample, SampleColumn, Stored};
use forebay_ingest::mapping::MapSpec;
use forebay_ingest::worker::Pinned;
use forebay_ingest::{decode, mapping};
use forebay_lake::Lake;
use forebay_model::files::{FileOptions, Object};
use forebay_model::mapping::MappingSet;
use forebay_model::table::{TableCommit, TableRows, TableState};
use forebay_model::xdm::FieldTree;
use forebay_model::{Context, Kind, Result, Time, code};
use forebay_sources::Remote;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::buffered::BufWriter;
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore, ObjectStoreExt};
use serde_json::Value;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tracing::warn;

const STORAGE: Kind = Kind::Unavailable { retry_after: None };
/// Bytes of an upload that are put at once; the smallest part that S3 takes is 5 MiB, and it takes 10,000.
const PART: usize = 8 << 20;
/// How many of them are on their way.
const PARTS: usize = 2;

/// The engine over a lake.
pub struct LakeEngine {
    /// Where datasets are.
    pub lake: Lake,
    /// When the program started.
    pub started: Time,
    /// The data folder.
    pub folder: PathBuf,
    /// What the program was configured with, each secret masked.
    pub configuration: String,
}

#[async_trait]
impl Engine for LakeEngine {
    async fn sample(
        &self,
        remote: &Remote,
        object: &Object,
        options: Option<FileOptions>,
        limit: usize,
    ) -> Result<Sample> {
        let sample = decode::sample(Arc::new(Pinned(remote.clone())), object, options, limit).await?;
        let columns = sample.columns.into_iter().map(|c| SampleColumn { name: c.name, ty: c.ty }).collect();
        Ok(Sample { options: sample.options, hierarchical: sample.hierarchical, columns, rows: sample.rows })
    }

    async fn evaluate(
        &self,
        set: MappingSet,
        target: FieldTree,
        records: Vec<Value>,
        now: Time,
    ) -> Result<Vec<Mapped>> {
        let work =
            tokio::task::spawn_blocking(move || mapping::evaluate(&MapSpec { target, set: Some(set), now }, &records));
        let evaluated = work.await.context(Kind::Internal, &code::FLOW_1400, "the records could not be mapped")??;
        let mapped =
            |found: mapping::Evaluated| Mapped { row: found.row, findings: found.findings, rejected: found.rejected };
        Ok(evaluated.into_iter().map(mapped).collect())
    }

    async fn read(&self, table: &str, _schema: &FieldTree, limit: usize) -> Result<Vec<Value>> {
        self.lake.table(table).rows(limit).await
    }

    async fn list(&self, folder: &str) -> Result<Vec<Stored>> {
        let prefix = Path::from(folder);
        let store = self.lake.store();
        let metas: object_store::Result<Vec<_>> = store.list(Some(&prefix)).try_collect().await;
        let metas = metas.context(STORAGE, &code::FLOW_1400, "the lake could not be listed")?;
        let mut stored = Vec::new();
        for meta in metas {
            let path = meta.location.to_string();
            let name = path.strip_prefix(prefix.as_ref()).unwrap_or(&path).trim_start_matches('/').to_string();
            stored.push(Stored { name, size: meta.size, path });
        }
        stored.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(stored)
    }

    async fn files(&self, table: &str, batch: &str) -> Result<Vec<Stored>> {
        let mut stored = Vec::new();
        for (name, size) in self.lake.table(table).batch_files(batch).await? {
            stored.push(Stored { path: format!("{table}/{name}"), name, size });
        }
        stored.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(stored)
    }

    async fn bytes(&self, path: &str, range: Option<Range<u64>>) -> Result<BoxStream<'static, Result<Bytes>>> {
        let options = GetOptions { range: range.map(Into::into), ..GetOptions::default() };
        let got = self.lake.store().get_opts(&Path::from(path), options).await;
        let got = match got {
            Err(object_store::Error::NotFound { .. }) => {
                return Err(forebay_model::Error::new(Kind::NotFound, &code::FLOW_1439, "there is no such file"));
            }
            got => got.context(STORAGE, &code::FLOW_1400, "the file could not be opened")?,
        };
        Ok(got.into_stream().map(|chunk| chunk.context(STORAGE, &code::FLOW_1400, "the file broke off")).boxed())
    }

    async fn stage(&self, path: &str, mut body: BoxStream<'static, Result<Bytes>>) -> Result<u64> {
        let mut writer =
            BufWriter::with_capacity(self.lake.store(), Path::from(path), PART).with_max_concurrency(PARTS);
        let mut size = 0;
        let mut written = async || {
            while let Some(chunk) = body.try_next().await? {
                size += chunk.len() as u64;
                writer.put(chunk).await.context(STORAGE, &code::FLOW_1400, "the upload could not be kept")?;
            }
            Ok(())
        };
        if let Err(error) = written().await {
            // What was sent is nobody's; should this fail too, the storage's own rules take it away.
            writer.abort().await.ok();
            return Err(error);
        }
        writer.shutdown().await.context(STORAGE, &code::FLOW_1400, "the upload could not be kept")?;
        Ok(size)
    }

    async fn discard(&self, paths: &[String]) {
        for path in paths {
            match self.lake.store().delete(&Path::from(path.as_str())).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(e) => warn!(error = %e, path, "an object that nobody needs could not be removed; the keeper will"),
            }
        }
    }

    async fn describe(&self, table: &str) -> Result<Option<TableState>> {
        self.lake.table(table).describe().await
    }

    async fn history(&self, table: &str, before: Option<u64>, limit: usize) -> Result<Vec<TableCommit>> {
        self.lake.table(table).commits(before, limit).await
    }

    async fn read_at(&self, table: &str, version: Option<u64>, limit: usize) -> Result<TableRows> {
        self.lake.table(table).rows_at(version, limit).await
    }

    fn address(&self, folder: &str) -> String {
        self.lake.address(folder)
    }

    async fn host(&self) -> Result<Host> {
        let folder = self.folder.clone();
        let asked = tokio::task::spawn_blocking(move || rustix::fs::statvfs(folder.as_path()));
        let space = match asked.await {
            Ok(Ok(space)) => {
                let bytes = |blocks: u64| blocks.saturating_mul(space.f_frsize);
                Some((bytes(space.f_bavail), bytes(space.f_blocks)))
            }
            _ => None,
        };
        Ok(Host {
            started: self.started,
            folder: self.folder.display().to_string(),
            space,
            configuration: self.configuration.clone(),
        })
    }
}
