//! How an installation is read: whole regular files of bounded size, and the names in a folder. It writes nothing.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// Why a file cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// There is none.
    Missing,
    /// A folder, a pipe, a device.
    NotAFile,
    /// It has more bytes than such a file may have.
    TooLarge,
    /// The file system says this.
    Refused(io::ErrorKind),
}

impl Trouble {
    /// What to tell people.
    pub fn words(self) -> String {
        match self {
            Self::Missing => "there is no such file".to_owned(),
            Self::NotAFile => "it is no regular file".to_owned(),
            Self::TooLarge => "it is too large to be such a file".to_owned(),
            Self::Refused(kind) => format!("it cannot be read: {kind}"),
        }
    }
}

/// What a name in a folder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seen {
    /// A file, or a link to one.
    File,
    /// A folder, but no link to one: links lead in circles.
    Folder,
}

/// A file system, as far as it is needed.
pub trait Look {
    /// A whole file of at most `most` bytes.
    ///
    /// # Errors
    /// Why it cannot be had.
    fn file(&self, path: &Path, most: usize) -> Result<Vec<u8>, Trouble>;

    /// What is in a folder, by name; nothing where there is no folder.
    fn folder(&self, path: &Path) -> Vec<(String, Seen)>;
}

/// The real one.
#[derive(Debug, Clone, Copy)]
pub struct Disk;

/// Most names of one folder that are looked at.
const MOST_NAMES: usize = 20_000;

impl Look for Disk {
    fn file(&self, path: &Path, most: usize) -> Result<Vec<u8>, Trouble> {
        let told = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Trouble::Missing,
            kind => Trouble::Refused(kind),
        };
        // Looked at before it is opened: opening a pipe waits for who fills it.
        if !std::fs::metadata(path).map_err(told)?.is_file() {
            return Err(Trouble::NotAFile);
        }
        let mut bytes = Vec::new();
        let limit = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        File::open(path).map_err(told)?.take(limit).read_to_end(&mut bytes).map_err(told)?;
        if bytes.len() > most { Err(Trouble::TooLarge) } else { Ok(bytes) }
    }

    fn folder(&self, path: &Path) -> Vec<(String, Seen)> {
        let Ok(names) = std::fs::read_dir(path) else { return Vec::new() };
        let seen = names.filter_map(Result::ok).take(MOST_NAMES).filter_map(|entry| {
            // A name that is no text cannot be read by it later, and is told of then.
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type().ok()?;
            let is_file = kind.is_file() || kind.is_symlink() && entry.path().is_file();
            (is_file || kind.is_dir()).then_some((name, if is_file { Seen::File } else { Seen::Folder }))
        });
        let mut seen: Vec<_> = seen.collect();
        seen.sort();
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_bounded_size_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(Disk.file(&path, 5).unwrap(), b"12345");
        assert_eq!(Disk.file(&path, 4), Err(Trouble::TooLarge));
        assert_eq!(Disk.file(folder.path(), 5), Err(Trouble::NotAFile));
        assert_eq!(Disk.file(&folder.path().join("b"), 5), Err(Trouble::Missing));
        assert_eq!(Disk.file(&path.join("b"), 5), Err(Trouble::Missing));
    }

    #[cfg(unix)]
    #[test]
    fn endless_and_silent_files_are_not_waited_for() {
        assert_eq!(Disk.file(Path::new("/dev/zero"), 5), Err(Trouble::NotAFile));
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(folder.path(), folder.path().join("circle")).unwrap();
        std::os::unix::fs::symlink("nowhere", folder.path().join("dangling")).unwrap();
        std::fs::write(folder.path().join("real"), "").unwrap();
        std::os::unix::fs::symlink("real", folder.path().join("link")).unwrap();
        let names = Disk.folder(folder.path());
        assert_eq!(names, [("link".to_owned(), Seen::File), ("real".to_owned(), Seen::File)]);
    }
}
