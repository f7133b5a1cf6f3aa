//! Puts a new installation where it belongs: account files first and the configuration last, each whole or not at all,
//! readable by its owner only. Nothing that exists is replaced unless that was asked for.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::draft::Import;

/// Where it belongs.
#[derive(Debug, Clone)]
pub struct Place {
    /// The configuration file.
    pub config: PathBuf,
    /// The folder of account files.
    pub auth_dir: PathBuf,
    /// The file of the system prompt.
    pub prompt: PathBuf,
}

/// Writes everything; gives the paths that were written.
///
/// # Errors
/// When something is in the way and `force` does not say to replace it, and then nothing is written; when the file
/// system refuses.
pub fn write(import: &Import, place: &Place, force: bool) -> Result<Vec<PathBuf>, String> {
    let files = files(import, place);
    if !force {
        let in_the_way: Vec<_> = files.iter().filter(|(path, bytes)| differs(path, bytes)).collect();
        if !in_the_way.is_empty() {
            let names: Vec<_> = in_the_way.iter().take(10).map(|(path, _)| path.display().to_string()).collect();
            let more =
                if in_the_way.len() > 10 { format!(" and {} more", in_the_way.len() - 10) } else { String::new() };
            return Err(format!("in the way: {}{more}; nothing was written (--force replaces them)", names.join(", ")));
        }
    }
    for (path, bytes) in &files {
        one(path, bytes, force).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

/// All files, the configuration last: where it is, the rest is, too.
fn files(import: &Import, place: &Place) -> Vec<(PathBuf, Vec<u8>)> {
    let copies = import.copies.iter().map(|copy| (place.auth_dir.join(&copy.name), copy.bytes.clone()));
    let prompt = import.prompt.iter().map(|words| (place.prompt.clone(), words.clone().into_bytes()));
    let config = (place.config.clone(), import.text().into_bytes());
    copies.chain(prompt).chain([config]).collect()
}

/// Whether something else is there.
fn differs(path: &Path, bytes: &[u8]) -> bool {
    let Ok(there) = path.symlink_metadata() else { return false };
    let same = there.is_file()
        && u64::try_from(bytes.len()).is_ok_and(|length| length == there.len())
        && fs::read(path).is_ok_and(|old| old == bytes);
    !same
}

fn one(path: &Path, bytes: &[u8], force: bool) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        private_folders(folder)?;
    }
    if force || path.symlink_metadata().is_ok() {
        // What is there has the same bytes, or may go; its mode becomes right either way.
        return config::write_private(path, bytes);
    }
    config::write_new(path, bytes)
}

/// Makes what is missing of a folder, for its owner only.
fn private_folders(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use config::document::{Node, Value};

    use super::*;

    fn import() -> Import {
        let mut import = Import::new(Node::new(Value::Map(Vec::new())), "a test");
        import.copy("deep/a.json", b"{}".to_vec());
        import.copy("deep/a.json", b"[]".to_vec());
        import.prompt = Some("Be brief.".to_owned());
        import
    }

    fn place(folder: &Path) -> Place {
        let new = folder.join("one/two");
        Place { auth_dir: new.join("auths"), prompt: new.join("prompt.txt"), config: new.join("config.yaml") }
    }

    #[test]
    fn everything_is_written_the_configuration_last() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        let written = write(&import(), &place, false).unwrap();
        let names: Vec<_> =
            written.iter().map(|path| path.strip_prefix(folder.path()).unwrap().to_str().unwrap()).collect();
        let auths = ["one/two/auths/deep/a.json", "one/two/auths/deep/a-2.json"];
        assert_eq!(names, [auths[0], auths[1], "one/two/prompt.txt", "one/two/config.yaml"]);
        assert_eq!(fs::read(&written[1]).unwrap(), b"[]");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert!(written.iter().all(|path| mode(path) == 0o600));
            assert_eq!((mode(&folder.path().join("one")), mode(&place.auth_dir.join("deep"))), (0o700, 0o700));
        }
    }

    #[test]
    fn whatever_is_in_the_way_stops_all_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        for block in [place.auth_dir.join("deep/a-2.json"), place.prompt.clone(), place.config.clone()] {
            fs::create_dir_all(block.parent().unwrap()).unwrap();
            fs::write(&block, "mine").unwrap();
            let why = write(&import(), &place, false).unwrap_err();
            assert!(why.contains(block.to_str().unwrap()), "{why}");
            assert_eq!(fs::read(&block).unwrap(), b"mine");
            fs::remove_file(&block).unwrap();
        }
        assert!(fs::read_dir(place.auth_dir.join("deep")).unwrap().next().is_none());
        write(&import(), &place, false).unwrap();
        write(&import(), &place, false).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_replaced_and_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let place = place(folder.path());
        fs::create_dir_all(place.config.parent().unwrap()).unwrap();
        let precious = folder.path().join("precious");
        fs::write(&precious, "mine").unwrap();
        std::os::unix::fs::symlink(&precious, &place.config).unwrap();
        assert!(write(&import(), &place, false).is_err());
        write(&import(), &place, true).unwrap();
        assert_eq!(fs::read(&precious).unwrap(), b"mine");
        assert!(fs::symlink_metadata(&place.config).unwrap().is_file());
    }
}
