//! Reads the items of a request's input into turns.
//!
//! Items that follow one another on the model's side are one assistant turn; outputs of tools are user turns in the
//! order found: the hub mends their pairing.

use std::borrow::Cow;

use dialect::{carrier, unread};
use hub::{
    CallKind, Fault, Foreign, Json, Losses, Media, Part, Request, Role, Source, Text, Thought, ToolCall, ToolResult,
    Turn,
};
use serde_json::value::RawValue;

use crate::decode_parts::{At, content, output};
use crate::typed::{self, Side, Typed};
use crate::wire::{self, Raw, Str, as_text, lenient};
use crate::{ID, hosted, seals, spaces, summary, traces, typed_calls};

/// What an item is that says nothing of it.
const MESSAGE: &str = "message";
/// Items that every dialect has a form for.
const PLAIN: [&str; 6] =
    [MESSAGE, "function_call", "custom_tool_call", "function_call_output", "custom_tool_call_output", "reasoning"];

/// Reads items one by one.
pub(crate) struct Reader<'a> {
    request: &'a mut Request,
    losses: &'a mut Losses,
    /// Only system messages have come so far.
    leading: bool,
    /// Where a compacted history stood that only its maker can read, and that is not here in plain.
    lost: Option<usize>,
    /// Where the conversation was to be made shorter: nothing may follow.
    trigger: Option<usize>,
    /// Calls of a shell's that came by another id than their outputs name: the item's, and the call's.
    ids: Vec<(String, String)>,
    /// Calls that the provider ran, by their ids.
    elsewhere: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(request: &'a mut Request, losses: &'a mut Losses) -> Self {
        Self { request, losses, leading: true, lost: None, trigger: None, ids: Vec::new(), elsewhere: Vec::new() }
    }

    /// Reads the whole input: a text, or a list of items.
    pub(crate) fn input(mut self, json: &str) -> Result<(), Fault> {
        match json.as_bytes().first() {
            Some(b'"') => {
                let raw: &RawValue = dialect::read::text(json)
                    .map_err(|_| Fault::bad_request("`input` is not a text that can be read").at("input"))?;
                let text = as_text(raw).map(Cow::into_owned).unwrap_or_default();
                self.push(Role::User, vec![Part::Text(Text::plain(text))]);
            }
            Some(b'[') => self.list(json)?,
            _ => return Err(Fault::bad_request("`input` must be a text or a list of items").at("input")),
        }
        self.finish()
    }

    /// Items that all have a form elsewhere are read in one pass; of any other the text is wanted, too, and of one that
    /// cannot be read its place.
    fn list(&mut self, json: &str) -> Result<(), Fault> {
        let plain = dialect::read::text::<Vec<wire::Item<'_>>>(json).ok();
        if let Some(items) = plain.filter(|items| items.iter().all(is_plain)) {
            return items.into_iter().enumerate().try_for_each(|(index, item)| self.plain(index, item));
        }
        let items: Vec<&RawValue> =
            dialect::read::text(json).map_err(|_| Fault::bad_request("`input` is not a list of items").at("input"))?;
        items.into_iter().enumerate().try_for_each(|(index, raw)| self.item(index, raw))
    }

    /// An item that has a form elsewhere, see [`PLAIN`].
    fn plain(&mut self, index: usize, item: wire::Item<'_>) -> Result<(), Fault> {
        match item.kind.as_deref().unwrap_or(MESSAGE) {
            "function_call" => self.call(index, item, CallKind::Function),
            "custom_tool_call" => self.call(index, item, CallKind::Custom),
            "function_call_output" | "custom_tool_call_output" => self.result(index, item),
            "reasoning" => {
                self.reasoning(&item);
                Ok(())
            }
            _ => self.message(index, &item),
        }
    }

    /// A compacted history stands for turns that nobody else can read: without them this is another conversation.
    fn finish(self) -> Result<(), Fault> {
        for turn in &mut self.request.turns {
            carrier::settle(&mut turn.parts);
        }
        self.request.turns.retain(|turn| !turn.parts.is_empty());
        match self.lost {
            Some(index) => Err(Fault::unsupported(
                format!("input[{index}]"),
                "a compacted history can be read only by the service that made it: send the plain history",
            )),
            None => Ok(()),
        }
    }

    fn item(&mut self, index: usize, raw: &RawValue) -> Result<(), Fault> {
        if let Some(trigger) = self.trigger {
            let words = "a compaction trigger must be the last item of the input";
            return Err(Fault::bad_request(words).at(format!("input[{trigger}]")));
        }
        if let Some(text) = as_text(raw) {
            self.push(Role::User, vec![Part::Text(Text::plain(text.into_owned()))]);
            return Ok(());
        }
        let item: wire::Item<'_> = dialect::read::text(raw.get())
            .map_err(|error| Fault::bad_request(format!("not an input item: {error}")).at(format!("input[{index}]")))?;
        if is_plain(&item) {
            return self.plain(index, item);
        }
        let kind = item.kind.as_deref().unwrap_or_default().to_owned();
        match kind.as_str() {
            "item_reference" => Err(stored(&format!("input[{index}]"), "item references")),
            // What they declare is read with the tools, what they set with the knobs.
            "additional_tools" => Ok(()),
            "configuration_update" => {
                unread::kept(raw.get());
                Ok(())
            }
            // Read where the request is put together.
            "compaction_trigger" => {
                self.trigger = Some(index);
                Ok(())
            }
            "image_generation_call" => {
                self.picture(index, &item);
                Ok(())
            }
            "compaction" | "compaction_summary" | "context_compaction" => {
                self.compaction(index, &item);
                Ok(())
            }
            other => {
                match Typed::of_item(other) {
                    Some((typed, Side::Call)) => self.typed_call(index, typed, item, raw),
                    Some((typed, Side::Output)) => self.typed_result(index, typed, &item, raw),
                    None => self.foreign(index, other, raw),
                }
                Ok(())
            }
        }
    }

    fn push(&mut self, role: Role, parts: Vec<Part>) {
        self.leading = false;
        match self.request.turns.last_mut() {
            Some(turn) if turn.role == role && role == Role::Assistant => turn.parts.extend(parts),
            _ if parts.is_empty() => (),
            _ => self.request.turns.push(Turn { role, parts }),
        }
    }

    fn message(&mut self, index: usize, item: &wire::Item<'_>) -> Result<(), Fault> {
        let role = item.role.as_deref().unwrap_or("user");
        let parts = content(At::content(index), item.content)?;
        match role {
            "system" | "developer" => self.system(index, parts)?,
            "user" => self.push(Role::User, parts),
            "assistant" => self.push(Role::Assistant, parts),
            _ => return Err(Fault::bad_request(format!("unknown role {role:?}")).at(format!("input[{index}].role"))),
        }
        Ok(())
    }

    /// Pictures and files have no place in a system prompt elsewhere: they follow it as the user's.
    fn system(&mut self, index: usize, parts: Vec<Part>) -> Result<(), Fault> {
        if parts.iter().any(|part| matches!(part, Part::Audio(_) | Part::Video(_))) {
            let words = "sound and films have no place in a system prompt: send them in a user message";
            return Err(Fault::unsupported(format!("input[{index}].content"), words));
        }
        let (texts, others): (Vec<Part>, Vec<Part>) = parts.into_iter().partition(|part| matches!(part, Part::Text(_)));
        if !others.is_empty() {
            self.losses.approximated(format!("input[{index}].content"), "what is not text was sent as the user's");
        }
        if self.leading {
            self.request.system.extend(texts.into_iter().filter_map(|part| match part {
                Part::Text(text) => Some(text),
                _ => None,
            }));
        } else if !texts.is_empty() {
            self.request.turns.push(Turn { role: Role::System, parts: texts });
        }
        if !others.is_empty() {
            self.push(Role::User, others);
        }
        Ok(())
    }

    fn call(&mut self, index: usize, item: wire::Item<'_>, kind: CallKind) -> Result<(), Fault> {
        let name = item
            .name
            .filter(|name| !name.is_empty())
            .ok_or_else(|| Fault::bad_request("a tool call needs a name").at(format!("input[{index}].name")))?;
        let arguments = match kind {
            CallKind::Function => text_of(item.arguments.or(item.input)),
            CallKind::Custom => text_of(item.input.or(item.arguments)),
        };
        let id = item.call_id.or(item.id).map(Str::owned).unwrap_or_default();
        let name = spaces::flat(item.namespace.as_deref(), &name);
        self.push(
            Role::Assistant,
            vec![Part::ToolCall(ToolCall { id, name, arguments, kind, seal: None, cache: None })],
        );
        Ok(())
    }

    fn result(&mut self, index: usize, item: wire::Item<'_>) -> Result<(), Fault> {
        let parts = output(At::output(index), item.output)?;
        let result = ToolResult {
            call_id: item.call_id.map(Str::owned).unwrap_or_default(),
            name: item.name.map(Str::owned),
            parts,
            is_error: false,
            cache: None,
        };
        self.push(Role::User, vec![Part::ToolResult(result)]);
        Ok(())
    }

    /// A call of a tool that the client runs. What the provider ran is told like its other tools.
    fn typed_call(&mut self, index: usize, typed: Typed, item: wire::Item<'_>, raw: &RawValue) {
        let is_own = match typed {
            Typed::ToolSearch => item.call_id.is_some() && item.execution.as_deref() != Some("server"),
            Typed::Shell => typed::is_local(item.environment),
            Typed::LocalShell | Typed::ApplyPatch => true,
        };
        let arguments = typed_calls::arguments(typed, &item);
        let call_id = item.call_id.or_else(|| item.id.clone()).map(Str::owned).unwrap_or_default();
        match (typed, is_own) {
            (_, true) => (),
            // What was found is declared.
            (Typed::ToolSearch, false) => return self.losses.silent(format!("input[{index}]")),
            (_, false) => {
                self.elsewhere.push(call_id);
                return self.foreign(index, typed.items().0, raw);
            }
        }
        if let Some(id) = item.id.filter(|id| **id != *call_id) {
            self.ids.push((id.owned(), call_id.clone()));
        }
        let name = typed::name_among(typed, &self.request.tools).into_owned();
        let kind = CallKind::Function;
        let call = ToolCall { id: call_id, name, arguments, kind, seal: None, cache: None };
        self.push(Role::Assistant, vec![Part::ToolCall(call)]);
    }

    /// The output names the call's id in one field or the other.
    fn typed_result(&mut self, index: usize, typed: Typed, item: &wire::Item<'_>, raw: &RawValue) {
        let told = item.call_id.as_deref().or(item.id.as_deref().filter(|_| typed == Typed::LocalShell));
        let told = told.unwrap_or_default();
        let call_id = self.ids.iter().find(|(id, _)| id == told).map_or(told, |(_, call)| call).to_owned();
        if typed == Typed::ToolSearch && (item.call_id.is_none() || item.execution.as_deref() == Some("server")) {
            return;
        }
        if self.elsewhere.contains(&call_id) {
            return self.foreign(index, typed.items().1, raw);
        }
        let result = typed_calls::result(typed, item, call_id);
        self.push(Role::User, vec![Part::ToolResult(result)]);
    }

    /// Summaries are what may be shown; where there are none, the reasoning itself is.
    fn reasoning(&mut self, item: &wire::Item<'_>) {
        let summary = texts(item.summary);
        let text = if summary.is_empty() {
            texts(item.content)
        } else {
            unread::left(item.content.map(RawValue::get));
            summary
        };
        let seal = item.encrypted_content.as_deref().and_then(seals::read);
        if text.is_empty() && seal.is_none() {
            return;
        }
        let redacted = seal.as_ref().is_some_and(seals::is_redacted) && text.is_empty();
        self.push(Role::Assistant, vec![Part::Thinking(Thought { text, seal, redacted })]);
    }

    /// A summary of ours takes the place of what it tells. Anybody else's is left out where the model's turns before it
    /// are still here in plain; after the user's alone it stands for the rest.
    fn compaction(&mut self, index: usize, item: &wire::Item<'_>) {
        if let Some(words) = item.encrypted_content.as_deref().and_then(summary::read) {
            summary::prune(&mut self.request.turns);
            return self.push(Role::User, vec![Part::Text(Text::plain(words))]);
        }
        let plain = self.request.turns.iter().any(|turn| turn.role == Role::Assistant);
        self.losses.dropped(format!("input[{index}]"), "a compacted history that only its maker can read");
        self.lost = self.lost.or((!plain).then_some(index));
    }

    fn picture(&mut self, index: usize, item: &wire::Item<'_>) {
        let Some(data) = item.result.and_then(as_text).filter(|data| !data.is_empty()) else {
            return self.losses.dropped(format!("input[{index}]"), "a picture without its bytes");
        };
        let told = item.output_format.as_deref().map(|format| format!("image/{format}"));
        let media_type = dialect::sniff(&data).map(str::to_owned).or(told);
        let media = Media { source: Source::Base64(data.into_owned()), media_type, detail: None, cache: None };
        self.push(Role::Assistant, vec![Part::Image(media)]);
    }

    /// Items of tools that only this dialect has. What a shell in a container or a computer's screen said is told in
    /// words; what else the provider ran by itself left its trace in the answer.
    fn foreign(&mut self, index: usize, kind: &str, raw: &RawValue) {
        // Sent whole, or reported whole.
        unread::kept(raw.get());
        if let Some(picture) = Some(raw).filter(|_| kind == "computer_call_output").and_then(screenshot) {
            // In words its bytes would be.
            self.losses.approximated(format!("input[{index}]"), "a picture of a screen was sent as the user's");
            return self.push(Role::User, vec![Part::Image(picture)]);
        }
        let words = hosted::gist(kind, raw).or_else(|| traces::read(kind, raw)?.words());
        let told = words.is_some() || ["shell", "computer"].iter().any(|word| kind.contains(word));
        let role = if kind.ends_with("_output") { Role::User } else { Role::Assistant };
        if !told {
            self.losses.dropped(format!("input[{index}]"), format!("items of type {kind} have no form elsewhere"));
            return;
        }
        self.losses.approximated(format!("input[{index}]"), format!("an item of type {kind} was sent as text"));
        let gist = words.or_else(|| Some(format!("[{kind}] {}", raw.get())));
        self.push(role, vec![Part::Foreign(Foreign { origin: ID, json: Json::trusted(raw.get()), gist, trace: None })]);
    }
}

fn is_plain(item: &wire::Item<'_>) -> bool {
    PLAIN.contains(&item.kind.as_deref().unwrap_or(MESSAGE))
}

/// What refers to state that is kept elsewhere. The code makes agents send the whole history again.
pub(crate) fn stored(path: &str, what: &str) -> Fault {
    let words =
        format!("{what} name something that only the service that stored it can find: send the full input instead");
    Fault::bad_request(words).at(path.to_owned()).with_code("previous_response_not_found")
}

/// The picture in the output of a computer.
fn screenshot(raw: &RawValue) -> Option<Media> {
    let item: wire::Item<'_> = lenient(Some(raw));
    let output: wire::Part<'_> = lenient(item.output);
    let address = output.image_url.and_then(as_text)?;
    let data = dialect::parse_data_url(&address)?;
    let media_type = dialect::sniff(&data.base64).map(str::to_owned).or(data.media_type);
    let source = Source::Base64(data.base64.into_owned());
    Some(Media { source, media_type, detail: None, cache: None })
}

fn text_of(raw: Raw<'_>) -> String {
    raw.map(|raw| as_text(raw).unwrap_or(Cow::Borrowed(raw.get())).into_owned()).unwrap_or_default()
}

/// The texts of a list of parts, a blank line between them.
fn texts(raw: Raw<'_>) -> String {
    let parts: Vec<wire::Part<'_>> = lenient(raw);
    let words: Vec<String> = parts.into_iter().filter_map(|part| part.text).map(Str::owned).collect();
    words.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n\n")
}
