//! A folder as an object store whose answers survive a power cut. `object_store`'s own local store never calls fsync;
//! here a file's bytes are synced before its name appears, and the folder before the call returns:
//! fsync(file) → link or rename → fsync(folder) → answer. So a Delta commit is never seen torn, and never taken back.
//!
//! A file in the making has its final name plus `#` and digits, a form that `LocalFileSystem` keeps out of listings.
//! What a killed process leaves in that form is found by [`Folder::sweep`] alone.

use async_trait::async_trait;
use futures::FutureExt;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyMode, CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions,
    RenameTargetMode, Result, UploadPart,
};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

/// A local file system, written to durably. Paths are relative to its root.
#[derive(Debug, Clone)]
pub struct Folder {
    inner: LocalFileSystem,
}

impl Folder {
    /// The whole file system: paths are absolute.
    pub fn root() -> Folder {
        Folder {
            inner: LocalFileSystem::new(),
        }
    }

    /// Deletes what killed processes left half written under `prefix` before `before`. Returns how many.
    pub async fn sweep(&self, prefix: &Path, before: SystemTime) -> Result<u64> {
        let Some(folder) = self.folder(prefix)? else {
            return Ok(0);
        };
        blocking(move || sweep(&folder, before).map_err(|e| io_error(&folder, e))).await
    }

    /// Deletes a folder with everything in it, listed or not. It is no error if there is none.
    pub async fn remove(&self, prefix: &Path) -> Result<()> {
        let Some(folder) = self.folder(prefix)? else {
            return Ok(());
        };
        blocking(move || match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(io_error(&folder, error)),
            _ => Ok(()),
        })
        .await
    }

    fn folder(&self, prefix: &Path) -> Result<Option<PathBuf>> {
        if prefix.as_ref().is_empty() {
            return Ok(None);
        }
        self.inner.path_to_filesystem(prefix).map(Some)
    }
}

impl std::fmt::Display for Folder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Folder({})", self.inner)
    }
}

/// A file on its way: dropped, it is gone; published, it is there for good.
#[derive(Debug)]
struct Staged {
    file: File,
    at: PathBuf,
    to: PathBuf,
    published: bool,
}

impl Staged {
    fn create(to: PathBuf) -> Result<Staged> {
        let mut at = to.as_os_str().to_owned();
        at.push(format!("#{}", uuid::Uuid::new_v4().as_u128()));
        let at = PathBuf::from(at);
        let open = || OpenOptions::new().write(true).create_new(true).open(&at);
        let file = match open() {
            Err(error) if error.kind() == ErrorKind::NotFound => make_parents(&to)
                .and_then(|()| open())
                .map_err(|e| io_error(&to, e))?,
            other => other.map_err(|e| io_error(&to, e))?,
        };
        Ok(Staged {
            file,
            at,
            to,
            published: false,
        })
    }

    fn publish(&mut self, replace: bool) -> Result<()> {
        self.file.sync_all().map_err(|e| io_error(&self.to, e))?;
        if replace {
            fs::rename(&self.at, &self.to).map_err(|e| io_error(&self.to, e))?;
        } else {
            fs::hard_link(&self.at, &self.to).map_err(|e| io_error(&self.to, e))?;
            // The second name is harmless; a sweep takes it.
            let _ = fs::remove_file(&self.at);
        }
        self.published = true;
        sync_parent(&self.to).map_err(|e| io_error(&self.to, e))
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.published {
            let _ = fs::remove_file(&self.at);
        }
    }
}

fn sync_parent(path: &FilePath) -> io::Result<()> {
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

/// Makes the folders above `path`, and syncs each folder that got a new one.
fn make_parents(path: &FilePath) -> io::Result<()> {
    let mut missing = Vec::new();
    let mut at = path.parent();
    while let Some(folder) = at {
        if folder.exists() {
            break;
        }
        missing.push(folder);
        at = folder.parent();
    }
    for folder in missing.into_iter().rev() {
        match fs::create_dir(folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
            _ => sync_parent(folder)?,
        }
    }
    Ok(())
}

fn sweep(folder: &FilePath, before: SystemTime) -> io::Result<u64> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        other => other?,
    };
    let mut swept = 0;
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            swept += sweep(&entry.path(), before)?;
            continue;
        }
        let name = entry.file_name();
        let half = name.to_str().and_then(|n| n.rsplit_once('#'));
        let Some((_, digits)) = half else { continue };
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            continue;
        }
        // A writer may finish or give up between the listing and here.
        let Ok(written) = entry.metadata().and_then(|m| m.modified()) else {
            continue;
        };
        if written < before && fs::remove_file(entry.path()).is_ok() {
            swept += 1;
        }
    }
    Ok(swept)
}

fn io_error(path: &FilePath, error: io::Error) -> object_store::Error {
    let path = path.to_string_lossy().into_owned();
    match error.kind() {
        ErrorKind::NotFound => object_store::Error::NotFound {
            path,
            source: Box::new(error),
        },
        ErrorKind::AlreadyExists => object_store::Error::AlreadyExists {
            path,
            source: Box::new(error),
        },
        _ => object_store::Error::Generic {
            store: "Folder",
            source: Box::new(error),
        },
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => runtime.spawn_blocking(work).await?,
        Err(_) => work(),
    }
}

#[async_trait]
impl ObjectStore for Folder {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        opts: PutOptions,
    ) -> Result<PutResult> {
        let replace = match opts.mode {
            object_store::PutMode::Overwrite => true,
            object_store::PutMode::Create => false,
            object_store::PutMode::Update(_) => {
                return Err(object_store::Error::NotImplemented {
                    operation: "`put_opts` with `PutMode::Update`".into(),
                    implementer: self.to_string(),
                });
            }
        };
        let to = self.inner.path_to_filesystem(location)?;
        blocking(move || {
            let mut staged = Staged::create(to)?;
            for bytes in payload.iter() {
                staged
                    .file
                    .write_all(bytes)
                    .map_err(|e| io_error(&staged.to, e))?;
            }
            staged.publish(replace)
        })
        .await?;
        Ok(PutResult {
            e_tag: None,
            version: None,
        })
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let to = self.inner.path_to_filesystem(location)?;
        let staged = blocking(move || Staged::create(to)).await?;
        Ok(Box::new(Upload {
            staged: Some(Arc::new(Mutex::new(staged))),
            offset: 0,
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(
        &self,
        location: &Path,
        ranges: &[Range<u64>],
    ) -> Result<Vec<bytes::Bytes>> {
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    fn list_with_offset(
        &self,
        prefix: Option<&Path>,
        offset: &Path,
    ) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list_with_offset(prefix, offset)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let replace = matches!(options.mode, CopyMode::Overwrite);
        let (from, to) = (
            self.inner.path_to_filesystem(from)?,
            self.inner.path_to_filesystem(to)?,
        );
        blocking(move || {
            let mut source = File::open(&from).map_err(|e| io_error(&from, e))?;
            let mut staged = Staged::create(to)?;
            io::copy(&mut source, &mut staged.file).map_err(|e| io_error(&staged.to, e))?;
            staged.publish(replace)
        })
        .await
    }

    async fn rename_opts(&self, from: &Path, to: &Path, options: RenameOptions) -> Result<()> {
        let replace = matches!(options.target_mode, RenameTargetMode::Overwrite);
        let (from, to) = (
            self.inner.path_to_filesystem(from)?,
            self.inner.path_to_filesystem(to)?,
        );
        blocking(move || {
            let moved = make_parents(&to).and_then(|()| {
                if replace {
                    return fs::rename(&from, &to);
                }
                fs::hard_link(&from, &to)?;
                fs::remove_file(&from)
            });
            moved
                .and_then(|()| sync_parent(&to))
                .and_then(|()| sync_parent(&from))
                .map_err(|e| io_error(&to, e))
        })
        .await
    }
}

/// A large file, written part by part into its staged form.
#[derive(Debug)]
struct Upload {
    staged: Option<Arc<Mutex<Staged>>>,
    offset: u64,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let offset = self.offset;
        self.offset += data.content_length() as u64;
        let staged = self.staged.clone();
        async move {
            let staged = staged.ok_or_else(over)?;
            blocking(move || {
                let mut staged = staged.lock().map_err(|_| over())?;
                let mut write = || {
                    staged.file.seek(SeekFrom::Start(offset))?;
                    for bytes in data.iter() {
                        staged.file.write_all(bytes)?;
                    }
                    Ok(())
                };
                write().map_err(|e| io_error(&staged.to, e))
            })
            .await
        }
        .boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let staged = self.staged.take().ok_or_else(over)?;
        blocking(move || staged.lock().map_err(|_| over())?.publish(true)).await?;
        Ok(PutResult {
            e_tag: None,
            version: None,
        })
    }

    async fn abort(&mut self) -> Result<()> {
        self.staged = None;
        Ok(())
    }
}

fn over() -> object_store::Error {
    object_store::Error::Generic {
        store: "Folder",
        source: "the upload is over".into(),
    }
}
