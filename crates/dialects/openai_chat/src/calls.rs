//! The tool calls of one answer, put together from pieces of every habit.
//!
//! Servers leave out the index, reuse one index for the next call, send the id or the name late, twice or empty, and
//! send whole calls in one piece. A call is opened once its name and those of all before it are known, so that calls are
//! told in the order in which they began; one that never gets a name is no call.

use dialect::{Balance, Memo, unwrap_custom_input};
use hub::{Block, BlockId, CallKind, Event, Fault, Seal};

use crate::wire;

/// More calls in one answer than this are no answer.
const MAX_CALLS: usize = 1_024;
/// Text that calls without a name may hold back, in bytes, all together.
const MAX_PENDING: usize = 16 << 20;

/// The calls so far, in order of appearance.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    list: Vec<Call>,
    /// How many of them, from the first, are open.
    opened: usize,
    pending: usize,
}

#[derive(Debug, Default)]
struct Call {
    index: Option<i64>,
    id: String,
    /// As the wire spells it.
    name: String,
    kind: CallKind,
    /// The arguments are a free text inside an object, which can be read only when it is whole.
    wrapped: bool,
    /// Everything that the opening tells has come, or will not come.
    due: bool,
    block: Option<BlockId>,
    /// Arguments that wait for the name, or for the end where a free text must be unwrapped.
    waiting: String,
    balance: Balance,
    seal: Option<Seal>,
}

/// A piece of a call, whatever its form.
pub(crate) struct Piece<'a> {
    pub(crate) index: Option<i64>,
    pub(crate) id: &'a str,
    pub(crate) name: &'a str,
    pub(crate) arguments: &'a str,
    pub(crate) kind: CallKind,
    pub(crate) seal: Option<Seal>,
}

impl Calls {
    /// Takes a piece. `blocks` is the number of the next block.
    pub(crate) fn take(
        &mut self,
        piece: Piece<'_>,
        memo: &Memo,
        blocks: &mut u32,
        out: &mut Vec<Event>,
    ) -> Result<(), Fault> {
        let at = self.place(&piece);
        if self.list.len() > MAX_CALLS {
            return Err(Fault::garbled(format!("the upstream made more than {MAX_CALLS} tool calls at once")));
        }
        let taken =
            !piece.id.is_empty() && self.list.iter().enumerate().any(|(n, call)| n != at && call.id == piece.id);
        let call = &mut self.list[at];
        // An id that another call of this answer has is no id: the client's encoder mints one.
        if call.id.is_empty() && !taken {
            piece.id.clone_into(&mut call.id);
        }
        if call.name.is_empty() && !piece.name.is_empty() {
            piece.name.clone_into(&mut call.name);
            call.wrapped = memo.custom.iter().any(|name| name == piece.name);
        }
        // An id may come right after the name, never after the first arguments.
        let told = !call.id.is_empty() || !piece.arguments.is_empty();
        call.due |= told && !call.name.is_empty();
        call.seal = piece.seal.or(call.seal.take());
        call.balance.feed(piece.arguments);
        if !call.say(piece.arguments, out) {
            call.waiting.push_str(piece.arguments);
            self.open(memo, blocks, out);
            self.pending += if self.list[at].waiting.is_empty() { 0 } else { piece.arguments.len() };
        }
        if self.pending > MAX_PENDING {
            return Err(Fault::garbled("the upstream sent a tool call without a name that is too large to hold"));
        }
        Ok(())
    }

    /// Opens what can be opened. Once another call has begun nothing but a name is awaited.
    fn open(&mut self, memo: &Memo, blocks: &mut u32, out: &mut Vec<Event>) {
        let calls = self.list.len();
        while let Some(call) = self.list.get_mut(self.opened) {
            if call.due || self.opened + 1 < calls {
                call.open(memo, blocks, out);
            }
            if call.block.is_none() {
                return;
            }
            self.opened += 1;
        }
    }

    /// The call that a piece belongs to; a new one where it begins one.
    fn place(&mut self, piece: &Piece<'_>) -> usize {
        let other = |call: &Call| !piece.id.is_empty() && !call.id.is_empty() && call.id != piece.id;
        let known = match piece.index {
            Some(index) => self
                .list
                .iter()
                .rposition(|call| call.index == Some(index))
                .filter(|at| piece.name.is_empty() || !other(&self.list[*at])),
            None if !piece.id.is_empty() => self.list.iter().rposition(|call| call.id == piece.id),
            None if piece.name.is_empty() => self.list.len().checked_sub(1),
            None => None,
        };
        known.unwrap_or_else(|| {
            self.list.push(Call { index: piece.index, kind: piece.kind, ..Call::default() });
            self.list.len() - 1
        })
    }

    /// The answer is over: opens what still can be, unwraps free texts, closes all.
    pub(crate) fn close(&mut self, memo: &Memo, blocks: &mut u32, out: &mut Vec<Event>) {
        for call in &mut self.list {
            call.open(memo, blocks, out);
            let Some(block) = call.block else { continue };
            if !call.waiting.is_empty() {
                let text = unwrap_custom_input(&call.waiting).into_owned();
                out.push(Event::Delta { block, text });
            }
            out.push(Event::Close { block });
        }
    }

    /// Whether any call was opened.
    pub(crate) fn any(&self) -> bool {
        self.list.iter().any(|call| call.block.is_some())
    }

    /// Whether every call's arguments are whole; a call without any is whole only if `empty` counts.
    pub(crate) fn complete(&self, empty: bool) -> bool {
        let whole = |call: &Call| call.kind == CallKind::Custom || call.balance.is_complete(empty);
        self.list.iter().filter(|call| call.block.is_some()).all(whole)
    }
}

impl Call {
    /// Passes arguments on where that can be done at once.
    fn say(&mut self, arguments: &str, out: &mut Vec<Event>) -> bool {
        let Some(block) = self.block else { return false };
        out.extend(self.seal.take().map(|seal| Event::Seal { block, seal }));
        if !self.wrapped && !arguments.is_empty() {
            out.push(Event::Delta { block, text: arguments.to_owned() });
        }
        !self.wrapped
    }

    fn open(&mut self, memo: &Memo, blocks: &mut u32, out: &mut Vec<Event>) {
        if self.block.is_some() || self.name.is_empty() {
            return;
        }
        if self.wrapped {
            self.kind = CallKind::Custom;
        }
        let block = BlockId(*blocks);
        *blocks += 1;
        self.block = Some(block);
        let name = memo.names.declared(&self.name).to_owned();
        out.push(Event::Open { block, kind: Block::ToolCall { id: self.id.clone(), name, kind: self.kind } });
        out.extend(self.seal.take().map(|seal| Event::Seal { block, seal }));
        if !self.waiting.is_empty() && !self.wrapped {
            out.push(Event::Delta { block, text: std::mem::take(&mut self.waiting) });
        }
    }
}

/// Google's proof on a call; damaged ones are dropped.
pub(crate) fn seal_of(extra: wire::Raw<'_>) -> Option<Seal> {
    let extra: wire::ExtraContent<'_> = serde_json::from_str(extra?.get()).ok()?;
    let signature = extra.google?.thought_signature.filter(|text| !text.is_empty())?;
    match Seal::unpack(&signature) {
        hub::Carried::Packed(seal) => Some(seal),
        hub::Carried::Native(data) => Some(Seal::new("gemini", "thought", data)),
        hub::Carried::Damaged => None,
    }
}
