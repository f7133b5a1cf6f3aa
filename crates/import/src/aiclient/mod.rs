//! AIClient-2-API: a folder `configs` with one file of settings, one of account pools, and more beside them. Everything in
//! it is JSON, and every key is looked up in a table; what no table knows is told.

mod beside;
mod chains;
mod checkup;
mod credentials;
mod field;
mod globals;
mod keys;
mod kinds;
mod models;
mod nodes;
pub(crate) mod pools;
mod settings;

use std::path::{Path, PathBuf};

use config::document::{Node, Value as Yaml};
use serde_json::{Map, Value};

use crate::Target;
use crate::draft::Import;
use crate::look::{Look, Trouble};
use crate::report::Outcome;

/// Largest file of settings, and of account pools, in bytes.
const MOST: usize = 4 << 20;
const MOST_POOLS: usize = 64 << 20;

/// The installation that is read, and what was found out so far.
struct Old<'a> {
    look: &'a dyn Look,
    /// Where the old program ran: relative paths begin here.
    root: PathBuf,
    /// Where its files are.
    configs: PathBuf,
    target: &'a Target,
    /// The settings.
    settings: Map<String, Value>,
    /// The pools by type, as they are in the file.
    pools: Map<String, Value>,
    /// The accounts that the new file has, by the name of their pool.
    served: Vec<Served>,
    /// Account files that were looked at: where they are, and their new names where they were copied.
    seen: Vec<(PathBuf, Option<String>)>,
    /// How many accounts were read.
    count: usize,
}

/// An account of the new file.
struct Served {
    pool: String,
    kind: &'static kinds::Kind,
    /// Which entry of its section it is.
    index: usize,
}

/// What messages call the files.
const CONFIG: &str = "config.json";
const POOLS: &str = "provider_pools.json";

pub(crate) fn import(look: &dyn Look, folder: &Path, target: &Target) -> Result<Import, String> {
    let (root, configs) = places(look, folder)?;
    let mut new = Import::new(Node::new(Yaml::Map(Vec::new())), "AIClient-2-API's files");
    let settings = main_file(look, &configs.join(CONFIG), MOST)?;
    let mut old = Old {
        look,
        root,
        configs,
        target,
        settings,
        pools: Map::new(),
        served: Vec::new(),
        seen: Vec::new(),
        count: 0,
    };
    let pools = old.named("PROVIDER_POOLS_FILE_PATH").map(|path| old.path(&path));
    old.pools = main_file(look, &pools.unwrap_or_else(|| old.configs.join(POOLS)), MOST_POOLS)?;
    new.set(&["auth-dir"], Node::text(&target.auth_dir));
    settings::read(&old, &mut new);
    nodes::read(&mut old, &mut new);
    globals::read(&mut old, &mut new);
    models::read(&mut old, &mut new);
    chains::read(&old, &mut new);
    checkup::read(&old, &mut new);
    keys::read(&old, &mut new);
    beside::read(&mut old, &mut new);
    Ok(new)
}

/// Where the program ran, and where its files are: `configs` below the folder, the folder itself when it is called that,
/// or the folder itself as in the first versions.
fn places(look: &dyn Look, folder: &Path) -> Result<(PathBuf, PathBuf), String> {
    let has = |folder: &Path| {
        let names = look.folder(folder);
        names.iter().any(|(name, _)| name == CONFIG || name == POOLS)
    };
    let below = folder.join("configs");
    if has(&below) {
        return Ok((folder.to_path_buf(), below));
    }
    if !has(folder) {
        let message = "holds no configs/config.json; name the folder in which the old program runs";
        return Err(format!("{} {message}", folder.display()));
    }
    let is_configs = folder.file_name().is_some_and(|name| name == "configs");
    let root = folder.parent().filter(|_| is_configs).unwrap_or(folder);
    Ok((root.to_path_buf(), folder.to_path_buf()))
}

/// A file without which nothing can be made; one that is not there is empty.
fn main_file(look: &dyn Look, path: &Path, most: usize) -> Result<Map<String, Value>, String> {
    let told = |what: String| format!("{}: {what}", path.display());
    match look.file(path, most) {
        Ok(bytes) => object(&bytes).map_err(|what| told(what.to_owned())),
        Err(Trouble::Missing) => Ok(Map::new()),
        Err(trouble) => Err(told(trouble.words())),
    }
}

/// A JSON object; an empty file is an empty one.
fn object(bytes: &[u8]) -> Result<Map<String, Value>, &'static str> {
    match json(bytes)? {
        Value::Object(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        _ => Err("it is no JSON object"),
    }
}

fn json(bytes: &[u8]) -> Result<Value, &'static str> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.trim_ascii().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(bytes).map_err(|_| "it is no JSON: damaged, or half written")
}

impl Old<'_> {
    /// A path as the old program saw it. A container's path is looked for in the folder that was mounted there.
    fn path(&self, text: &str) -> PathBuf {
        let text = text.trim();
        if let (Some(rest), Some(home)) = (text.strip_prefix("~/"), &self.target.home) {
            return Path::new(home).join(rest);
        }
        let plain = self.root.join(text.strip_prefix("./").unwrap_or(text));
        let mounted = text.split_once("/configs/").map(|(_, rest)| self.configs.join(rest));
        match mounted {
            Some(mounted) if self.look.file(&plain, 0) == Err(Trouble::Missing) => mounted,
            _ => plain,
        }
    }

    /// The text of a setting, if it has one.
    fn named(&self, key: &str) -> Option<String> {
        let text = self.settings.get(key)?.as_str()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    }

    /// The file of the installation's folder, read as JSON; what is wrong with it is told.
    fn beside(&self, name: &str, path: &Path, new: &mut Import) -> Option<Value> {
        let bytes = match self.look.file(path, MOST) {
            Ok(bytes) => bytes,
            Err(Trouble::Missing) => return None,
            Err(trouble) => {
                new.tell(name, "", Outcome::Broken, trouble.words());
                return None;
            }
        };
        json(&bytes).map_err(|why| new.tell(name, "", Outcome::Broken, why)).ok()
    }
}

/// A key as it may be shown: what does not look like one may be a secret that slipped a column.
fn shown(key: &str) -> &str {
    let ordinary = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':');
    let digits = key.bytes().filter(u8::is_ascii_digit).count();
    if !key.is_empty() && key.len() <= 64 && digits <= 12 && key.chars().all(ordinary) { key } else { "(a key)" }
}
