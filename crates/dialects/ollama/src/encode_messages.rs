//! Writes the messages of a request.
//!
//! A message is one text and pictures in bare base64. Each tool result is a message of its own, right after its call;
//! pictures of results follow in a user message after all of them.

use std::borrow::Cow;

use base64::Engine as _;
use bytes::{BufMut, BytesMut};

use dialect::{Object, Target, is_text_type, object_arguments, quoted, wrap_custom_input};
use hub::{CallKind, Fault, File, Foreign, Losses, Media, Part, Request, Role, Source, ToolCall, ToolResult};

/// Writes the messages of one request.
pub(crate) struct Messages<'a, 'l> {
    target: &'a Target<'a>,
    losses: &'l mut Losses,
    /// What must wait for the next user message.
    carried: Said<'a>,
    first: bool,
}

/// What a message holds.
#[derive(Default)]
struct Said<'a> {
    texts: Vec<Cow<'a, str>>,
    images: Vec<&'a str>,
}

impl Said<'_> {
    fn is_empty(&self) -> bool {
        self.texts.is_empty() && self.images.is_empty()
    }
}

impl<'a, 'l> Messages<'a, 'l> {
    pub(crate) fn new(target: &'a Target<'a>, losses: &'l mut Losses) -> Self {
        Self { target, losses, carried: Said::default(), first: true }
    }

    /// Writes the whole list.
    pub(crate) fn write(mut self, request: &'a Request, out: &mut BytesMut) -> Result<(), Fault> {
        out.put_u8(b'[');
        // Templates often keep one system message only.
        let system: Vec<&str> = request.system.iter().map(|text| text.text.as_str()).collect();
        if !system.is_empty() {
            self.message("system", &system.join("\n\n"), &[], out);
        }
        for turn in &request.turns {
            match turn.role {
                Role::System => {
                    self.flush(out);
                    let said = self.said(&turn.parts)?;
                    self.plain("system", &said, out);
                }
                Role::User => self.user(&turn.parts, out)?,
                Role::Assistant => self.assistant(&turn.parts, out)?,
            }
        }
        self.flush(out);
        out.put_u8(b']');
        // A request without messages would only load the model.
        match self.first {
            true => Err(Fault::bad_request("the conversation has no content").at("messages")),
            false => Ok(()),
        }
    }

    fn begin<'o>(&mut self, role: &str, text: &str, out: &'o mut BytesMut) -> Object<'o> {
        if !self.first {
            out.put_u8(b',');
        }
        self.first = false;
        let mut message = Object::open(out);
        message.text("role", role);
        message.text("content", text);
        message
    }

    fn message(&mut self, role: &str, text: &str, images: &[&str], out: &mut BytesMut) {
        let mut message = self.begin(role, text, out);
        if !images.is_empty() {
            message.array("images", images, |data, out| quoted(data, out));
        }
        message.close();
    }

    fn plain(&mut self, role: &str, said: &Said<'_>, out: &mut BytesMut) {
        if !said.is_empty() {
            self.message(role, &said.texts.join("\n"), &said.images, out);
        }
    }

    /// What still waits goes into a user message of its own.
    fn flush(&mut self, out: &mut BytesMut) {
        let said = std::mem::take(&mut self.carried);
        self.plain("user", &said, out);
    }

    fn user(&mut self, parts: &'a [Part], out: &mut BytesMut) -> Result<(), Fault> {
        for part in parts {
            if let Part::ToolResult(result) = part {
                self.result(result, out)?;
            }
        }
        let mut all = std::mem::take(&mut self.carried);
        let mut said = self.said(parts)?;
        all.texts.append(&mut said.texts);
        all.images.append(&mut said.images);
        self.plain("user", &all, out);
        Ok(())
    }

    fn said(&mut self, parts: &'a [Part]) -> Result<Said<'a>, Fault> {
        let mut said = Said::default();
        for part in parts {
            match part {
                Part::Text(text) => said.texts.push(Cow::Borrowed(&text.text)),
                Part::Refusal(words) => said.texts.push(Cow::Borrowed(words)),
                Part::Image(media) => said.images.push(self.image(media)?),
                Part::File(file) => said.texts.push(Cow::Owned(self.file(file)?)),
                Part::Foreign(foreign) => said.texts.extend(self.gist(foreign).map(Cow::Borrowed)),
                Part::Audio(media) => said.images.push(self.sound(media)?),
                Part::Video(_) => return Err(self.refuse("films", "send pictures of it")),
                // Results stand in messages of their own, the others only in the assistant's turns.
                Part::Thinking(_) | Part::ToolCall(_) | Part::ToolResult(_) => (),
            }
        }
        said.texts.retain(|text| !text.is_empty());
        Ok(said)
    }

    fn refuse(&self, what: &str, fix: &str) -> Fault {
        Fault::unsupported("messages", format!("{} does not take {what}: {fix}", self.target.model))
    }

    fn image(&self, media: &'a Media) -> Result<&'a str, Fault> {
        if self.target.traits.images == Some(false) {
            return Err(self.refuse("pictures", "describe them in words, or use a model that sees"));
        }
        match &media.source {
            Source::Base64(data) => Ok(data),
            Source::Url(_) => Err(self.refuse("addresses of pictures", "send the picture itself, in base64")),
            Source::FileId(_) | Source::Text(_) => {
                Err(self.refuse("pictures from another provider's file store", "send the picture itself"))
            }
        }
    }

    /// The server feeds models that hear from the same field as those that see.
    fn sound(&self, media: &'a Media) -> Result<&'a str, Fault> {
        match &media.source {
            Source::Base64(data) if self.target.traits.audio == Some(true) => Ok(data),
            _ => Err(self.refuse("sound", "send its transcript")),
        }
    }

    /// A document of plain words becomes words; others cannot be read by the server.
    fn file(&self, file: &File) -> Result<String, Fault> {
        let is_text = file.media_type.as_deref().is_some_and(is_text_type);
        let words = match &file.source {
            Source::Text(words) => Some(words.clone()),
            Source::Base64(data) if is_text => {
                let bytes = base64::engine::general_purpose::STANDARD.decode(data).ok();
                bytes.and_then(|bytes| String::from_utf8(bytes).ok())
            }
            Source::Base64(_) | Source::Url(_) | Source::FileId(_) => None,
        };
        let words = words.ok_or_else(|| self.refuse("documents such as PDF", "send their text"))?;
        let name = file.name.as_deref().filter(|name| !name.is_empty()).unwrap_or("document");
        let context = file.context.as_deref().filter(|context| !context.is_empty());
        Ok(context.map_or_else(|| format!("[{name}]\n{words}"), |context| format!("[{name}]\n{context}\n{words}")))
    }

    fn gist(&mut self, foreign: &'a Foreign) -> Option<&'a str> {
        foreign.told("messages", self.losses)
    }

    fn result(&mut self, result: &'a ToolResult, out: &mut BytesMut) -> Result<(), Fault> {
        let mut said = self.said(&result.parts)?;
        if !said.images.is_empty() {
            let name = result.name.as_deref().unwrap_or("the tool");
            said.texts.push(Cow::Borrowed("[pictures attached below]"));
            let heading = format!("[pictures of the result of {name}, call {}]", result.call_id);
            self.carried.texts.push(Cow::Owned(heading));
            self.carried.images.append(&mut said.images);
        }
        let text = said.texts.join("\n");
        let told = text.trim_start().get(..5).is_some_and(|word| word.eq_ignore_ascii_case("error"));
        let text = if result.is_error && !told { format!("Error: {text}") } else { text };
        let mut message = self.begin("tool", &text, out);
        message.text_if("tool_name", result.name.as_deref());
        message.text("tool_call_id", &result.call_id);
        message.close();
        Ok(())
    }

    fn assistant(&mut self, parts: &'a [Part], out: &mut BytesMut) -> Result<(), Fault> {
        self.flush(out);
        let Said { texts, images } = self.said(parts)?;
        let thinks = self.target.traits.thinking.supported != Some(false);
        let lost = |part: &Part| matches!(part, Part::Thinking(thought) if !thinks || thought.seal.is_some());
        if parts.iter().any(lost) {
            self.losses.silent("messages.thinking");
        }
        let thinking: String = parts
            .iter()
            .filter_map(|part| match part {
                Part::Thinking(thought) if thinks && !thought.redacted => Some(thought.text.as_str()),
                _ => None,
            })
            .collect();
        let calls: Vec<&ToolCall> = parts
            .iter()
            .filter_map(|part| match part {
                Part::ToolCall(call) => Some(call),
                _ => None,
            })
            .collect();
        if !images.is_empty() {
            self.carried.texts.push(Cow::Borrowed("[from the assistant's turn above]"));
            self.carried.images.extend(images);
        }
        if texts.is_empty() && thinking.is_empty() && calls.is_empty() {
            return Ok(());
        }
        // Texts are joined as a stream would have joined them.
        let mut message = self.begin("assistant", &texts.concat(), out);
        if !thinking.is_empty() {
            message.text("thinking", &thinking);
        }
        if !calls.is_empty() {
            message.array("tool_calls", calls.into_iter().enumerate(), |(n, call), out| write_call(n, call, out));
        }
        message.close();
        Ok(())
    }
}

fn write_call(index: usize, call: &ToolCall, out: &mut BytesMut) {
    let mut object = Object::open(out);
    object.text("id", &call.id);
    let mut function = Object::open(object.key("function"));
    function.number("index", index);
    function.text("name", &call.name);
    match call.kind {
        CallKind::Function => function.raw("arguments", &object_arguments(&call.arguments)),
        CallKind::Custom => function.raw("arguments", &wrap_custom_input(&call.arguments)),
    }
    function.close();
    object.close();
}
