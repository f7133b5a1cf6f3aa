//! Carries a vendor's opaque proof (a thinking signature) through a client of another dialect and back.
//!
//! A proof is valid only at its vendor. A dialect writes its own proofs bare; any other is packed, with its origin,
//! into the host dialect's signature field and unpacked on the next turn. Damaged or unknown tags are dropped, never
//! forwarded.

use std::borrow::Cow;

/// The mark of a packed proof. A version in it lets a later form be told apart.
const TAG: &str = "bos1:";
/// Longest proof that is carried, in bytes. Real ones stay under 100 KiB.
const MAX: usize = 1 << 20;

/// An opaque proof, stamped with its origin.
#[derive(Clone, PartialEq, Eq)]
pub struct Seal {
    /// Whose proof it is: the id of the dialect family that issued it, such as `anthropic`.
    pub vendor: Cow<'static, str>,
    /// What it proves there: `signature`, `redacted`, `encrypted`, `thought`.
    pub kind: Cow<'static, str>,
    /// The proof in its vendor's own text form.
    pub data: String,
}

/// What a signature field turned out to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carried {
    /// A proof that we packed on an earlier turn.
    Packed(Seal),
    /// The host dialect's own proof.
    Native(String),
    /// Our mark around something damaged: drop it.
    Damaged,
}

impl Seal {
    /// A proof of `vendor`.
    pub fn new(vendor: &'static str, kind: &'static str, data: impl Into<String>) -> Self {
        Self { vendor: Cow::Borrowed(vendor), kind: Cow::Borrowed(kind), data: data.into() }
    }

    /// The text for a foreign signature field: tag, vendor, kind, length, proof.
    pub fn pack(&self) -> String {
        format!("{TAG}{}:{}:{}:{}", self.vendor, self.kind, self.data.len(), self.data)
    }

    /// Reads a signature field of any dialect.
    pub fn unpack(field: &str) -> Carried {
        match field.strip_prefix(TAG) {
            None => Carried::Native(field.into()),
            Some(rest) => Self::parse(rest).map_or(Carried::Damaged, Carried::Packed),
        }
    }

    fn parse(rest: &str) -> Option<Self> {
        let mut fields = rest.splitn(4, ':');
        let (vendor, kind, length, data) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let whole = length.parse() == Ok(data.len()) && data.len() <= MAX;
        (word(vendor) && word(kind) && whole).then(|| Self {
            vendor: Cow::Owned(vendor.into()),
            kind: Cow::Owned(kind.into()),
            data: data.into(),
        })
    }
}

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Seal({}/{}, {} bytes)", self.vendor, self.kind, self.data.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn damaged_tags_are_dropped() {
        for field in ["bos1:", "bos1:a:b:3:xx", "bos1:a:b:x:xx", "bos1::b:2:xx", "bos1:a:b", "bos1:a-b:c:1:x"] {
            assert_eq!(Seal::unpack(field), Carried::Damaged, "{field}");
        }
        assert_eq!(Seal::unpack("EqQB"), Carried::Native("EqQB".into()));
    }

    proptest! {
        #[test]
        fn packing_is_undone(data in ".{0,200}") {
            let seal = Seal::new("gemini", "thought", data);
            prop_assert_eq!(Seal::unpack(&seal.pack()), Carried::Packed(seal));
        }

        #[test]
        fn nothing_panics(field in ".{0,80}") {
            let _ = Seal::unpack(&format!("{TAG}{field}"));
        }
    }
}
