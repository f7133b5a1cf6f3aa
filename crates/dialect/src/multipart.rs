//! Finds one short field of a `multipart/form-data` body while its bytes pass, without keeping the others: files may
//! stand before it and after it. Knows nothing of what the field means.

use std::ops::Range;

use hub::Fault;
use memchr::memmem;

/// The longest head of a part.
const HEAD: usize = 16 * 1024;
/// The longest value of the field.
const VALUE: usize = 1_024;
/// A body begins with a delimiter that lacks the line break before it.
const LENT: &[u8] = b"\r\n";

/// Watches a body for a field.
#[derive(Debug)]
pub struct Watch {
    field: &'static str,
    /// A line break, two dashes, and the boundary.
    delimiter: Vec<u8>,
    /// What has come and is not settled yet.
    carry: Vec<u8>,
    /// Where the carry begins in the body, counting the lent line break.
    offset: usize,
    state: State,
    value: Option<Range<usize>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before a delimiter; `Some` is where the field's value begins.
    Content(Option<usize>),
    /// After a delimiter: a line break, or the two dashes of the end.
    Delimiter,
    Head,
    Over,
}

/// The boundary that a content type names; `None` when it is no form with files.
pub fn boundary(content_type: &str) -> Option<&str> {
    let (kind, parameters) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let named = parameters.split(';').filter_map(|pair| pair.split_once('='));
    let mut found = named.filter(|(key, _)| key.trim().eq_ignore_ascii_case("boundary"));
    let value = found.next()?.1.trim().trim_matches('"');
    // RFC 2046: one to 70 characters.
    (!value.is_empty() && value.len() <= 70 && value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '))
        .then_some(value)
}

impl Watch {
    /// Watches for `field` in a body of that boundary.
    pub fn new(boundary: &str, field: &'static str) -> Self {
        Self {
            field,
            delimiter: format!("\r\n--{boundary}").into_bytes(),
            carry: LENT.to_vec(),
            offset: 0,
            state: State::Content(None),
            value: None,
        }
    }

    /// Where the field's value lies in the body, once it has passed whole.
    pub fn value(&self) -> Option<Range<usize>> {
        self.value.clone()
    }

    /// Whether the last delimiter has come.
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// A bad-request fault when the form is broken, or names the field twice: two readers would understand two things.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        if self.state == State::Over {
            return Ok(());
        }
        self.carry.extend_from_slice(bytes);
        while self.step()? {}
        Ok(())
    }

    /// Goes one state on; false when more bytes are needed.
    fn step(&mut self) -> Result<bool, Fault> {
        match self.state {
            State::Content(value) => self.content(value),
            State::Delimiter => self.delimiter(),
            State::Head => self.head(),
            State::Over => Ok(false),
        }
    }

    fn content(&mut self, value: Option<usize>) -> Result<bool, Fault> {
        let found = memmem::find(&self.carry, &self.delimiter);
        // A delimiter may be cut: its beginning must stay.
        let end = found.unwrap_or_else(|| (self.carry.len() + 1).saturating_sub(self.delimiter.len()));
        if let Some(start) = value {
            if self.offset + end > start + VALUE {
                return Err(broken(format!("the field `{}` is too long", self.field)));
            }
            if found.is_some() {
                self.value = Some(start - LENT.len()..self.offset + end - LENT.len());
            }
        }
        let Some(at) = found else {
            self.drop_front(end);
            return Ok(false);
        };
        self.drop_front(at + self.delimiter.len());
        self.state = State::Delimiter;
        Ok(true)
    }

    fn delimiter(&mut self) -> Result<bool, Fault> {
        if self.carry.starts_with(b"--") {
            self.carry = Vec::new();
            self.state = State::Over;
            return Ok(false);
        }
        let Some(line) = memchr::memchr(b'\n', &self.carry) else {
            return if self.carry.len() > HEAD { Err(broken("a delimiter has no end")) } else { Ok(false) };
        };
        if !self.carry[..line].trim_ascii().is_empty() {
            return Err(broken("there is something behind a delimiter"));
        }
        // The line break belongs to the head as well: a part may have no head at all.
        self.drop_front(line + 1);
        self.state = State::Head;
        Ok(true)
    }

    fn head(&mut self) -> Result<bool, Fault> {
        let end = match self.carry.starts_with(b"\r\n") {
            true => Some(2),
            false => memmem::find(&self.carry, b"\r\n\r\n").map(|at| at + 4),
        };
        let Some(end) = end else {
            return if self.carry.len() > HEAD { Err(broken("the head of a part is too long")) } else { Ok(false) };
        };
        let named = is_named(&self.carry[..end], self.field);
        // The line break before the next delimiter may be the very one that ends the head.
        self.drop_front(end);
        if named && self.value.is_some() {
            return Err(broken(format!("the field `{}` comes twice", self.field)));
        }
        self.state = State::Content(named.then_some(self.offset));
        Ok(true)
    }

    fn drop_front(&mut self, count: usize) {
        self.carry.drain(..count);
        self.offset += count;
    }
}

fn broken(why: impl std::fmt::Display) -> Fault {
    Fault::bad_request(format!("the body is not a valid form: {why}"))
}

/// Whether a part's head gives it that name.
fn is_named(head: &[u8], field: &str) -> bool {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    let disposition = lines.find(|(name, _)| name.trim().eq_ignore_ascii_case("content-disposition"));
    let Some((_, disposition)) = disposition else { return false };
    let mut quoted = false;
    // A file may be named `a; name=model`: what stands in quotes is no parameter.
    let outside = disposition.split(|c| {
        quoted ^= c == '"';
        c == ';' && !quoted
    });
    let mut pairs = outside.filter_map(|pair| pair.split_once('='));
    pairs.any(|(key, value)| key.trim().eq_ignore_ascii_case("name") && value.trim().trim_matches('"') == field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FORM: &str = "--XY\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a; name=model; b.wav\"\r\n\
        Content-Type: audio/wav\r\n\r\nRIFF\r\n--X\r\n--Xmodel\r\n\r\n\0\r\n--XY\r\n\
        content-disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n--XY\r\n\
        Content-Disposition: form-data; name=\"prompt\"\r\n\r\n\r\n--XY--\r\n";

    fn found(body: &[u8], cut: usize) -> Result<Option<Range<usize>>, Fault> {
        let mut watch = Watch::new("XY", "model");
        for chunk in body.chunks(cut.max(1)) {
            watch.feed(chunk)?;
        }
        Ok(watch.value())
    }

    #[test]
    fn the_field_is_found_wherever_the_bytes_are_cut() {
        for cut in 1..=FORM.len() {
            let range = found(FORM.as_bytes(), cut).unwrap().unwrap();
            assert_eq!(&FORM[range], "whisper-1", "{cut}");
        }
        let mut watch = Watch::new("XY", "model");
        watch.feed(FORM.as_bytes()).unwrap();
        assert!(watch.is_over());
    }

    #[test]
    fn a_field_that_comes_twice_is_refused_even_late() {
        let part = "Content-Disposition: form-data; name=\"model\"\r\n\r\nm\r\n--XY";
        let twice = format!("--XY\r\n{part}\r\n{part}--\r\n");
        for cut in 1..=twice.len() {
            assert!(found(twice.as_bytes(), cut).is_err(), "{cut}");
        }
        let once = format!("--XY\r\n{part}--\r\n");
        assert!(found(once.as_bytes(), 3).is_ok());
    }

    #[test]
    fn odd_forms() {
        let none = "--XY\r\nContent-Disposition: form-data; name=\"modell\"\r\n\r\nm\r\n--XY--";
        assert_eq!(found(none.as_bytes(), 5).unwrap(), None);
        let empty = "--XY\r\nContent-Disposition: form-data; name=model\r\n\r\n\r\n--XY--";
        assert_eq!(found(empty.as_bytes(), 5).unwrap().unwrap().len(), 0);
        let headless = "preamble\r\n--XY  \r\n\r\nx\r\n--XY--";
        assert_eq!(found(headless.as_bytes(), 5).unwrap(), None);
        let long = format!("--XY\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n{}", "m".repeat(9_000));
        assert!(found(long.as_bytes(), 100).is_err());
        let head = format!("--XY\r\nContent-Disposition: {}", "m".repeat(20_000));
        assert!(found(head.as_bytes(), 100).is_err());
        assert!(found(b"--XYZ\r\n\r\n", 1).is_err());
    }

    #[test]
    fn boundaries_are_read() {
        assert_eq!(boundary("multipart/form-data; boundary=abc"), Some("abc"));
        assert_eq!(boundary("Multipart/Form-Data;charset=utf-8; BOUNDARY=\"a b\""), Some("a b"));
        for none in ["multipart/form-data", "application/json; boundary=a", "multipart/form-data; boundary=", ""] {
            assert_eq!(boundary(none), None, "{none}");
        }
    }

    proptest! {
        #[test]
        fn cuts_change_nothing(body in "(--XY|\r\n|--|model|name=\"model\"|Content-Disposition: form-data; |x|\r|\n){0,24}", cut in 1_usize..9) {
            let whole = found(body.as_bytes(), body.len());
            let pieces = found(body.as_bytes(), cut);
            prop_assert_eq!(whole.is_err(), pieces.is_err());
            if let (Ok(whole), Ok(pieces)) = (whole, pieces) {
                prop_assert_eq!(&whole, &pieces);
                prop_assert!(whole.is_none_or(|range| range.end <= body.len()));
            }
        }
    }
}
