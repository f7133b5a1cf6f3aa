//! Keeps back what a model thought from whoever asked not to be shown it, where the wire has no switch for that or the
//! model thinks all the same. Proofs pass: without them the next turn could not go on.

use crate::{Block, BlockId, Event, Part, Response};

/// Hides the thoughts of one answer. Idle unless told to.
#[derive(Debug, Default)]
pub struct Veil {
    drawn: bool,
    /// Open thoughts, and whether their client knows of them.
    thoughts: Vec<(BlockId, bool)>,
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
            Event::Open { block, kind: Block::Thinking } => self.thoughts.push((block, false)),
            Event::Delta { block, .. } | Event::Cite { block, .. } if self.known(block).is_some() => (),
            Event::Seal { block, seal } => {
                if let Some(told) = self.known(block).filter(|told| !**told) {
                    *told = true;
                    out.push(Event::Open { block, kind: Block::Thinking });
                }
                out.push(Event::Seal { block, seal });
            }
            Event::Close { block } => {
                let thought = self.thoughts.extract_if(.., |(known, _)| *known == block).next();
                if thought.is_none_or(|(_, told)| told) {
                    out.push(Event::Close { block });
                }
            }
            event => out.push(event),
        }
    }

    fn known(&mut self, block: BlockId) -> Option<&mut bool> {
        self.thoughts.iter_mut().find(|(known, _)| *known == block).map(|(_, told)| told)
    }

    /// Hides the thoughts of a whole answer.
    pub fn apply(&self, response: &mut Response) {
        if self.is_idle() {
            return;
        }
        response.parts.retain_mut(|part| match part {
            Part::Thinking(thought) => {
                thought.text.clear();
                thought.seal.is_some()
            }
            _ => true,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Assembler, Grammar, Seal, StopReason, Text, Thought, replay};

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
}
