//! A set of places, small and quick to go through.

/// Places below a count.
#[derive(Clone, Debug)]
pub(super) struct Bits {
    words: Box<[u64]>,
    count: usize,
}

impl Bits {
    pub(super) fn all(count: usize) -> Self {
        Self { words: vec![u64::MAX; count.div_ceil(64)].into(), count }
    }

    pub(super) fn has(&self, at: usize) -> bool {
        self.words.get(at / 64).is_some_and(|word| word & (1 << (at % 64)) != 0)
    }

    pub(super) fn set(&mut self, at: usize) {
        if let Some(word) = self.words.get_mut(at / 64) {
            *word |= 1 << (at % 64);
        }
    }

    /// Takes a place out; whether it was in.
    pub(super) fn clear(&mut self, at: usize) -> bool {
        let was = self.has(at);
        if let Some(word) = self.words.get_mut(at / 64) {
            *word &= !(1 << (at % 64));
        }
        was
    }

    /// The first place in a range.
    pub(super) fn next(&self, from: usize, to: usize) -> Option<usize> {
        let to = to.min(self.count);
        let mut at = from;
        while at < to {
            let word = self.words.get(at / 64)? >> (at % 64);
            if word != 0 {
                let found = at + word.trailing_zeros() as usize;
                return (found < to).then_some(found);
            }
            at = (at / 64 + 1) * 64;
        }
        None
    }
}
