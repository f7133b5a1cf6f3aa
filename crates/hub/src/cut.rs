//! Stop strings that the upstream could not be told of: the answer is cut here, as if the upstream had.
//!
//! Text is held back only as far as it may be the beginning of a stop string. Idle when there are no strings.

use std::collections::BTreeMap;

use crate::{Block, BlockId, Event, Part, Response, Stop, StopReason, Token, odds};

/// Cuts one answer at the first stop string in its visible text.
#[derive(Debug, Default)]
pub struct Cutter {
    strings: Vec<String>,
    /// The open blocks; what is held back, for text blocks.
    open: BTreeMap<BlockId, Option<Held>>,
    cut: bool,
}

/// What of a text waits.
#[derive(Debug, Default)]
struct Held {
    text: String,
    tokens: Vec<Token>,
    /// Bytes that were shown of the first token that waits.
    begun: usize,
}

impl Held {
    /// Shows the first bytes of the text, and the tokens that end in it.
    fn show(&mut self, block: BlockId, bytes: usize, out: &mut Vec<Event>) {
        if bytes == 0 {
            return;
        }
        let rest = self.text.split_off(bytes);
        let text = std::mem::replace(&mut self.text, rest);
        self.begun += bytes;
        let whole = odds::within(&self.tokens, self.begun);
        if whole > 0 {
            let rest = self.tokens.split_off(whole);
            let tokens = std::mem::replace(&mut self.tokens, rest);
            self.begun -= tokens.iter().map(Token::len).sum::<usize>();
            out.push(Event::Tokens { block, tokens });
        }
        if self.tokens.is_empty() {
            self.begun = 0;
        }
        out.push(Event::Delta { block, text });
    }
}

impl Cutter {
    /// A cutter for these strings; empty ones never match.
    pub fn new(strings: Vec<String>) -> Self {
        let strings = strings.into_iter().filter(|string| !string.is_empty()).collect();
        Self { strings, open: BTreeMap::new(), cut: false }
    }

    /// Whether there is nothing to look for.
    pub fn is_idle(&self) -> bool {
        self.strings.is_empty()
    }

    /// Whether the answer has been cut: nothing more of it is wanted.
    pub fn has_cut(&self) -> bool {
        self.cut
    }

    /// Takes an event and gives what of it may be shown.
    pub fn push(&mut self, event: Event, out: &mut Vec<Event>) {
        if self.cut {
            return;
        }
        match event {
            Event::Open { block, kind } => {
                let held = matches!(kind, Block::Text).then(Held::default);
                self.open.insert(block, held);
                out.push(Event::Open { block, kind });
            }
            Event::Delta { block, text } => self.delta(block, text, out),
            Event::Tokens { block, tokens } => match self.open.get_mut(&block) {
                Some(Some(held)) => held.tokens.extend(tokens),
                _ => out.push(Event::Tokens { block, tokens }),
            },
            Event::Close { block } => {
                let mut held = self.open.remove(&block).flatten().unwrap_or_default();
                held.show(block, held.text.len(), out);
                // The mark of an end says nothing and is a token all the same.
                out.extend((!held.tokens.is_empty()).then_some(Event::Tokens { block, tokens: held.tokens }));
                out.push(Event::Close { block });
            }
            event => out.push(event),
        }
    }

    fn delta(&mut self, block: BlockId, text: String, out: &mut Vec<Event>) {
        let Some(Some(held)) = self.open.get_mut(&block) else {
            out.push(Event::Delta { block, text });
            return;
        };
        held.text.push_str(&text);
        match find(&held.text, &self.strings) {
            Some((at, sequence)) => {
                held.text.truncate(at);
                let sequence = sequence.to_owned();
                self.end(sequence, out);
            }
            None => {
                let shown = held.text.len() - pending(&held.text, &self.strings);
                held.show(block, shown, out);
            }
        }
    }

    fn end(&mut self, sequence: String, out: &mut Vec<Event>) {
        self.cut = true;
        for (block, held) in std::mem::take(&mut self.open) {
            let mut held = held.unwrap_or_default();
            held.show(block, held.text.len(), out);
            out.push(Event::Close { block });
        }
        out.push(Event::Stop(Stop { reason: StopReason::StopSequence, sequence: Some(sequence), detail: None }));
    }

    /// Cuts a whole answer.
    pub fn apply(&self, response: &mut Response) {
        let found = response.parts.iter().enumerate().find_map(|(part, content)| match content {
            Part::Text(text) => find(&text.text, &self.strings).map(|(at, string)| (part, at, string.to_owned())),
            _ => None,
        });
        let Some((part, at, sequence)) = found else { return };
        response.parts.truncate(part + 1);
        if let Some(Part::Text(text)) = response.parts.last_mut() {
            text.text.truncate(at);
            text.tokens.truncate(odds::within(&text.tokens, at));
        }
        response.stop = Stop { reason: StopReason::StopSequence, sequence: Some(sequence), detail: None };
    }
}

/// The earliest match; the longest string where several begin at one place.
fn find<'s>(text: &str, strings: &'s [String]) -> Option<(usize, &'s str)> {
    let matches = strings.iter().filter_map(|string| text.find(string.as_str()).map(|at| (at, string.as_str())));
    matches.min_by_key(|(at, string)| (*at, std::cmp::Reverse(string.len())))
}

/// How many bytes at the end of `text` may be the beginning of a stop string.
fn pending(text: &str, strings: &[String]) -> usize {
    let begins = |string: &String| {
        let most = string.len().saturating_sub(1).min(text.len());
        (1..=most).rev().find(|n| string.is_char_boundary(*n) && text.ends_with(&string[..*n])).unwrap_or(0)
    };
    strings.iter().map(begins).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Assembler, Grammar, Text, replay};
    use proptest::prelude::*;

    fn stream(pieces: &[&str], strings: &[&str]) -> (String, Stop, bool) {
        let block = BlockId(0);
        let mut events =
            vec![Event::Start { id: String::new(), model: String::new() }, Event::Open { block, kind: Block::Text }];
        events.extend(pieces.iter().map(|piece| Event::Delta { block, text: (*piece).to_owned() }));
        events.extend([Event::Close { block }, Event::Stop(StopReason::End.into())]);
        let mut cutter = Cutter::new(strings.iter().map(|string| (*string).to_owned()).collect());
        let (mut grammar, mut assembler, mut out) = (Grammar::default(), Assembler::new(1 << 16), Vec::new());
        for event in events {
            cutter.push(event, &mut out);
        }
        for event in out {
            grammar.see(&event).unwrap();
            assembler.push(event).unwrap();
        }
        grammar.finish().unwrap();
        let response = assembler.finish().unwrap();
        let Some(Part::Text(text)) = response.parts.into_iter().next() else { panic!("no text") };
        (text.text, response.stop, cutter.has_cut())
    }

    #[test]
    fn a_string_is_found_across_pieces() {
        let (text, stop, cut) = stream(&["one EN", "D two"], &["END"]);
        assert_eq!((text.as_str(), stop.sequence.as_deref(), cut), ("one ", Some("END"), true));
        let (text, stop, cut) = stream(&["one EN", "d"], &["END"]);
        assert_eq!((text.as_str(), stop.reason, cut), ("one ENd", StopReason::End, false));
    }

    #[test]
    fn the_earliest_and_longest_counts() {
        let (text, stop, _) = stream(&["a##b"], &["#", "##", "b"]);
        assert_eq!((text.as_str(), stop.sequence.as_deref()), ("a", Some("##")));
    }

    proptest! {
        #[test]
        fn any_chunking_cuts_at_the_same_place(text in "[abé]{0,16}", string in "[abé]{1,3}", at in any::<prop::sample::Index>()) {
            let places: Vec<usize> = (0..=text.len()).filter(|n| text.is_char_boundary(*n)).collect();
            let at = places[at.index(places.len())];
            let whole = stream(&[&text], &[&string]);
            prop_assert_eq!(&stream(&[&text[..at], &text[at..]], &[&string]), &whole);
            let mut response = Response { parts: vec![Part::Text(Text::plain(text))], ..Response::default() };
            Cutter::new(vec![string]).apply(&mut response);
            let mut events = Vec::new();
            replay(response.clone(), &mut events);
            prop_assert_eq!(&response.parts[0], &Part::Text(Text::plain(whole.0)));
            prop_assert_eq!(response.stop.reason, whole.1.reason);
        }
    }
}
