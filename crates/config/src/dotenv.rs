//! A `.env` file: `NAME=value` on a line of its own, with comments, quotes and a leading `export` as shells write them.
//! Nothing is expanded, so that a value may hold any character. It reads no file and sets no variable.

/// The variables of a file, in its order; the last of several with one name counts.
///
/// # Errors
/// The number of the first line that is none. It does not show the line.
pub fn dotenv(text: &str) -> Result<Vec<(String, String)>, usize> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    let lines = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    lines.map(|(number, line)| variable(line).ok_or(number)).collect()
}

fn variable(line: &str) -> Option<(String, String)> {
    let line = line.strip_prefix("export ").map_or(line, str::trim_start);
    let (name, value) = line.split_once('=')?;
    let name = name.trim_end();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    if name.is_empty() || !name.bytes().all(plain) {
        return None;
    }
    Some((name.to_owned(), unquoted(value.trim_start())?))
}

fn unquoted(value: &str) -> Option<String> {
    match value.as_bytes().first() {
        Some(b'\'') => closed(&value[1..], value[1..].find('\'')?).map(str::to_owned),
        Some(b'"') => {
            let inner = &value[1..];
            let mut escaped = false;
            let end = inner.find(|c| {
                let ends = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                ends
            })?;
            closed(inner, end).map(unescaped)
        }
        // A comment begins behind a space: a key may hold a `#`.
        _ => Some(value.split(" #").next().unwrap_or_default().trim_end().to_owned()),
    }
}

/// What stands before `end`, if nothing but a comment stands behind it.
fn closed(inner: &str, end: usize) -> Option<&str> {
    let behind = inner[end + 1..].trim_start();
    (behind.is_empty() || behind.starts_with('#')).then_some(&inner[..end])
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, false) => out.push(c),
            (_, true) => match chars.next() {
                Some('n') => out.push('\n'),
                Some('r') => out.push('\r'),
                Some('t') => out.push('\t'),
                Some(c @ ('"' | '\\' | '$')) => out.push(c),
                Some(other) => out.extend(['\\', other]),
                None => out.push('\\'),
            },
        }
    }
    out
}

/// A text as a YAML scalar that holds exactly it.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::dotenv;
    use proptest::prelude::*;

    #[test]
    fn lines_are_read_as_shells_read_them() {
        for (line, value) in [
            ("A=b", "b"),
            ("export A = b c ", "b c"),
            ("  A=b # comment", "b"),
            ("A=b#c", "b#c"),
            ("A=", ""),
            ("A='b # \"c\" \\n' # d", "b # \"c\" \\n"),
            ("A=\"b \\\"c\\\" \\\\ \\n\\x\"", "b \"c\" \\ \n\\x"),
            ("A=https://x?a=b", "https://x?a=b"),
            ("\u{feff}A=$HOME", "$HOME"),
        ] {
            assert_eq!(dotenv(line), Ok(vec![("A".to_owned(), value.to_owned())]), "{line}");
        }
        assert_eq!(dotenv("# a\r\n\r\nA=1\r\nB=2\n").unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_variable_is_told_by_its_line() {
        for text in ["A=1\nsecret", "A=1\n=2", "A=1\nA B=2", "A=1\nB='open", "A=1\nB=\"open\\\"", "A=1\nB='a' b"] {
            assert_eq!(dotenv(text), Err(2), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_quoted_value_holds_exactly_the_text(text in "\\PC{0,40}") {
            let quoted = text.replace('\\', "\\\\").replace('"', "\\\"");
            prop_assert_eq!(dotenv(&format!("A=\"{quoted}\"")), Ok(vec![("A".to_owned(), text)]));
        }

        #[test]
        fn a_quoted_scalar_holds_exactly_the_text(text in any::<String>()) {
            let problems = &mut crate::report::Problems::default();
            let yaml = format!("a: {}", super::quoted(&text));
            let root = crate::tree::build(&yaml, crate::source::Source::File, problems).root.unwrap();
            let crate::tree::Value::Scalar { text: read, .. } = &root.get("a").unwrap().value else { panic!("{yaml}") };
            prop_assert_eq!(read, &text);
        }
    }
}
