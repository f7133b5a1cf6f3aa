//! How likely tokens were, as Google tells it: the chosen ones in one list, and what could have stood in their places in
//! another, step by step.

use bytes::BytesMut;
use dialect::{Object, array};
use hub::Token;
use serde::Deserialize;

use crate::wire::{Raw, Str, lenient};

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Result<'a> {
    #[serde(borrow, alias = "chosen_candidates")]
    chosen_candidates: Raw<'a>,
    #[serde(borrow, alias = "top_candidates")]
    top_candidates: Raw<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Step<'a> {
    #[serde(borrow)]
    candidates: Raw<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Candidate<'a> {
    #[serde(borrow)]
    token: Option<Str<'a>>,
    #[serde(alias = "token_id")]
    token_id: Option<i64>,
    #[serde(alias = "log_probability")]
    log_probability: Option<f64>,
}

/// Reads a record.
pub(crate) fn read(record: Raw<'_>) -> Vec<Token> {
    if record.is_none() {
        return Vec::new();
    }
    let record: Result<'_> = lenient(record);
    let steps: Vec<Step<'_>> = lenient(record.top_candidates);
    let mut others = steps.into_iter().map(|step| list(step.candidates));
    let chosen = list(record.chosen_candidates).into_iter();
    chosen.map(|token| Token { others: others.next().unwrap_or_default(), ..token }).collect()
}

fn list(raw: Raw<'_>) -> Vec<Token> {
    lenient::<Vec<Candidate<'_>>>(raw).into_iter().map(token).collect()
}

/// A probability of zero for what is not told; a place in a list must not be lost.
fn token(candidate: Candidate<'_>) -> Token {
    let text = candidate.token.map(Str::owned).unwrap_or_default();
    Token { text, id: candidate.token_id, log: candidate.log_probability.unwrap_or_default(), ..Token::default() }
}

/// Writes a record.
pub(crate) fn write(tokens: &[&Token], out: &mut BytesMut) {
    let mut record = Object::open(out);
    if tokens.iter().any(|token| !token.others.is_empty()) {
        record.array("topCandidates", tokens, |token, out| {
            let mut step = Object::open(out);
            array(&token.others, step.key("candidates"), candidate);
            step.close();
        });
    }
    record.array("chosenCandidates", tokens, |token, out| candidate(token, out));
    record.close();
}

fn candidate(token: &Token, out: &mut BytesMut) {
    let mut object = Object::open(out);
    object.text("token", &token.text);
    object.number_if("tokenId", token.id);
    object.number("logProbability", token.log);
    object.close();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_lists_are_joined_and_taken_apart() {
        let json = r#"{"topCandidates":[{"candidates":[{"token":"a","tokenId":5,"logProbability":-0.5},{"token":"b","logProbability":-1}]},{}],"chosenCandidates":[{"token":"a","tokenId":5,"logProbability":-0.5},{"token":"c","logProbability":-2}]}"#;
        let raw: &serde_json::value::RawValue = serde_json::from_str(json).unwrap();
        let tokens = read(Some(raw));
        assert_eq!(tokens.iter().map(|token| token.others.len()).collect::<Vec<_>>(), [2, 0]);
        let mut out = BytesMut::new();
        write(&tokens.iter().collect::<Vec<_>>(), &mut out);
        let written = std::str::from_utf8(&out).unwrap();
        assert_eq!(written, json.replace("{}]", r#"{"candidates":[]}]"#));
        assert!(read(None).is_empty());
    }
}
