//! Keeps back what a model thought from whoever asked not to be shown it, where the wire has no switch for that or the
//! model thinks all the same. Proofs pass: without them the next turn could not go on. Some vendors take a proof only
//! with the very words that it proves, so those travel inside it.

use std::borrow::Cow;

use crate::{Block, BlockId, Carried, Event, Part, Response, Seal, Thought};

/// The vendor of a proof that has words in it.
const VEILED: &str = "veiled";
/// What such a proof proves.
const WORDS: &str = "words";
/// The most words that are kept for a proof, in bytes. Of more, none: a part of them is not what was proved.
const MAX: usize = 1 << 19;

/// Hides the thoughts of one answer. Idle unless told to.
#[derive(Debug, Default)]
pub struct Veil {
    drawn: bool,
    thoughts: Vec<Hidden>,
}

/// An open thought.
#[derive(Debug)]
struct Hidden {
    block: BlockId,
    /// The client knows of it.
    told: bool,
    /// `None` once there were too many.
    words: Option<String>,
}

impl Veil {
    /// A veil that hides, or that does nothing.
    pub fn new(drawn: bool) -> Self {
        Self { drawn, thoughts: Vec::new() }
    }

    /// Whether there is nothing to hide.
    pub fn is_idle(&self) -> bool {
        !self.drawn
    }

    /// Takes an event and gives what of it may be shown.
    pub fn push(&mut self, event: Event, out: &mut Vec<Event>) {
        if self.is_idle() {
            return out.push(event);
        }
        match event {
            Event::Open { block, kind: Block::Thinking } => {
                self.thoughts.push(Hidden { block, told: false, words: Some(String::new()) });
            }
            Event::Delta { block, ref text } if let Some(thought) = self.open(block) => thought.keep(text),
            Event::Tokens { block, .. } | Event::Cite { block, .. } if self.open(block).is_some() => (),
            Event::Seal { block, seal } => self.seal(block, seal, out),
            Event::Close { block } => {
                let thought = self.thoughts.extract_if(.., |thought| thought.block == block).next();
                if thought.is_none_or(|thought| thought.told) {
                    out.push(Event::Close { block });
                }
            }
            event => out.push(event),
        }
    }

    fn seal(&mut self, block: BlockId, seal: Seal, out: &mut Vec<Event>) {
        let Some(thought) = self.open(block) else { return out.push(Event::Seal { block, seal }) };
        if !std::mem::replace(&mut thought.told, true) {
            out.push(Event::Open { block, kind: Block::Thinking });
        }
        out.push(Event::Seal { block, seal: veiled(thought.words.as_deref().unwrap_or_default(), seal) });
    }

    fn open(&mut self, block: BlockId) -> Option<&mut Hidden> {
        self.thoughts.iter_mut().find(|thought| thought.block == block)
    }

    /// Hides the thoughts of a whole answer.
    pub fn apply(&self, response: &mut Response) {
        if self.is_idle() {
            return;
        }
        response.parts.retain_mut(|part| match part {
            Part::Thinking(thought) => {
                let words = std::mem::take(&mut thought.text);
                thought.seal = thought.seal.take().map(|seal| veiled(&words, seal));
                thought.seal.is_some()
            }
            _ => true,
        });
    }
}

impl Hidden {
    fn keep(&mut self, text: &str) {
        self.words = self.words.take().filter(|words| words.len() + text.len() <= MAX).map(|words| words + text);
    }
}

/// The proof with its words inside.
fn veiled(words: &str, seal: Seal) -> Seal {
    if words.is_empty() || words.len() > MAX {
        return seal;
    }
    let data = format!("{}:{words}{}", words.len(), seal.pack());
    Seal { vendor: Cow::Borrowed(VEILED), kind: Cow::Borrowed(WORDS), data }
}

/// Gives a thought of the history the words back that its proof came with. A damaged one proves nothing.
pub(crate) fn lift(thought: &mut Thought) {
    if let Some(seal) = thought.seal.take_if(|seal| seal.vendor == VEILED)
        && let Some((words, seal)) = parted(&seal.data)
    {
        thought.text = words.to_owned();
        thought.seal = Some(seal);
    }
}

fn parted(data: &str) -> Option<(&str, Seal)> {
    let (length, rest) = data.split_once(':')?;
    let (words, seal) = rest.split_at_checked(length.parse().ok()?)?;
    match Seal::unpack(seal) {
        Carried::Packed(seal) if seal.vendor != VEILED => Some((words, seal)),
        Carried::Packed(_) | Carried::Native(_) | Carried::Damaged => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Assembler, Grammar, StopReason, Text, replay};
    use proptest::prelude::*;

    fn answer() -> Response {
        let thought =
            |text: &str, seal: Option<Seal>| Part::Thinking(Thought { text: text.into(), seal, redacted: false });
        let seal = Seal::new("anthropic", "signature", "s");
        let parts = vec![thought("a", None), Part::Text(Text::plain("b")), thought("c", Some(seal))];
        Response { parts, stop: StopReason::End.into(), ..Response::default() }
    }

    fn through(veil: &mut Veil, response: Response) -> Response {
        let (mut events, mut shown) = (Vec::new(), Vec::new());
        replay(response, &mut events);
        events.into_iter().for_each(|event| veil.push(event, &mut shown));
        let (mut grammar, mut assembler) = (Grammar::default(), Assembler::new(1 << 20));
        for event in shown {
            grammar.see(&event).unwrap();
            assembler.push(event).unwrap();
        }
        grammar.finish().unwrap();
        assembler.finish().unwrap()
    }

    #[test]
    fn thoughts_are_kept_back_and_their_proofs_are_not() {
        let mut whole = answer();
        Veil::new(true).apply(&mut whole);
        let words = |response: &Response| format!("{:?}", response.parts);
        assert!(!words(&whole).contains("\"a\"") && !words(&whole).contains("\"c\""), "{whole:?}");
        assert_eq!(whole.parts.len(), 2, "the text, and an empty thought with its proof");
        assert_eq!(through(&mut Veil::new(true), answer()), whole, "a stream hides what a whole answer hides");
    }

    #[test]
    fn nothing_is_hidden_unasked() {
        let mut whole = answer();
        Veil::default().apply(&mut whole);
        assert_eq!(whole, answer());
        assert_eq!(through(&mut Veil::default(), answer()), answer());
    }

    proptest! {
        #[test]
        fn words_come_back_with_their_proof(text in ".{0,40}", data in ".{0,40}") {
            let thought = Thought { text, seal: Some(Seal::new("anthropic", "signature", data)), redacted: false };
            let mut whole = Response { parts: vec![Part::Thinking(thought.clone())], ..Response::default() };
            Veil::new(true).apply(&mut whole);
            let Some(Part::Thinking(mut hidden)) = whole.parts.pop() else { panic!("the proof is gone") };
            prop_assert_eq!(hidden.text.as_str(), "");
            lift(&mut hidden);
            prop_assert_eq!(hidden, thought);
        }

        #[test]
        fn damaged_words_prove_nothing(data in ".{0,40}|[0-9]{1,20}:.{0,9}bos1:a:b:1:x|[0-3]:.{0,3}bos1:veiled:words:1:x") {
            let mut thought = Thought { seal: Some(Seal::new(VEILED, WORDS, data)), ..Thought::default() };
            lift(&mut thought);
            prop_assert!(thought.seal.is_none_or(|seal| seal.vendor != VEILED));
        }
    }
}
