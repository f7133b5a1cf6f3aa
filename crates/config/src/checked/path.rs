//! Paths into a JSON body, as payload rules write them: keys, list places and queries, joined by dots. The syntax only;
//! nothing here knows a body.
//!
//! It is the part of gjson and sjson on which configurations rely: `a.b`, `a.0`, `a.-1` (a place after the last), `a.#`
//! (every entry), `a.#(key=="x")` (the first entry that fits), `a.#(key=="x")#` (all that fit), with `==`, `!=`, `<`,
//! `<=`, `>`, `>=`, `%` (like, with `*` and `?`) and `!%`; `\` before a character that would mean something.

/// Longest path, in bytes, and most steps in one.
const MAX_LENGTH: usize = 1_024;
const MAX_STEPS: usize = 32;

/// A path that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// From the root down.
    pub steps: Vec<Step>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A key, or a place of a list when it is a number.
    Key(String),
    /// One place after the last of a list.
    Append,
    /// Every entry of a list.
    Every,
    /// The entries of a list that fit: the first, or all.
    Where {
        /// The condition.
        test: Test,
        /// All that fit, and not the first alone.
        all: bool,
    },
}

/// A condition on an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// Where in the entry, key by key; empty is the entry itself.
    pub place: Vec<String>,
    /// How it is compared.
    pub compare: Compare,
    /// With what: the text of a string, or the JSON text of anything else.
    pub value: String,
}

/// How a condition compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// It is there.
    Exists,
    /// The same.
    Equal,
    /// Not the same.
    Unequal,
    /// A smaller number.
    Less,
    /// A number that is not larger.
    AtMost,
    /// A larger number.
    More,
    /// A number that is not smaller.
    AtLeast,
    /// Fits a pattern.
    Like,
    /// Does not fit a pattern.
    Unlike,
}

/// Why a text is not a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathError {
    /// Nothing stands there.
    Empty,
    /// Too long.
    TooLong,
    /// A query that does not end, or compares with nothing: where it begins.
    Query(usize),
    /// gjson's modifiers, pipes and the like.
    Unsupported(char),
}

impl std::fmt::Display for PathError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Empty => f.write_str("a path cannot be empty, nor hold an empty step"),
            Self::TooLong => write!(f, "a path has at most {MAX_LENGTH} characters and {MAX_STEPS} steps"),
            Self::Query(at) => write!(f, "the query at character {} is not complete", at + 1),
            Self::Unsupported(c) => write!(f, "`{c}` means nothing in paths here"),
        }
    }
}

impl std::error::Error for PathError {}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        if text.len() > MAX_LENGTH {
            return Err(PathError::TooLong);
        }
        let mut reader = Reader { text, at: 0 };
        let mut steps = Vec::new();
        loop {
            steps.push(reader.step()?);
            if steps.len() > MAX_STEPS {
                return Err(PathError::TooLong);
            }
            if reader.at == text.len() {
                return Ok(Self { steps });
            }
            reader.at += 1;
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn step(&mut self) -> Result<Step, PathError> {
        if self.rest().starts_with("#(") {
            return self.query();
        }
        let key = self.key()?;
        match key.as_str() {
            "#" => Ok(Step::Every),
            "-1" => Ok(Step::Append),
            _ => Ok(Step::Key(key)),
        }
    }

    /// Up to the next dot; a `\` takes the next character as it is.
    fn key(&mut self) -> Result<String, PathError> {
        let mut key = String::new();
        let mut chars = self.text[self.at..].char_indices();
        let mut end = self.text.len();
        while let Some((at, c)) = chars.next() {
            match c {
                '.' => {
                    end = self.at + at;
                    break;
                }
                '\\' => key.extend(chars.next().map(|(_, c)| c)),
                '|' | '@' | '*' | '?' | '!' if key.is_empty() || c != '@' => return Err(PathError::Unsupported(c)),
                c => key.push(c),
            }
        }
        let closed = end == self.text.len() || end + 1 < self.text.len();
        self.at = end;
        if key.is_empty() || !closed { Err(PathError::Empty) } else { Ok(key) }
    }

    fn query(&mut self) -> Result<Step, PathError> {
        let from = self.at;
        let incomplete = || PathError::Query(from);
        let close = closing(self.rest()).ok_or_else(incomplete)?;
        let test = Test::parse(&self.rest()[2..close]).ok_or_else(incomplete)?;
        self.at += close + 1;
        let all = self.rest().starts_with('#');
        self.at += usize::from(all);
        let ends = self.rest().is_empty() || (self.rest().starts_with('.') && self.rest().len() > 1);
        if ends { Ok(Step::Where { test, all }) } else { Err(incomplete()) }
    }
}

/// Where the bracket of `#(` closes, quoted text left aside.
fn closing(text: &str) -> Option<usize> {
    let mut is_quoted = false;
    let mut bytes = text.bytes().enumerate().skip(2);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' if is_quoted => _ = bytes.next(),
            b'"' => is_quoted = !is_quoted,
            b')' if !is_quoted => return Some(at),
            _ => (),
        }
    }
    None
}

impl Test {
    fn parse(text: &str) -> Option<Self> {
        const SIGNS: [(&str, Compare); 9] = [
            ("==", Compare::Equal),
            ("!=", Compare::Unequal),
            ("<=", Compare::AtMost),
            (">=", Compare::AtLeast),
            ("!%", Compare::Unlike),
            ("=", Compare::Equal),
            ("<", Compare::Less),
            (">", Compare::More),
            ("%", Compare::Like),
        ];
        let sign = text.find(['=', '!', '<', '>', '%']);
        let (place, compare, value) = match sign {
            None => (text, Compare::Exists, ""),
            Some(at) => {
                let (sign, compare) = SIGNS.into_iter().find(|(sign, _)| text[at..].starts_with(sign))?;
                (&text[..at], compare, text[at + sign.len()..].trim())
            }
        };
        let place: Vec<String> = place.trim().split('.').filter(|key| !key.is_empty()).map(str::to_owned).collect();
        let known = if compare == Compare::Exists { !place.is_empty() } else { !value.is_empty() };
        let value = match value.starts_with('"') {
            true => unquoted(value)?,
            false => value.to_owned(),
        };
        known.then_some(Self { place, compare, value })
    }
}

/// The text of a JSON string.
fn unquoted(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_path_is_refused() {
        for (text, error) in [
            ("", PathError::Empty),
            ("a..b", PathError::Empty),
            ("a.", PathError::Empty),
            (".a", PathError::Empty),
            ("a|b", PathError::Unsupported('|')),
            ("a.*", PathError::Unsupported('*')),
            ("@this", PathError::Unsupported('@')),
            ("a.#(x==\"y)", PathError::Query(2)),
            ("a.#(x==)", PathError::Query(2)),
            ("a.#()", PathError::Query(2)),
            ("a.#(x==1)b", PathError::Query(2)),
            ("a.#(x==1).", PathError::Query(2)),
        ] {
            assert_eq!(Path::parse(text), Err(error), "{text}");
        }
        assert_eq!(Path::parse(&"a.".repeat(40)), Err(PathError::TooLong));
        assert_eq!(Path::parse(&"a".repeat(2_000)), Err(PathError::TooLong));
    }

    #[test]
    fn steps_are_told_apart() {
        let key = |text: &str| Step::Key(text.into());
        let steps = |text| Path::parse(text).unwrap().steps;
        assert_eq!(steps("a\\.b.c@d"), [key("a.b"), key("c@d")]);
        let test = Test { place: vec!["f".into(), "n".into()], compare: Compare::Unlike, value: "x.)\"*".into() };
        assert_eq!(steps(r#"#(f.n!%"x.)\"*")#.z"#), [Step::Where { test, all: true }, key("z")]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "([a#.()=\"%<!\\\\é@-]|-1){0,20}") {
            let _ = Path::parse(&text);
        }
    }
}
