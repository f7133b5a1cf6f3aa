//! Whole installations in, files and reports out.

mod golden;
mod laws;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::{Import, Look, Program, Seen, Target, Trouble};

/// Files in memory.
#[derive(Default)]
pub(crate) struct Memory(BTreeMap<PathBuf, Vec<u8>>);

impl Memory {
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        Self(files.iter().map(|(path, text)| (path.into(), text.as_bytes().to_vec())).collect())
    }

    /// Everything below a real folder, as if it stood at `path`.
    fn add(&mut self, real: &Path, path: &Path) {
        for entry in std::fs::read_dir(real).into_iter().flatten().map(Result::unwrap) {
            let (real, path) = (entry.path(), path.join(entry.file_name()));
            if entry.file_type().unwrap().is_dir() {
                self.add(&real, &path);
            } else {
                self.0.insert(path, std::fs::read(real).unwrap());
            }
        }
    }
}

impl Look for Memory {
    fn file(&self, path: &Path, most: usize) -> Result<Vec<u8>, Trouble> {
        let plain: PathBuf = path.components().filter(|part| part.as_os_str() != ".").collect();
        match self.0.get(&plain) {
            None if self.0.keys().any(|known| known.starts_with(&plain)) => Err(Trouble::NotAFile),
            None => Err(Trouble::Missing),
            Some(bytes) if bytes.len() > most => Err(Trouble::TooLarge),
            Some(bytes) => Ok(bytes.clone()),
        }
    }

    fn folder(&self, path: &Path) -> Vec<(String, Seen)> {
        let plain: PathBuf = path.components().filter(|part| part.as_os_str() != ".").collect();
        let below = self.0.keys().filter_map(|known| known.strip_prefix(&plain).ok());
        let names: BTreeMap<String, Seen> = below
            .filter_map(|rest| {
                let mut parts = rest.components();
                let name = parts.next()?.as_os_str().to_str()?.to_owned();
                Some((name, if parts.next().is_some() { Seen::Folder } else { Seen::File }))
            })
            .collect();
        names.into_iter().collect()
    }
}

pub(crate) fn target() -> Target {
    Target {
        auth_dir: "/new/auths".to_owned(),
        prompt: "/new/system-prompt.txt".to_owned(),
        home: Some("/user".into()),
    }
}

pub(crate) fn import(program: Program, look: &Memory) -> Result<Import, String> {
    crate::import(program, look, Path::new("/old"), &target())
}
