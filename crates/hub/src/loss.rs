//! What a translation could not carry, said aloud.

use std::borrow::Cow;

/// How many losses one request lists at most, and as many silent ones; the rest are only counted.
const MAX: usize = 64;

/// One thing that was dropped or bent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Dropped or approximated.
    pub kind: LossKind,
    /// The field, as a path: `tools[3].strict`, `seed`. Whoever writes a request for a wire names it by what the hub calls
    /// it, which decides what the loss means.
    pub field: Cow<'static, str>,
    /// The same in the client's words, where these are others.
    told: Option<String>,
    /// Why, or what was sent instead; may be empty.
    pub note: Cow<'static, str>,
}

/// How a thing was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LossKind {
    /// A harmless hint, left out without a word to the client.
    Silent,
    /// Left out, and said so.
    Dropped,
    /// Sent in the nearest form, and said so.
    Approximated,
}

/// Settings of how an answer is made: how long it may be, how much is thought, how it is sampled, what it costs. Losing
/// one makes another answer to the same question.
const TUNING: [&str; 23] = [
    "frequency_penalty",
    "max_completion_tokens",
    "max_output_tokens",
    "max_tokens",
    "options",
    "output_config",
    "prediction",
    "presence_penalty",
    "reasoning",
    "reasoning_effort",
    "repeat_penalty",
    "seed",
    "service_tier",
    "taskType",
    "temperature",
    "template",
    "thinking",
    "title",
    "top_k",
    "top_p",
    "truncate",
    "truncation",
    "verbosity",
];

/// What a model thought in earlier turns: it is the vendor's to use, and no part of what was said.
const THOUGHTS: [&str; 4] = ["thinking", "reasoning", "thoughtSignature", "signature"];

impl Loss {
    /// The field in the client's words.
    pub fn path(&self) -> &str {
        self.told.as_deref().unwrap_or(&self.field)
    }

    /// Whether the answer means something else without it: data that the client gave, tools, or a form that it counts
    /// on. Whatever is not known to be tuning counts.
    pub fn changes_meaning(&self) -> bool {
        let root = self.field.split(['.', '[']).next().unwrap_or_default();
        let leaf = self.field.rsplit('.').next().unwrap_or_default();
        self.kind != LossKind::Silent && !TUNING.contains(&root) && !THOUGHTS.contains(&leaf)
    }
}

/// The losses of one request, bounded. However many there are, one that changes the meaning is listed if there is any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    list: Vec<Loss>,
    /// Of those that the client hears of.
    more: usize,
    more_silent: usize,
}

impl Losses {
    /// A harmless hint was left out.
    pub fn silent(&mut self, field: impl Into<Cow<'static, str>>) {
        self.push(LossKind::Silent, field.into(), Cow::Borrowed(""));
    }

    /// Something was left out that the client may miss.
    pub fn dropped(&mut self, field: impl Into<Cow<'static, str>>, note: impl Into<Cow<'static, str>>) {
        self.push(LossKind::Dropped, field.into(), note.into());
    }

    /// Something was sent in the nearest form.
    pub fn approximated(&mut self, field: impl Into<Cow<'static, str>>, note: impl Into<Cow<'static, str>>) {
        self.push(LossKind::Approximated, field.into(), note.into());
    }

    fn push(&mut self, kind: LossKind, field: Cow<'static, str>, note: Cow<'static, str>) {
        self.add(Loss { kind, field, told: None, note });
    }

    fn add(&mut self, loss: Loss) {
        if self.list.contains(&loss) {
            return;
        }
        let silent = |loss: &Loss| loss.kind == LossKind::Silent;
        if self.list.iter().filter(|listed| silent(listed) == silent(&loss)).count() < MAX {
            return self.list.push(loss);
        }
        if silent(&loss) {
            self.more_silent += 1;
            return;
        }
        self.more += 1;
        // A strict request must be refused for what it would lose, wherever that stands.
        if loss.changes_meaning() && !self.list.iter().any(Loss::changes_meaning) {
            let last = self.list.iter_mut().rfind(|listed| !silent(listed));
            last.into_iter().for_each(|last| *last = loss.clone());
        }
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: Self) {
        self.more += other.more;
        self.more_silent += other.more_silent;
        for loss in other.list {
            self.add(loss);
        }
    }

    /// Names the fields as the client does: each that begins with a path of the left by that of the right.
    pub fn tell_as(&mut self, words: &[(&str, &str)]) {
        for loss in &mut self.list {
            loss.told = words.iter().find_map(|(ours, theirs)| {
                let rest = loss.field.strip_prefix(ours)?;
                (rest.is_empty() || rest.starts_with(['.', '['])).then(|| [theirs, rest].concat())
            });
        }
    }

    /// So many more were found that nobody names.
    pub fn count_more(&mut self, more: usize) {
        self.more += more;
    }

    /// The losses, in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Loss> {
        self.list.iter()
    }

    /// How many were found beyond those that are listed, silent ones apart.
    pub fn unlisted(&self) -> usize {
        self.more
    }

    /// How many silent ones were found beyond those that are listed.
    pub fn unlisted_silent(&self) -> usize {
        self.more_silent
    }

    /// Whether nothing was lost that the client may miss.
    pub fn is_silent(&self) -> bool {
        self.more == 0 && self.list.iter().all(|loss| loss.kind == LossKind::Silent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_tools_and_forms_mean_something_and_tuning_does_not() {
        let loss = |kind, field: &'static str| Loss { kind, field: field.into(), told: None, note: "".into() };
        for field in ["messages", "tools[0]", "tools.f.strict", "response_format", "tool_choice", "stop", "unheard_of"]
        {
            assert!(loss(LossKind::Dropped, field).changes_meaning(), "{field}");
            assert!(loss(LossKind::Approximated, field).changes_meaning(), "{field}");
            assert!(!loss(LossKind::Silent, field).changes_meaning(), "{field}");
        }
        for field in
            ["seed", "thinking", "options.min_p", "max_tokens", "messages.thinking", "contents.thoughtSignature"]
        {
            assert!(!loss(LossKind::Dropped, field).changes_meaning(), "{field}");
        }
    }

    #[test]
    fn clients_have_words_of_their_own() {
        let mut losses = Losses::default();
        for field in ["seed", "seeds", "messages[3].x", "tools.web_search.max_uses", "text"] {
            losses.dropped(field, "");
        }
        losses.tell_as(&[("seed", "options.seed"), ("messages", "contents"), ("tools.web_search", "search")]);
        let told: Vec<&str> = losses.iter().map(Loss::path).collect();
        assert_eq!(told, ["options.seed", "seeds", "contents[3].x", "search.max_uses", "text"]);
        let mut all = Losses::default();
        all.extend(losses);
        assert_eq!(all.iter().next().map(|loss| (loss.path(), loss.changes_meaning())), Some(("options.seed", false)));
    }

    #[test]
    fn what_changes_the_meaning_is_listed_behind_any_number_of_others() {
        let mut losses = Losses::default();
        for number in 0..200 {
            losses.silent(format!("messages[{number}].name"));
        }
        assert!(losses.is_silent() && losses.unlisted() == 0 && losses.unlisted_silent() == 200 - MAX);
        for number in 0..100 {
            losses.dropped(format!("options.x{number}"), "");
        }
        assert!(!losses.iter().any(Loss::changes_meaning));
        losses.dropped("tools[0]", "");
        losses.dropped("tools[1]", "");
        let listed: Vec<&str> = losses.iter().filter(|loss| loss.changes_meaning()).map(|loss| &*loss.field).collect();
        assert_eq!((listed, losses.unlisted(), losses.iter().count()), (vec!["tools[0]"], 102 - MAX, 2 * MAX));
        let mut bare = Losses::default();
        bare.count_more(1);
        assert!(!bare.is_silent());
    }
}
