//! What an account file says of how its account is used. The fields are those that an entry of the configuration has,
//! in the spelling of such files (`proxy_url`), and they are read by the same code, so that they mean the same.

use serde_json::{Map, Value as Json};

use super::{Section, channels, provider};
use crate::checked::{AccountSettings, KeyEntry};
use crate::report::Problems;
use crate::source::{Source, Span};
use crate::tree::{Entry, Node, Value};

/// The fields that are read. Those of flags and numbers may be written as text, as older programs did.
const FIELDS: &[(&str, bool)] = &[
    ("disabled", true),
    ("prefix", false),
    ("proxy-url", false),
    ("priority", true),
    ("weight", true),
    ("headers", false),
    ("excluded-models", false),
    ("model-aliases", false),
    ("disable-cooling", true),
    ("request-retry", true),
    ("request-scoped-errors", false),
    ("base-url", false),
    ("max-concurrency", true),
    ("max-queue", true),
    ("group", false),
    ("health-check", false),
];
/// Longest name of an account that is shown, in characters.
const MAX_LABEL: usize = 64;
/// Values are messages' only places: a file of one line has no better ones.
const NOWHERE: Span = Span { source: Source::File, start: 0, end: 0 };

/// Reads the settings of an account file, and tells what is odd about them.
///
/// # Errors
/// What must be mended before the account can be used.
pub fn account(fields: &Map<String, Json>) -> Result<(AccountSettings, Vec<String>), String> {
    let mut problems = Problems::default();
    let root =
        Node { span: NOWHERE, value: Value::Mapping(FIELDS.iter().filter_map(|it| entry(*it, fields)).collect()) };
    let section = Section::at(&root, String::new(), &mut problems);
    let settings = AccountSettings {
        disabled: section.flag("disabled", false, &mut problems),
        aliases: channels::list(&section, "model-aliases", &mut problems),
        entry: KeyEntry { label: label(fields), ..provider::entry(&section, &mut problems) },
    };
    let (errors, warnings) = problems.into_words();
    let told = |words: Vec<String>| words.iter().map(|message| in_files_words(message)).collect::<Vec<_>>();
    if errors.is_empty() { Ok((settings, told(warnings))) } else { Err(told(errors).join("; ")) }
}

/// A name for people: the file's own, else whose account it is.
fn label(fields: &Map<String, Json>) -> Option<String> {
    let text = |key: &str| fields.get(key).and_then(Json::as_str).map(str::trim).filter(|text| !text.is_empty());
    let label = text("label").or_else(|| text("email"))?;
    Some(label.chars().filter(|c| !c.is_control()).take(MAX_LABEL).collect())
}

fn entry((key, loose): (&str, bool), fields: &Map<String, Json>) -> Option<Entry> {
    let value = fields.get(&key.replace('-', "_")).or_else(|| fields.get(key))?;
    Some(Entry { key: key.to_owned(), key_span: NOWHERE, value: node(value, loose, key != "headers") })
}

/// The same value as a tree of the configuration. `renames` is false below keys that are the user's own.
fn node(value: &Json, loose: bool, renames: bool) -> Node {
    let key = |key: &str| if renames { key.replace('_', "-") } else { key.to_owned() };
    let value = match value {
        Json::Null => Value::Scalar { text: String::new(), plain: true },
        Json::String(text) => Value::Scalar { text: text.clone(), plain: loose },
        Json::Bool(_) | Json::Number(_) => Value::Scalar { text: value.to_string(), plain: true },
        Json::Array(items) => Value::List(items.iter().map(|item| node(item, false, renames)).collect()),
        Json::Object(fields) => {
            let entry = |(name, value): (&String, &Json)| Entry {
                key: key(name),
                key_span: NOWHERE,
                value: node(value, false, renames),
            };
            Value::Mapping(fields.iter().map(entry).collect())
        }
    };
    Node { span: NOWHERE, value }
}

/// Messages name fields as files of accounts spell them.
fn in_files_words(message: &str) -> String {
    FIELDS.iter().fold(message.to_owned(), |message, (key, _)| message.replace(key, &key.replace('-', "_")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checked::Proxy;

    fn read(json: &str) -> Result<(AccountSettings, Vec<String>), String> {
        account(serde_json::from_str::<Json>(json).unwrap().as_object().unwrap())
    }

    #[test]
    fn fields_mean_what_they_mean_in_an_entry() {
        let (settings, odd) = read(
            r#"{"type":"x","disabled":"true","prefix":"/team/","priority":"7","weight":3,"proxy_url":"direct",
                "label":"Mine","email":"a@b","headers":{"X_Team":"a"},"excluded_models":["Gemini-*"],"request_retry":-1,
                "disable_cooling":true,"base_url":"","model_aliases":[{"name":"a","alias":"b","fork":true}],
                "request_scoped_errors":[{"status":400,"match_regexr":["x"],"action":"stop"}]}"#,
        )
        .unwrap();
        let entry = &settings.entry;
        assert!(settings.disabled && odd.is_empty());
        assert_eq!((entry.prefix.as_deref(), entry.priority, entry.weight), (Some("team"), 7, 3));
        assert_eq!((&entry.proxy, entry.request_retry, entry.label.as_deref()), (&Proxy::Direct, None, Some("Mine")));
        assert_eq!(
            (entry.excluded_models.as_slice(), entry.headers[0].name.as_str()),
            (&["gemini-*".to_owned()][..], "x_team")
        );
        assert_eq!((entry.rules.errors.len(), entry.rules.errors[0].patterns.len()), (1, 1));
        assert_eq!((entry.rules.disable_cooling, settings.aliases.len(), &entry.base_url), (Some(true), 1, &None));
        assert_eq!(read("{}").unwrap().0, AccountSettings::default());
    }

    #[test]
    fn what_is_wrong_is_told_in_the_files_own_words_and_without_secrets() {
        let wrong = read(r#"{"proxy_url":"gopher://user:hush@h","priority":"high","weight":[1]}"#).unwrap_err();
        assert!(wrong.contains("`proxy_url`") && wrong.contains("`priority`") && wrong.contains("`weight`"), "{wrong}");
        assert!(!wrong.contains("hush"), "{wrong}");
        let (settings, odd) = read(r#"{"prefix":"a/b"}"#).unwrap();
        assert_eq!((settings.entry.prefix, odd.len()), (None, 1));
    }
}
