//! Where a lake's bytes lie: one object store and the URL of the lake's root in it. Delta is always handed the *root*
//! store (it adds the table's path itself); everything of ours uses paths relative to the lake.

use crate::error::failed;
use crate::folder::Folder;
use deltalake::{DeltaTable, DeltaTableBuilder};
use forebay_model::Result;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectMeta, ObjectStore};
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use url::Url;

/// A lake: many tables in one store.
#[derive(Clone)]
pub struct Lake {
    root: Arc<dyn ObjectStore>,
    store: Arc<dyn ObjectStore>,
    url: Url,
    prefix: Path,
    folder: Option<Folder>,
}

impl fmt::Debug for Lake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lake({})", self.url)
    }
}

impl Lake {
    /// A lake in a folder, which is made if there is none.
    pub fn local(dir: &std::path::Path) -> Result<Lake> {
        let doing = || format!("The lake could not be opened in {}.", dir.display());
        std::fs::create_dir_all(dir).map_err(|e| failed(e, doing()))?;
        let dir = dir.canonicalize().map_err(|e| failed(e, doing()))?;
        let url = Url::from_directory_path(&dir).map_err(|()| failed("not an absolute path", doing()))?;
        let folder = Folder::root();
        let mut lake = Lake::new(Arc::new(folder.clone()), url)?;
        lake.folder = Some(folder);
        Ok(lake)
    }

    /// A lake in any store that can put a new object only if there is none of its name. `root` is the whole store
    /// (the bucket), `url` the lake's place in it.
    pub fn new(root: Arc<dyn ObjectStore>, url: Url) -> Result<Lake> {
        let prefix = Path::from_url_path(url.path())
            .map_err(|e| failed(e, format!("The lake cannot lie at {url}: its path is not one of an object store.")))?;
        let store: Arc<dyn ObjectStore> = match prefix.as_ref().is_empty() {
            true => root.clone(),
            false => Arc::new(PrefixStore::new(root.clone(), prefix.clone())),
        };
        Ok(Lake { root, store, url, prefix, folder: None })
    }

    /// The lake's store; paths are relative to the lake (see [`crate::layout`]).
    pub fn store(&self) -> Arc<dyn ObjectStore> {
        self.store.clone()
    }

    /// The table at a location (see [`crate::layout::table`]). Nothing is read yet.
    pub fn table(&self, location: &str) -> Table {
        let path = Path::from(location);
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path.parts().map(|p| p.as_ref().to_string())).push("");
        }
        Table { lake: self.clone(), path, url }
    }

    /// Deletes every object under `prefix` that is not in `keep` (paths relative to the lake). Returns how many. For
    /// the diagnostics that earlier attempts of a run left beside those of the one that committed.
    pub async fn prune(&self, prefix: &str, keep: &[String]) -> Result<u64> {
        let keep: HashSet<String> = keep.iter().cloned().collect();
        self.delete_where(prefix, move |meta| !keep.contains(meta.location.as_ref())).await
    }

    /// The names of the folders directly below one of the lake.
    pub async fn folders(&self, below: &str) -> Result<Vec<String>> {
        let listed = self.store.list_with_delimiter(Some(&Path::from(below))).await;
        let listed = listed.map_err(|e| failed(e, format!("The lake could not list {below}.")))?;
        Ok(listed.common_prefixes.iter().filter_map(|p| p.filename().map(str::to_string)).collect())
    }

    /// Deletes every object under `prefix` that was written before `before`. Returns how many.
    pub async fn expire(&self, prefix: &str, before: forebay_model::Time) -> Result<u64> {
        let expired = self.delete_where(prefix, move |meta| meta.last_modified < before).await?;
        self.sweep(&Path::from(prefix), before).await?;
        Ok(expired)
    }

    async fn delete_where(&self, prefix: &str, doomed: impl Fn(&ObjectMeta) -> bool + Send + 'static) -> Result<u64> {
        let listed = self.store.list(Some(&Path::from(prefix)));
        let locations = listed.try_filter_map(move |meta| {
            let location = doomed(&meta).then_some(meta.location);
            async move { Ok(location) }
        });
        let deleted = self.delete(locations.boxed()).await;
        deleted.map_err(|e| failed(e, format!("The lake could not delete objects under {prefix}.")))
    }

    /// Deletes objects as they are listed. One that is gone already is no error.
    async fn delete(&self, locations: BoxStream<'static, object_store::Result<Path>>) -> object_store::Result<u64> {
        let mut deleted = 0;
        let mut answers = self.store.delete_stream(locations);
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(_) => deleted += 1,
                Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(deleted)
    }

    /// Half-written files that no listing shows; only folders have them.
    pub(crate) async fn sweep(&self, path: &Path, before: forebay_model::Time) -> Result<u64> {
        let Some(folder) = &self.folder else {
            return Ok(0);
        };
        let at = self.absolute(path);
        folder.sweep(&at, before.into()).await.map_err(|e| failed(e, format!("The lake could not tidy up {path}.")))
    }

    /// Deletes everything under a path.
    pub(crate) async fn delete_all(&self, path: &Path) -> Result<()> {
        let doing = || format!("The lake could not delete {path}.");
        if let Some(folder) = &self.folder {
            return folder.remove(&self.absolute(path)).await.map_err(|e| failed(e, doing()));
        }
        let locations = self.store.list(Some(path)).map_ok(|meta| meta.location);
        self.delete(locations.boxed()).await.map_err(|e| failed(e, doing()))?;
        Ok(())
    }

    fn absolute(&self, path: &Path) -> Path {
        self.prefix.parts().chain(path.parts()).collect()
    }
}

/// One table of a lake: a place, whether or not something is there yet.
#[derive(Debug, Clone)]
pub struct Table {
    pub(crate) lake: Lake,
    pub(crate) path: Path,
    url: Url,
}

impl Table {
    /// The table's location in the lake.
    pub fn location(&self) -> &str {
        self.path.as_ref()
    }

    /// The table's place, with a slash at its end.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// The table's newest state; `None` when nothing has been committed yet.
    pub(crate) async fn open(&self) -> Result<Option<DeltaTable>> {
        let doing = || format!("The lake could not read the log of {}.", self.path);
        let mut table = self.handle()?;
        if !table.log_store().is_delta_table_location().await.map_err(|e| failed(e, doing()))? {
            return Ok(None);
        }
        if table.load().await.is_err() {
            // Upkeep may take old log entries away between a reader's listing and its reading.
            table.load().await.map_err(|e| failed(e, doing()))?;
        }
        Ok(Some(table))
    }

    /// The table with no state loaded.
    pub(crate) fn handle(&self) -> Result<DeltaTable> {
        let doing = || format!("The lake could not address the table {}.", self.path);
        DeltaTableBuilder::from_url(self.url.clone())
            .map_err(|e| failed(e, doing()))?
            .with_storage_backend(self.lake.root.clone(), self.url.clone())
            .build()
            .map_err(|e| failed(e, doing()))
    }
}
