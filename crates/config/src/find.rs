//! Where the configuration file is looked for. It reads no environment: folders are passed in.

use std::path::{Path, PathBuf};

/// The file's usual name.
const NAME: &str = "config.yaml";

/// The places to look at, in order: the `--config` value alone where there is one; otherwise `config.yaml` in the working
/// folder, then `bosporus/config.yaml` in the user's configuration folder (`$XDG_CONFIG_HOME`, or `~/.config` under
/// `home`). A relative `$XDG_CONFIG_HOME` is not used, as its standard demands.
pub fn places(
    flag: Option<&Path>,
    working: &Path,
    xdg_config_home: Option<&Path>,
    home: Option<&Path>,
) -> Vec<PathBuf> {
    if let Some(flag) = flag {
        return vec![flag.to_path_buf()];
    }
    let xdg = xdg_config_home.filter(|folder| folder.is_absolute()).map(Path::to_path_buf);
    let user = xdg.or_else(|| home.map(|home| home.join(".config")));
    let user = user.map(|folder| folder.join("bosporus").join(NAME));
    std::iter::once(working.join(NAME)).chain(user).collect()
}

/// The first of the places that has something there, whatever it is: a file that cannot be read must not be passed over.
pub fn find(places: &[PathBuf]) -> Option<&Path> {
    places.iter().find(|path| path.symlink_metadata().is_ok()).map(PathBuf::as_path)
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{find, places};

    #[test]
    fn the_flag_is_the_only_place() {
        let flag = Path::new("other.yaml");
        assert_eq!(places(Some(flag), Path::new("/w"), None, Some(Path::new("/h"))), [flag]);
    }

    #[test]
    fn the_working_folder_comes_before_the_users() {
        let (working, home, xdg) = (Path::new("/w"), Some(Path::new("/h")), Some(Path::new("/x")));
        let paths = |list: &[&str]| list.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(places(None, working, xdg, home), paths(&["/w/config.yaml", "/x/bosporus/config.yaml"]));
        assert_eq!(places(None, working, None, home), paths(&["/w/config.yaml", "/h/.config/bosporus/config.yaml"]));
        let relative = Some(Path::new("x"));
        assert_eq!(places(None, working, relative, home), places(None, working, None, home));
        assert_eq!(places(None, working, None, None), paths(&["/w/config.yaml"]));
    }

    #[test]
    fn finds_the_first_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let [first, second] = ["a.yaml", "b.yaml"].map(|name| folder.path().join(name));
        let list = [first.clone(), second.clone()];
        assert_eq!(find(&list), None);
        std::fs::write(&second, "").unwrap();
        assert_eq!(find(&list), Some(second.as_path()));
        std::fs::write(&first, "").unwrap();
        assert_eq!(find(&list), Some(first.as_path()));
    }
}
