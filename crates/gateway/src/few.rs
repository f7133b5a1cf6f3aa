//! A list of places that is nearly always short: it is kept where it stands until it grows.

/// Places that need no memory of their own.
const FEW: usize = 4;

/// Places, in the order in which they came.
#[derive(Debug)]
pub(crate) enum Few {
    Here([usize; FEW], usize),
    Elsewhere(Vec<usize>),
}

impl Default for Few {
    fn default() -> Self {
        Self::Here([0; FEW], 0)
    }
}

impl Few {
    pub(crate) fn push(&mut self, place: usize) {
        match self {
            Self::Here(places, count) if *count < FEW => {
                places[*count] = place;
                *count += 1;
            }
            Self::Here(places, _) => {
                let mut all = places.to_vec();
                all.push(place);
                *self = Self::Elsewhere(all);
            }
            Self::Elsewhere(all) => all.push(place),
        }
    }

    /// Forgets all that came after the first few.
    pub(crate) fn truncate(&mut self, left: usize) {
        match self {
            Self::Here(_, count) => *count = left.min(*count),
            Self::Elsewhere(all) => all.truncate(left),
        }
    }
}

impl std::ops::Deref for Few {
    type Target = [usize];

    fn deref(&self) -> &[usize] {
        match self {
            Self::Here(places, count) => &places[..*count],
            Self::Elsewhere(all) => all,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop_assert_eq, proptest};

    use super::Few;

    proptest! {
        #[test]
        fn it_is_what_a_list_would_be(steps in proptest::collection::vec(proptest::option::of(0..9_usize), 0..40)) {
            let (mut few, mut list) = (Few::default(), Vec::new());
            for (at, step) in steps.into_iter().enumerate() {
                match step {
                    Some(left) => {
                        few.truncate(left);
                        list.truncate(left);
                    }
                    None => {
                        few.push(at);
                        list.push(at);
                    }
                }
                prop_assert_eq!(&*few, &*list);
            }
        }
    }
}
