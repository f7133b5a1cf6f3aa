//! Tokens with their log probabilities, in the list that OpenAI made and Ollama took over.

use bytes::BytesMut;
use hub::Token;
use serde::Deserialize;

use crate::read::{Raw, Str, lenient};
use crate::{Object, array};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry<'a> {
    #[serde(borrow)]
    token: Option<Str<'a>>,
    logprob: Option<f64>,
    bytes: Option<Vec<u8>>,
    #[serde(borrow)]
    top_logprobs: Raw<'a>,
}

/// Reads a list; an entry that is none is left out.
pub fn tokens(list: Raw<'_>) -> Vec<Token> {
    // Where nobody asked, the list is empty in every piece.
    if list.is_none_or(|list| list.get() == "[]") {
        return Vec::new();
    }
    lenient::<Vec<Raw<'_>>>(list).into_iter().filter_map(token).collect()
}

fn token(raw: Raw<'_>) -> Option<Token> {
    let mut entry: Entry<'_> = lenient(raw);
    // What could have stood there has no others of its own: however deep a list is, one level is read.
    let others = lenient::<Vec<Raw<'_>>>(entry.top_logprobs.take());
    let others = others.into_iter().filter_map(|raw| lenient::<Entry<'_>>(raw).token(Vec::new())).collect();
    entry.token(others)
}

impl Entry<'_> {
    fn token(self, others: Vec<Token>) -> Option<Token> {
        Some(Token { text: self.token?.owned(), bytes: self.bytes, id: None, log: self.logprob?, others })
    }
}

/// Writes a list.
pub fn write_tokens<'t>(tokens: impl IntoIterator<Item = &'t Token>, out: &mut BytesMut) {
    array(tokens, out, |token, out| {
        let mut entry = Object::open(out);
        fields(token, &mut entry);
        entry.array("top_logprobs", &token.others, |other, out| {
            let mut entry = Object::open(out);
            fields(other, &mut entry);
            entry.close();
        });
        entry.close();
    });
}

fn fields(token: &Token, entry: &mut Object<'_>) {
    entry.text("token", &token.text);
    entry.number("logprob", token.log);
    entry.array("bytes", token.bytes(), |byte, out| crate::Number::write(*byte, out));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_leniently_and_written_whole() {
        let list = r#"[{"token":"Ni","logprob":-0.25,"bytes":[78,105],"top_logprobs":[{"token":"No","logprob":-2}]},7,null,{"token":"x"},{"token":"\u00e9","logprob":0}]"#;
        let raw: &serde_json::value::RawValue = serde_json::from_str(list).unwrap();
        let read = tokens(Some(raw));
        let mut out = BytesMut::new();
        write_tokens(&read, &mut out);
        let expect = r#"[{"token":"Ni","logprob":-0.25,"bytes":[78,105],"top_logprobs":[{"token":"No","logprob":-2,"bytes":[78,111]}]},{"token":"é","logprob":0,"bytes":[195,169],"top_logprobs":[]}]"#;
        assert_eq!(std::str::from_utf8(&out).unwrap(), expect);
        let again: &serde_json::value::RawValue = serde_json::from_slice(&out).unwrap();
        assert_eq!(tokens(Some(again))[0].others.len(), 1);
        assert!(tokens(None).is_empty());
    }
}
