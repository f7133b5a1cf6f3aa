//! Tool results that are lists of plain data, not of content blocks: their JSON text is the result, as it is for an
//! object or a number. Anthropic would refuse them; a client that meets another provider's model here cannot mend its
//! history. Knows nothing of what the blocks mean. Only a request that could not be read pays for this.

use std::ops::Range;

use dialect::{json_text, scan};

use crate::wire::Block;

/// The messages with each such list written as a string; `None` when there is none.
pub(crate) fn as_texts(messages: &str) -> Option<String> {
    let mut out = String::new();
    let mut copied = 0;
    for message in entries(messages, 0..messages.len()) {
        for block in field(messages, &message, "content").into_iter().flat_map(|list| entries(messages, list)) {
            let Some(data) = data(messages, &block) else { continue };
            out.push_str(&messages[copied..data.start]);
            out.push_str(&json_text(&messages[data.clone()]));
            copied = data.end;
        }
    }
    (copied > 0).then(|| out + &messages[copied..])
}

/// Where the content of a tool result stands that is a list of something else than blocks.
fn data(text: &str, block: &Range<usize>) -> Option<Range<usize>> {
    let kind = field(text, block, "type")?;
    let content = field(text, block, "content").filter(|_| &text[kind] == "\"tool_result\"")?;
    let is_block = |entry: &Range<usize>| dialect::read::text::<Block<'_>>(&text[entry.clone()]).is_ok();
    (!entries(text, content.clone()).iter().all(is_block)).then_some(content)
}

/// Where the entries of the list at a place stand; none when it is no list.
fn entries(text: &str, at: Range<usize>) -> Vec<Range<usize>> {
    let list = scan::list(text[at.clone()].as_bytes()).unwrap_or_default();
    list.into_iter().map(|entry| at.start + entry.start..at.start + entry.end).collect()
}

fn field(text: &str, object: &Range<usize>, name: &str) -> Option<Range<usize>> {
    let inner = text.get(object.clone())?.as_bytes();
    let scanned = scan::object(inner).ok()?;
    let value = &scanned.fields.get(scanned.position(inner, name)?)?.value;
    Some(object.start + value.start..object.start + value.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_data_become_texts_and_blocks_stay() {
        for (given, text) in [
            (
                r#"[{"role":"user","content":[{"type":"tool_result","content":[1, {"a":2.0}]},{"type":"text"}]}]"#,
                Some(
                    r#"[{"role":"user","content":[{"type":"tool_result","content":"[1, {\"a\":2.0}]"},{"type":"text"}]}]"#,
                ),
            ),
            (
                r#"[{"content":[{"content":["ü"],"type":"tool_result"}]},{"content":[{"type":"tool_result","content":[{"type":5}]}]}]"#,
                Some(
                    r#"[{"content":[{"content":"[\"ü\"]","type":"tool_result"}]},{"content":[{"type":"tool_result","content":"[{\"type\":5}]"}]}]"#,
                ),
            ),
            (
                r#"[{"content":[{"type":"tool_result","content":[{"type":"text","text":"x"}]},{"type":"text","content":[1]}]}]"#,
                None,
            ),
            (r#"[{"content":[{"type":"tool_result","content":7},{"type":"tool_result"}]},5,{"content":"x"}]"#, None),
            ("{}", None),
        ] {
            assert_eq!(as_texts(given).as_deref(), text);
        }
    }
}
