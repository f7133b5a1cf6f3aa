//! What of an answer its client does not get: thoughts that it does not want to see, what its answer is wrapped in, and
//! what comes after a stop string. In this order, for whole answers as for streams, and for each of several answers.

use dialect::{Memo, Peeler};
use hub::{Cutter, Event, Others, Response, Veil, aside};

/// The sieve of one answer, and of those beside it. Idle when there is nothing to take away.
#[derive(Debug, Default)]
pub(crate) struct Sieve {
    veil: Veil,
    peeler: Peeler,
    cutter: Cutter,
    /// What the veil let through of one event.
    shown: Vec<Event>,
    /// What the peeler made of that.
    peeled: Vec<Event>,
    others: Others<Self>,
    /// The end of an answer that was cut while others go on: it comes last.
    end: Option<Event>,
}

impl Sieve {
    /// The sieve that a request asked for.
    pub(crate) fn of(memo: &Memo) -> Self {
        let mut sieve = Self { others: Others::of(memo.answers), ..Self::of_one(memo) };
        if !sieve.is_idle() {
            (1..memo.answers).for_each(|answer| _ = sieve.others.at(answer, || Self::of_one(memo)));
        }
        sieve
    }

    fn of_one(memo: &Memo) -> Self {
        Self {
            veil: Veil::new(memo.hides),
            peeler: Peeler::new(memo.peel),
            cutter: Cutter::new(memo.stop.clone()),
            ..Self::default()
        }
    }

    /// Whether everything passes.
    pub(crate) fn is_idle(&self) -> bool {
        self.cutter.is_idle() && self.veil.is_idle() && self.peeler.is_idle()
    }

    /// Whether the answer, or each of several, has been cut: nothing more is wanted.
    pub(crate) fn has_cut(&self) -> bool {
        self.cutter.has_cut() && self.others.all(Self::has_cut)
    }

    /// Takes an event and gives what becomes of it.
    pub(crate) fn push(&mut self, event: Event, out: &mut Vec<Event>) {
        match event {
            Event::Aside { answer, event } => self.push_aside(answer, *event, out),
            // The figures are those of all answers.
            Event::Usage(_) if !self.others.is_none() => out.push(event),
            Event::Stop(_) if self.end.is_some() => out.extend(self.end.take()),
            event => self.push_own(event, out),
        }
        if self.has_cut() {
            out.extend(self.end.take());
        }
    }

    fn push_own(&mut self, event: Event, out: &mut Vec<Event>) {
        let was_cut = self.cutter.has_cut();
        self.veil.push(event, &mut self.shown);
        self.shown.drain(..).for_each(|event| self.peeler.push(event, &mut self.peeled));
        self.peeled.drain(..).for_each(|event| self.cutter.push(event, out));
        if !self.others.is_none() && self.cutter.has_cut() && !was_cut {
            self.end = out.pop();
        }
    }

    fn push_aside(&mut self, answer: u32, event: Event, out: &mut Vec<Event>) {
        let Some(other) = self.others.at(answer, Self::default) else { return };
        let mut steps = Vec::new();
        other.push_own(event, &mut steps);
        aside(answer, steps, out);
    }

    /// Sifts a whole answer.
    pub(crate) fn apply(&self, response: &mut Response) {
        self.veil.apply(response);
        self.peeler.apply(response);
        self.cutter.apply(response);
        response.others.iter_mut().for_each(|other| self.apply(other));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hub::{Assembler, Grammar, Part, StopReason, Text, replay};

    fn said(words: &str) -> Response {
        Response { parts: vec![Part::Text(Text::plain(words))], stop: StopReason::Length.into(), ..Response::default() }
    }

    /// What is left of answers that stop at an exclamation mark, and whether more was wanted before the last event.
    fn sifted(words: [&str; 2], order: [usize; 2]) -> (Vec<(String, StopReason)>, bool) {
        let sieve = || Sieve::of(&Memo { stop: vec!["!".into()], answers: 2, ..Memo::default() });
        let all = Response {
            others: vec![said(words[1])],
            usage: hub::Usage { output: Some(5), ..Default::default() },
            ..said(words[0])
        };
        let mut events = Vec::new();
        replay(all.clone(), &mut events);
        let stop = events.pop().unwrap();
        // One answer first, then the other.
        events[1..].sort_by_key(|event| order[usize::from(matches!(event, Event::Aside { .. }))]);
        events.push(stop);
        let (mut streamed, mut out, mut wanted) = (sieve(), Vec::new(), true);
        for event in events {
            wanted = !streamed.has_cut();
            if wanted {
                streamed.push(event, &mut out);
            }
        }
        let (mut grammar, mut assembler) = (Grammar::default(), Assembler::new(99));
        for event in out {
            grammar.see(&event).unwrap();
            assembler.push(event).unwrap();
        }
        grammar.finish().unwrap();
        let streamed = assembler.finish().unwrap();
        let mut whole = all;
        sieve().apply(&mut whole);
        // The figures may come last: who ends a stream before its end has none.
        assert!(streamed.usage.output.is_some() || !wanted);
        whole.usage = streamed.usage;
        assert_eq!(streamed, whole);
        let told = std::iter::once(&whole).chain(&whole.others).map(|answer| match &answer.parts[0] {
            Part::Text(text) => (text.text.clone(), answer.stop.reason),
            _ => unreachable!(),
        });
        (told.collect(), wanted)
    }

    #[test]
    fn each_of_several_answers_is_cut_for_itself() {
        let cut = |words: &str| (words.to_owned(), StopReason::StopSequence);
        let kept = |words: &str| (words.to_owned(), StopReason::Length);
        for order in [[0, 1], [1, 0]] {
            assert_eq!(sifted(["a!b", "cd"], order), (vec![cut("a"), kept("cd")], true));
            assert_eq!(sifted(["ab", "c!d"], order), (vec![kept("ab"), cut("c")], true));
            assert_eq!(sifted(["a!b", "c!d"], order), (vec![cut("a"), cut("c")], false), "nothing more is wanted");
        }
    }
}
