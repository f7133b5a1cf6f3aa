//! Reads a Chat request into the hub: the messages here, parts, tools and knobs in their own files.
//!
//! The leading system and developer messages become the system prompt, one entry a part; later ones stay where they
//! are. Tool results become user turns in the order found: the hub mends their pairing.

use std::borrow::Cow;

use dialect::openai::caching;
use dialect::{Body, Decoded, unread};
use hub::{
    CallKind, DialectId, Extra, Fault, Json, Losses, Part, Request, Role, Seal, Text, Thought, ToolCall, ToolResult,
    Turn,
};
use serde_json::value::RawValue;

use crate::calls::seal_of;
use crate::decode_parts::{At, PARTS, cache_of, content, part_of};
use crate::wire::{self, as_text, lenient};
use crate::{ID, cited, decode_knobs, decode_tools};

/// Every top-level field that is read; what else a client sends is carried as an extra.
const KNOWN: &[&str] = &[
    "model",
    "messages",
    "stream",
    "stream_options",
    "tools",
    "tool_choice",
    "functions",
    "function_call",
    "parallel_tool_calls",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "top_k",
    "stop",
    "seed",
    "n",
    "frequency_penalty",
    "presence_penalty",
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "verbosity",
    "response_format",
    "reasoning_effort",
    "reasoning",
    "thinking",
    "enable_thinking",
    "thinking_budget",
    "extra_body",
    "chat_template_kwargs",
    "include_reasoning",
    "service_tier",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "metadata",
    "store",
    "modalities",
    "audio",
    "web_search_options",
    "session_id",
    "sessionId",
    "conversation_id",
];

/// Fields that bear on cost and speed alone: nobody misses them in an answer.
const HINTS: [&str; 1] = ["provider"];

/// What the hub's fields are called here.
pub(crate) const NAMES: &[(&str, &str)] =
    &[("tools.web_search", "web_search_options"), ("messages.citations", "messages.annotations")];

/// What is said of fields that no type here has.
pub(crate) const WORDS: unread::Words = unread::Words {
    brackets: true,
    plain: &["type"],
    hints: &[
        "stream_options.*",
        "messages.id",
        "messages.audio.id",
        "messages.provider_specific_fields",
        "messages.tool_calls.provider_specific_fields",
        ".prompt_cache_breakpoint.mode",
    ],
};

/// Reads a request.
pub(crate) fn decode(body: &Body) -> Result<Decoded, Fault> {
    unread::told(body, &WORDS, || read(body))
}

fn read(body: &Body) -> Result<Decoded, Fault> {
    let mut losses = Losses::default();
    let mut request = Request { model: body.get("model")?.unwrap_or_default(), ..Request::default() };
    read_messages(body, &mut request, &mut losses)?;
    decode_tools::read(body, &mut request)?;
    decode_knobs::read(body, &mut request, &mut losses)?;
    keep_unknown(body, ID, KNOWN, &mut request, &mut losses);
    Ok(Decoded { request, losses })
}

/// Keeps each field that is not in `known` for the dialect itself, and says that others lose it: whoever decodes a
/// request does so for another dialect.
pub(crate) fn keep_unknown(body: &Body, origin: DialectId, known: &[&str], request: &mut Request, losses: &mut Losses) {
    for (name, json) in body.others(known) {
        match HINTS.contains(&name.as_ref()) || caching::FIELDS.contains(&name.as_ref()) {
            true => losses.silent(name.to_string()),
            false => losses.dropped(name.to_string(), "no other dialect has such a field"),
        }
        request.extras.push(Extra { origin, field: name.into_owned(), json: Json::trusted(json) });
    }
}

fn read_messages(body: &Body, request: &mut Request, losses: &mut Losses) -> Result<(), Fault> {
    let messages: Vec<wire::Message<'_>> =
        body.get("messages")?.ok_or_else(|| Fault::bad_request("`messages` is required").at("messages"))?;
    if messages.is_empty() {
        return Err(Fault::bad_request("`messages` must hold at least one message").at("messages"));
    }
    request.turns.reserve(messages.len());
    let mut reader = Reader { request, losses, leading: true, legacy: Vec::new() };
    messages.into_iter().enumerate().try_for_each(|(index, message)| reader.message(index, message))
}

struct Reader<'a> {
    request: &'a mut Request,
    losses: &'a mut Losses,
    /// Only system messages have come so far.
    leading: bool,
    /// The calls of the legacy form that wait for their results: name and made-up id.
    legacy: Vec<(String, String)>,
}

impl Reader<'_> {
    fn message(&mut self, index: usize, message: wire::Message<'_>) -> Result<(), Fault> {
        let role = message.role.as_deref().unwrap_or_default();
        match role {
            "system" | "developer" => return self.system(index, &message),
            "user" => self.user(index, &message)?,
            "assistant" => self.assistant(index, message)?,
            "tool" => self.result(index, message)?,
            "function" => self.legacy_result(index, message)?,
            _ => return Err(Fault::bad_request(format!("unknown role {role:?}")).at(format!("messages[{index}].role"))),
        }
        self.leading = false;
        Ok(())
    }

    fn push(&mut self, role: Role, parts: Vec<Part>) {
        if !parts.is_empty() {
            self.request.turns.push(Turn { role, parts });
        }
    }

    fn drop_name(&mut self, index: usize, message: &wire::Message<'_>) {
        if message.name.is_some() {
            self.losses.silent(format!("messages[{index}].name"));
        }
    }

    /// Pictures and files have no place in a system prompt elsewhere: they follow it as the user's.
    fn system(&mut self, index: usize, message: &wire::Message<'_>) -> Result<(), Fault> {
        self.drop_name(index, message);
        let mut texts = Vec::new();
        let mut others = Vec::new();
        for part in content(At::message(index), message.content, message.cache_control.as_ref())? {
            match part {
                Part::Text(text) => texts.push(text),
                Part::Audio(_) | Part::Video(_) => {
                    let words = "sound and films have no place in a system prompt: send them in a user message";
                    return Err(Fault::unsupported(format!("messages[{index}].content"), words));
                }
                other => others.push(other),
            }
        }
        if !others.is_empty() {
            self.losses.approximated(format!("messages[{index}].content"), "what is not text was sent as the user's");
        }
        if self.leading {
            self.request.system.append(&mut texts);
        }
        self.push(Role::System, texts.into_iter().map(Part::Text).collect());
        self.push(Role::User, others);
        Ok(())
    }

    fn user(&mut self, index: usize, message: &wire::Message<'_>) -> Result<(), Fault> {
        self.drop_name(index, message);
        let parts = content(At::message(index), message.content, message.cache_control.as_ref())?;
        self.push(Role::User, parts);
        Ok(())
    }

    fn assistant(&mut self, index: usize, message: wire::Message<'_>) -> Result<(), Fault> {
        self.drop_name(index, &message);
        let mut parts = Vec::new();
        parts.extend(thought(&message).map(Part::Thinking));
        parts.extend(content(At::message(index), message.content, message.cache_control.as_ref())?);
        if cited::place(message.annotations, &mut parts) {
            self.losses
                .dropped(format!("messages[{index}].annotations"), "only sources on the web are known elsewhere");
        }
        parts.extend(spoken(index, &message)?.map(Part::Text));
        parts.extend(message.refusal.filter(|text| !text.is_empty()).map(|text| Part::Refusal(text.owned())));
        for (n, image) in message.images.iter().flatten().enumerate() {
            parts.extend(part_of(At::image(index, n), image)?);
        }
        for (n, call) in message.tool_calls.into_iter().flatten().enumerate() {
            parts.push(Part::ToolCall(tool_call(index, n, call)?));
        }
        parts.extend(message.function_call.and_then(|call| self.legacy_call(index, call)).map(Part::ToolCall));
        self.push(Role::Assistant, parts);
        Ok(())
    }

    fn result(&mut self, index: usize, message: wire::Message<'_>) -> Result<(), Fault> {
        let parts = result_parts(index, message.content)?;
        let result = ToolResult {
            call_id: message.tool_call_id.map(wire::Str::owned).unwrap_or_default(),
            name: message.name.map(wire::Str::owned),
            parts,
            is_error: false,
            cache: cache_of(message.cache_control.as_ref()),
        };
        self.push(Role::User, vec![Part::ToolResult(result)]);
        Ok(())
    }

    /// The legacy form has no ids: the same history must still give the same bytes, so they count messages.
    fn legacy_call(&mut self, index: usize, call: wire::Function<'_>) -> Option<ToolCall> {
        let name = call.name.filter(|name| !name.is_empty())?.owned();
        let id = format!("call_legacy_{index}");
        self.legacy.push((name.clone(), id.clone()));
        let arguments = arguments(call.arguments);
        Some(ToolCall { id, name, arguments, kind: CallKind::Function, seal: None, cache: None })
    }

    fn legacy_result(&mut self, index: usize, message: wire::Message<'_>) -> Result<(), Fault> {
        let name = message.name.map(wire::Str::owned).unwrap_or_default();
        let waiting = self.legacy.iter().position(|(called, _)| *called == name);
        let call_id = waiting.map(|at| self.legacy.remove(at).1).unwrap_or_default();
        let parts = result_parts(index, message.content)?;
        let result = ToolResult { call_id, name: Some(name), parts, ..ToolResult::default() };
        self.push(Role::User, vec![Part::ToolResult(result)]);
        Ok(())
    }
}

/// Reasoning under any of its names, with the entries that some vendors want back.
fn thought(message: &wire::Message<'_>) -> Option<Thought> {
    let text = |raw: wire::Raw<'_>| raw.and_then(as_text).filter(|text| !text.is_empty()).map(Cow::into_owned);
    let details: Vec<&RawValue> = lenient(message.reasoning_details);
    let seal = message
        .reasoning_details
        .filter(|_| !details.is_empty())
        .map(|raw| Seal::new(ID.0, "reasoning_details", raw.get()));
    let text = text(message.reasoning_content).or_else(|| text(message.reasoning));
    (text.is_some() || seal.is_some()).then(|| Thought { text: text.unwrap_or_default(), seal, redacted: false })
}

/// Only its maker can play back an earlier sound; elsewhere its words stand for it.
fn spoken(index: usize, message: &wire::Message<'_>) -> Result<Option<Text>, Fault> {
    let silent = message.content.is_none_or(|raw| matches!(raw.get(), "\"\"" | "[]"));
    let Some(audio) = message.audio.as_ref().filter(|_| silent) else { return Ok(None) };
    let words = audio.transcript.as_deref().filter(|words| !words.is_empty());
    let words = words.ok_or_else(|| {
        let text = "earlier audio is known only to the service that made it: send its transcript as content";
        Fault::unsupported(format!("messages[{index}].audio"), text)
    })?;
    Ok(Some(Text::plain(words)))
}

fn tool_call(index: usize, n: usize, call: wire::ToolCall<'_>) -> Result<ToolCall, Fault> {
    let (name, arguments, kind) = match (call.function, call.custom) {
        (Some(function), _) => (function.name, arguments(function.arguments), CallKind::Function),
        (None, Some(custom)) => (custom.name, custom.input.map(wire::Str::owned).unwrap_or_default(), CallKind::Custom),
        (None, None) => (None, String::new(), CallKind::Function),
    };
    let name = name.filter(|name| !name.is_empty()).ok_or_else(|| {
        Fault::bad_request("a tool call needs a name").at(format!("messages[{index}].tool_calls[{n}].function.name"))
    })?;
    let id = call.id.map(wire::Str::owned).unwrap_or_default();
    Ok(ToolCall { id, name: name.owned(), arguments, kind, seal: seal_of(call.extra_content), cache: None })
}

fn arguments(raw: wire::Raw<'_>) -> String {
    raw.map(|raw| as_text(raw).unwrap_or(Cow::Borrowed(raw.get())).into_owned()).unwrap_or_default()
}

/// A result's content: text or parts; agents send plain objects and numbers, too, which stand as their JSON.
fn result_parts(index: usize, raw: wire::Raw<'_>) -> Result<Vec<Part>, Fault> {
    match raw.map(RawValue::get) {
        Some(json) if !json.starts_with(['"', '[']) => Ok(vec![Part::Text(Text::plain(json))]),
        Some(json) if json.starts_with('[') && !is_parts(json) => Ok(vec![Part::Text(Text::plain(json))]),
        _ => content(At::message(index), raw, None),
    }
}

/// Whether a list is one of content parts, and not data that a tool gave out as a list.
fn is_parts(json: &str) -> bool {
    let list: Vec<&RawValue> = serde_json::from_str(json).unwrap_or_default();
    let known = |part: wire::Part<'_>| part.kind.is_some_and(|kind| PARTS.contains(&&*kind));
    list.iter().all(|entry| serde_json::from_str(entry.get()).is_ok_and(known))
}
