//! Checks that an event sequence is legal. Runs over every decoder in tests and in debug builds.

use std::collections::HashMap;

use crate::{BlockId, Event};

/// Reads events one by one and objects to the first that is out of place.
#[derive(Debug, Default)]
pub struct Grammar {
    started: bool,
    stopped: bool,
    /// Every block ever opened, and whether it is open still.
    blocks: HashMap<BlockId, bool>,
    /// The other answers.
    others: HashMap<u32, Grammar>,
}

/// What is out of place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Violation {
    /// An event before `Start`.
    NotStarted,
    /// A second `Start`.
    StartedTwice,
    /// An event after `Stop`.
    AfterStop,
    /// A block number used twice.
    Reopened(BlockId),
    /// An event for a block that is not open.
    NotOpen(BlockId),
    /// `Stop` while a block is open.
    StillOpen(BlockId),
    /// The sequence ended without `Stop`.
    Unfinished,
    /// What belongs to all answers, as one of another one.
    Common,
    /// `Stop` while another answer goes on.
    Running(u32),
}

impl Grammar {
    /// Takes the next event.
    pub fn see(&mut self, event: &Event) -> Result<(), Violation> {
        self.see_place(event)?;
        match event {
            Event::Start { .. } => self.started = true,
            Event::Open { block, .. } => {
                if self.blocks.insert(*block, true).is_some() {
                    return Err(Violation::Reopened(*block));
                }
            }
            Event::Delta { block, .. } | Event::Seal { block, .. } | Event::Tokens { block, .. } => {
                self.require_open(*block)?;
            }
            Event::Cite { block, .. } if self.blocks.contains_key(block) => (),
            Event::Cite { block, .. } => return Err(Violation::NotOpen(*block)),
            Event::Close { block } => {
                self.require_open(*block)?;
                self.blocks.insert(*block, false);
            }
            Event::Usage(_) => (),
            Event::Aside { answer, event } => self.see_aside(*answer, event)?,
            Event::Stop(_) => self.see_stop()?,
        }
        Ok(())
    }

    /// The sequence is over.
    pub fn finish(&self) -> Result<(), Violation> {
        if self.stopped { Ok(()) } else { Err(Violation::Unfinished) }
    }

    fn see_place(&self, event: &Event) -> Result<(), Violation> {
        match (event, self.started, self.stopped) {
            (_, _, true) => Err(Violation::AfterStop),
            (Event::Start { .. }, true, _) => Err(Violation::StartedTwice),
            (Event::Start { .. }, false, _) | (_, true, _) => Ok(()),
            (_, false, _) => Err(Violation::NotStarted),
        }
    }

    fn require_open(&self, block: BlockId) -> Result<(), Violation> {
        if self.blocks.get(&block) == Some(&true) { Ok(()) } else { Err(Violation::NotOpen(block)) }
    }

    fn see_aside(&mut self, answer: u32, event: &Event) -> Result<(), Violation> {
        if matches!(event, Event::Start { .. } | Event::Usage(_) | Event::Aside { .. }) {
            return Err(Violation::Common);
        }
        self.others.entry(answer).or_insert_with(|| Self { started: true, ..Self::default() }).see(event)
    }

    fn see_stop(&mut self) -> Result<(), Violation> {
        self.stopped = true;
        if let Some((answer, _)) = self.others.iter().find(|(_, other)| !other.stopped) {
            return Err(Violation::Running(*answer));
        }
        match self.blocks.iter().find(|(_, open)| **open) {
            Some((block, _)) => Err(Violation::StillOpen(*block)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Block, StopReason};

    fn run(events: &[Event]) -> Result<(), Violation> {
        let mut grammar = Grammar::default();
        events.iter().try_for_each(|event| grammar.see(event))?;
        grammar.finish()
    }

    fn start() -> Event {
        Event::Start { id: String::new(), model: String::new() }
    }

    fn open(n: u32) -> Event {
        Event::Open { block: BlockId(n), kind: Block::Text }
    }

    fn close(n: u32) -> Event {
        Event::Close { block: BlockId(n) }
    }

    fn stop() -> Event {
        Event::Stop(StopReason::End.into())
    }

    #[test]
    fn blocks_may_interleave() {
        assert_eq!(run(&[start(), open(0), open(1), close(0), close(1), stop()]), Ok(()));
    }

    fn aside(event: Event) -> Event {
        Event::Aside { answer: 1, event: Box::new(event) }
    }

    #[test]
    fn answers_stand_side_by_side() {
        let both = [start(), open(0), aside(open(0)), close(0), aside(close(0)), aside(stop()), stop()];
        assert_eq!(run(&both), Ok(()));
    }

    #[test]
    fn each_misplaced_event_is_named() {
        let cases: [(&[Event], Violation); 11] = [
            (&[start(), aside(start())], Violation::Common),
            (&[start(), aside(open(0)), stop()], Violation::Running(1)),
            (&[start(), open(0), aside(close(0))], Violation::NotOpen(BlockId(0))),
            (&[start(), aside(stop()), aside(open(0))], Violation::AfterStop),
            (&[open(0)], Violation::NotStarted),
            (&[start(), start()], Violation::StartedTwice),
            (&[start(), stop(), stop()], Violation::AfterStop),
            (&[start(), open(0), close(0), open(0)], Violation::Reopened(BlockId(0))),
            (&[start(), open(0), close(0), close(0)], Violation::NotOpen(BlockId(0))),
            (&[start(), open(0), stop()], Violation::StillOpen(BlockId(0))),
            (&[start()], Violation::Unfinished),
        ];
        for (events, violation) in cases {
            assert_eq!(run(events), Err(violation));
        }
    }
}
