//! How likely the tokens of an answer were, for clients that ask for it.
//!
//! Tokens come before the words that they make up, so that an encoder can write both at once.

/// A token, and how likely it was.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Token {
    /// What it says; broken where it is a part of a character.
    pub text: String,
    /// Its bytes, where they were told.
    pub bytes: Option<Vec<u8>>,
    /// Its number in the model's vocabulary.
    pub id: Option<i64>,
    /// The logarithm of its probability.
    pub log: f64,
    /// What could have stood in its place, the likeliest first. These have no others.
    pub others: Vec<Self>,
}

impl Token {
    /// How many bytes of the answer it makes up.
    pub fn len(&self) -> usize {
        self.bytes.as_ref().map_or(self.text.len(), Vec::len)
    }

    /// Whether it says nothing, as the mark of an end does.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Its bytes, told or made of what it says.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_deref().unwrap_or(self.text.as_bytes())
    }
}

/// How many of the tokens lie wholly within the first `bytes` bytes of what they make up.
pub(crate) fn within(tokens: &[Token], bytes: usize) -> usize {
    let mut end = 0_usize;
    tokens
        .iter()
        .take_while(|token| {
            end = end.saturating_add(token.len());
            end <= bytes
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_counted_by_their_bytes() {
        let token = |text: &str, bytes: Option<&[u8]>| Token {
            text: text.into(),
            bytes: bytes.map(<[u8]>::to_vec),
            ..Token::default()
        };
        let list =
            [token("ab", None), token("\u{fffd}", Some(&[0xC3])), token("\u{fffd}", Some(&[0xA9])), token("", None)];
        let counts: Vec<usize> = (0..=4).map(|bytes| within(&list, bytes)).collect();
        assert_eq!(counts, [0, 0, 1, 2, 4]);
        assert!(list[3].is_empty() && list[1].bytes() == [0xC3]);
    }
}
