//! What cargo knows of the workspace: packages, their licences, and who depends on whom on this platform.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

/// The answer of `cargo metadata`, as far as the checks need it.
#[derive(Clone, Debug, Deserialize)]
pub struct Metadata {
    packages: Vec<Package>,
    workspace_members: BTreeSet<String>,
    resolve: Resolve,
}

/// One package.
#[derive(Clone, Debug, Deserialize)]
pub struct Package {
    id: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its licence expression.
    pub license: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Clone, Debug, Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Clone, Debug, Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Clone, Debug, Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

impl Dependency {
    /// Whether the product needs it, and not only a test.
    fn is_normal(&self) -> bool {
        self.dep_kinds.iter().any(|kind| kind.kind.as_deref() != Some("dev"))
    }
}

impl Metadata {
    /// Asks cargo. Only packages of this platform are looked at, so that nothing is downloaded that a build does not
    /// need anyway.
    ///
    /// # Errors
    /// When cargo or rustc cannot be run, or the lock file does not fit.
    pub fn load(root: &Path) -> io::Result<Self> {
        let platform = platform()?;
        let output = Command::new(crate::cargo())
            .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", &platform])
            .current_dir(root)
            .output()?;
        if !output.status.success() {
            return Err(io::Error::other(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr))));
        }
        serde_json::from_slice(&output.stdout).map_err(io::Error::other)
    }

    /// Our own packages.
    pub fn members(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| self.workspace_members.contains(&package.id))
    }

    /// Other people's packages that something of ours needs on this platform.
    pub fn foreign(&self) -> impl Iterator<Item = &Package> {
        let used: BTreeSet<&str> = self.resolve.nodes.iter().map(|node| node.id.as_str()).collect();
        let is_foreign = move |package: &&Package| {
            used.contains(package.id.as_str()) && !self.workspace_members.contains(&package.id)
        };
        self.packages.iter().filter(is_foreign)
    }

    /// The names of what a package needs itself; tests do not count.
    #[must_use]
    pub fn direct(&self, package: &Package) -> BTreeSet<&str> {
        let names = self.names();
        let node = self.resolve.nodes.iter().find(|node| node.id == package.id);
        let deps = node.into_iter().flat_map(|node| &node.deps).filter(|dep| dep.is_normal());
        deps.filter_map(|dep| names.get(dep.pkg.as_str()).copied()).collect()
    }

    /// The names of everything below a package; tests do not count.
    #[must_use]
    pub fn below(&self, package: &Package) -> BTreeSet<&str> {
        let names = self.names();
        let nodes: HashMap<&str, &Node> = self.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
        let (mut seen, mut open) = (BTreeSet::new(), vec![package.id.as_str()]);
        while let Some(node) = open.pop().and_then(|id| nodes.get(id)) {
            for dep in node.deps.iter().filter(|dep| dep.is_normal()) {
                if seen.insert(dep.pkg.as_str()) {
                    open.push(&dep.pkg);
                }
            }
        }
        seen.into_iter().filter_map(|id| names.get(id).copied()).collect()
    }

    fn names(&self) -> HashMap<&str, &str> {
        self.packages.iter().map(|package| (package.id.as_str(), package.name.as_str())).collect()
    }
}

fn platform() -> io::Result<String> {
    let output = Command::new("rustc").arg("-vV").output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| io::Error::other("rustc does not tell its host"))
}
