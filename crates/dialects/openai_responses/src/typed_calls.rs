//! Calls of tools with types of their own, and what came of them: between the items that their clients know and the
//! arguments and results of a function.
//!
//! What a model wrote comes back to it in the next turn with the same fields in the same order, or prompt caches would
//! miss.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use dialect::{Body, Object, array, into_text, quoted};
use hub::{Part, Text, ToolResult};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::spaces;
use crate::typed::Typed;
use crate::wire::{self, Raw, Str, as_text, lenient};

/// What a local shell is to run, beside the fields of the call.
const EXEC: &str = "\"exec\"";
/// Fields that say nothing: they are not there.
const NOTHING: [&str; 2] = ["null", "{}"];

/// The arguments of a function call that stands for this item.
pub(crate) fn arguments(typed: Typed, item: &wire::Item<'_>) -> String {
    let held = match typed {
        Typed::LocalShell | Typed::Shell => item.action,
        Typed::ApplyPatch => item.operation,
        Typed::ToolSearch => item.arguments,
    };
    let Some(raw) = held else { return "{}".to_owned() };
    let json = as_text(raw).unwrap_or(Cow::Borrowed(raw.get()));
    let says = |(key, value): &(Cow<'_, str>, &str)| match typed {
        Typed::LocalShell => key != "type" && !NOTHING.contains(value),
        Typed::Shell | Typed::ApplyPatch => *value != "null",
        Typed::ToolSearch => true,
    };
    match object(&json) {
        Some(body) if !body.fields().all(|field| says(&field)) => written(|object| {
            for (key, value) in body.fields().filter(says) {
                object.named(&key).extend_from_slice(value.as_bytes());
            }
        }),
        _ => json.into_owned(),
    }
}

/// The field of a typed item that holds what is to be done.
pub(crate) fn field(typed: Typed) -> &'static str {
    match typed {
        Typed::LocalShell | Typed::Shell => "action",
        Typed::ApplyPatch => "operation",
        Typed::ToolSearch => "arguments",
    }
}

/// What that field holds for a function call; `None` when the arguments are cut, or not what the tool takes.
pub(crate) fn payload(typed: Typed, arguments: &str) -> Option<String> {
    let told = if arguments.trim().is_empty() { "{}" } else { arguments };
    let outer = object(told)?;
    // Models that know OpenAI's item write its field around it.
    let inner = Some(field(typed)).filter(|_| typed != Typed::ToolSearch);
    let inner = inner.and_then(|field| outer.raw(field)).and_then(object);
    let body = inner.unwrap_or(outer);
    match typed {
        Typed::LocalShell => local_action(&body),
        Typed::Shell => shell_action(&body),
        Typed::ApplyPatch => is_operation(&body).then(|| text_of(body)),
        Typed::ToolSearch => Some(text_of(body)),
    }
}

/// The commands of a shell's action.
pub(crate) fn commands(action: &str) -> Vec<String> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Action {
        commands: Vec<String>,
    }
    serde_json::from_str::<Action>(action).unwrap_or_default().commands
}

fn local_action(body: &Body) -> Option<String> {
    let raw = body.raw("command")?;
    let command = match text(raw) {
        Some(line) => texts(&["bash", "-lc", &line]),
        None => raw.to_owned(),
    };
    is_texts(&command).then(|| {
        written(|action| {
            action.raw("type", EXEC);
            for (key, json) in body.fields().filter(|(key, json)| key != "type" && *json != "null") {
                let json = if key == "command" { &command } else { json };
                action.named(&key).extend_from_slice(json.as_bytes());
            }
            // It must be there.
            if !body.has("env") {
                action.raw("env", "{}");
            }
        })
    })
}

fn shell_action(body: &Body) -> Option<String> {
    let key = if body.has("commands") { "commands" } else { "command" };
    let raw = body.raw(key)?;
    let commands = text(raw).map_or_else(|| raw.to_owned(), |line| texts(&[&line]));
    is_texts(&commands).then(|| {
        written(|action| {
            for (name, json) in body.fields().filter(|(_, json)| *json != "null") {
                match name == key {
                    true => action.raw("commands", &commands),
                    false => action.named(&name).extend_from_slice(json.as_bytes()),
                }
            }
        })
    })
}

fn is_operation(body: &Body) -> bool {
    let named = |key| body.raw(key).and_then(text);
    let has_path = named("path").is_some_and(|path| !path.is_empty());
    has_path
        && match named("type").as_deref() {
            Some("create_file" | "update_file") => named("diff").is_some(),
            Some("delete_file") => true,
            _ => false,
        }
}

/// The result of a function that an output of these tools is.
pub(crate) fn result(typed: Typed, item: &wire::Item<'_>, call_id: String) -> ToolResult {
    let words = match typed {
        Typed::LocalShell | Typed::Shell => plain(item.output),
        Typed::ApplyPatch => Some(plain(item.output))
            .filter(|words| !words.is_empty())
            .unwrap_or_else(|| item.status.as_deref().unwrap_or("completed").to_owned()),
        Typed::ToolSearch => found(item.tools),
    };
    let is_error = typed == Typed::ApplyPatch && item.status.as_deref() == Some("failed");
    let parts = Some(words).filter(|words| !words.is_empty()).map(|words| Part::Text(Text::plain(words)));
    ToolResult { call_id, name: None, parts: parts.into_iter().collect(), is_error, cache: None }
}

/// Which tools a search has found; they are declared beside the client's others.
fn found(tools: Raw<'_>) -> String {
    let mut names = Vec::new();
    for tool in lenient::<Vec<&RawValue>>(tools) {
        let tool: wire::Tool<'_> = lenient(Some(tool));
        let space = tool.name.as_deref().filter(|_| tool.kind.as_deref() == Some("namespace"));
        match space {
            Some(space) => {
                let members = lenient::<Vec<wire::Choice<'_>>>(tool.tools).into_iter();
                names.extend(members.filter_map(|member| Some(spaces::flat(Some(space), &member.name?))));
            }
            None => names.extend(tool.name.map(Str::owned)),
        }
    }
    match names.is_empty() {
        true => "No tools were found.".to_owned(),
        false => format!("These tools can be called now: {}.", names.join(", ")),
    }
}

/// Writes the fields of an output of these tools, its type and call included.
pub(crate) fn write_output(typed: Typed, call_id: &str, words: &str, is_error: bool, item: &mut Object<'_>) {
    match typed {
        // The id is the call's (`LocalShellCallOutput`).
        Typed::LocalShell => {
            item.text("id", call_id);
            item.text("output", words);
        }
        Typed::Shell => {
            item.text("call_id", call_id);
            match is_output(words) {
                true => item.raw("output", words),
                false => outputs(words, is_error, item.key("output")),
            }
        }
        Typed::ApplyPatch => {
            item.text("call_id", call_id);
            item.text("status", if is_error { "failed" } else { "completed" });
            item.text("output", words);
        }
        // What was found is declared with the client's other tools.
        Typed::ToolSearch => {
            item.text("call_id", call_id);
            item.raw("execution", "\"client\",\"status\":\"completed\",\"tools\":[]");
        }
    }
}

/// Whether a text is what shells give out: a list of records.
fn is_output(words: &str) -> bool {
    words.trim_start().starts_with('[')
        && serde_json::from_str::<Vec<&RawValue>>(words)
            .is_ok_and(|list| list.iter().all(|entry| entry.get().starts_with('{')))
}

fn outputs(words: &str, is_error: bool, out: &mut BytesMut) {
    array([words], out, |words, out| {
        let mut record = Object::open(out);
        record.text("stdout", if is_error { "" } else { words });
        record.text("stderr", if is_error { words } else { "" });
        record.raw(
            "outcome",
            if is_error { r#"{"type":"exit","exit_code":1}"# } else { r#"{"type":"exit","exit_code":0}"# },
        );
        record.close();
    });
}

fn plain(raw: Raw<'_>) -> String {
    raw.map(|raw| as_text(raw).unwrap_or(Cow::Borrowed(raw.get())).into_owned()).unwrap_or_default()
}

fn object(json: &str) -> Option<Body> {
    Body::parse(Bytes::copy_from_slice(json.trim().as_bytes())).ok()
}

fn text_of(body: Body) -> String {
    String::from_utf8_lossy(&body.into_bytes()).into_owned()
}

fn text(json: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Str<'_>>(json).ok().map(|text| text.0)
}

fn texts(list: &[&str]) -> String {
    let mut out = BytesMut::with_capacity(64);
    array(list, &mut out, |text, out| quoted(text, out));
    into_text(out)
}

fn is_texts(json: &str) -> bool {
    serde_json::from_str::<Vec<Str<'_>>>(json).is_ok_and(|list| !list.is_empty())
}

fn written(fields: impl FnOnce(&mut Object<'_>)) -> String {
    let mut out = BytesMut::with_capacity(128);
    let mut object = Object::open(&mut out);
    fields(&mut object);
    object.close();
    into_text(out)
}
