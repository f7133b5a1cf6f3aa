//! What tools did that the provider ran by itself, in words for those who have no such items.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::programs;
use crate::wire::{Raw, Str, as_text, lenient};

/// Longest text that is told of one item, in bytes.
const LONGEST: usize = 64 << 10;

/// The fields of these items that hold words.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Call<'a> {
    #[serde(borrow)]
    server_label: Option<Str<'a>>,
    #[serde(borrow)]
    name: Option<Str<'a>>,
    #[serde(borrow)]
    arguments: Raw<'a>,
    #[serde(borrow)]
    output: Raw<'a>,
    #[serde(borrow)]
    error: Raw<'a>,
}

/// The words of an item; `None` for one whose result shows in the answer, as a search does.
pub(crate) fn gist(kind: &str, raw: &RawValue) -> Option<String> {
    let words = match kind {
        programs::KIND => programs::read(kind, raw)?.words()?,
        "mcp_call" => call(&lenient(Some(raw))),
        _ => return None,
    };
    Some(shortened(words))
}

fn call(trace: &Call<'_>) -> String {
    let text = |raw: Raw<'_>| raw.map(|raw| as_text(raw).unwrap_or(Cow::Borrowed(raw.get())).into_owned());
    let (server, name) = (trace.server_label.as_deref().unwrap_or_default(), trace.name.as_deref().unwrap_or_default());
    let arguments = text(trace.arguments).unwrap_or_default();
    let result = match (text(trace.output), text(trace.error)) {
        (Some(output), _) => format!(" gave {output}"),
        (None, Some(error)) => format!(" failed: {error}"),
        (None, None) => String::new(),
    };
    format!("[{name} of the MCP server {server}, called with {arguments},{result}]")
}

fn shortened(mut words: String) -> String {
    if words.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|at| words.is_char_boundary(*at)).unwrap_or(0);
        words.truncate(end);
    }
    words
}
