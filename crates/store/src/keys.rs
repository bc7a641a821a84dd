//! The key-encryption keys: they wrap the data keys that seal secrets, and never leave the process's memory and their
//! file. The file has one key a line, `<version> <64 hex digits>`; the last line's key seals, the others still open.

use forebay_model::{Context, Error, Kind, Result, code};
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use zeroize::Zeroizing;

/// 256 bits that nothing prints.
pub(crate) type Key = Zeroizing<[u8; 32]>;

/// The keys that wrap data keys.
#[derive(Clone)]
pub struct Keys {
    /// By version, the sealing one last; never empty.
    keys: Vec<(u32, Key)>,
    /// Where they come from, for messages.
    origin: String,
}

impl Keys {
    /// Reads the key file. If it is absent, makes one with a new key that only the owner can read (0600).
    pub fn open_or_create(path: &Path) -> Result<Keys> {
        let mut text = read(path)?;
        if text.is_none() {
            create(path)?;
            text = read(path)?;
        }
        let Some(text) = text else {
            return Err(fault(path, "vanished while it was being created."));
        };
        let mut keys = Vec::new();
        for line in text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'))
        {
            let Some(key) = parse(line) else {
                return Err(fault(
                    path,
                    "has a line that is not a version and 64 hex digits. Restore it from a backup.",
                ));
            };
            keys.push(key);
        }
        if keys.is_empty() {
            return Err(fault(
                path,
                "holds no key. Restore it from a backup; without it stored credentials cannot be read.",
            ));
        }
        Ok(Keys {
            keys,
            origin: format!("the key file {}", path.display()),
        })
    }

    /// One key, from wherever the operator keeps it.
    pub fn from_bytes(key: [u8; 32]) -> Keys {
        Keys {
            keys: vec![(1, Zeroizing::new(key))],
            origin: "the given key".to_string(),
        }
    }

    pub(crate) fn current(&self) -> (u32, &Key) {
        let (version, key) = self.keys.last().expect("both constructors put a key in");
        (*version, key)
    }

    pub(crate) fn get(&self, version: u32) -> Option<&Key> {
        self.keys
            .iter()
            .find(|(known, _)| *known == version)
            .map(|(_, key)| key)
    }

    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({} from {})", self.keys.len(), self.origin)
    }
}

/// Random bytes from the operating system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).context(
        Kind::Internal,
        &code::FLOW_1400,
        "The operating system gave no random bytes.",
    )?;
    Ok(bytes)
}

fn parse(line: &str) -> Option<(u32, Key)> {
    let (version, digits) = line.split_once(' ')?;
    let digits = digits.trim();
    if digits.len() != 64 || !digits.is_ascii() {
        return None;
    }
    let mut key = Zeroizing::new([0; 32]);
    for (i, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).ok()?;
    }
    Some((version.parse().ok()?, key))
}

/// The file's text, or nothing if there is no file. A file that others can read is refused.
fn read(path: &Path) -> Result<Option<Zeroizing<String>>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(
                fault(path, "cannot be read. Check its owner and permissions.").caused_by(error),
            );
        }
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(path)
            .map_err(|error| fault(path, "cannot be examined.").caused_by(error))?
            .permissions()
            .mode();
        if mode & 0o077 != 0 {
            return Err(fault(
                path,
                "can be read by others than its owner. Run chmod 600 on it.",
            ));
        }
    }
    Ok(Some(text))
}

/// Writes the file aside, syncs it, and links it into place: of two processes that start at once, one wins, and nobody
/// ever sees half a file.
fn create(path: &Path) -> Result<()> {
    let key = Zeroizing::new(random::<32>()?);
    let mut line = Zeroizing::new(String::from("1 "));
    for byte in key.iter() {
        write!(line, "{byte:02x}").expect("a String takes any text");
    }
    line.push('\n');
    let aside = path.with_extension(format!("new-{}", uuid::Uuid::new_v4().simple()));
    let result = write_new(&aside, &line).and_then(|()| match fs::hard_link(&aside, path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => sync_folder(path),
    });
    let _ = fs::remove_file(&aside);
    result.map_err(|error| {
        fault(
            path,
            "cannot be created. Check that its folder exists and can be written to.",
        )
        .caused_by(error)
    })
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn sync_folder(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

fn fault(path: &Path, what: &str) -> Error {
    Error::new(
        Kind::Invalid,
        &code::FLOW_1400,
        format!("The key file {} {what}", path.display()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_file_is_private_and_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        let made = Keys::open_or_create(&path).expect("it is made");
        let read = Keys::open_or_create(&path).expect("it is read");
        assert_eq!(made.current().1, read.current().1);
        assert_eq!(
            fs::read_dir(folder.path()).expect("it lists").count(),
            1,
            "no file is left beside it"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(
                fs::metadata(&path).expect("it exists").permissions().mode() & 0o777,
                0o600
            );
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_key_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        Keys::open_or_create(&path).expect("it is made");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("it is opened up");
        assert!(
            Keys::open_or_create(&path)
                .expect_err("refused")
                .message
                .contains("chmod 600")
        );
    }

    #[test]
    #[cfg(unix)]
    fn the_last_key_of_a_file_seals_and_all_open() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("key");
        fs::write(
            &path,
            format!("# keys\n1 {}\n2 {}\n", "01".repeat(32), "02".repeat(32)),
        )
        .expect("it is written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("it is closed");
        let keys = Keys::open_or_create(&path).expect("it is read");
        assert_eq!(keys.current(), (2, &Zeroizing::new([2; 32])));
        assert_eq!(keys.get(1), Some(&Zeroizing::new([1; 32])));
        assert!(!format!("{keys:?}").contains("0101"));
        fs::write(&path, "1 abc\n").expect("it is written");
        assert!(Keys::open_or_create(&path).is_err());
        fs::write(&path, "\n").expect("it is written");
        assert!(Keys::open_or_create(&path).is_err());
    }
}
