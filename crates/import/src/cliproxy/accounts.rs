//! The folder of account files. Each is copied as it is; what is none stays where it is, and is told.

use std::path::{Path, PathBuf};

use super::Old;
use crate::draft::Import;
use crate::look::Seen;
use crate::report::Outcome;

/// Largest account file, in bytes.
const MOST: usize = 1 << 20;
/// Most account files, and most bytes of all of them.
const MOST_FILES: usize = 5_000;
const MOST_BYTES: usize = 64 << 20;
/// How deep folders are looked into.
const DEPTH: usize = 6;
/// Where the old program keeps them when its configuration says nothing.
const USUAL: &str = "~/.cli-proxy-api";
/// Where containers have them, by the folders beside the configuration.
const BESIDE: &[&str] = &["auths", "auth"];

/// The types of files that the gateway serves; its registry decides, and a test compares.
pub const SERVED: &[&str] = &["vertex", "service_account"];

/// What further kinds there are. None of them is served yet.
const KINDS: &[&str] =
    &["claude", "codex", "antigravity", "kimi", "xai", "gemini", "gemini-cli", "qwen", "iflow", "copilot", "aistudio"];

/// Copies every account file.
///
/// # Errors
/// When the new folder would be inside the old one.
pub(crate) fn copy(old: &Old<'_>, new: &mut Import) -> Result<(), String> {
    let Some(folder) = folder(old, new) else { return Ok(()) };
    if Path::new(&old.target.auth_dir).starts_with(&folder) {
        let message = "is inside the old installation's folder of accounts, which is never changed; choose another";
        return Err(format!("{} {message}", old.target.auth_dir));
    }
    let mut files = Vec::new();
    walk(old, &folder, "", 0, &mut files);
    let mut bytes = 0;
    for name in files {
        let shown = format!("auth-dir/{name}");
        match bystander(&name) {
            Some((outcome, why)) => new.tell(&shown, "", outcome, why),
            None if new.copies.len() >= MOST_FILES || bytes > MOST_BYTES => {
                new.tell(&shown, "", Outcome::Broken, "there are more account files than are copied at once");
            }
            None => bytes += one(old, &folder.join(&name), &name, &shown, new),
        }
    }
    Ok(())
}

/// The folder that is there: the one of the configuration, else one beside it, as in a container.
fn folder(old: &Old<'_>, new: &mut Import) -> Option<PathBuf> {
    let named = new.scalar(&["auth-dir"]).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    let first = old.path(named.as_deref().unwrap_or(USUAL));
    let beside = BESIDE.iter().map(|name| old.folder.join(name));
    let found = std::iter::once(first).chain(beside).find(|path| !old.look.folder(path).is_empty());
    if let (None, Some(_)) = (&found, &named) {
        let why = "this folder is empty or not there, and there is no `auths` beside the configuration";
        new.tell(old.file, "auth-dir", Outcome::Lost, why);
    }
    found
}

fn walk(old: &Old<'_>, folder: &Path, prefix: &str, depth: usize, files: &mut Vec<String>) {
    for (name, seen) in old.look.folder(folder) {
        if files.len() >= 2 * MOST_FILES {
            return;
        }
        match seen {
            Seen::File => files.push(format!("{prefix}{name}")),
            Seen::Folder if depth < DEPTH && name != "logs" => {
                walk(old, &folder.join(&name), &format!("{prefix}{name}/"), depth + 1, files);
            }
            Seen::Folder => {}
        }
    }
}

/// What stands there and is no account.
fn bystander(name: &str) -> Option<(Outcome, &'static str)> {
    let base = name.rsplit('/').next().unwrap_or(name);
    let lower = base.to_ascii_lowercase();
    if lower == "usage-statistics.json" {
        return Some((Outcome::Later, "statistics come with a later version; keep the file"));
    }
    if lower.ends_with(".cds") || lower.ends_with(".oauth") {
        return Some((Outcome::Gone, "a state of the old program that ends with it"));
    }
    (!lower.ends_with(".json") || base.starts_with('.')).then_some((Outcome::Gone, "no account file; left alone"))
}

/// Copies one file, if it is an account; gives how large it is.
fn one(old: &Old<'_>, path: &Path, name: &str, shown: &str, new: &mut Import) -> usize {
    let bytes = match old.look.file(path, MOST) {
        Ok(bytes) => bytes,
        Err(trouble) => {
            new.tell(shown, "", Outcome::Broken, trouble.words());
            return 0;
        }
    };
    let kind = match kind(&bytes) {
        Ok(kind) => kind,
        Err(why) => {
            new.tell(shown, "", Outcome::Broken, why);
            return 0;
        }
    };
    let what = match KINDS.iter().chain(SERVED).find(|known| **known == kind) {
        Some(known) if SERVED.contains(known) => "copied; the account is served".to_owned(),
        Some(known) => format!("copied; accounts of the kind `{known}` come with a later version"),
        None => "copied; nobody here knows accounts of this kind".to_owned(),
    };
    let outcome = if SERVED.contains(&&*kind) { Outcome::Converted } else { Outcome::Kept };
    new.tell(shown, "", outcome, what);
    let size = bytes.len();
    new.copy(name, bytes);
    size
}

/// The `type` of an account file.
fn kind(bytes: &[u8]) -> Result<String, &'static str> {
    let value: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|_| "it is no JSON: damaged, or half written")?;
    let fields = value.as_object().ok_or("it is no JSON object")?;
    let kind = fields.get("type").and_then(serde_json::Value::as_str).map(|kind| kind.trim().to_ascii_lowercase());
    kind.filter(|kind| !kind.is_empty()).ok_or("it has no `type`, so the old program did not use it either")
}
