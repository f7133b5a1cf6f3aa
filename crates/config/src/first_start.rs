//! The first configuration, with keys of its own, and how it reaches the disk. Randomness is passed in.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use crate::secret::Secret;

/// A first configuration and the keys that it holds, so that they can be shown once.
#[derive(Debug, Clone)]
pub struct Fresh {
    /// The file. It holds both keys, so it is a secret as well; see [`write_new`].
    pub yaml: Secret,
    /// The key for clients.
    pub client_key: Secret,
    /// The key for management.
    pub management_key: Secret,
}

/// Bytes of randomness in a key: 192 bits.
const KEY_BYTES: usize = 24;

/// Makes a first configuration. `random` fills its argument from the operating system's generator.
pub fn fresh(mut random: impl FnMut(&mut [u8])) -> Fresh {
    let mut key = |prefix: &str| {
        let mut bytes = [0; KEY_BYTES];
        random(&mut bytes);
        bytes.iter().fold(prefix.to_owned(), |mut key, byte| {
            // Writing to a String cannot fail.
            let _ = write!(key, "{byte:02x}");
            key
        })
    };
    let (client, management) = (key("bos-"), key("bos-admin-"));
    let yaml = TEMPLATE.replace("CLIENT_KEY", &client).replace("MANAGEMENT_KEY", &management);
    Fresh { yaml: yaml.into(), client_key: client.into(), management_key: management.into() }
}

const TEMPLATE: &str = include_str!("first_start.yaml");

/// Writes a new file that only its owner can read, whole or not at all.
///
/// # Errors
/// [`io::ErrorKind::AlreadyExists`] when there is a file at `path`, which is left as it is; otherwise whatever the file
/// system says.
pub fn write_new(path: &Path, text: impl AsRef<[u8]>) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // A temporary file is made with mode 0600, and stays so when it takes its name.
    let mut file = tempfile::Builder::new().prefix(".bosporus-").tempfile_in(folder)?;
    file.write_all(text.as_ref())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map_err(|failed| failed.error)?;
    sync_folder(folder)
}

/// Writes a file in place of an old one, readable by its owner only: whoever reads finds the old text or the new.
///
/// # Errors
/// When its folder cannot be made or written.
pub fn write_private(path: &Path, text: impl AsRef<[u8]>) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(".bosporus-").tempfile_in(folder)?;
    file.write_all(text.as_ref())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|failed| failed.error)?;
    sync_folder(folder)
}

/// The name, too, must survive a power cut.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    std::fs::File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::ErrorKind;

    use super::{fresh, write_new};

    fn counting() -> impl FnMut(&mut [u8]) {
        let mut next = 0u8;
        move |bytes| {
            for byte in bytes {
                *byte = next.wrapping_mul(37);
                next = next.wrapping_add(1);
            }
        }
    }

    #[test]
    fn is_a_clean_configuration_with_its_keys() {
        let fresh = fresh(counting());
        let (config, report) = crate::parse(fresh.yaml.expose(), "config.yaml", &[]);
        assert_eq!(report.to_string(), "");
        let config = config.unwrap();
        assert_eq!(config.client_keys.len(), 1);
        assert_eq!(config.client_keys[0].key.plain(), Some(&fresh.client_key));
        assert_eq!(config.management_key, Some(fresh.management_key.clone()));
        assert!(config.is_loopback() && config.demo && !config.allow_remote_management);
        assert_ne!(fresh.client_key, fresh.management_key);
    }

    #[test]
    fn keys_are_long_and_come_from_the_generator() {
        let fresh = fresh(counting());
        assert_eq!(fresh.client_key.expose().len(), "bos-".len() + 48);
        assert!(fresh.client_key.expose().starts_with("bos-00254a6f"));
        assert!(fresh.management_key.expose().starts_with("bos-admin-"));
        assert!(!format!("{fresh:?}").contains("254a"));
    }

    #[test]
    fn a_public_host_would_accept_the_fresh_keys() {
        let fresh = fresh(counting());
        let public = [("BOSPORUS_HOST".to_owned(), "0.0.0.0".to_owned())];
        assert!(crate::parse(fresh.yaml.expose(), "config.yaml", &public).0.is_some());
    }

    #[test]
    fn writes_once_and_never_over_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.yaml");
        write_new(&path, "port: 1\n").unwrap();
        let again = write_new(&path, "port: 2\n").unwrap_err();
        assert_eq!(again.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(&path).unwrap(), "port: 1\n");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside the file");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.yaml");
        write_new(&path, "port: 1\n").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_missing_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("no").join("config.yaml");
        assert_eq!(write_new(&path, "").unwrap_err().kind(), ErrorKind::NotFound);
    }
}
