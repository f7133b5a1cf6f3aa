//! CLIProxyAPI, and AIProxyAPI, which is made of it. Its `config.yaml` is ours but for a few settings, so the work is to
//! say what each key means here, to find the account files, and to mend what would mean something else.

mod accounts;
mod environment;
mod settings;

pub use accounts::SERVED;

use std::path::{Path, PathBuf};

use config::document::{Document, Fate, Value};

use crate::Target;
use crate::draft::Import;
use crate::look::{Look, Trouble};
use crate::report::Outcome;

/// Where the configuration may stand.
const FILES: &[&str] = &["config.yaml", "config.yml"];
/// Largest configuration, in bytes.
const MOST: usize = 4 << 20;

/// The installation that is read.
struct Old<'a> {
    look: &'a dyn Look,
    folder: &'a Path,
    target: &'a Target,
    /// What messages call its configuration.
    file: &'static str,
}

pub(crate) fn import(look: &dyn Look, folder: &Path, target: &Target) -> Result<Import, String> {
    let (file, bytes) = find(look, folder)?;
    let document = config::document::document(&bytes, file)
        .map_err(|report| format!("{file} of the old installation cannot be used:\n{report}"))?;
    let old = Old { look, folder, target, file };
    let mut new = Import::new(document.root.clone(), &format!("CLIProxyAPI's {file}"));
    tell(&document, &old, &mut new);
    config::document::prune(&mut new.root);
    drop_empty_sections(&mut new);
    accounts::copy(&old, &mut new)?;
    settings::adjust(&old, &mut new);
    environment::read(&old, &mut new);
    Ok(new)
}

fn find(look: &dyn Look, folder: &Path) -> Result<(&'static str, Vec<u8>), String> {
    for file in FILES {
        match look.file(&folder.join(file), MOST) {
            Ok(bytes) => return Ok((file, bytes)),
            Err(Trouble::Missing) => {}
            Err(trouble) => return Err(format!("{}: {}", folder.join(file).display(), trouble.words())),
        }
    }
    Err(format!("{} holds no config.yaml; name the folder in which the old program runs", folder.display()))
}

/// Says what becomes of each key.
fn tell(document: &Document, old: &Old<'_>, new: &mut Import) {
    for key in &document.keys {
        let (outcome, note) = match key.fate {
            Fate::Used => (Outcome::Same, String::new()),
            Fate::Later => (Outcome::Later, "kept in the new file".to_owned()),
            Fate::Refused(why) => (Outcome::Refused, why.to_owned()),
            Fate::Renamed(now) => (Outcome::Converted, format!("now `{now}`")),
            Fate::Gone => (Outcome::Gone, "it belonged to an integration that no longer exists".to_owned()),
            Fate::Aside => (Outcome::Gone, "a place for anchors; what they stood for is written out".to_owned()),
            Fate::Unknown(Some(near)) => (Outcome::Unknown, format!("left out; did you mean `{near}`?")),
            Fate::Unknown(None) => (Outcome::Unknown, "left out".to_owned()),
        };
        new.tell(old.file, &key.path, outcome, note);
    }
    for warning in &document.report.warnings {
        new.tell(old.file, "", Outcome::Lost, warning.message().to_owned());
    }
}

/// Sections of which nothing is left.
fn drop_empty_sections(new: &mut Import) {
    if let Some(entries) = new.root.entries_mut() {
        entries.retain(|entry| !matches!(&entry.node.value, Value::Map(below) if below.is_empty()));
    }
}

impl Old<'_> {
    /// A path as the old program saw it: `~` is the home folder, and what is relative begins where it ran.
    fn path(&self, text: &str) -> PathBuf {
        let home = text.strip_prefix("~/").or_else(|| (text == "~").then_some(""));
        match (home, &self.target.home) {
            (Some(rest), Some(home)) => Path::new(home).join(rest),
            _ => self.folder.join(text),
        }
    }
}
