//! Files of signed-in accounts: copied as they are, until a version of ours serves them.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use config::document::Node;

use super::nodes::Account;
use super::{Old, json};
use crate::draft::Import;
use crate::look::Seen;
use crate::report::Outcome;

/// Largest account file, in bytes.
const MOST: usize = 1 << 20;
/// Most bytes of all account files.
const MOST_BYTES: usize = 64 << 20;
/// How deep the folders of account files are looked into.
const DEPTH: usize = 3;

const LATER: &str = "accounts of this kind come with a later version";

/// Folders below `configs`, and whose files stand there.
const FOLDERS: &[(&str, &str)] = &[
    ("gemini", "gemini-cli-oauth"),
    ("gemini-cli", "gemini-cli-oauth"),
    ("antigravity", "gemini-antigravity"),
    ("kiro", "claude-kiro-oauth"),
    ("codex", "openai-codex-oauth"),
    ("qwen", "openai-qwen-oauth"),
    ("iflow", "openai-iflow"),
];

/// Copies the file of an account, wherever it is named or held, and writes its settings down.
pub(crate) fn take(
    old: &mut Old<'_>,
    account: &Account<'_>,
    files: &[&'static str],
    inline: &[&'static str],
    settings: &[(&'static str, Node)],
    new: &mut Import,
) {
    let (mut names, mut tried) = (Vec::new(), false);
    for key in files.iter().chain(inline).filter(|key| account.fields.contains_key(**key)) {
        let Some(text) = account.text(key) else {
            account.tell(key, Outcome::Same, "", new);
            continue;
        };
        let copied = if inline.contains(key) { decoded(account, text, new) } else { file(old, account, text, new) };
        match copied {
            Ok(name) => {
                account.tell(key, Outcome::Kept, format!("copied; {LATER}"), new);
                names.push(name);
            }
            Err(why) => account.tell(key, Outcome::Broken, why, new),
        }
        tried = true;
    }
    let what = match names.first() {
        Some(name) => format!("auths/{name}"),
        None => {
            if !tried {
                let why =
                    "it names no account file: the one of the provider's own program was used; it stays where it is";
                account.tell("", Outcome::Lost, why, new);
            }
            "without a file".to_owned()
        }
    };
    account.note(&what, settings, new);
}

fn file(old: &mut Old<'_>, account: &Account<'_>, text: &str, new: &mut Import) -> Result<String, String> {
    let path = old.path(text);
    if let Some((_, Some(name))) = old.seen.iter().find(|(from, _)| *from == path) {
        return Ok(name.clone());
    }
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("account");
    let name = format!("{}-{}.json", plain(account.pool), plain(stem));
    copy(old, &path, &name, new)
}

fn copy(old: &mut Old<'_>, path: &Path, name: &str, new: &mut Import) -> Result<String, String> {
    let bytes = old.look.file(path, MOST).map_err(|trouble| format!("left out: {}", trouble.words()));
    let name = bytes.and_then(|bytes| keep(bytes, name, new));
    old.seen.push((path.to_path_buf(), name.as_ref().ok().cloned()));
    name
}

/// An account that stood in the settings themselves becomes a file.
fn decoded(account: &Account<'_>, text: &str, new: &mut Import) -> Result<String, String> {
    let bytes = STANDARD.decode(text).map_err(|_| "left out: it is no base 64".to_owned())?;
    if bytes.len() > MOST {
        return Err("left out: it is too large to be such a file".to_owned());
    }
    keep(bytes, &format!("{}-{}.json", plain(account.pool), account.number), new)
}

fn keep(bytes: Vec<u8>, name: &str, new: &mut Import) -> Result<String, String> {
    let value = json(&bytes).map_err(|why| format!("left out: {why}"))?;
    if !value.is_object() && !value.is_array() {
        return Err("left out: it is no JSON object".to_owned());
    }
    if new.copies.iter().map(|copy| copy.bytes.len()).sum::<usize>() + bytes.len() > MOST_BYTES {
        return Err("left out: there are more account files than are copied at once".to_owned());
    }
    Ok(new.copy(name, bytes))
}

/// A part of a file's name that every file system takes.
fn plain(text: &str) -> String {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '+');
    let text: String = text.chars().map(|c| if fine(c) { c } else { '_' }).take(100).collect();
    text.trim_matches('.').to_owned()
}

/// Files that no pool names; the old program linked them when it started.
pub(crate) fn unlinked(old: &mut Old<'_>, new: &mut Import) {
    for (folder, pool) in FOLDERS {
        let mut files = Vec::new();
        walk(old, &old.configs.join(folder), folder, 0, &mut files);
        for (path, shown) in files {
            if old.seen.iter().any(|(from, _)| *from == path) {
                continue;
            }
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("account");
            match copy(old, &path, &format!("{pool}-{}.json", plain(stem)), new) {
                Ok(name) => {
                    new.tell(&shown, "", Outcome::Kept, format!("copied, though no pool names it; {LATER}"));
                    new.tail.push(format!(" {pool}: auths/{name}"));
                }
                Err(why) => new.tell(&shown, "", Outcome::Broken, why),
            }
        }
    }
}

/// Most files of one folder.
const MOST_FILES: usize = 5_000;

fn walk(old: &Old<'_>, folder: &Path, shown: &str, depth: usize, files: &mut Vec<(PathBuf, String)>) {
    for (name, seen) in old.look.folder(folder) {
        let (path, shown) = (folder.join(&name), format!("{shown}/{name}"));
        match seen {
            Seen::File if files.len() < MOST_FILES && name.ends_with(".json") => files.push((path, shown)),
            Seen::Folder if depth < DEPTH => walk(old, &path, &shown, depth + 1, files),
            Seen::File | Seen::Folder => {}
        }
    }
}
