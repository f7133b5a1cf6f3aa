//! How likely tokens were, in the lists side by side that legacy completions have: the tokens, their log probabilities,
//! what could have stood there, and where each begins in the text (API reference, "Completions", 2025).

use std::borrow::Cow;
use std::fmt::Write as _;

use bytes::BytesMut;
use dialect::{Number as _, Object, array, quoted};
use hub::Token;

/// Writes the lists of a piece of text that begins after `before` characters of the answer.
pub(crate) fn write(tokens: &[Token], before: u64, out: &mut BytesMut) {
    let mut lists = Object::open(out);
    lists.array("tokens", tokens, |token, out| quoted(&name(token), out));
    lists.array("token_logprobs", tokens, |token, out| token.log.write(out));
    if tokens.iter().all(|token| token.others.is_empty()) {
        lists.raw("top_logprobs", "null");
    } else {
        lists.array("top_logprobs", tokens, write_others);
    }
    let mut at = before;
    array(tokens, lists.key("text_offset"), |token, out| {
        at.write(out);
        at += characters(token.bytes());
    });
    lists.close();
}

/// How many characters begin in these bytes: one that two tokens share counts where it begins.
pub(crate) fn characters(bytes: &[u8]) -> u64 {
    bytes.iter().map(|byte| u64::from(byte & 0xC0 != 0x80)).sum()
}

/// By name, each once; the token itself is always among them.
fn write_others(token: &Token, out: &mut BytesMut) {
    let mut map = Object::open(out);
    let mut written: Vec<Cow<'_, str>> = Vec::with_capacity(token.others.len() + 1);
    for other in token.others.iter().chain([token]) {
        let name = name(other);
        if !written.contains(&name) {
            other.log.write(map.named(&name));
            written.push(name);
        }
    }
    map.close();
}

/// What a token says. A part of a character is told by its bytes.
fn name(token: &Token) -> Cow<'_, str> {
    if std::str::from_utf8(token.bytes()).is_ok() {
        return Cow::Borrowed(&token.text);
    }
    let mut name = String::from("bytes:");
    for byte in token.bytes() {
        // Writing to a text cannot fail.
        _ = write!(name, "\\x{byte:02x}");
    }
    Cow::Owned(name)
}
