//! A folder of account files as a store: every `*.json` in it and in folders below is a document.

use std::fs::{File, Metadata, OpenOptions};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::io::{self, ErrorKind, Read as _};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use pool::{Listed, Secret, Vault, VaultError};
use upstreams::MAX_FILE;

/// How deep folders are looked into.
const DEPTH: usize = 6;
/// Most files and folders that are looked at.
const MOST: usize = 20_000;
/// A file that was written this lately may be written again within the same tick of the disk's clock.
const YOUNG: Duration = Duration::from_secs(3);
/// Where the files are that keep other processes from a renewal. They hold nothing.
const LOCKS: &str = ".locks";

/// A folder. It need not be there.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder at a path.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a document is. Names come from listings, but nothing may lead out of the folder.
    fn place(&self, name: &str) -> Result<PathBuf, VaultError> {
        let plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        if plain && !name.is_empty() {
            Ok(self.path.join(name))
        } else {
            Err(VaultError("it has no proper name".into()))
        }
    }
}

impl Vault for Folder {
    fn list(&self) -> Result<Vec<Listed>, VaultError> {
        let mut found = Vec::new();
        walk(&self.path, "", 0, &mut found).map_err(|error| told("the folder cannot be read", &error))?;
        found.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(found)
    }

    fn read(&self, name: &str) -> Result<Option<Secret>, VaultError> {
        let mut bytes = Vec::new();
        let limit = u64::try_from(MAX_FILE).unwrap_or(u64::MAX).saturating_add(1);
        let read = File::open(self.place(name)?).and_then(|file| file.take(limit).read_to_end(&mut bytes));
        match read {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(told("it cannot be read", &error)),
            Ok(_) => (),
        }
        match str::from_utf8(&bytes) {
            Ok(text) => Ok(Some(Secret::new(text.strip_prefix('\u{feff}').unwrap_or(text)))),
            Err(_) if bytes.len() > MAX_FILE => Err(VaultError("it is too large".into())),
            Err(_) => Err(VaultError("it is no UTF-8 text".into())),
        }
    }

    fn save(&self, name: &str, text: &Secret) -> Result<(), VaultError> {
        let path = self.place(name)?;
        // A link stays one: what it leads to is rewritten.
        let path = path.canonicalize().unwrap_or(path);
        config::write_private(&path, text.expose()).map_err(|error| told("it cannot be written", &error))
    }

    fn hold(&self, name: &str) -> Result<Option<Box<dyn Send>>, VaultError> {
        let lock = self.path.join(LOCKS).join(format!("{}.lock", self.place(name).map(|_| name.replace('/', "_"))?));
        let open = || {
            std::fs::create_dir_all(self.path.join(LOCKS))?;
            OpenOptions::new().create(true).append(true).open(&lock)
        };
        let file = open().map_err(|error| told("its lock cannot be made", &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => Err(told("it cannot be locked", &error)),
        }
    }
}

fn walk(folder: &Path, prefix: &str, depth: usize, found: &mut Vec<Listed>) -> io::Result<()> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries.flatten() {
        let Ok(name) = entry.file_name().into_string() else { continue };
        if found.len() >= MOST || name.starts_with('.') {
            continue;
        }
        // Links are followed. One that leads nowhere is no file now.
        let Ok(meta) = std::fs::metadata(entry.path()) else { continue };
        let whole = format!("{prefix}{name}");
        if meta.is_dir() && depth < DEPTH && name != "logs" {
            // What cannot be read below says nothing of what is here.
            _ = walk(&entry.path(), &format!("{whole}/"), depth + 1, found);
        } else if meta.is_file() && name.to_ascii_lowercase().ends_with(".json") {
            found.push(Listed { name: whole, mark: mark(&meta) });
        }
    }
    Ok(())
}

#[cfg(unix)]
fn identity(meta: &Metadata) -> impl std::hash::Hash {
    use std::os::unix::fs::MetadataExt as _;
    (meta.dev(), meta.ino(), meta.ctime(), meta.ctime_nsec())
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> impl std::hash::Hash {}

fn mark(meta: &Metadata) -> Option<u64> {
    let modified = meta.modified().ok()?;
    let young = SystemTime::now().duration_since(modified).map_or(true, |age| age < YOUNG);
    if young {
        return None;
    }
    let mut hasher = DefaultHasher::new();
    (modified, meta.len()).hash(&mut hasher);
    identity(meta).hash(&mut hasher);
    Some(hasher.finish())
}

fn told(what: &str, error: &io::Error) -> VaultError {
    VaultError(format!("{what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_listed_read_and_written_whole() {
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::new(&home.path().join("auths"));
        assert_eq!(folder.list().unwrap(), []);
        folder.save("b.json", &Secret::new("{}")).unwrap();
        for other in ["sub/a.JSON", "logs/x.json", ".hidden.json", "note.txt", "bosporus.cds"] {
            folder.save(other, &Secret::new("x")).unwrap();
        }
        let names: Vec<_> = folder.list().unwrap().into_iter().map(|listed| listed.name).collect();
        assert_eq!(names, ["b.json", "sub/a.JSON"]);
        assert_eq!(folder.read("b.json").unwrap().unwrap().expose(), "{}");
        assert_eq!(folder.read("none.json").unwrap(), None);
        std::fs::write(folder.path().join("odd.json"), b"\xff").unwrap();
        assert!(folder.read("odd.json").unwrap_err().0.contains("UTF-8"));
        for wrong in ["../x.json", "/etc/x.json", "", "a/../b.json"] {
            assert!(folder.read(wrong).is_err() && folder.save(wrong, &Secret::new("x")).is_err(), "{wrong}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_written_is_its_owners_and_links_stay_links() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let folder = Folder::new(home.path());
        let elsewhere = home.path().join("elsewhere");
        std::fs::write(&elsewhere, "old").unwrap();
        std::os::unix::fs::symlink(&elsewhere, home.path().join("a.json")).unwrap();
        folder.save("a.json", &Secret::new("new")).unwrap();
        assert_eq!(std::fs::read_to_string(&elsewhere).unwrap(), "new");
        assert!(std::fs::symlink_metadata(home.path().join("a.json")).unwrap().is_symlink());
        assert_eq!(std::fs::metadata(&elsewhere).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn one_at_a_time_holds_a_document() {
        let home = tempfile::tempdir().unwrap();
        let (one, other) = (Folder::new(home.path()), Folder::new(home.path()));
        let held = one.hold("a.json").unwrap().unwrap();
        assert!(other.hold("a.json").unwrap().is_none() && other.hold("b.json").unwrap().is_some());
        drop(held);
        assert!(other.hold("a.json").unwrap().is_some());
        assert_eq!(one.list().unwrap(), []);
    }
}
