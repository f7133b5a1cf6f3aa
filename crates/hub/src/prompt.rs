//! The operator's hand on system prompts: words of its own, and words that are replaced.

use std::borrow::Cow;

use crate::Text;

/// What happens to a system prompt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// The operator's own words; empty changes nothing but what is replaced.
    pub words: String,
    /// They take the place of the client's; else they follow them.
    pub overwrites: bool,
    /// Old words, never empty, and the new ones for them.
    pub replacements: Vec<(String, String)>,
}

impl Prompt {
    /// A text with all replacements made, in order.
    pub fn replaced<'a>(&self, text: &'a str) -> Cow<'a, str> {
        self.replacements.iter().fold(Cow::Borrowed(text), |text, (old, new)| match text.contains(old.as_str()) {
            true => Cow::Owned(text.replace(old.as_str(), new)),
            false => text,
        })
    }

    /// The operator's own words, with all replacements made; `None` when there are none.
    pub fn own(&self) -> Option<Cow<'_, str>> {
        (!self.words.is_empty()).then(|| self.replaced(&self.words))
    }

    /// Changes the system prompt of a request. A cache mark at its end stays at its end when it is overwritten.
    pub fn apply(&self, system: &mut Vec<Text>) {
        let own = self.own();
        if self.overwrites
            && let Some(own) = own
        {
            let cache = system.iter().rev().find_map(|text| text.cache);
            *system = vec![Text { cache, ..Text::plain(own) }];
            return;
        }
        for text in system.iter_mut() {
            if let Cow::Owned(new) = self.replaced(&text.text) {
                text.text = new;
            }
        }
        system.extend(own.map(Text::plain));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CacheHint;

    fn applied(prompt: &Prompt, system: &[&str]) -> Vec<String> {
        let mut system: Vec<Text> = system.iter().map(|text| Text::plain(*text)).collect();
        prompt.apply(&mut system);
        system.into_iter().map(|text| text.text).collect()
    }

    #[test]
    fn words_are_added_put_in_place_and_replaced() {
        let replacements = vec![("cat".to_owned(), "dog".to_owned()), ("dog".to_owned(), "cow".to_owned())];
        let prompt = Prompt { words: "my cat".into(), overwrites: false, replacements };
        assert_eq!(applied(&prompt, &["a cat", "b"]), ["a cow", "b", "my cow"]);
        assert_eq!(applied(&prompt, &[]), ["my cow"]);
        assert_eq!(applied(&Prompt { overwrites: true, ..prompt.clone() }, &["a", "b"]), ["my cow"]);
        let only = Prompt { words: String::new(), overwrites: true, ..prompt };
        assert_eq!(applied(&only, &["cats"]), ["cows"], "nothing is overwritten by nothing");
        assert_eq!(applied(&only, &[]), [""; 0]);
    }

    #[test]
    fn a_cache_mark_stays_at_the_end() {
        let mut system = vec![Text { cache: Some(CacheHint::OneHour), ..Text::plain("a") }, Text::plain("b")];
        Prompt { words: "own".into(), overwrites: true, ..Prompt::default() }.apply(&mut system);
        assert_eq!(system, [Text { cache: Some(CacheHint::OneHour), ..Text::plain("own") }]);
    }
}
