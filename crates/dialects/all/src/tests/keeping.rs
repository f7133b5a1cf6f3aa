//! What a conversation holds is found in what goes upstream, at every wire, or is named among the losses: however turns,
//! calls, results and attachments follow one another. What was said keeps its order.

use std::collections::HashMap;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dialect::{Dialect, ModelTraits, Target};
use hub::{
    CallKind, File, LossKind, Losses, Media, Part, Request, Role, Seal, Source, Text, Thought, ToolCall, ToolResult,
    Turn,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::ALL;

/// A part before it has its words.
#[derive(Clone, Copy, Debug)]
enum Piece {
    Words,
    /// A system's words, which may have to wait for the results of calls.
    Rule,
    Refusal,
    /// By this vendor; it need not arrive, and must not take anything else with it.
    Thought(&'static str),
    Call,
    /// Of the call so many places before; with a picture; failed.
    Result(u8, bool, bool),
    Picture,
    Paper,
}

fn asked() -> impl Strategy<Value = Piece> {
    prop_oneof![
        4 => Just(Piece::Words),
        1 => Just(Piece::Picture),
        1 => Just(Piece::Paper),
        4 => (0_u8..4, any::<bool>(), any::<bool>()).prop_map(|(of, picture, failed)| Piece::Result(of, picture, failed)),
    ]
}

fn said() -> impl Strategy<Value = Piece> {
    prop_oneof![
        4 => Just(Piece::Words),
        1 => Just(Piece::Refusal),
        2 => prop::sample::select(vec!["anthropic", "openai_responses", "gemini"]).prop_map(Piece::Thought),
        4 => Just(Piece::Call),
        1 => Just(Piece::Picture),
    ]
}

fn turn() -> impl Strategy<Value = (Role, Vec<Piece>)> {
    prop_oneof![
        4 => vec(asked(), 1..5).prop_map(|pieces| (Role::User, pieces)),
        4 => vec(said(), 1..5).prop_map(|pieces| (Role::Assistant, pieces)),
        1 => Just((Role::System, vec![Piece::Rule])),
    ]
}

/// Gives each piece words that nothing else has.
#[derive(Default)]
struct Writer {
    words: Vec<String>,
    calls: usize,
    /// What was said by the user and the assistant, but for results and attachments.
    said: Vec<String>,
    /// Which words the last result of a call holds, by its id.
    results: HashMap<String, Range<usize>>,
    /// The words of results after which another one came.
    replaced: Vec<Range<usize>>,
}

impl Writer {
    /// Ends in a letter, so that no word begins another.
    fn word(&mut self) -> String {
        let word = format!("word{}x", self.words.len());
        self.words.push(word.clone());
        word
    }

    fn text(&mut self) -> Part {
        Part::Text(Text::plain(self.word()))
    }

    /// Pictures are told apart by what follows their magic bytes.
    fn picture(&mut self) -> Part {
        let data = STANDARD.encode(format!("\u{89}PNG picture {}", self.words.len()));
        self.words.push(data.clone());
        let source = Source::Base64(data);
        Part::Image(Media { source, media_type: Some("image/png".into()), detail: None, cache: None })
    }

    fn part(&mut self, piece: Piece) -> Part {
        match piece {
            Piece::Words => {
                self.said.push(format!("word{}x", self.words.len()));
                self.text()
            }
            Piece::Rule => self.text(),
            Piece::Refusal => Part::Refusal(self.word()),
            Piece::Thought(vendor) => {
                let kind = if vendor == "anthropic" { "signature" } else { "encrypted" };
                Part::Thinking(Thought {
                    text: "hm".into(),
                    seal: Some(Seal::new(vendor, kind, "cA==")),
                    redacted: false,
                })
            }
            Piece::Call => {
                self.calls += 1;
                Part::ToolCall(ToolCall {
                    id: format!("call_{}", self.calls),
                    name: "tool".into(),
                    arguments: format!("{{\"a\":\"{}\"}}", self.word()),
                    kind: CallKind::Function,
                    seal: None,
                    cache: None,
                })
            }
            Piece::Result(of, picture, is_error) => {
                let call_id = format!("call_{}", self.calls.saturating_sub(usize::from(of)));
                let first = self.words.len();
                let mut parts = vec![self.text()];
                if picture {
                    parts.push(self.picture());
                }
                self.replaced.extend(self.results.insert(call_id.clone(), first..self.words.len()));
                Part::ToolResult(ToolResult { call_id, parts, is_error, ..ToolResult::default() })
            }
            Piece::Picture => self.picture(),
            Piece::Paper => Part::File(File {
                source: Source::Text(self.word()),
                media_type: Some("text/plain".into()),
                name: None,
                context: None,
                cite: false,
                cache: None,
            }),
        }
    }
}

/// What a wire is sent of a conversation, and what is told of it.
fn sent(wire: &Dialect, request: &Request) -> (String, Losses) {
    let (mut request, mut losses) = (request.clone(), Losses::default());
    hub::mend(&mut request, &mut losses);
    let target = Target { model: "up", stream: false, traits: &ModelTraits::default() };
    let encoded = wire.wire.unwrap().encode_request(&request, &target).unwrap();
    losses.extend(encoded.losses);
    (String::from_utf8(encoded.body.to_vec()).unwrap(), losses)
}

/// Documents may go as their bytes.
fn holds(body: &str, word: &str) -> bool {
    body.contains(word) || body.contains(&STANDARD.encode(word))
}

proptest! {
    #[test]
    fn what_a_conversation_holds_is_sent_or_named(turns in vec(turn(), 1..8)) {
        let mut writer = Writer::default();
        let mut turns: Vec<Turn> = turns
            .into_iter()
            .map(|(role, pieces)| Turn { role, parts: pieces.into_iter().map(|piece| writer.part(piece)).collect() })
            .collect();
        turns.push(Turn { role: Role::User, parts: vec![writer.part(Piece::Words)] });
        let request = Request { turns, ..Request::default() };
        for wire in ALL.iter().filter(|dialect| dialect.wire.is_some()) {
            let (body, losses) = sent(wire, &request);
            let told = losses.iter().any(|loss| loss.kind == LossKind::Dropped && loss.field == "tool result");
            for (at, word) in writer.words.iter().enumerate().filter(|(_, word)| !holds(&body, word)) {
                let replaced = told && writer.replaced.iter().any(|words| words.contains(&at));
                prop_assert!(replaced, "{}: {word} is gone: {losses:?}\n{body}", wire.id);
            }
            let places: Vec<_> = writer.said.iter().map(|word| body.find(word.as_str())).collect();
            prop_assert!(places.is_sorted(), "{}: what was said changed its order: {places:?}\n{body}", wire.id);
        }
    }
}
