//! A process's place in the data folder: its lock, its worker's name, and what it may spill into.
//!
//! Over a file of SQLite one process lives in a folder. Over PostgreSQL several may, each in a place of its own: the lake and
//! the keys are shared, names and spilled files are not. Whoever holds a place knows that its former holder is gone.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tracing::warn;

/// More processes than one machine runs.
const MOST: usize = 64;

/// Held while this process lives.
pub struct Place {
    /// The worker's name: the same after each start in this place, and no other place's.
    pub name: String,
    /// Whether it is the folder's first, who writes what all share.
    pub first: bool,
    /// For what a merge puts aside.
    pub spill: PathBuf,
    _lock: File,
}

impl Place {
    /// Takes the first free place of a folder, which is made if it is absent; `shared` folders have more than one.
    pub fn take(data: &Path, shared: bool) -> Result<Place, String> {
        private_folder(data)?;
        for number in 1..=if shared { MOST } else { 1 } {
            let suffix = if number == 1 { String::new() } else { format!("-{number}") };
            let Some(lock) = lock(&data.join(format!("forebay{suffix}.lock")))? else { continue };
            let spill = data.join(format!("spill{suffix}"));
            // What a process that was killed had put aside is nobody's; the lock says that it is gone.
            if spill.is_dir() {
                std::fs::remove_dir_all(&spill).map_err(|e| format!("{} cannot be emptied: {e}", spill.display()))?;
            }
            private_folder(&spill)?;
            let name = format!("{}{suffix}", folder_id(data)?);
            return Ok(Place { name, first: number == 1, spill, _lock: lock });
        }
        Err(format!("another Forebay runs over {}; end it or name another folder with --data", data.display()))
    }
}

/// A folder that only its owner can read.
pub fn private_folder(data: &Path) -> Result<(), String> {
    use std::os::unix::fs::DirBuilderExt;
    if data.is_dir() {
        return Ok(());
    }
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data);
    made.map_err(|e| format!("the folder {} cannot be made: {e}", data.display()))
}

/// Writes a file of mode 0600, whole or not at all.
pub fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = File::options().create(true).truncate(true).write(true).mode(0o600).open(&beside)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&beside, path)
}

/// The lock, or nothing if another process has it.
fn lock(path: &Path) -> Result<Option<File>, String> {
    let file = File::options().create(true).truncate(false).write(true).open(path);
    let file = file.map_err(|e| format!("{} cannot be opened: {e}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(e)) => Err(format!("{} cannot be locked: {e}", path.display())),
    }
}

/// What tells this folder's workers from those of another folder over the same database.
fn folder_id(data: &Path) -> Result<String, String> {
    let path = data.join("worker-id");
    match std::fs::read_to_string(&path) {
        Ok(id) if !id.trim().is_empty() => return Ok(id.trim().to_string()),
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            return Err(format!("{} cannot be read: {e}", path.display()));
        }
        _ => {}
    }
    let id = uuid::Uuid::new_v4().to_string();
    if let Err(e) = write_private(&path, &id) {
        warn!(error = %e, "{} cannot be written: after a restart, runs wait until their claims expire", path.display());
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_place_and_a_shared_one_more() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let first = Place::take(&data, false).unwrap();
        assert!(Place::take(&data, false).err().unwrap().contains("another Forebay runs"));
        let second = Place::take(&data, true).unwrap();
        assert!(first.first && !second.first);
        assert!(first.name != second.name && first.spill != second.spill);
        let name = second.name.clone();
        drop(second);
        assert_eq!(Place::take(&data, true).unwrap().name, name, "the next one in a place is known by the same name");
    }
}
