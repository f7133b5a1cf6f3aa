//! Brings a mended conversation into the order that this wire insists on.
//!
//! The first message is the user's; no message and no text is empty; pictures stand in user messages only; system
//! turns stay where the model takes them and otherwise become marked text in the user's neighbouring turn, because
//! moving them to the top would rewrite the past and miss every prompt cache.

use std::borrow::Cow;

use dialect::ModelTraits;
use hub::{CacheHint, Citation, Fault, Losses, Part, Request, Role, Text, Thought, ToolCall, ToolResult, Turn};

use crate::attach::{self, Attachment};
use crate::names::ID;
use crate::seals;

/// Opens a conversation that the client has cut short at its beginning.
const OPENING: &str = "(earlier turns omitted)";
/// Stands in the user's turn before what an assistant turn may not hold.
const MOVED: &str = "(attached to the assistant's turn above)";

/// The conversation as messages of this wire.
#[derive(Debug, Default)]
pub(crate) struct History<'a> {
    /// The system blocks that stay system blocks.
    pub(crate) system: Vec<&'a Text>,
    /// The messages; the first is the user's.
    pub(crate) messages: Vec<Message<'a>>,
}

/// One message.
#[derive(Debug, PartialEq)]
pub(crate) struct Message<'a> {
    pub(crate) role: Role,
    pub(crate) blocks: Vec<Block<'a>>,
}

/// One block of a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Block<'a> {
    Text {
        text: Cow<'a, str>,
        cache: Option<CacheHint>,
        citations: &'a [Citation],
    },
    Attachment(Attachment<'a>),
    Thinking {
        text: &'a str,
        signature: &'a str,
    },
    Redacted(&'a str),
    Call(&'a ToolCall),
    Result {
        result: &'a ToolResult,
        blocks: Vec<Block<'a>>,
    },
    /// A block of this dialect, as it stood.
    Own(&'a str),
}

impl<'a> Block<'a> {
    fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text { text: text.into(), cache: None, citations: &[] }
    }

    fn is_thinking(&self) -> bool {
        matches!(self, Self::Thinking { .. } | Self::Redacted(_))
    }
}

impl History<'_> {
    /// Whether the client begins the answer itself.
    pub(crate) fn is_prefilled(&self) -> bool {
        self.messages.last().is_some_and(|message| message.role == Role::Assistant)
    }

    /// Whether the tool loop at the end has calls before which this vendor's proof is missing.
    pub(crate) fn has_lost_proofs(&self) -> bool {
        let in_loop = self.messages.iter().rev().take_while(|message| match message.role {
            Role::User => message.blocks.iter().any(|block| matches!(block, Block::Result { .. })),
            Role::Assistant | Role::System => true,
        });
        in_loop.filter(|message| message.role == Role::Assistant).any(|message| {
            let calls = message.blocks.iter().any(|block| matches!(block, Block::Call(_)));
            calls && !message.blocks.first().is_some_and(Block::is_thinking)
        })
    }
}

/// Orders the conversation.
///
/// # Errors
/// A bad-request fault when nothing is left to ask, an unsupported fault for content that the model cannot take.
pub(crate) fn order<'a>(request: &'a Request, traits: &ModelTraits, losses: &mut Losses) -> Result<History<'a>, Fault> {
    let mut builder = Builder { messages: Vec::with_capacity(request.turns.len()), moved: Vec::new(), traits, losses };
    for turn in &request.turns {
        builder.turn(turn)?;
    }
    builder.flush_moved();
    builder.end_assistant();
    let mut history = History {
        system: request.system.iter().filter(|text| !is_blank(&text.text)).collect(),
        messages: builder.messages,
    };
    open(&mut history)?;
    close(&mut history, request, traits, losses)?;
    Ok(history)
}

fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// Makes the first message the user's. A request of system words alone asks its last one.
fn open(history: &mut History<'_>) -> Result<(), Fault> {
    let first = match history.messages.first() {
        Some(message) if message.role == Role::User => return Ok(()),
        Some(_) => Block::text(OPENING),
        None => match history.system.pop() {
            Some(text) => Block::text(text.text.as_str()),
            None => return Err(Fault::bad_request("the conversation has no content").at("messages")),
        },
    };
    history.messages.insert(0, Message { role: Role::User, blocks: vec![first] });
    Ok(())
}

/// A trailing assistant turn is a begun answer: some models refuse it, none takes white space at its end.
fn close(history: &mut History<'_>, request: &Request, traits: &ModelTraits, losses: &mut Losses) -> Result<(), Fault> {
    let Some(last) = history.messages.last_mut().filter(|message| message.role == Role::Assistant) else {
        return Ok(());
    };
    let is_text = last.blocks.iter().all(|block| matches!(block, Block::Text { .. }) || block.is_thinking());
    let has_format = request.format != hub::Format::Text;
    if traits.prefill == Some(false) || (has_format && is_text) {
        if !is_text {
            return Err(Fault::unsupported(
                "messages",
                "this model does not continue an assistant turn; end the conversation with a user turn",
            ));
        }
        losses.dropped("messages", "the trailing assistant turn: the model does not continue one in this request");
        history.messages.pop();
        return Ok(());
    }
    if let Some(Block::Text { text, .. }) = last.blocks.last_mut() {
        let end = text.trim_end().len();
        match text {
            Cow::Borrowed(text) => *text = &text[..end],
            Cow::Owned(text) => text.truncate(end),
        }
    }
    Ok(())
}

struct Builder<'a, 'b> {
    messages: Vec<Message<'a>>,
    /// What assistant turns may not hold, on its way to the next user turn.
    moved: Vec<Block<'a>>,
    traits: &'b ModelTraits,
    losses: &'b mut Losses,
}

impl<'a> Builder<'a, '_> {
    fn turn(&mut self, turn: &'a Turn) -> Result<(), Fault> {
        match turn.role {
            Role::User => self.user(turn),
            Role::Assistant => self.assistant(turn),
            Role::System => self.system(turn),
        }
    }

    fn user(&mut self, turn: &'a Turn) -> Result<(), Fault> {
        let mut results = Vec::new();
        let mut rest = std::mem::take(&mut self.moved);
        for part in &turn.parts {
            match part {
                Part::ToolResult(result) => results.push(self.result(result)?),
                part => rest.extend(self.content(part)?),
            }
        }
        results.append(&mut rest);
        self.push(Role::User, results);
        Ok(())
    }

    fn assistant(&mut self, turn: &'a Turn) -> Result<(), Fault> {
        let mut blocks = Vec::with_capacity(turn.parts.len());
        for part in &turn.parts {
            match part {
                Part::Thinking(thought) => blocks.extend(thinking(thought)),
                Part::ToolCall(call) => blocks.push(Block::Call(call)),
                Part::Image(_) | Part::File(_) => {
                    let moved = self.content(part)?;
                    if self.moved.is_empty() && moved.is_some() {
                        self.moved.push(Block::text(MOVED));
                    }
                    self.moved.extend(moved);
                }
                Part::Text(text) if !is_blank(&text.text) => {
                    blocks.push(Block::Text {
                        text: (&*text.text).into(),
                        cache: text.cache,
                        citations: &text.citations,
                    });
                }
                part => blocks.extend(self.content(part)?),
            }
        }
        calls_last(&mut blocks);
        self.push(Role::Assistant, blocks);
        Ok(())
    }

    /// A rule given in mid-conversation.
    fn system(&mut self, turn: &'a Turn) -> Result<(), Fault> {
        self.flush_moved();
        let is_text = turn.parts.iter().all(|part| matches!(part, Part::Text(_)));
        let after_user = self.messages.last().is_some_and(|message| message.role != Role::Assistant);
        let stays = self.traits.system_turns == Some(true) && is_text && after_user;
        let mut blocks = Vec::with_capacity(turn.parts.len());
        for part in &turn.parts {
            match part {
                Part::Text(text) if is_blank(&text.text) => (),
                Part::Text(text) if !stays => blocks.push(Block::Text {
                    text: format!("<system-reminder>\n{}\n</system-reminder>", text.text).into(),
                    cache: text.cache,
                    citations: &[],
                }),
                part => blocks.extend(self.content(part)?),
            }
        }
        if !stays && !blocks.is_empty() {
            self.losses.approximated("messages", "a system turn in mid-conversation was sent as marked user text");
        }
        self.push(if stays { Role::System } else { Role::User }, blocks);
        Ok(())
    }

    fn flush_moved(&mut self) {
        let moved = std::mem::take(&mut self.moved);
        self.push(Role::User, moved);
    }

    /// Adds blocks to the last message if it has the same speaker, else as a message.
    fn push(&mut self, role: Role, mut blocks: Vec<Block<'a>>) {
        if blocks.is_empty() {
            return;
        }
        if role != Role::Assistant {
            self.end_assistant();
        }
        match self.messages.last_mut() {
            Some(last) if last.role == role => last.blocks.append(&mut blocks),
            _ => self.messages.push(Message { role, blocks }),
        }
    }

    /// No message may end with thinking: what nothing came of, because the answer was cut short in it, is left out.
    fn end_assistant(&mut self) {
        let Some(last) = self.messages.last_mut().filter(|message| message.role == Role::Assistant) else { return };
        while last.blocks.pop_if(|block| block.is_thinking()).is_some() {
            self.losses.silent("thinking");
        }
        if last.blocks.is_empty() {
            self.messages.pop();
        }
    }

    /// A part as it stands in any message; `None` for what is empty or has no place here.
    fn content(&mut self, part: &'a Part) -> Result<Option<Block<'a>>, Fault> {
        Ok(match part {
            Part::Text(text) if is_blank(&text.text) => None,
            Part::Text(text) => Some(Block::Text { text: (&*text.text).into(), cache: text.cache, citations: &[] }),
            Part::Refusal(words) if is_blank(words) => None,
            Part::Refusal(words) => Some(Block::text(words.as_str())),
            Part::Image(media) => {
                if media.detail.is_some() {
                    self.losses.silent("messages.detail");
                }
                Some(Block::Attachment(attach::picture(media, self.traits.images)?))
            }
            Part::File(file) => attach::document(file)?.map(Block::Attachment),
            Part::Foreign(foreign) if foreign.origin == ID => Some(Block::Own(foreign.json.as_str())),
            Part::Foreign(foreign) => {
                foreign.told("messages", self.losses).filter(|gist| !is_blank(gist)).map(Block::text)
            }
            Part::Audio(_) => return Err(no_medium("sound")),
            Part::Video(_) => return Err(no_medium("video")),
            Part::Thinking(_) | Part::ToolCall(_) | Part::ToolResult(_) => {
                self.losses.dropped("messages", "a part that does not belong to its speaker");
                None
            }
        })
    }

    fn result(&mut self, result: &'a ToolResult) -> Result<Block<'a>, Fault> {
        let mut blocks = Vec::with_capacity(result.parts.len());
        for part in &result.parts {
            blocks.extend(self.content(part)?);
        }
        // An error without a word is refused.
        if blocks.is_empty() && result.is_error {
            blocks.push(Block::text("error"));
        }
        Ok(Block::Result { result, blocks })
    }
}

/// Thinking goes back only with this vendor's own proof; anything else is refused there.
fn thinking(thought: &Thought) -> Option<Block<'_>> {
    let seal = seals::native(thought)?;
    Some(match thought.redacted {
        true => Block::Redacted(&seal.data),
        false => Block::Thinking { text: &thought.text, signature: &seal.data },
    })
}

/// Calls must touch their results: words that follow one move before the first of them. Thinking keeps its place among
/// the calls.
fn calls_last(blocks: &mut Vec<Block<'_>>) {
    let Some(first) = blocks.iter().position(|block| matches!(block, Block::Call(_))) else { return };
    let late: Vec<Block<'_>> = blocks.extract_if(first.., |block| matches!(block, Block::Text { .. })).collect();
    blocks.splice(first..first, late);
}

fn no_medium(what: &str) -> Fault {
    Fault::unsupported("messages", format!("Anthropic models take no {what}; remove it or choose another model"))
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
