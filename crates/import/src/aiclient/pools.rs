//! The files of accounts and of models alone, as start parameters name them: what they hold becomes entries of the
//! running configuration. Nothing is copied and nothing written; accounts that sign in are told of and left out.

use std::path::{Path, PathBuf};

use config::document::{Node, Value as Yaml};
use serde_json::{Map, Value};

use super::{MOST_POOLS, Old, main_file, models, nodes};
use crate::Target;
use crate::draft::Import;
use crate::look::Look;
use crate::report::Finding;
use crate::yaml;

/// The files that start parameters name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolFiles {
    /// Accounts: `provider_pools.json`.
    pub pools: Option<PathBuf>,
    /// Models of the user's own: `custom_models.json`.
    pub models: Option<PathBuf>,
}

/// What such files add to a configuration.
#[derive(Clone)]
pub struct Added {
    /// Ways to lists, and one more item of each, as YAML on one line. They hold secrets.
    pub entries: Vec<(String, String)>,
    /// How many accounts there are among them.
    pub accounts: usize,
    /// What became of everything that was there.
    pub findings: Vec<Finding>,
}

impl std::fmt::Debug for Added {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Added").field("accounts", &self.accounts).finish_non_exhaustive()
    }
}

impl PoolFiles {
    /// All that there are.
    pub fn all(&self) -> impl Iterator<Item = &PathBuf> {
        self.pools.iter().chain(&self.models)
    }

    /// Reads them. `home` is where `~` leads.
    ///
    /// # Errors
    /// When one of them is not there, cannot be read, or is half written.
    pub fn read(&self, look: &dyn Look, home: Option<String>) -> Result<Added, String> {
        let told = |path: &Path, trouble: crate::Trouble| format!("{}: {}", path.display(), trouble.words());
        for path in self.all() {
            // What the old program would have begun without is missed here: somebody has named it.
            look.file(path, MOST_POOLS).map_err(|trouble| told(path, trouble))?;
        }
        let pools = self.pools.as_deref().map_or(Ok(Map::new()), |path| main_file(look, path, MOST_POOLS))?;
        let models = self.models.as_deref().map(|path| path.display().to_string());
        if let Some(path) = &self.models {
            let bytes = look.file(path, super::MOST).map_err(|trouble| told(path, trouble))?;
            super::json(&bytes).map_err(|why| format!("{}: {why}", path.display()))?;
        }
        let named = models.map(|path| ("CUSTOM_MODELS_FILE_PATH".to_owned(), Value::String(path)));
        let target = Target { auth_dir: String::new(), prompt: String::new(), home };
        let mut old = Old {
            look,
            root: PathBuf::new(),
            configs: PathBuf::from("configs"),
            target: &target,
            settings: named.into_iter().collect(),
            pools,
            served: Vec::new(),
            seen: Vec::new(),
            count: 0,
        };
        let mut new = Import::new(Node::new(Yaml::Map(Vec::new())), "files that start parameters name");
        nodes::read(&mut old, &mut new);
        if self.models.is_some() {
            models::read(&mut old, &mut new);
        }
        Ok(Added { entries: entries(&new.root), accounts: old.served.len(), findings: new.findings })
    }
}

/// The items of all lists, each with its way.
fn entries(root: &Node) -> Vec<(String, String)> {
    let lists = |(way, node): (String, &Node)| match &node.value {
        Yaml::List(items) => items.iter().map(|item| (format!("{way}.+"), yaml::flow(item))).collect(),
        Yaml::Plain(_) | Yaml::Text(_) | Yaml::Map(_) => Vec::new(),
    };
    let Yaml::Map(top) = &root.value else { return Vec::new() };
    let rules = root.get("payload").and_then(|payload| payload.get("override"));
    let rules = rules.map(|rules| ("payload.override".to_owned(), rules));
    top.iter().map(|entry| (entry.key.clone(), &entry.node)).chain(rules).flat_map(lists).collect()
}
