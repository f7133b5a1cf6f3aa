//! A string that must not be seen. It knows nothing of what the secret is for.

use std::fmt;

/// A secret value. `Debug` and `Display` print `***`, whatever the length; [`Secret::expose`] is the only way in.
///
/// Equality is derived for tests and for finding duplicates in a file; it is not constant time, so a value that a
/// client sent must be compared elsewhere.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself. Every call is a place to audit: never pass the result to a log or an error.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// True when there is no value at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn shows_the_same_stars_for_every_length() {
        for value in ["", "a", "a-much-longer-secret-value"] {
            let secret = Secret::new(value);
            assert_eq!(format!("{secret:?} {secret}"), "*** ***");
            assert_eq!(secret.expose(), value);
        }
    }
}
