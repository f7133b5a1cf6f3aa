//! Reads the messages of a chat.
//!
//! Calls may come without ids, and results then name only the tool: ids are made from the place of the call, so that
//! the same history gives the same bytes every turn, and a result answers the first call of its tool that waits and that no
//! other result names by its id.

use std::collections::{HashMap, HashSet, VecDeque};

use dialect::read::{Raw, as_text, lowercase};
use dialect::{Body, inlined};
use hub::{CallKind, Fault, Losses, Media, Part, Request, Role, Source, Text, Thought, ToolCall, ToolResult, Turn};
use serde_json::value::RawValue;

use crate::wire;

/// Reads `messages` into the system prompt and the turns.
pub(crate) fn read(body: &Body, request: &mut Request, losses: &mut Losses) -> Result<(), Fault> {
    let messages: Vec<wire::Message<'_>> = body.get("messages")?.unwrap_or_default();
    if messages.is_empty() {
        return Err(Fault::bad_request("`messages` must hold at least one message").at("messages"));
    }
    let named = messages.iter().filter_map(|message| message.tool_call_id.as_ref().map(|id| id.clone().owned()));
    let waiting = Waiting { named: named.collect(), ..Waiting::default() };
    let mut reader = Reader { request, losses, leading: true, waiting, answered: false };
    messages.into_iter().enumerate().try_for_each(|(at, message)| reader.message(at, message))
}

struct Reader<'a> {
    request: &'a mut Request,
    losses: &'a mut Losses,
    /// Only system messages have come so far.
    leading: bool,
    waiting: Waiting,
    /// A result has come since the last call.
    answered: bool,
}

impl Reader<'_> {
    fn message(&mut self, at: usize, message: wire::Message<'_>) -> Result<(), Fault> {
        match &*lowercase(message.role.as_deref().unwrap_or_default()) {
            "system" | "developer" => return self.system(at, &message),
            "user" => {
                let parts = said(at, &message)?;
                self.push(Role::User, parts);
            }
            "assistant" => self.assistant(at, message)?,
            "tool" => self.result(at, message)?,
            role => return Err(Fault::bad_request(format!("invalid role {role:?}")).at(format!("messages[{at}].role"))),
        }
        self.leading = false;
        Ok(())
    }

    fn push(&mut self, role: Role, parts: Vec<Part>) {
        if !parts.is_empty() {
            self.request.turns.push(Turn { role, parts });
        }
    }

    fn system(&mut self, at: usize, message: &wire::Message<'_>) -> Result<(), Fault> {
        let (texts, images): (Vec<Part>, Vec<Part>) =
            said(at, message)?.into_iter().partition(|part| matches!(part, Part::Text(_)));
        if !images.is_empty() {
            self.losses.approximated(format!("messages[{at}].images"), "what is not text was sent as the user's");
        }
        if self.leading {
            self.request.system.extend(texts.into_iter().filter_map(|part| match part {
                Part::Text(text) => Some(text),
                _ => None,
            }));
        } else {
            self.push(Role::System, texts);
        }
        self.push(Role::User, images);
        Ok(())
    }

    fn assistant(&mut self, at: usize, message: wire::Message<'_>) -> Result<(), Fault> {
        let mut parts = Vec::new();
        let thought = message.thinking.and_then(as_text).filter(|text| !text.is_empty());
        parts.extend(thought.map(|text| Part::Thinking(Thought { text: text.into_owned(), ..Thought::default() })));
        parts.extend(said(at, &message)?);
        if std::mem::take(&mut self.answered) {
            self.waiting.clear();
        }
        for (n, call) in message.tool_calls.into_iter().flatten().enumerate() {
            let call = tool_call(at, n, call)?;
            self.waiting.add(&call);
            parts.push(Part::ToolCall(call));
        }
        self.push(Role::Assistant, parts);
        Ok(())
    }

    fn result(&mut self, at: usize, message: wire::Message<'_>) -> Result<(), Fault> {
        let parts = said(at, &message)?;
        let id = message.tool_call_id.map(|id| id.owned()).filter(|id| !id.is_empty());
        let name = message.tool_name.map(|name| name.owned()).filter(|name| !name.is_empty());
        let found = self.waiting.take(id.as_deref(), name.as_deref());
        self.answered = true;
        let (known, call_id) = found.unwrap_or_default();
        let name = name.or(Some(known).filter(|name| !name.is_empty()));
        let call_id = id.unwrap_or(call_id);
        self.push(Role::User, vec![Part::ToolResult(ToolResult { call_id, name, parts, ..ToolResult::default() })]);
        Ok(())
    }
}

/// The calls that wait for their results. Found without a search: a history may hold very many of them.
#[derive(Default)]
struct Waiting {
    /// Name and id; taken when the result has come.
    calls: Vec<Option<(String, String)>>,
    by_id: HashMap<String, VecDeque<usize>>,
    by_name: HashMap<String, VecDeque<usize>>,
    /// All calls before this one are answered, or will be by their ids.
    next: usize,
    /// The ids that results name.
    named: HashSet<String>,
}

impl Waiting {
    fn add(&mut self, call: &ToolCall) {
        let at = self.calls.len();
        self.by_id.entry(call.id.clone()).or_default().push_back(at);
        self.by_name.entry(call.name.clone()).or_default().push_back(at);
        self.calls.push(Some((call.name.clone(), call.id.clone())));
    }

    fn clear(&mut self) {
        *self = Self { named: std::mem::take(&mut self.named), ..Self::default() };
    }

    /// The call that a result answers: the one of its id; without an id the first of its tool, or the first of all, that
    /// no result names.
    fn take(&mut self, id: Option<&str>, name: Option<&str>) -> Option<(String, String)> {
        let Self { calls, by_id, by_name, next, named } = self;
        let queue = match (id, name) {
            (Some(id), _) => by_id.get_mut(id)?,
            (None, Some(name)) => by_name.get_mut(name)?,
            (None, None) => {
                let over = |call: &Option<(String, String)>| call.as_ref().is_none_or(|(_, id)| named.contains(id));
                *next += calls.get(*next..)?.iter().take_while(|call| over(call)).count();
                return calls.get_mut(*next)?.take();
            }
        };
        while let Some(at) = queue.pop_front() {
            let free = |call: &mut (String, String)| id.is_some() || !named.contains(&call.1);
            if let Some(call) = calls.get_mut(at).and_then(|call| call.take_if(free)) {
                return Some(call);
            }
        }
        None
    }
}

/// Pictures and text of a message. Templates put pictures first.
fn said(at: usize, message: &wire::Message<'_>) -> Result<Vec<Part>, Fault> {
    let mut parts = Vec::new();
    for (n, data) in message.images.iter().flatten().enumerate() {
        parts.push(image(data, || format!("messages[{at}].images[{n}]"))?);
    }
    // A result may be data of any shape: its JSON is its text.
    let is_result = message.role.as_deref().is_some_and(|role| role.eq_ignore_ascii_case("tool"));
    let text = match message.content {
        Some(raw) if is_result && as_text(raw).is_none() => Some(raw.get().to_owned()),
        raw => content(at, raw)?,
    };
    parts.extend(text.map(|text| Part::Text(Text::plain(text))));
    Ok(parts)
}

fn content(at: usize, raw: Raw<'_>) -> Result<Option<String>, Fault> {
    let Some(raw) = raw else { return Ok(None) };
    let text = as_text(raw).ok_or_else(|| {
        Fault::bad_request("the content of a message is one text").at(format!("messages[{at}].content"))
    })?;
    Ok(Some(text.into_owned()).filter(|text| !text.is_empty()))
}

/// A picture in bare base64; a data URL is a common slip, and so are broken lines and the alphabet of URLs.
pub(crate) fn image(data: &str, path: impl Fn() -> String) -> Result<Part, Fault> {
    let (base64, media_type) = inlined(data, None);
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    if base64.is_empty() || !base64.bytes().all(legal) {
        return Err(Fault::bad_request("a picture must be bare base64").at(path()));
    }
    Ok(Part::Image(Media { source: Source::Base64(base64), media_type, detail: None, cache: None }))
}

fn tool_call(at: usize, n: usize, call: wire::ToolCall<'_>) -> Result<ToolCall, Fault> {
    let function = call.function.unwrap_or_default();
    let name = function.name.filter(|name| !name.is_empty()).ok_or_else(|| {
        Fault::bad_request("a tool call needs a name").at(format!("messages[{at}].tool_calls[{n}].function.name"))
    })?;
    let id = call.id.map(|id| id.owned()).filter(|id| !id.is_empty()).unwrap_or_else(|| format!("call_{at}_{n}"));
    let arguments = function.arguments.map(arguments).unwrap_or_default();
    Ok(ToolCall { id, name: name.owned(), arguments, kind: CallKind::Function, seal: None, cache: None })
}

/// The arguments as text: an object's own JSON, or the text that stands in its place.
pub(crate) fn arguments(raw: &RawValue) -> String {
    as_text(raw).map_or_else(|| raw.get().to_owned(), |text| text.into_owned())
}
