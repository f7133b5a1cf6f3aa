//! Orders a history for Gemini: roles alternate, the first is the user's, proofs stand on their parts.
//!
//! The history has been mended: results stand first in the user turn after their calls, in call order.

use std::borrow::Cow;

use dialect::Target;
use hub::{Fault, Losses, Part, Request, Role, Seal, Text, Thought, ToolCall, ToolResult, Turn};

use crate::part_encode::{Item, media_item};
use crate::seals;

/// Opens a history that a client has cut at an answer.
const OMITTED: &str = "(earlier turns omitted)";

/// One content: whose it is, and its parts.
#[derive(Debug)]
pub(crate) struct Content<'a> {
    pub(crate) is_model: bool,
    pub(crate) items: Vec<Item<'a>>,
}

/// The contents of a request.
///
/// # Errors
/// An unsupported fault for data that the target cannot take.
pub(crate) fn order<'a>(
    request: &'a Request,
    target: &'a Target<'_>,
    losses: &mut Losses,
) -> Result<Vec<Content<'a>>, Fault> {
    let mut history = History { contents: Vec::with_capacity(request.turns.len()), target, losses };
    // Proofs are checked for what follows the last words of the user.
    let current = request.turns.iter().rposition(speaks).unwrap_or(0);
    let last = request.turns.len().saturating_sub(1);
    for (at, turn) in request.turns.iter().enumerate() {
        match turn.role {
            Role::Assistant if at == last && at > 0 && is_prefill(turn) => {
                history.losses.dropped("messages", "Gemini does not go on with an answer that the client has begun");
            }
            Role::Assistant => history.model(turn, at >= current)?,
            Role::User => history.user(turn)?,
            Role::System => history.system(turn)?,
        }
    }
    Ok(history.contents)
}

/// Whether a user turn holds more than results.
fn speaks(turn: &Turn) -> bool {
    turn.role == Role::User && turn.parts.iter().any(|part| !matches!(part, Part::ToolResult(_)))
}

fn is_prefill(turn: &Turn) -> bool {
    turn.parts.iter().all(|part| matches!(part, Part::Text(_) | Part::Thinking(_)))
}

struct History<'a, 'l> {
    contents: Vec<Content<'a>>,
    target: &'a Target<'a>,
    losses: &'l mut Losses,
}

impl<'a> History<'a, '_> {
    fn push(&mut self, is_model: bool, items: Vec<Item<'a>>) {
        if items.is_empty() {
            return;
        }
        if is_model && self.contents.is_empty() {
            let opening = Item::Text { text: Cow::Borrowed(OMITTED), seal: None };
            self.contents.push(Content { is_model: false, items: vec![opening] });
        }
        match self.contents.last_mut() {
            Some(last) if last.is_model == is_model => last.items.extend(items),
            _ => self.contents.push(Content { is_model, items }),
        }
    }

    fn system(&mut self, turn: &'a Turn) -> Result<(), Fault> {
        let mut items = Vec::with_capacity(turn.parts.len());
        for part in &turn.parts {
            match part {
                Part::Text(text) if text.text.is_empty() => (),
                Part::Text(text) => {
                    let words = format!("<system-reminder>\n{}\n</system-reminder>", text.text);
                    items.push(Item::Text { text: words.into(), seal: None });
                }
                part => items.extend(media_item(part, self.target, self.losses)?),
            }
        }
        if !items.is_empty() {
            self.losses.approximated("messages", "a system turn in mid-conversation was sent as marked user text");
        }
        self.push(false, items);
        Ok(())
    }

    fn user(&mut self, turn: &'a Turn) -> Result<(), Fault> {
        let (mut items, mut beside) = (Vec::with_capacity(turn.parts.len()), Vec::new());
        for part in &turn.parts {
            match part {
                Part::ToolResult(result) => items.push(self.result(result, &mut beside)?),
                Part::Text(text) => items.extend(text_item(text)),
                Part::Refusal(words) => items.extend(words_item(words)),
                Part::Thinking(_) | Part::ToolCall(_) => (),
                part => items.extend(media_item(part, self.target, self.losses)?),
            }
        }
        // Pictures of results follow the results.
        let results = items.iter().take_while(|item| matches!(item, Item::Result { .. })).count();
        items.splice(results..results, beside);
        self.push(false, items);
        Ok(())
    }

    /// A result as text; what is shown goes inside it where the model takes that, else beside it.
    fn result(&mut self, result: &'a ToolResult, beside: &mut Vec<Item<'a>>) -> Result<Item<'a>, Fault> {
        let mut words: Vec<Cow<'a, str>> = Vec::new();
        let mut media = Vec::new();
        for part in &result.parts {
            match part {
                Part::Text(text) if text.text.is_empty() => (),
                Part::Text(text) => words.push(Cow::Borrowed(&text.text)),
                Part::Refusal(text) => words.push(Cow::Borrowed(text)),
                part => match media_item(part, self.target, self.losses)? {
                    // Documents of words and what others say in words: only media may stand in a result.
                    Some(Item::Text { text, .. }) => words.push(text),
                    item => media.extend(item),
                },
            }
        }
        let text = match words.as_mut_slice() {
            [only] => std::mem::take(only),
            many => Cow::Owned(many.join("\n")),
        };
        if self.target.traits.insists_on_proofs != Some(true) {
            // Older models know nothing of media inside a result.
            beside.append(&mut media);
        }
        let name = result.name.as_deref().unwrap_or("tool");
        Ok(Item::Result { name, text, is_error: result.is_error, parts: media })
    }

    fn model(&mut self, turn: &'a Turn, current: bool) -> Result<(), Fault> {
        let mut items: Vec<Item<'a>> = Vec::with_capacity(turn.parts.len());
        let mut waiting: Option<&'a Seal> = None;
        let mut first_call = true;
        for part in &turn.parts {
            match part {
                Part::Text(text) => items.extend(text_item(text)),
                Part::Refusal(words) => items.extend(words_item(words)),
                Part::Thinking(thought) => match seals::native(thought.seal.as_ref()) {
                    Some(seal) => waiting = thinking(thought, seal, &mut items).or(waiting),
                    // Foreign thoughts stay here.
                    None => self.losses.silent("messages.thinking"),
                },
                Part::ToolCall(call) => {
                    let own = seals::native(call.seal.as_ref()).or(waiting.take());
                    items.push(self.call(call, own, first_call && current));
                    first_call = false;
                }
                Part::ToolResult(_) => (),
                part => items.extend(media_item(part, self.target, self.losses)?),
            }
        }
        if let Some(seal) = waiting {
            items.push(Item::Proof(&seal.data));
        }
        self.push(true, items);
        Ok(())
    }

    /// A call with its proof. The first call of each step of the current turn must have one on newer models.
    fn call(&mut self, call: &'a ToolCall, own: Option<&'a Seal>, needed: bool) -> Item<'a> {
        let seal = own.map(|seal| seal.data.as_str());
        // A model of which nothing is known is a new one.
        let needed = needed && self.target.traits.insists_on_proofs != Some(false);
        if seal.is_none() && needed {
            self.losses.silent("messages.thinking");
        }
        Item::Call { call, seal: seal.or(needed.then_some(seals::LOST)) }
    }
}

/// Writes a thought that goes back with its own proof, and gives the proof if it waits for the next call.
fn thinking<'a>(thought: &'a Thought, seal: &'a Seal, items: &mut Vec<Item<'a>>) -> Option<&'a Seal> {
    match seals::carrier(thought) {
        Some((seals::TEXT, _)) => match items.last_mut() {
            Some(Item::Text { seal: slot @ None, .. }) => *slot = Some(&seal.data),
            _ => items.push(Item::Proof(&seal.data)),
        },
        Some(_) => items.push(Item::Proof(&seal.data)),
        None if thought.text.is_empty() => return Some(seal),
        None => items.push(Item::Thought { text: &thought.text, seal: &seal.data }),
    }
    None
}

fn text_item(text: &Text) -> Option<Item<'_>> {
    words_item(&text.text)
}

fn words_item(words: &str) -> Option<Item<'_>> {
    (!words.is_empty()).then_some(Item::Text { text: Cow::Borrowed(words), seal: None })
}
