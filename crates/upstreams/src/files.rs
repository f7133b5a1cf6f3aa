//! Accounts that come from files: JSON objects whose `type` says of which kind they are. What all of them may say of
//! their use is read here; what opens the account is its kind's. It opens no file and knows nothing of folders.

use std::fmt;
use std::sync::Arc;

use config::AccountSettings;
use pool::{Authority, Document, Secret};
use serde_json::Value;

use crate::{AccountSpec, KINDS, Kind, Model, Place, Upstream, identity};

/// Largest account file, in bytes.
pub const MAX_FILE: usize = 1 << 20;

/// What a kind makes of account files.
pub struct FileKind {
    /// The values of `type`, in lower case.
    pub types: &'static [&'static str],
    /// Looks whether the account can be used. Asked once for each version of a file.
    pub check: fn(&AccountFile) -> Result<(), String>,
    /// The place with its one account.
    pub place: fn(&AccountFile) -> Option<Place>,
}

/// What makes new credentials of an account whose credential ends.
#[derive(Clone, Debug)]
pub struct Renewable {
    /// Who makes them.
    pub authority: &'static dyn Authority,
    /// Of what.
    pub document: Document,
    /// Another one where the account is opened by something else than before.
    pub print: Secret,
}

/// An account as its file describes it.
#[derive(Clone)]
pub struct AccountFile {
    /// All of it.
    pub document: Document,
    /// What it says of its use.
    pub settings: AccountSettings,
    kind: &'static Kind,
    files: &'static FileKind,
}

/// What a file turned out to be.
#[derive(Debug)]
pub enum FileRead {
    /// An account, and what is odd about its settings.
    Account(Box<AccountFile>, Vec<String>),
    /// An account that this version does not serve, or no account at all; why.
    Foreign(String),
}

impl fmt::Debug for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileKind({})", self.types.join(", "))
    }
}

impl fmt::Debug for AccountFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountFile")
            .field("name", &self.document.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl AccountFile {
    /// Reads a file.
    ///
    /// # Errors
    /// Why it is no usable account file. Nothing of what it holds is in the message.
    pub fn read(name: &str, text: &Secret) -> Result<FileRead, String> {
        if text.expose().len() > MAX_FILE {
            return Err(format!("it is larger than {} MiB", MAX_FILE >> 20));
        }
        let value: Value = serde_json::from_str(text.expose()).map_err(|error| malformed(text.expose(), &error))?;
        let Some(fields) = value.as_object() else { return Err("it is no JSON object".to_owned()) };
        let kind = fields.get("type").and_then(Value::as_str).unwrap_or_default().trim().to_ascii_lowercase();
        let Some((kind, files)) = find(&kind) else { return Ok(FileRead::Foreign(foreign(&kind))) };
        let (settings, odd) = config::account(fields)?;
        let document = Document { name: name.into(), text: text.clone() };
        let file = Self { document, settings, kind, files };
        (file.files.check)(&file)?;
        Ok(FileRead::Account(Box::new(file), odd))
    }

    /// The kind of account.
    pub fn kind(&self) -> &'static Kind {
        self.kind
    }

    /// Its place; `None` when it is not to be used.
    pub fn place(&self) -> Option<Place> {
        if self.settings.disabled { None } else { (self.files.place)(self) }
    }

    /// The file's name without its ending, by which it is called where it names itself not.
    pub fn stem(&self) -> &str {
        let name = &*self.document.name;
        let name = name.rsplit('/').next().unwrap_or(name);
        let at = name.len().saturating_sub(".json".len());
        match name.get(at..) {
            Some(end) if end.eq_ignore_ascii_case(".json") => &name[..at],
            _ => name,
        }
    }

    /// A place for its one account. The id hangs on the file's name: what is in the file may change behind it.
    pub(crate) fn place_of(&self, upstream: Arc<dyn Upstream>, models: Vec<Model>, renewable: Renewable) -> Place {
        let AccountSettings { entry, aliases, .. } = self.settings.clone();
        let account = AccountSpec {
            id: identity::account(self.kind.id, None, Some(self.stem()), &Secret::default()),
            label: entry.label.unwrap_or_else(|| self.stem().to_owned()),
            secret: Secret::default(),
            renewable: Some(renewable),
            proxy: entry.proxy,
            priority: entry.priority,
            weight: entry.weight,
            excluded: Vec::new(),
            rules: entry.rules,
        };
        Place {
            upstream,
            accounts: vec![account],
            models,
            learns: false,
            groups: entry.group.into_iter().collect(),
            prefix: entry.prefix,
            excluded: entry.excluded_models,
            aliases,
            request_retry: entry.request_retry,
        }
    }
}

fn find(kind: &str) -> Option<(&'static Kind, &'static FileKind)> {
    let all = KINDS.iter().filter_map(|known| Some((*known, known.files?)));
    all.into_iter().find(|(_, files)| files.types.contains(&kind))
}

fn foreign(kind: &str) -> String {
    match kind {
        "" => "it has no `type`, so it is no account file".to_owned(),
        _ => {
            let shown: String = kind.chars().filter(|c| !c.is_control()).take(40).collect();
            format!("accounts of the type `{shown}` are not served by this version")
        }
    }
}

/// Says what is wrong with a text that is no JSON, without showing any of it.
fn malformed(text: &str, error: &serde_json::Error) -> String {
    if text.trim().is_empty() {
        return "it is empty".to_owned();
    }
    if error.is_eof() {
        return "it ends in the middle: half written, or cut off".to_owned();
    }
    format!("it is no JSON (line {}, column {})", error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<FileRead, String> {
        AccountFile::read("a.json", &Secret::new(text))
    }

    #[test]
    fn what_is_no_account_is_told_without_a_word_of_it() {
        for (text, told) in [
            ("", "it is empty"),
            (" \n", "it is empty"),
            (r#"{"type":"vertex","private_key":"hush"#, "in the middle"),
            (r#"{"hush": hush}"#, "no JSON (line 1"),
            (r#"["hush"]"#, "no JSON object"),
            (r#"{"type":"vertex","service_account":"hush"}"#, "service account"),
        ] {
            let why = read(text).unwrap_err();
            assert!(why.contains(told) && !why.contains("hush"), "{why}");
        }
        assert!(read(&" ".repeat(MAX_FILE + 1)).unwrap_err().contains("larger"));
    }

    #[test]
    fn files_of_other_kinds_are_named_and_no_errors() {
        for (text, told) in [
            (r#"{"type":"Claude","access_token":"x"}"#, "`claude`"),
            (r#"{"type":"a\u0007b"}"#, "`ab`"),
            (r#"{"type":7}"#, "no `type`"),
            ("{}", "no `type`"),
        ] {
            let FileRead::Foreign(why) = read(text).unwrap() else { panic!("{text}") };
            assert!(why.contains(told), "{why}");
        }
    }

    #[test]
    fn types_are_of_one_kind_each() {
        let mut all: Vec<_> = KINDS.iter().filter_map(|kind| kind.files).flat_map(|files| files.types).collect();
        let before = all.len();
        all.sort_unstable();
        all.dedup();
        assert!(before > 0 && all.len() == before);
    }
}
