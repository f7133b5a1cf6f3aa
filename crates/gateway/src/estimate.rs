//! How many tokens a request would take, guessed from its length, for upstreams that do not count.
//!
//! The guess is marked as one in the answer. It leans high: clients use it to decide when to compact a conversation.

use hub::{Part, Request, Source, Tool, ToolKind};

/// Tokens of a picture: Anthropic's documentation gives about 1,600 for one at full size (vision guide, 2025-11).
const PICTURE: u64 = 1_600;
/// Tokens around each turn and each tool.
const FRAME: u64 = 4;
/// Bytes of base64 that hold about one token of a document: a page of 100 KB is 1,500 to 3,000 tokens.
const DOCUMENT_BYTES: usize = 50;

/// The estimate.
pub(crate) fn input_tokens(request: &Request) -> u64 {
    let system: u64 = request.system.iter().map(|part| text(&part.text)).sum();
    let turns: u64 = request.turns.iter().map(|turn| FRAME + parts(&turn.parts)).sum();
    let tools: u64 = request.tools.iter().map(tool).sum();
    system + turns + tools
}

fn parts(list: &[Part]) -> u64 {
    list.iter().map(part).sum()
}

fn part(part: &Part) -> u64 {
    match part {
        Part::Text(part) => text(&part.text),
        Part::Refusal(words) => text(words),
        Part::Image(_) => PICTURE,
        Part::Audio(media) | Part::Video(media) => source(&media.source),
        Part::File(file) => source(&file.source),
        Part::Thinking(thought) => text(&thought.text),
        Part::ToolCall(call) => FRAME + text(&call.name) + text(&call.arguments),
        Part::ToolResult(result) => FRAME + parts(&result.parts),
        Part::Foreign(foreign) => text(foreign.json.as_str()),
    }
}

fn source(source: &Source) -> u64 {
    match source {
        Source::Text(words) => text(words),
        Source::Base64(data) => (data.len() / DOCUMENT_BYTES) as u64,
        Source::Url(_) | Source::FileId(_) => PICTURE,
    }
}

fn tool(tool: &Tool) -> u64 {
    let schema = match &tool.kind {
        ToolKind::Function(schema) | ToolKind::Custom(schema) => schema.as_ref().map_or(0, |json| text(json.as_str())),
        ToolKind::Hosted { json, .. } => text(json.as_str()),
        ToolKind::WebSearch(_) => 0,
    };
    FRAME + text(&tool.name) + tool.description.as_deref().map_or(0, text) + schema
}

/// About 3.5 bytes of Latin script a token; a character of other scripts is about one each.
pub(crate) fn text(words: &str) -> u64 {
    let (mut ascii, mut other) = (0_u64, 0_u64);
    for c in words.chars() {
        if c.is_ascii() {
            ascii += 1;
        } else {
            other += 1;
        }
    }
    (ascii * 2).div_ceil(7) + other
}

#[cfg(test)]
mod tests {
    use super::*;
    use hub::{Role, Text, Turn};

    #[test]
    fn more_words_are_more_tokens() {
        let ask = |words: &str| Request {
            turns: vec![Turn { role: Role::User, parts: vec![Part::Text(Text::plain(words))] }],
            ..Request::default()
        };
        assert_eq!(input_tokens(&ask("1234567")), FRAME + 2);
        assert_eq!(input_tokens(&ask("日本語")), FRAME + 3);
        assert!(input_tokens(&ask("")) > 0);
    }
}
