//! Calls that their clients know by types of their own: told when they are complete.
//!
//! What is to be done stands in such an item as an object, not as text that may be cut; so the item begins when the
//! object is there. A call that does not fit its tool is told as the function call that it was.

use bytes::BytesMut;
use dialect::carrier;
use hub::{BlockId, Seal};

use crate::items::Kind;
use crate::stream_encode::Encoder;
use crate::typed::Typed;
use crate::typed_calls;

/// A call in the making.
#[derive(Debug)]
pub(crate) struct Held {
    block: BlockId,
    typed: Typed,
    call: Kind,
}

impl Encoder {
    /// Keeps a call if its tool has a type of its own; else gives it back.
    pub(crate) fn hold(&mut self, block: BlockId, call: Kind) -> Option<Kind> {
        let typed = match &call {
            Kind::Call { name, .. } => self.typed(name),
            _ => None,
        };
        let Some(typed) = typed else { return Some(call) };
        self.held.push(Held { block, typed, call });
        None
    }

    fn typed(&self, name: &str) -> Option<Typed> {
        let told = &self.reply.echo.typed;
        told.iter().find(|(known, _)| known == name).and_then(|(_, word)| Typed::of_word(word))
    }

    /// Adds arguments; `false` when the block is none of these.
    pub(crate) fn add_held(&mut self, block: BlockId, more: &str) -> bool {
        let held = self.held.iter_mut().find(|held| held.block == block);
        let Some(Held { call: Kind::Call { text, .. }, .. }) = held else { return false };
        text.push_str(more);
        true
    }

    /// The item is still to come, so that its proof has its place before it; `false` when the block is none of these.
    pub(crate) fn seal_held(&mut self, block: BlockId, seal: &Seal, out: &mut BytesMut) -> bool {
        let is_held = self.held.iter().any(|held| held.block == block);
        if is_held {
            self.carry(carrier::before_its_call(seal), out);
        }
        is_held
    }

    /// Tells a call that is complete; `false` when the block is none of these.
    pub(crate) fn close_held(&mut self, block: BlockId, out: &mut BytesMut) -> bool {
        let Some(at) = self.held.iter().position(|held| held.block == block) else { return false };
        let Held { typed, call, .. } = self.held.remove(at);
        self.tell_held(block, typed, call, out);
        true
    }

    /// Tells all that were never closed.
    pub(crate) fn close_all_held(&mut self, out: &mut BytesMut) {
        for Held { block, typed, call } in std::mem::take(&mut self.held) {
            self.tell_held(block, typed, call, out);
        }
    }

    fn tell_held(&mut self, block: BlockId, typed: Typed, call: Kind, out: &mut BytesMut) {
        let Kind::Call { call_id, name, kind, text } = call else { return };
        let Some(payload) = typed_calls::payload(typed, &text) else {
            let call = Kind::Call { call_id, name, kind, text: String::new() };
            self.open_item(block, call, out);
            self.delta(block, &text, out);
            return self.close(block, out);
        };
        self.leave_message(out);
        let commands = if typed == Typed::Shell { typed_calls::commands(&payload) } else { Vec::new() };
        let at = self.add(Kind::Typed { typed, call_id, payload }, out);
        for (number, command) in commands.iter().enumerate() {
            self.command(at, number, command, out);
        }
        self.finish(at, out);
    }

    fn command(&mut self, at: usize, number: usize, command: &str, out: &mut BytesMut) {
        for (event, field, text) in [
            ("response.shell_call_command.added", "command", ""),
            ("response.shell_call_command.delta", "delta", command),
            ("response.shell_call_command.done", "command", command),
        ] {
            self.lines.event(event, out, |object| {
                object.number("output_index", at);
                object.number("command_index", number);
                object.text(field, text);
            });
        }
    }
}
