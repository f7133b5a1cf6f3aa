//! What tools did that the provider ran by itself, in words for those who have no such items.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::wire::{Raw, Str, as_text, lenient};

/// Longest text that is told of one item, in bytes.
const LONGEST: usize = 64 << 10;

/// The fields of these items that hold words.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Trace<'a> {
    #[serde(borrow)]
    code: Option<Str<'a>>,
    #[serde(borrow)]
    outputs: Raw<'a>,
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

/// One output of a program that was run.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Output<'a> {
    #[serde(borrow)]
    logs: Option<Str<'a>>,
}

/// The words of an item; `None` for one whose result shows in the answer, as a search does.
pub(crate) fn gist(kind: &str, raw: &RawValue) -> Option<String> {
    let trace: Trace<'_> = match kind {
        "code_interpreter_call" | "mcp_call" => lenient(Some(raw)),
        _ => return None,
    };
    let words = if kind == "mcp_call" { call(&trace) } else { program(&trace)? };
    Some(shortened(words))
}

fn program(trace: &Trace<'_>) -> Option<String> {
    let code = trace.code.as_deref().filter(|code| !code.is_empty())?;
    let mut words = format!("```python\n{code}\n```\n");
    for output in lenient::<Vec<Output<'_>>>(trace.outputs) {
        if let Some(logs) = output.logs.as_deref().filter(|logs| !logs.is_empty()) {
            // Writing into a string cannot fail.
            let _ = writeln!(words, "```\n{logs}\n```");
        }
    }
    Some(words)
}

fn call(trace: &Trace<'_>) -> String {
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
