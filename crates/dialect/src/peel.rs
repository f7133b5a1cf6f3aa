//! Takes an answer out of what it came in: the object that some providers want around every answer by a schema, and the
//! quotation marks around a single word.

use hub::{Block, BlockId, Event, Part, Response};

/// A single word that is longer passes as it came.
const MOST_BARE: usize = 64 << 10;

/// What an answer comes in and its client does not want.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peel {
    /// The answer is the value of this key, the only one of an object.
    pub key: Option<&'static str>,
    /// The answer is a JSON string of which the client wants the text.
    pub bare: bool,
}

/// Peels the texts of one answer. Idle when there is nothing to take off. A text that is not what was expected passes
/// as it is.
#[derive(Debug, Default)]
pub struct Peeler {
    peel: Peel,
    texts: Vec<(BlockId, Skin)>,
}

impl Peeler {
    /// A peeler that takes `peel` off, or that does nothing.
    pub fn new(peel: Peel) -> Self {
        Self { peel, texts: Vec::new() }
    }

    /// Whether there is nothing to take off.
    pub fn is_idle(&self) -> bool {
        self.peel == Peel::default()
    }

    /// Takes an event and gives what becomes of it.
    pub fn push(&mut self, event: Event, out: &mut Vec<Event>) {
        if self.is_idle() {
            return out.push(event);
        }
        match event {
            Event::Open { block, kind: Block::Text } => {
                self.texts.push((block, Skin::new(self.peel)));
                out.push(Event::Open { block, kind: Block::Text });
            }
            Event::Delta { block, text } => match self.texts.iter_mut().find(|(known, _)| *known == block) {
                Some((_, skin)) => told(block, skin.push(&text), out),
                None => out.push(Event::Delta { block, text }),
            },
            Event::Close { block } => {
                if let Some((_, skin)) = self.texts.extract_if(.., |(known, _)| *known == block).next() {
                    told(block, skin.finish(), out);
                }
                out.push(Event::Close { block });
            }
            event => out.push(event),
        }
    }

    /// Peels a whole answer.
    pub fn apply(&self, response: &mut Response) {
        if self.is_idle() {
            return;
        }
        for part in &mut response.parts {
            if let Part::Text(text) = part {
                let mut skin = Skin::new(self.peel);
                let mut peeled = skin.push(&text.text);
                peeled.push_str(&skin.finish());
                text.text = peeled;
            }
        }
    }
}

fn told(block: BlockId, text: String, out: &mut Vec<Event>) {
    if !text.is_empty() {
        out.push(Event::Delta { block, text });
    }
}

/// Where one text is.
#[derive(Debug)]
enum Skin {
    /// Before the value: what came so far.
    Before(&'static str, String),
    /// In the value. What may be the end of the object is held back.
    Within(String),
    /// A word that is taken out of its quotation marks at the end.
    Word(Peel, String),
    /// Something else: it passes.
    Off,
}

impl Skin {
    fn new(peel: Peel) -> Self {
        match peel {
            Peel { bare: true, .. } => Self::Word(peel, String::new()),
            Peel { key: Some(key), .. } => Self::Before(key, String::new()),
            Peel { key: None, .. } => Self::Off,
        }
    }

    fn push(&mut self, text: &str) -> String {
        match self {
            Self::Off => text.to_owned(),
            Self::Word(_, held) => {
                held.push_str(text);
                if held.len() <= MOST_BARE {
                    return String::new();
                }
                let held = std::mem::take(held);
                *self = Self::Off;
                held
            }
            Self::Before(key, held) => {
                held.push_str(text);
                let key = *key;
                let held = std::mem::take(held);
                match opened(&held, key) {
                    Opened::Not => {
                        *self = Self::Off;
                        held
                    }
                    Opened::NotYet => {
                        *self = Self::Before(key, held);
                        String::new()
                    }
                    Opened::At(at) => {
                        *self = Self::Within(String::new());
                        self.push(&held[at..])
                    }
                }
            }
            Self::Within(held) => {
                held.push_str(text);
                let end = held.trim_end();
                let upto = end.len() - usize::from(end.ends_with('}'));
                let rest = held.split_off(upto);
                std::mem::replace(held, rest)
            }
        }
    }

    fn finish(self) -> String {
        match self {
            Self::Off | Self::Within(_) => String::new(),
            Self::Before(_, held) => held,
            Self::Word(peel, held) => {
                let mut skin = Self::new(Peel { bare: false, ..peel });
                let mut json = skin.push(&held);
                json.push_str(&skin.finish());
                serde_json::from_str(json.trim()).unwrap_or(json)
            }
        }
    }
}

enum Opened {
    At(usize),
    NotYet,
    Not,
}

/// Where the value of `key` begins in an object that has it first.
fn opened(text: &str, key: &str) -> Opened {
    let mut rest = text;
    for sign in ["{", "\"", key, "\"", ":"] {
        // Within the quotation marks there is no room.
        rest = if sign == key || rest.is_empty() { rest } else { rest.trim_start() };
        match rest.strip_prefix(sign) {
            Some(after) => rest = after,
            None if sign.starts_with(rest) => return Opened::NotYet,
            None => return Opened::Not,
        }
    }
    match rest.trim_start() {
        "" => Opened::NotYet,
        value => Opened::At(text.len() - value.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hub::{Assembler, CallKind, StopReason, Text, ToolCall, replay};

    fn whole(peel: Peel, text: &str) -> String {
        let mut response = Response {
            parts: vec![Part::Text(Text::plain(text))],
            stop: StopReason::End.into(),
            ..Response::default()
        };
        Peeler::new(peel).apply(&mut response);
        match &response.parts[..] {
            [Part::Text(text)] => text.text.clone(),
            other => panic!("{other:?}"),
        }
    }

    fn streamed(peel: Peel, pieces: &[&str]) -> String {
        let block = BlockId(7);
        let mut peeler = Peeler::new(peel);
        let mut out = Vec::new();
        peeler.push(Event::Open { block, kind: Block::Text }, &mut out);
        pieces.iter().for_each(|text| peeler.push(Event::Delta { block, text: (*text).to_owned() }, &mut out));
        peeler.push(Event::Close { block }, &mut out);
        let texts = out.iter().filter_map(|event| match event {
            Event::Delta { text, .. } => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    const ANSWER: Peel = Peel { key: Some("answer"), bare: false };

    #[test]
    fn the_value_alone_is_told_however_it_is_cut() {
        for (given, told) in [
            ("{\"answer\":[1,{\"a\":\"}\"}]}", "[1,{\"a\":\"}\"}]"),
            (" {\n  \"answer\" : {\"b\":{}}\n}\n", "{\"b\":{}}\n"),
            ("{\"answer\":\"x } \"}", "\"x } \""),
            // What is not what was expected, and what ended too early.
            ("{\"answers\":1}", "{\"answers\":1}"),
            ("Sorry.", "Sorry."),
            ("{\"ans", "{\"ans"),
            ("{\"answer\":[1,2", "[1,2"),
            ("", ""),
        ] {
            assert_eq!(whole(ANSWER, given), told);
            assert_eq!(streamed(ANSWER, &[given]), told);
            let letters: Vec<String> = given.chars().map(String::from).collect();
            let letters: Vec<&str> = letters.iter().map(String::as_str).collect();
            assert_eq!(streamed(ANSWER, &letters), told);
            for at in (0..=given.len()).filter(|at| given.is_char_boundary(*at)) {
                assert_eq!(streamed(ANSWER, &[&given[..at], &given[at..]]), told, "{at}");
            }
        }
    }

    #[test]
    fn a_word_comes_without_its_marks() {
        let bare = Peel { key: None, bare: true };
        for (peel, given, told) in [
            (bare, "\"Strings \\u00e9\"", "Strings é"),
            (bare, "Strings", "Strings"),
            (Peel { bare: true, ..ANSWER }, "{\"answer\": \"Brass\"}", "Brass"),
            (Peel { bare: true, ..ANSWER }, "\"Brass\"\n", "Brass"),
        ] {
            assert_eq!(whole(peel, given), told);
            assert_eq!(streamed(peel, &[&given[..3], &given[3..]]), told);
        }
        let long = "x".repeat(MOST_BARE + 1);
        assert_eq!(streamed(bare, &[&long, "y"]), format!("{long}y"));
    }

    #[test]
    fn nothing_is_taken_off_unasked() {
        let text = "{\"answer\":1}";
        assert!(Peeler::default().is_idle());
        assert_eq!(
            (whole(Peel::default(), text), streamed(Peel::default(), &[text])),
            (text.to_owned(), text.to_owned())
        );
    }

    #[test]
    fn other_blocks_pass() {
        let call = Part::ToolCall(ToolCall { arguments: "{\"answer\":1}".to_owned(), ..call() });
        let response = Response { parts: vec![call], stop: StopReason::ToolCalls.into(), ..Response::default() };
        let (mut events, mut out) = (Vec::new(), Vec::new());
        replay(response.clone(), &mut events);
        let mut peeler = Peeler::new(ANSWER);
        events.into_iter().for_each(|event| peeler.push(event, &mut out));
        let mut assembler = Assembler::new(1 << 20);
        out.into_iter().for_each(|event| assembler.push(event).unwrap());
        assert_eq!(assembler.finish().unwrap().parts, response.parts);
    }

    fn call() -> ToolCall {
        ToolCall {
            id: "c".to_owned(),
            name: "f".to_owned(),
            arguments: String::new(),
            kind: CallKind::Function,
            seal: None,
            cache: None,
        }
    }
}
