//! Brings the operator's system prompt into a relayed body: the JSON of a system place in, the changed JSON out.
//!
//! A place is a text or a list of blocks with texts; a conversation has leading messages whose contents are such places.
//! Blocks keep what else they hold, such as cache marks. What is of another form is left alone: its own API refuses it.

use std::borrow::Cow;

use hub::Prompt;

use crate::scan::{self, Object};
use crate::splice::{self, Edit};
use crate::tree::Node;

/// How a dialect writes its system messages.
#[derive(Clone, Copy, Debug)]
pub struct Messages {
    /// The roles that speak for the system.
    pub roles: &'static [&'static str],
    /// What a block begins with, up to its text: `{"type":"text","text":`.
    pub block: &'static str,
    /// Entries of another `type` are no messages.
    pub typed: bool,
}

/// The system place with the prompt in it; `None` when nothing changes. `block` is what a block begins with.
pub fn place(old: Option<&str>, block: &str, prompt: &Prompt) -> Option<String> {
    match old {
        None => prompt.own().map(|own| crate::json_text(&own)),
        Some(old) if old.starts_with('"') => text(old, prompt),
        Some(old) if old.starts_with('[') => blocks(old, block, prompt),
        Some(_) => None,
    }
}

/// A text and the operator's words, in one text.
fn text(old: &str, prompt: &Prompt) -> Option<String> {
    let old = Node::read(old)?.as_text()?;
    let own = prompt.own();
    let new = match own {
        Some(own) if prompt.overwrites || old.is_empty() => own,
        Some(own) => Cow::Owned(format!("{}\n{own}", prompt.replaced(&old))),
        None => prompt.replaced(&old),
    };
    (new != old).then(|| crate::json_text(&new))
}

fn blocks(old: &str, block: &str, prompt: &Prompt) -> Option<String> {
    let entries = scan::list(old.as_bytes()).ok()?;
    let entries: Vec<&str> = entries.into_iter().map(|range| &old[range]).collect();
    let own = prompt.own().map(|own| crate::json_text(&own));
    let added = |json: &str| format!("{block}{json}}}");
    let new: Vec<Cow<'_, str>> = match (&own, entries.last()) {
        (Some(own), Some(last)) if prompt.overwrites => {
            vec![with_text(last, own).map_or_else(|| Cow::Owned(added(own)), Cow::Owned)]
        }
        _ => {
            let kept = entries.iter().map(|entry| replaced(entry, prompt).map_or(Cow::Borrowed(*entry), Cow::Owned));
            kept.chain(own.as_deref().map(|own| Cow::Owned(added(own)))).collect()
        }
    };
    let same = new.len() == entries.len() && new.iter().all(|entry| matches!(entry, Cow::Borrowed(_)));
    (!same).then(|| format!("[{}]", new.join(",")))
}

/// A block with another text; `None` when it has none.
fn with_text(block: &str, json: &str) -> Option<String> {
    let index = scan::object(block.as_bytes()).ok()?;
    index.find(block.as_bytes(), "text")?;
    Some(edited(block, &index, Edit::set("text", json)))
}

fn replaced(block: &str, prompt: &Prompt) -> Option<String> {
    let index = scan::object(block.as_bytes()).ok()?;
    let old = Node::read(index.find(block.as_bytes(), "text")?)?.as_text()?;
    match prompt.replaced(&old) {
        Cow::Borrowed(_) => None,
        Cow::Owned(new) => Some(edited(block, &index, Edit::set("text", crate::json_text(&new)))),
    }
}

fn edited(object: &str, index: &Object, edit: Edit) -> String {
    let out = splice::apply(&bytes::Bytes::copy_from_slice(object.as_bytes()), index, &[edit]);
    String::from_utf8_lossy(&out).into_owned()
}

impl Messages {
    /// A conversation with the prompt in its leading system messages; `None` when nothing changes. `elsewhere`: the
    /// operator's own words have a place outside of the conversation, unless it begins with such messages.
    pub fn place(&self, list: &str, elsewhere: bool, prompt: &Prompt) -> Option<String> {
        let entries = scan::list(list.as_bytes()).ok()?;
        let leading = entries.iter().take_while(|range| self.speaks_for_system(&list[(*range).clone()])).count();
        let old: Vec<&str> = entries[..leading].iter().map(|range| &list[range.clone()]).collect();
        let new = self.messages(&old, elsewhere, prompt)?;
        let rest = match entries.get(leading) {
            Some(next) => Cow::Borrowed(&list[next.start..]),
            None => Cow::Borrowed("]"),
        };
        let comma = if new.is_empty() || leading == entries.len() { "" } else { "," };
        Some(format!("[{}{comma}{rest}", new.join(",")))
    }

    /// Whether a conversation begins with a system message.
    pub fn leads(&self, list: &str) -> bool {
        let entries = scan::list(list.as_bytes()).unwrap_or_default();
        entries.first().is_some_and(|range| self.speaks_for_system(&list[range.clone()]))
    }

    fn messages(&self, old: &[&str], elsewhere: bool, prompt: &Prompt) -> Option<Vec<String>> {
        let own = Prompt { replacements: prompt.replacements.clone(), ..Prompt::default() };
        let whole = !prompt.words.is_empty();
        match old {
            [] if whole && !elsewhere => Some(vec![self.message(&prompt.own()?)]),
            [] => None,
            [.., last] if whole && prompt.overwrites => {
                let new = self.with_content(last, prompt);
                Some(vec![new.unwrap_or_else(|| (*last).to_owned())])
            }
            [before @ .., last] => {
                let mut new: Vec<Option<String>> = before.iter().map(|entry| self.with_content(entry, &own)).collect();
                new.push(self.with_content(last, prompt));
                let changed = new.iter().any(Option::is_some);
                let kept = new.into_iter().zip(old).map(|(new, old)| new.unwrap_or_else(|| (*old).to_owned()));
                changed.then(|| kept.collect())
            }
        }
    }

    fn with_content(&self, message: &str, prompt: &Prompt) -> Option<String> {
        let index = scan::object(message.as_bytes()).ok()?;
        let old = index.find(message.as_bytes(), "content").filter(|old| *old != "null");
        let new = place(old, self.block, prompt)?;
        Some(edited(message, &index, Edit::set("content", new)))
    }

    fn message(&self, words: &str) -> String {
        format!("{{\"role\":\"{}\",\"content\":{}}}", self.roles[0], crate::json_text(words))
    }

    fn speaks_for_system(&self, entry: &str) -> bool {
        let Ok(index) = scan::object(entry.as_bytes()) else { return false };
        let field = |name| index.find(entry.as_bytes(), name).and_then(Node::read).and_then(|node| node.as_text());
        let is_message = !self.typed || field("type").is_none_or(|kind| kind == "message");
        is_message && field("role").is_some_and(|role| self.roles.contains(&role.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAT: Messages =
        Messages { roles: &["system", "developer"], block: "{\"type\":\"text\",\"text\":", typed: false };

    fn prompt(words: &str, overwrites: bool) -> Prompt {
        Prompt { words: words.into(), overwrites, replacements: vec![("cat".into(), "dog".into())] }
    }

    #[test]
    fn places_keep_what_is_not_theirs() {
        let append = prompt("own", false);
        let over = prompt("own", true);
        let block = "{\"type\":\"text\",\"text\":";
        for (old, prompt, expect) in [
            (None, &append, Some("\"own\"")),
            (Some("\"a cat\""), &append, Some("\"a dog\\nown\"")),
            (Some("\"a cat\""), &over, Some("\"own\"")),
            (Some("\"\""), &append, Some("\"own\"")),
            (Some("[]"), &over, Some("[{\"type\":\"text\",\"text\":\"own\"}]")),
            (
                Some("[{\"text\":\"a\",\"n\":1.0}, {\"text\":\"cat\",\"c\":{}}]"),
                &append,
                Some("[{\"text\":\"a\",\"n\":1.0},{\"text\":\"dog\",\"c\":{}},{\"type\":\"text\",\"text\":\"own\"}]"),
            ),
            (Some("[{\"text\":\"a\"},{\"c\":{},\"text\":\"cat\"}]"), &over, Some("[{\"c\":{},\"text\":\"own\"}]")),
            (Some("5"), &append, None),
        ] {
            assert_eq!(place(old, block, prompt).as_deref(), expect, "{old:?}");
        }
        let only = prompt("", false);
        assert_eq!(place(None, block, &only), None);
        assert_eq!(place(Some("\"no pets\""), block, &only), None);
        assert_eq!(place(Some("[{\"text\":\"no pets\"}]"), block, &only), None);
    }

    #[test]
    fn the_leading_messages_of_a_conversation_are_the_place() {
        let user = "{\"role\":\"user\",\"content\":\"cat\"}";
        let list = |entries: &[&str]| format!("[{}]", entries.join(", "));
        let one = "{\"role\":\"system\",\"content\":\"a cat\"}";
        let two = "{\"role\":\"developer\",\"name\":\"n\",\"content\":[{\"type\":\"text\",\"text\":\"b\"}]}";
        let later = list(&[one, two, user, one]);
        let appended = CHAT.place(&later, false, &prompt("own", false)).unwrap();
        assert_eq!(
            appended,
            format!(
                "[{{\"role\":\"system\",\"content\":\"a dog\"}},{{\"role\":\"developer\",\"name\":\"n\",\"content\":[{{\"type\":\"text\",\"text\":\"b\"}},{{\"type\":\"text\",\"text\":\"own\"}}]}},{user}, {one}]"
            )
        );
        let over = CHAT.place(&list(&[one, user]), false, &prompt("own", true)).unwrap();
        assert_eq!(over, format!("[{{\"role\":\"system\",\"content\":\"own\"}},{user}]"));
        let none = CHAT.place(&list(&[user]), false, &prompt("own", false)).unwrap();
        assert_eq!(none, format!("[{{\"role\":\"system\",\"content\":\"own\"}},{user}]"));
        assert_eq!(CHAT.place(&list(&[user]), true, &prompt("own", false)), None);
        assert_eq!(CHAT.place(&list(&[user]), false, &prompt("", false)), None);
        assert_eq!(
            CHAT.place("[]", false, &prompt("own", false)).unwrap(),
            "[{\"role\":\"system\",\"content\":\"own\"}]"
        );
    }
}
