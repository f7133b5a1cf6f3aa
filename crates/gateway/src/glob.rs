//! Patterns in which `*` stands for any text. They are in lower case, and the case of names does not matter.

/// Matches `text` against a pattern. The time is bounded by the product of the lengths: names come from outside.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // The last star, and how much of the text it has taken.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(byte) if byte.eq_ignore_ascii_case(&text[t]) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, taken)) = star else { return false };
                star = Some((at, taken + 1));
                p = at + 1;
                t = taken + 1;
            }
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::glob;
    use proptest::prelude::*;

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, text, fits) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("*b", "ab", true),
            ("a*c*e", "abcde", true),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*b", "ac", false),
            ("*-preview", "Gemini-PREVIEW", true),
            ("gpt-*-mini", "gpt-5-mini-mini", true),
        ] {
            assert_eq!(glob(pattern, text), fits, "{pattern} {text}");
        }
    }

    /// As plainly as can be said, and slow.
    fn plainly(pattern: &str, text: &str) -> bool {
        match pattern.split_once('*') {
            None => pattern == text,
            Some((head, rest)) => {
                text.strip_prefix(head).is_some_and(|tail| (0..=tail.len()).any(|at| plainly(rest, &tail[at..])))
            }
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_plain_form(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
            prop_assert_eq!(glob(&pattern, &text), plainly(&pattern, &text));
        }
    }

    #[test]
    fn hostile_names_take_no_time() {
        assert!(!glob(&"*a".repeat(50), &format!("{}b", "a".repeat(10_000))));
    }
}
