//! The project's own text files, read once.

use std::fs;
use std::io;
use std::path::Path;

/// A file and its text.
#[derive(Clone, Debug)]
pub struct Source {
    /// From the root, with slashes.
    pub path: String,
    /// All of it.
    pub text: String,
}

/// Every text file of the project.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// In order of path.
    pub files: Vec<Source>,
}

/// Folders that hold what programs made, at any depth.
const MADE: [&str; 8] =
    [".git", "target", "node_modules", ".cache", "__pycache__", ".pytest_cache", "corpus", "artifacts"];
/// What a user's own program writes when it is started in the clone.
const LOCAL: [&str; 4] = ["config.yaml", ".env", "auths", "logs"];

impl Tree {
    /// Reads all files below `root` that are text and not made by programs.
    ///
    /// # Errors
    /// When a folder or a file cannot be read.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut tree = Self::default();
        tree.walk(root, "")?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    fn walk(&mut self, folder: &Path, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if MADE.contains(&name.as_str()) || (prefix.is_empty() && LOCAL.contains(&name.as_str())) {
                continue;
            }
            let path = format!("{prefix}{name}");
            let kind = entry.file_type()?;
            if kind.is_dir() {
                self.walk(&entry.path(), &format!("{path}/"))?;
            } else if kind.is_file()
                && let Ok(text) = String::from_utf8(fs::read(entry.path())?)
            {
                self.files.push(Source { path, text });
            }
        }
        Ok(())
    }

    /// The Rust files.
    pub fn rust(&self) -> impl Iterator<Item = &Source> {
        self.files.iter().filter(|file| file.path.ends_with(".rs"))
    }

    /// A file by its path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&Source> {
        self.files.iter().find(|file| file.path == path)
    }
}
