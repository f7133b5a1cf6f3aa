//! The operator's system prompt means the same on a relay and in a translation, in every dialect.

use bytes::Bytes;
use dialect::{Body, Dialect, splice};
use hub::{Prompt, Request, Text};

use super::matrix::{head, input, root};
use crate::ALL;

fn prompts() -> [Prompt; 3] {
    let replacements = vec![("a".to_owned(), "\"é\"".to_owned())];
    let prompt =
        |words: &str, overwrites| Prompt { words: words.into(), overwrites, replacements: replacements.clone() };
    [prompt("Own wards.", false), prompt("Own wards.", true), prompt("", false)]
}

fn words(system: &[Text]) -> Vec<String> {
    let all: Vec<&str> = system.iter().map(|text| text.text.as_str()).collect();
    all.join("\n").split_whitespace().map(str::to_owned).collect()
}

/// Both ways for one request; `None` where the dialect itself does not take it.
fn both(dialect: &Dialect, text: &str, prompt: &Prompt) -> Option<(Vec<String>, Vec<String>)> {
    let (client, wire) = (dialect.client?, dialect.wire?);
    let body = Body::parse(Bytes::copy_from_slice(text.as_bytes())).ok()?;
    let mut translated = client.decode_request(&head(dialect), &body).ok()?.request;
    prompt.apply(&mut translated.system);
    let edits = wire.instruct(&body, prompt);
    let relayed = Body::parse(splice::apply(body.bytes(), body.index(), &edits)).unwrap();
    let relayed = client.decode_request(&head(dialect), &relayed).unwrap().request;
    // Ids that are made up may count messages.
    let roles = |request: &Request| request.turns.iter().map(|turn| (turn.role, turn.parts.len())).collect::<Vec<_>>();
    assert_eq!(roles(&relayed), roles(&translated), "{}: the conversation is left alone", dialect.id);
    Some((words(&relayed.system), words(&translated.system)))
}

#[test]
fn both_ways_mean_the_same() {
    let mut compared = 0;
    for case in std::fs::read_dir(root().join("requests")).unwrap() {
        let case = case.unwrap().path();
        for dialect in ALL {
            for prompt in &prompts() {
                let Some((relayed, translated)) = both(dialect, &input(&case, dialect), prompt) else { continue };
                assert_eq!(relayed, translated, "{} {}, {prompt:?}", dialect.id, case.display());
                compared += 1;
            }
        }
    }
    assert!(compared >= 75, "{compared}");
}
