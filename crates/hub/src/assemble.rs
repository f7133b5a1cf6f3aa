//! Bridges a stream to a whole answer and back. There is no third code path: a client that wants a whole answer from
//! a stream, or a stream from a whole answer, goes through here.

use std::collections::BTreeMap;

use crate::{
    Block, BlockId, Citation, Event, Fault, Media, Part, Response, Seal, Source, Stop, Text, Thought, Token, ToolCall,
    Usage, aside,
};

/// Collects events into a [`Response`]. Memory is bounded by `limit` bytes of content.
#[derive(Debug)]
pub struct Assembler {
    response: Response,
    /// Which part of the response each open or closed block became.
    slots: BTreeMap<BlockId, usize>,
    stop: Option<Stop>,
    room: usize,
    /// The other answers, by their numbers.
    others: BTreeMap<u32, Assembler>,
}

impl Assembler {
    /// An assembler that refuses an answer of more than `limit` bytes of content.
    pub fn new(limit: usize) -> Self {
        Self { response: Response::default(), slots: BTreeMap::new(), stop: None, room: limit, others: BTreeMap::new() }
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// A garbled-upstream fault when the answer is over the limit.
    pub fn push(&mut self, event: Event) -> Result<(), Fault> {
        match event {
            Event::Start { id, model } => {
                self.response.id = id;
                self.response.model = model;
            }
            Event::Open { block, kind } => {
                self.slots.insert(block, self.response.parts.len());
                self.response.parts.push(part_of(kind));
            }
            Event::Tokens { block, tokens } => self.log(block, tokens)?,
            Event::Delta { block, text } => self.append(block, &text)?,
            Event::Seal { block, seal } => self.seal(block, seal),
            Event::Cite { block, citation } => self.cite(block, citation),
            Event::Close { .. } => (),
            Event::Usage(usage) => self.response.usage.update(&usage),
            Event::Aside { answer, event } => self.aside(answer, *event)?,
            Event::Stop(stop) => self.stop = Some(stop),
        }
        Ok(())
    }

    /// The whole answer.
    ///
    /// # Errors
    /// A garbled-upstream fault when the stream ended without saying why: a cut answer is never a clean one.
    pub fn finish(mut self) -> Result<Response, Fault> {
        self.response.stop = self.stop.take().ok_or_else(truncated)?;
        self.response.others = self.others.into_values().map(Self::finish).collect::<Result<_, _>>()?;
        Ok(self.response)
    }

    /// All answers share the room.
    fn aside(&mut self, answer: u32, event: Event) -> Result<(), Fault> {
        let other = self.others.entry(answer).or_insert_with(|| Self::new(0));
        other.room = self.room;
        other.push(event)?;
        self.room = other.room;
        Ok(())
    }

    fn part(&mut self, block: BlockId) -> Option<&mut Part> {
        let slot = *self.slots.get(&block)?;
        self.response.parts.get_mut(slot)
    }

    fn append(&mut self, block: BlockId, more: &str) -> Result<(), Fault> {
        self.take_room(more.len())?;
        match self.part(block) {
            Some(Part::Text(text)) => text.text.push_str(more),
            Some(Part::Refusal(text)) => text.push_str(more),
            Some(Part::Thinking(thought)) => thought.text.push_str(more),
            Some(Part::ToolCall(call)) => call.arguments.push_str(more),
            Some(
                Part::Image(Media { source: Source::Base64(data), .. })
                | Part::Audio(Media { source: Source::Base64(data), .. }),
            ) => data.push_str(more),
            _ => (),
        }
        Ok(())
    }

    fn take_room(&mut self, bytes: usize) -> Result<(), Fault> {
        self.room = self
            .room
            .checked_sub(bytes)
            .ok_or_else(|| Fault::garbled("the upstream's answer is larger than this gateway collects"))?;
        Ok(())
    }

    fn log(&mut self, block: BlockId, more: Vec<Token>) -> Result<(), Fault> {
        // What stands in memory counts, which is more than what a token says.
        let weight = |token: &Token| size_of::<Token>().saturating_mul(1 + token.others.len());
        self.take_room(more.iter().map(weight).sum())?;
        if let Some(Part::Text(text)) = self.part(block) {
            text.tokens.extend(more);
        }
        Ok(())
    }

    fn seal(&mut self, block: BlockId, seal: Seal) {
        match self.part(block) {
            Some(Part::Thinking(thought)) => thought.seal = Some(seal),
            Some(Part::ToolCall(call)) => call.seal = Some(seal),
            _ => (),
        }
    }

    fn cite(&mut self, block: BlockId, citation: Citation) {
        if let Some(Part::Text(text)) = self.part(block) {
            text.citations.push(citation);
        }
    }
}

fn truncated() -> Fault {
    Fault::garbled("the upstream's stream ended before its answer was complete")
}

fn part_of(kind: Block) -> Part {
    match kind {
        Block::Text => Part::Text(Text::default()),
        Block::Refusal => Part::Refusal(String::new()),
        Block::Thinking => Part::Thinking(Thought::default()),
        Block::Redacted => Part::Thinking(Thought { redacted: true, ..Thought::default() }),
        Block::ToolCall { id, name, kind } => {
            Part::ToolCall(ToolCall { id, name, arguments: String::new(), kind, seal: None, cache: None })
        }
        Block::Image { media_type } => Part::Image(recorded(media_type)),
        Block::Audio { media_type } => Part::Audio(recorded(media_type)),
        Block::Foreign(foreign) => Part::Foreign(foreign),
    }
}

fn recorded(media_type: String) -> Media {
    Media { source: Source::Base64(String::new()), media_type: Some(media_type), detail: None, cache: None }
}

/// Plays a whole answer as the stream that would have built it, one delta a part.
pub fn replay(response: Response, out: &mut Vec<Event>) {
    let Response { id, model, parts, stop, usage, extras: _, others } = response;
    out.push(Event::Start { id, model });
    play(parts, out);
    for (answer, other) in (1..).zip(others) {
        let mut steps = Vec::new();
        play(other.parts, &mut steps);
        steps.push(Event::Stop(other.stop));
        aside(answer, steps, out);
    }
    if usage != Usage::default() {
        out.push(Event::Usage(usage));
    }
    out.push(Event::Stop(stop));
}

fn play(parts: Vec<Part>, out: &mut Vec<Event>) {
    for (number, (kind, content)) in (0..).zip(parts.into_iter().filter_map(block_of)) {
        play_block(BlockId(number), kind, content, out);
    }
}

/// What a block holds besides its kind.
#[derive(Default)]
struct Content {
    text: String,
    seal: Option<Seal>,
    citations: Vec<Citation>,
    tokens: Vec<Token>,
}

fn play_block(block: BlockId, kind: Block, content: Content, out: &mut Vec<Event>) {
    // A call's proof comes first: a sequential dialect has a place for it before the call, and none inside.
    let is_call = matches!(kind, Block::ToolCall { .. });
    let (early, late) = if is_call { (content.seal, None) } else { (None, content.seal) };
    out.push(Event::Open { block, kind });
    out.extend(early.map(|seal| Event::Seal { block, seal }));
    if !content.tokens.is_empty() {
        out.push(Event::Tokens { block, tokens: content.tokens });
    }
    if !content.text.is_empty() {
        out.push(Event::Delta { block, text: content.text });
    }
    out.extend(content.citations.into_iter().map(|citation| Event::Cite { block, citation }));
    out.extend(late.map(|seal| Event::Seal { block, seal }));
    out.push(Event::Close { block });
}

/// The block that carries a part; `None` for parts that only a client sends.
fn block_of(part: Part) -> Option<(Block, Content)> {
    let text = |text| Content { text, ..Content::default() };
    Some(match part {
        Part::Text(Text { text, citations, tokens, cache: _ }) => {
            (Block::Text, Content { text, citations, tokens, seal: None })
        }
        Part::Refusal(words) => (Block::Refusal, text(words)),
        Part::Thinking(Thought { text, seal, redacted }) => {
            let kind = if redacted { Block::Redacted } else { Block::Thinking };
            (kind, Content { text, seal, ..Content::default() })
        }
        Part::ToolCall(ToolCall { id, name, arguments, kind, seal, .. }) => {
            (Block::ToolCall { id, name, kind }, Content { text: arguments, seal, ..Content::default() })
        }
        Part::Image(Media { source: Source::Base64(data), media_type, .. }) => {
            (Block::Image { media_type: media_type.unwrap_or_else(|| "image/png".into()) }, text(data))
        }
        Part::Audio(Media { source: Source::Base64(data), media_type, .. }) => {
            (Block::Audio { media_type: media_type.unwrap_or_else(|| "audio/wav".into()) }, text(data))
        }
        Part::Foreign(foreign) => (Block::Foreign(foreign), Content::default()),
        Part::Image(_) | Part::Audio(_) | Part::Video(_) | Part::File(_) | Part::ToolResult(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CallKind, Grammar, StopReason};

    fn rich() -> Response {
        Response {
            id: "r1".into(),
            model: "m".into(),
            parts: vec![
                Part::Thinking(Thought {
                    text: "hm".into(),
                    seal: Some(Seal::new("anthropic", "signature", "sig")),
                    redacted: false,
                }),
                Part::Thinking(Thought {
                    text: String::new(),
                    seal: Some(Seal::new("anthropic", "redacted", "x")),
                    redacted: true,
                }),
                Part::Text(Text {
                    text: "hello".into(),
                    cache: None,
                    citations: vec![Citation { url: Some("https://a.example".into()), ..Citation::default() }],
                    tokens: vec![Token { text: "hello".into(), log: -0.5, ..Token::default() }],
                }),
                Part::ToolCall(ToolCall {
                    id: "c".into(),
                    name: "t".into(),
                    arguments: "{\"a\":1}".into(),
                    kind: CallKind::Function,
                    seal: None,
                    cache: None,
                }),
                Part::Refusal("no".into()),
                Part::Audio(Media {
                    source: Source::Base64("AAAA".into()),
                    media_type: Some("audio/wav".into()),
                    detail: None,
                    cache: None,
                }),
            ],
            stop: StopReason::ToolCalls.into(),
            usage: Usage { fresh: Some(3), output: Some(4), ..Usage::default() },
            extras: Vec::new(),
            others: vec![Response {
                parts: vec![Part::Text(Text::plain("hi"))],
                stop: StopReason::Length.into(),
                ..Response::default()
            }],
        }
    }

    #[test]
    fn what_is_played_is_legal_and_assembles_to_the_same() {
        let mut events = Vec::new();
        replay(rich(), &mut events);
        let mut grammar = Grammar::default();
        let mut assembler = Assembler::new(1 << 20);
        for event in events {
            grammar.see(&event).unwrap();
            assembler.push(event).unwrap();
        }
        grammar.finish().unwrap();
        assert_eq!(assembler.finish().unwrap(), rich());
    }

    #[test]
    fn a_cut_stream_is_a_fault() {
        let mut assembler = Assembler::new(10);
        assembler.push(Event::Start { id: String::new(), model: String::new() }).unwrap();
        assert_eq!(assembler.finish().unwrap_err().kind, crate::FaultKind::UpstreamGarbled);
    }

    #[test]
    fn the_limit_holds() {
        let mut assembler = Assembler::new(4);
        assembler.push(Event::Open { block: BlockId(0), kind: Block::Text }).unwrap();
        assembler.push(Event::Delta { block: BlockId(0), text: "1234".into() }).unwrap();
        assert!(assembler.push(Event::Delta { block: BlockId(0), text: "5".into() }).is_err());
    }
}
