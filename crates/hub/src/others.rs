//! What each further answer of a stream needs for itself, where a request asked for several.

use crate::Event;

/// One `T` for each answer but the first. Holds as many as the request asked for, whatever the other side sends.
#[derive(Debug)]
pub struct Others<T> {
    /// How many answers there are, the first one included.
    answers: u32,
    list: Vec<(u32, T)>,
}

impl<T> Default for Others<T> {
    fn default() -> Self {
        Self::of(1)
    }
}

impl<T> Others<T> {
    /// None yet, of `answers` in all.
    pub const fn of(answers: u32) -> Self {
        Self { answers, list: Vec::new() }
    }

    /// That of one answer, made when it is first wanted. `None` for the first answer and for those that nobody asked for.
    pub fn at(&mut self, answer: u32, make: impl FnOnce() -> T) -> Option<&mut T> {
        if answer == 0 || answer >= self.answers {
            return None;
        }
        let known = self.list.iter().position(|(number, _)| *number == answer);
        let place = known.unwrap_or_else(|| {
            self.list.push((answer, make()));
            self.list.len() - 1
        });
        self.list.get_mut(place).map(|(_, one)| one)
    }

    /// Those that were made, with their numbers.
    pub fn made(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        self.list.iter_mut().map(|(answer, one)| (*answer, one))
    }

    /// Whether all that were asked for were made and `holds` is true of each.
    pub fn all(&self, holds: impl Fn(&T) -> bool) -> bool {
        self.list.len() + 1 >= self.answers as usize && self.list.iter().all(|(_, one)| holds(one))
    }

    /// Whether only one answer was asked for.
    pub const fn is_none(&self) -> bool {
        self.answers < 2
    }
}

/// Tells steps as those of another answer. What belongs to all answers is left out.
pub fn aside(answer: u32, steps: Vec<Event>, out: &mut Vec<Event>) {
    let own = steps.into_iter().filter(|step| !matches!(step, Event::Start { .. } | Event::Usage(_)));
    out.extend(own.map(|step| Event::Aside { answer, event: Box::new(step) }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_asked_for_is_made() {
        let mut others = Others::of(3);
        assert!(others.at(0, || 'a').is_none());
        assert!(others.at(3, || 'a').is_none());
        assert_eq!(others.at(2, || 'a'), Some(&mut 'a'));
        assert_eq!(others.at(2, || 'b'), Some(&mut 'a'), "made once");
        assert!(!others.all(|_| true), "one is missing");
        assert_eq!(others.at(1, || 'b'), Some(&mut 'b'));
        assert!(others.all(|_| true) && !others.all(|one| *one == 'a'));
        assert!(Others::<char>::default().is_none() && Others::<char>::default().all(|_| false));
    }
}
