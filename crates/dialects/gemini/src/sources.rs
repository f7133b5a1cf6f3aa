//! The sources of an answer while it arrives: each waits until the words have come that it supports.

use std::collections::HashSet;

use hub::{BlockId, Citation, Search};

use crate::grounding::{self, Source};
use crate::said::Said;
use crate::traces;
use crate::wire::{Grounding, Raw, lenient};

/// Sources that are known and not told yet.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    waiting: Vec<Source>,
    known: HashSet<Source>,
    /// Where each part begins in what was said. In a stream a part is what follows one another in one kind.
    parts: Vec<usize>,
    /// Whether the last part was a thought, and whether this chunk has begun it.
    last: Option<(bool, bool)>,
    /// The search that found them.
    search: Option<Search>,
    /// The pages that were read.
    pages: Vec<Search>,
}

impl Sources {
    /// Reads what a chunk says of sources.
    pub(crate) fn learn(&mut self, grounding: Raw<'_>, citations: Raw<'_>, pages: Raw<'_>) {
        for page in traces::pages(pages) {
            if !self.pages.contains(&page) {
                self.pages.push(page);
            }
        }
        if grounding.is_none() && citations.is_none() {
            return;
        }
        let grounding: Grounding<'_> = lenient(grounding);
        self.search = grounding::search(&grounding).or(self.search.take());
        for source in grounding::read(&grounding, citations) {
            if self.known.insert(source.clone()) {
                self.waiting.push(source);
            }
        }
    }

    /// Counts a part that begins at a byte of what was said.
    pub(crate) fn part(&mut self, thought: bool, at: usize) {
        let goes_on = matches!(self.last, Some((before, false)) if before == thought);
        if !goes_on {
            self.parts.push(at);
        }
        self.last = Some((thought, true));
    }

    /// What follows may go on with the last part.
    pub(crate) fn end_of_chunk(&mut self) {
        self.last = self.last.map(|(thought, _)| (thought, false));
    }

    /// Takes the sources of a text that begins at a byte of what was said, and goes on to its end.
    pub(crate) fn of_text(&mut self, said: &mut Said, from: usize) -> Vec<Citation> {
        let mut found = Vec::new();
        if self.waiting.is_empty() {
            return found;
        }
        let Some(before) = said.chars_before(from) else { return found };
        let parts = &self.parts;
        let mut place = |source: &Source| {
            let (start, end) = source.place(said, parts).filter(|(start, _)| *start >= from)?;
            Some((said.chars_before(start)?.checked_sub(before)?, said.chars_before(end)?.checked_sub(before)?))
        };
        for source in std::mem::take(&mut self.waiting) {
            match place(&source) {
                Some(span) => found.push(source.citation(Some(span))),
                None => self.waiting.push(source),
            }
        }
        found
    }

    /// Takes what is left when all words have come: each goes to the text in which its place lies, which may be closed
    /// by then; those whose place means nothing go to the last text.
    pub(crate) fn rest(
        &mut self,
        said: &mut Said,
        texts: &[(BlockId, usize)],
        mut tell: impl FnMut(BlockId, Citation),
    ) {
        let Some((last, _)) = texts.last() else { return };
        for source in self.waiting.drain(..) {
            let place = source.place(said, &self.parts);
            let text = place.and_then(|(start, _)| texts.iter().rev().find(|(_, from)| *from <= start));
            let span = text.zip(place).and_then(|((_, from), (start, end))| {
                let before = said.chars_before(*from)?;
                Some((said.chars_before(start)?.checked_sub(before)?, said.chars_before(end)?.checked_sub(before)?))
            });
            tell(text.map_or(*last, |(block, _)| *block), source.citation(span));
        }
    }

    /// Takes what was looked up.
    pub(crate) fn lookups(&mut self) -> Vec<Search> {
        std::mem::take(&mut self.pages).into_iter().chain(self.search.take()).collect()
    }
}
