//! Takes `<think>` tags out of text, across any cuts. Knows nothing of chunks or blocks.

const OPEN: &str = "<think>";
const CLOSE: &str = "</think>";

/// Where a piece of text belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The visible answer.
    Answer,
    /// The reasoning.
    Reasoning,
}

/// Splits one stream of text.
#[derive(Debug)]
pub(crate) struct Splitter {
    place: Place,
    /// What may be the beginning of a tag, or white space after one.
    carry: String,
    /// White space that follows a tag belongs to the tag.
    after_tag: bool,
}

impl Default for Splitter {
    fn default() -> Self {
        Self { place: Place::Answer, carry: String::new(), after_tag: false }
    }
}

impl Splitter {
    /// Takes more text and hands out what is certain.
    pub(crate) fn feed(&mut self, more: &str, mut sink: impl FnMut(Place, &str)) {
        let text = std::mem::take(&mut self.carry) + more;
        let mut rest = text.as_str();
        loop {
            if self.after_tag {
                rest = rest.trim_start();
                self.after_tag = rest.is_empty();
            }
            let tag = self.tag();
            let Some(at) = rest.find(tag) else { break };
            give(self.place, &rest[..at], &mut sink);
            rest = &rest[at + tag.len()..];
            self.turn();
        }
        let certain = rest.len() - half_tag(rest, self.tag());
        give(self.place, &rest[..certain], &mut sink);
        self.carry.push_str(&rest[certain..]);
    }

    /// No more text comes now: what looked like half a tag was none.
    pub(crate) fn flush(&mut self, mut sink: impl FnMut(Place, &str)) {
        give(self.place, &std::mem::take(&mut self.carry), &mut sink);
    }

    fn tag(&self) -> &'static str {
        match self.place {
            Place::Answer => OPEN,
            Place::Reasoning => CLOSE,
        }
    }

    fn turn(&mut self) {
        self.place = match self.place {
            Place::Answer => Place::Reasoning,
            Place::Reasoning => Place::Answer,
        };
        self.after_tag = true;
    }
}

fn give(place: Place, text: &str, sink: &mut impl FnMut(Place, &str)) {
    if !text.is_empty() {
        sink(place, text);
    }
}

/// The length of the longest end of `text` that `tag` could begin with.
fn half_tag(text: &str, tag: &str) -> usize {
    let longest = text.len().min(tag.len() - 1);
    (1..=longest).rev().find(|length| text.as_bytes().ends_with(&tag.as_bytes()[..*length])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(pieces: &[&str]) -> (String, String) {
        let (mut answer, mut reasoning) = (String::new(), String::new());
        let mut splitter = Splitter::default();
        let mut sink = |place: Place, text: &str| match place {
            Place::Answer => answer.push_str(text),
            Place::Reasoning => reasoning.push_str(text),
        };
        for piece in pieces {
            splitter.feed(piece, &mut sink);
        }
        splitter.flush(&mut sink);
        (answer, reasoning)
    }

    #[test]
    fn tags_are_taken_out() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(split(&["<think>\nhm</think>\n\nyes"]), pair("yes", "hm"));
        assert_eq!(split(&["a <b> < think> c"]), pair("a <b> < think> c", ""));
        assert_eq!(split(&["<thi", "nk>h", "m</", "think", ">", "\n", "\nyes <"]), pair("yes <", "hm"));
        assert_eq!(split(&["<think>never closed"]), pair("", "never closed"));
        assert_eq!(split(&["one <think>a</think>two<think>b</think>"]), pair("one two", "ab"));
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter(text in "(<think>|</think>|<|a| |é|\n){0,12}", cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..5)) {
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).filter(|at| text.is_char_boundary(*at)).collect();
            places.extend([0, text.len()]);
            places.sort_unstable();
            let pieces: Vec<&str> = places.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect();
            prop_assert_eq!(split(&pieces), split(&[&text]));
        }
    }
}
