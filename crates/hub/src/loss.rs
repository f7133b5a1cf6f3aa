//! What a translation could not carry, said aloud.

use std::borrow::Cow;

/// How many losses one request lists at most; the rest are only counted.
const MAX: usize = 64;

/// One thing that was dropped or bent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// Dropped or approximated.
    pub kind: LossKind,
    /// The field, as a path in the client's words: `tools[3].strict`, `seed`.
    pub field: Cow<'static, str>,
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

/// The losses of one request, bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    list: Vec<Loss>,
    more: usize,
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
        let loss = Loss { kind, field, note };
        if self.list.contains(&loss) {
            return;
        }
        if self.list.len() < MAX {
            self.list.push(loss);
        } else {
            self.more += 1;
        }
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: Self) {
        self.more += other.more;
        for loss in other.list {
            self.push(loss.kind, loss.field, loss.note);
        }
    }

    /// The losses, in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Loss> {
        self.list.iter()
    }

    /// How many were found beyond those that are listed.
    pub fn unlisted(&self) -> usize {
        self.more
    }

    /// Whether nothing was lost that the client may miss.
    pub fn is_silent(&self) -> bool {
        self.list.iter().all(|loss| loss.kind == LossKind::Silent)
    }
}
