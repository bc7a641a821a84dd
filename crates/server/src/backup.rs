//! `forebay backup FILE` and `forebay restore FILE`: the whole metadata of an installation, from one database into another.
//! Keys and lake are not in the file; what has to be kept beside it is said each time.

use crate::config::{self, Config};
use crate::place::Place;
use crate::serve::{database, said};
use crate::{Backup, Restore};
use chrono::Utc;
use forebay_model::Kind;
use forebay_store::{Keys, Onto};
use std::fs::File;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Writes the file, whole or not at all; the platform may be at work.
pub async fn save(args: Backup) -> Result<(), String> {
    let config = configured(args.config.as_deref(), args.data)?;
    let file = &args.file;
    if file.exists() {
        return Err(format!("{} exists already; name another file", file.display()));
    }
    let beside = file.with_extension(format!("{}.part", std::process::id()));
    let out = File::options().write(true).create_new(true).mode(0o600).open(&beside);
    let out = out.map_err(|e| format!("{} cannot be written: {e}", beside.display()))?;
    let written = forebay_store::backup(&database(&config)?, &out, Utc::now()).await;
    let kept = match written {
        Ok(summary) => {
            let kept = out.sync_all().and_then(|()| std::fs::rename(&beside, file)).and_then(|()| sync_folder(file));
            kept.map(|()| summary).map_err(|e| format!("{} cannot be written: {e}", file.display()))
        }
        Err(e) => Err(said("nothing was backed up", e)),
    };
    if kept.is_err() {
        std::fs::remove_file(&beside).ok();
    }
    let data = config.server.data.display();
    println!(
        "{}: {} rows as of {}.\nKeep beside it: {data}/key-encryption-key, without which stored credentials cannot be read; {data}/credentials.json; and {data}/lake, which is not in it.",
        file.display(),
        kept?.rows,
        Utc::now().to_rfc3339(),
    );
    Ok(())
}

/// Reads the file into the configured database, which must be empty unless `--force` is given.
pub async fn load(args: Restore) -> Result<(), String> {
    let config = configured(args.config.as_deref(), args.data)?;
    let data = &config.server.data;
    let input = File::open(&args.file).map_err(|e| format!("{} cannot be read: {e}", args.file.display()))?;
    let _place = Place::take(data, false)?;
    let key = data.join("key-encryption-key");
    if !key.exists() {
        return Err(format!(
            "{} is missing: put the key file there that was kept beside the backup; without it stored credentials cannot be read",
            key.display()
        ));
    }
    let keys = Keys::open_or_create(&key).map_err(|e| said("the key-encryption key could not be read", e))?;
    let onto = if args.force { Onto::Anything } else { Onto::Nothing };
    let done = forebay_store::restore(&database(&config)?, &keys, input, onto).await.map_err(|e| {
        let hint = if e.kind == Kind::Conflict { "\nGive --force to replace what is there." } else { "" };
        said("nothing was restored", e) + hint
    })?;
    println!(
        "{}: {} rows as of {} restored.\nIts lake belongs at {}/lake. Data that was ingested after the backup is ingested again.",
        args.file.display(),
        done.rows,
        done.made.to_rfc3339(),
        data.display()
    );
    Ok(())
}

fn configured(file: Option<&Path>, data: Option<PathBuf>) -> Result<Config, String> {
    let mut config = config::read(file, std::env::vars())?;
    if let Some(data) = data {
        config.server.data = data;
    }
    Ok(config)
}

fn sync_folder(file: &Path) -> std::io::Result<()> {
    match file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}
