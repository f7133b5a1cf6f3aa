//! What a conversation begins with, for clients that give theirs no name: the first words of its system prompt, of its
//! first question and of the first answer stay the same through all its turns. Read from the body's bytes, for any
//! language, without a parse and within bounds; a shape that is not understood is compared as it stands.

use std::ops::ControlFlow;

use crate::{Body, scan};

/// How much of a conversation is looked at, in bytes.
const WINDOW: usize = 64 * 1024;
/// How much of a system prompt counts, in bytes. Many conversations share one.
const SYSTEM: usize = 128;
/// How much of a question or an answer counts, in bytes.
const WORDS: usize = 256;
/// Entries before the first answer that are looked at.
const ENTRIES: usize = 16;

const PROMPTS: [&str; 4] = ["system", "instructions", "systemInstruction", "system_instruction"];
const LISTS: [&str; 3] = ["messages", "input", "contents"];

/// The beginning of a conversation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// What is there from the first turn on.
    pub question: Vec<u8>,
    /// The same with the first answer; `None` on the first turn.
    pub answered: Option<Vec<u8>>,
}

/// The beginning of the conversation in a body; `None` when there is none.
pub fn opening(body: &Body) -> Option<Opening> {
    let list = LISTS.iter().find_map(|name| body.raw(name))?;
    let mut opening = Opening::default();
    for prompt in PROMPTS.iter().filter_map(|name| body.raw(name)) {
        opening.question.extend_from_slice(told(prompt, SYSTEM));
    }
    opening.question.push(0);
    if list.starts_with('"') {
        opening.question.extend_from_slice(told(list, WORDS));
        opening.question.push(0);
        return Some(opening);
    }
    let window = &list.as_bytes()[..list.len().min(WINDOW)];
    let mut seen = 0;
    let walked = scan::walk(window, |range| {
        seen += 1;
        let entry = std::str::from_utf8(&window[range]).unwrap_or_default();
        if opening.enter(entry) || seen >= ENTRIES { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if walked.is_err() && opening.answered.is_none() {
        // Longer than the window: such a beginning is worth finding again, whatever turn it is.
        opening.question.extend_from_slice(&window[..WORDS.min(window.len())]);
        opening.answered = Some(opening.question.clone());
    }
    Some(opening)
}

impl Opening {
    /// Takes an entry in; whether it was the first answer.
    fn enter(&mut self, entry: &str) -> bool {
        let object = scan::object(entry.as_bytes()).unwrap_or_default();
        let field = |name: &str| object.find(entry.as_bytes(), name);
        let role = field("role").unwrap_or_default();
        let is_words = ["\"user\"", "\"system\"", "\"developer\"", "\"human\""].contains(&role);
        // Gemini may leave the role of the only question out.
        let is_question = is_words || (role.is_empty() && field("parts").is_some());
        let content = field("content").or_else(|| field("parts")).unwrap_or(entry);
        let most = if matches!(role, "\"system\"" | "\"developer\"") { SYSTEM } else { WORDS };
        if is_question {
            self.question.extend_from_slice(told(content, most));
            self.question.push(0);
            return false;
        }
        let mut answered = self.question.clone();
        answered.extend_from_slice(told(content, most));
        self.answered = Some(answered);
        true
    }
}

/// The first words of a value: of a text, else of the first text inside it, else the value as it stands. Marks beside
/// the words, which move from turn to turn, don't count.
fn told(json: &str, most: usize) -> &[u8] {
    let named = |(at, _)| json[at + 6..].trim_start().strip_prefix(':')?.trim_start().strip_prefix('"');
    let text = json.strip_prefix('"').or_else(|| json.match_indices("\"text\"").find_map(named));
    let bytes = text.unwrap_or(json).as_bytes();
    let mut end = 0;
    while end < bytes.len().min(most) && (text.is_none() || bytes[end] != b'"') {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    &bytes[..end.min(bytes.len())]
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;

    fn of(body: &str) -> Opening {
        opening(&Body::parse(Bytes::copy_from_slice(body.as_bytes())).unwrap()).unwrap()
    }

    /// Turns of one conversation, in each language.
    const TURNS: [[&str; 3]; 4] = [
        [
            r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"q"}]}"#,
            r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"q"},{"role":"assistant","content":"a"},{"role":"user","content":"r"}]}"#,
            r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"q"},{"role":"assistant","content":"a"},{"role":"user","content":"r"},{"role":"assistant","content":"b"}]}"#,
        ],
        [
            r#"{"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral"}}],"messages":[{"role":"user","content":[{"type":"text","text":"q","cache_control":{}}]}]}"#,
            r#"{"system":"s","messages":[{"role":"user","content":[{"type":"text","text":"q"}]},{"role":"assistant","content":[{"type":"text","text":"a"}]}]}"#,
            r#"{"system":"s","messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"},{"role":"user","content":"r"}]}"#,
        ],
        [
            r#"{"instructions":"s","input":"q"}"#,
            r#"{"instructions":"s","input":[{"role":"user","content":"q"},{"type":"function_call","name":"f"}]}"#,
            r#"{"instructions":"s","input":[{"role":"user","content":"q"},{"type":"function_call","name":"f"},{"role":"user","content":"r"}]}"#,
        ],
        [
            r#"{"systemInstruction":{"parts":[{"text":"s"}]},"contents":[{"parts":[{"text":"q"}]}]}"#,
            r#"{"contents":[{"role":"user","parts":[{"text":"q"}]},{"role":"model","parts":[{"text":"a"}]}],"system_instruction":{"parts":{"text":"s"}}}"#,
            r#"{"contents":[{"role":"user","parts":[{"text" : "q"}]},{"role":"model","parts":[{"text":"a"}]},{"role":"user","parts":[]}],"system_instruction":{"parts":{"text":"s"}}}"#,
        ],
    ];

    #[test]
    fn all_turns_of_a_conversation_begin_alike() {
        for turns in TURNS {
            let [first, second, third] = turns.map(of);
            assert_eq!(first.answered, None);
            let words: Vec<u8> = first.question.iter().filter(|byte| **byte != 0).copied().collect();
            assert_eq!(words, b"sq", "{}", turns[0]);
            assert_eq!((&second.question, &third.question), (&first.question, &first.question), "{}", turns[1]);
            assert_eq!(second.answered, third.answered, "{}", turns[2]);
            assert!(second.answered.is_some_and(|answered| answered != second.question));
        }
    }

    #[test]
    fn conversations_that_differ_begin_differently() {
        let ask = |system: &str, question: &str| {
            of(&format!(r#"{{"system":"{system}","messages":[{{"role":"user","content":"{question}"}}]}}"#))
        };
        assert_ne!(ask("s", "q"), ask("s", "r"));
        assert_ne!(ask("s", "q"), ask("t", "q"));
        assert_ne!(ask("sq", ""), ask("s", "q"));
        assert_eq!(opening(&Body::parse(Bytes::from_static(b"{\"prompt\":\"x\"}")).unwrap()), None);
    }

    #[test]
    fn what_is_long_is_looked_at_within_bounds() {
        let long = "x".repeat(WINDOW);
        let ask = |more: &str| of(&format!(r#"{{"messages":[{{"role":"user","content":"{long}"}}{more}]}}"#));
        let (first, second) = (ask(""), ask(r#",{"role":"assistant","content":"a"}"#));
        assert!(first.question.len() < 4 * WORDS && first.answered.is_some());
        assert_eq!(first, second);
    }

    proptest! {
        #[test]
        fn nothing_panics(list in r#"[\[\]{}",:\\ a-zé]{0,60}"#) {
            let _ = told(&list, 7);
            if let Ok(body) = Body::parse(Bytes::from(format!(r#"{{"messages":{list},"system":"s"}}"#))) {
                let _ = opening(&body);
            }
        }
    }
}
