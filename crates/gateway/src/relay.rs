//! Same dialect in and out: the upstream's bytes pass as they come, while a scanner watches.
//!
//! Three sanctioned exceptions. Frame by frame, and off unless needed: a usage frame that only we asked for is hidden, and
//! what the upstream could not know is restored (`restore.rs`). At the edges: a byte order mark before the first frame is
//! dropped, and a blank line that the last one lacks is added.

use std::collections::VecDeque;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use dialect::{Envelope, Frame, Framer, Scanner, Signal, StreamEncoder};
use hub::{Blame, Fault, FaultKind, Usage};
use transport::{BoxError, UpstreamBody};

use crate::outflow::{Linger, Outflow};
use crate::restore::Restore;
use crate::translate::Keepalive;
use crate::{faults, wrap};

/// A relayed stream.
pub(crate) struct Relayed {
    body: UpstreamBody,
    framer: Framer,
    scanner: Box<dyn Scanner>,
    filter: Option<Filter>,
    /// Bytes that wait for the client.
    ready: VecDeque<Bytes>,
    /// Writes the error tail if the upstream breaks off.
    tail: Box<dyn StreamEncoder>,
    keepalive: Option<Keepalive>,
    fault: Option<(FaultKind, Blame)>,
    state: State,
    linger: Linger,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Flowing,
    /// The end mark has passed: whatever follows is dropped.
    Ended,
    /// Nothing more comes.
    Over,
    /// The connection is to be cut, once what has been said before is on its way.
    Cutting,
}

/// What a chunk told.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) content: bool,
    pub(crate) fault: Option<Fault>,
}

impl Relayed {
    pub(crate) fn new(
        body: UpstreamBody,
        framer: Framer,
        scanner: Box<dyn Scanner>,
        filter: Option<Filter>,
        tail: Box<dyn StreamEncoder>,
        keepalive: Option<Duration>,
    ) -> Self {
        Self {
            body,
            framer,
            scanner,
            filter,
            ready: VecDeque::new(),
            tail,
            keepalive: keepalive.map(Keepalive::new),
            fault: None,
            state: State::Flowing,
            linger: Linger::default(),
        }
    }

    /// Reads and holds until there is content, or an end, that is worth a commit.
    ///
    /// # Errors
    /// The upstream's fault; nothing has reached the client then.
    pub(crate) async fn gate(&mut self, cap: usize) -> Result<(), Fault> {
        let mut held = 0;
        loop {
            let chunk = match self.body.next().await {
                Some(Ok(chunk)) => chunk,
                Some(Err(error)) => return Err(faults::of_read(&error)),
                None => return self.gate_at_end(),
            };
            held += chunk.len();
            let told = self.take(chunk)?;
            if let Some(fault) = told.fault {
                return Err(fault);
            }
            if told.content || self.scanner.observed().terminal || held > cap {
                drop_mark(&mut self.ready);
                return Ok(());
            }
        }
    }

    fn gate_at_end(&mut self) -> Result<(), Fault> {
        let told = self.drain_framer()?;
        match told.fault {
            Some(fault) => Err(fault),
            None if self.scanner.observed().terminal => {
                self.state = State::Over;
                drop_mark(&mut self.ready);
                Ok(())
            }
            None => Err(cut_off()),
        }
    }

    /// Scans a chunk and queues what of it is for the client.
    fn take(&mut self, chunk: Bytes) -> Result<Told, Fault> {
        let mut told = Told::default();
        match &mut self.filter {
            None => {
                let mut chunk = chunk;
                if let Some(end) = scan(&mut self.framer, self.scanner.as_mut(), &chunk, &mut told)? {
                    chunk.truncate(end);
                }
                self.ready.push_back(chunk);
            }
            Some(filter) => {
                let out = filter.take(&chunk, &mut self.framer, self.scanner.as_mut(), &mut told)?;
                self.ready.extend((!out.is_empty()).then_some(out));
            }
        }
        Ok(told)
    }

    /// The bytes are over: the last frame may lack its blank line, which is added, because many readers would not see
    /// that frame; but not its second half.
    fn drain_framer(&mut self) -> Result<Told, Fault> {
        let mut told = Told::default();
        let missing = self.framer.missing_end();
        let mut is_whole = false;
        let scanner = self.scanner.as_mut();
        self.framer.finish(&mut |frame| {
            if is_half(frame) {
                return Err(cut_off());
            }
            note(scanner.frame(frame), &mut told);
            // Half an end mark is nothing that a client should see.
            is_whole = frame.data.trim_ascii_start().starts_with(b"{") || scanner.observed().end_mark;
            Ok(())
        })?;
        let rest = self.filter.as_mut().map(Filter::rest).unwrap_or_default();
        self.ready.extend((!rest.is_empty()).then_some(rest));
        self.ready.extend((is_whole && !missing.is_empty()).then_some(Bytes::from_static(missing)));
        Ok(told)
    }

    /// The upstream broke off. The client must not take it for a clean end: between frames it gets its dialect's
    /// error, inside a frame the connection is cut.
    fn broken(&mut self, fault: &Fault, cx: &Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        let inside = self.filter.is_none() && !self.framer.is_between_frames();
        self.broken_at(inside, fault, cx)
    }

    /// As [`Self::broken`]; `inside`: the client has a part of a frame.
    fn broken_at(&mut self, inside: bool, fault: &Fault, cx: &Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        self.fault = Some((fault.kind, fault.blame));
        self.state = State::Over;
        if inside {
            self.state = State::Cutting;
            // An error at once would take head and earlier bytes along: the server flushes when it has to wait.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let last = self.last_words(fault);
        self.ready.push_back(last);
        Poll::Ready(self.pop().map(Ok))
    }

    /// The error at the end: of the answer that has passed where the language has such a one, else of nothing.
    fn last_words(&mut self, fault: &Fault) -> Bytes {
        let mut out = BytesMut::new();
        if !self.scanner.fail(fault, &mut out) {
            self.tail.fail(fault, &mut out);
            return out.freeze();
        }
        match &self.filter {
            Some(filter) => filter.restore(out.freeze()),
            None => out.freeze(),
        }
    }

    fn pop(&mut self) -> Option<Bytes> {
        let next = self.ready.pop_front();
        if let (Some(_), Some(keepalive)) = (&next, &mut self.keepalive) {
            keepalive.spoke();
        }
        next
    }

    fn chunk(&mut self, chunk: Bytes) -> Result<(), Fault> {
        let told = self.take(chunk)?;
        if let Some(fault) = told.fault {
            // The error event itself has been passed on: it is native to the client.
            self.fault = Some((fault.kind, fault.blame));
            self.state = State::Ended;
        }
        Ok(())
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        match self.body.poll_next(cx) {
            Poll::Ready(Some(Ok(chunk))) => match self.chunk(chunk) {
                Ok(()) => Poll::Ready(self.pop().map(Ok)),
                Err(fault) => self.broken(&fault, cx),
            },
            Poll::Ready(Some(Err(error))) => self.broken(&faults::of_read(&error), cx),
            Poll::Ready(None) => self.poll_end(cx),
            Poll::Pending => self.poll_silence(cx),
        }
    }

    fn poll_end(&mut self, cx: &Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        // What the framer holds has passed already, and is no longer held once it is drained.
        let inside = !self.framer.is_between_frames();
        let told = match self.drain_framer() {
            Ok(told) => told,
            Err(fault) => return self.broken_at(inside && self.filter.is_none(), &fault, cx),
        };
        if let Some(fault) = told.fault {
            self.fault = Some((fault.kind, fault.blame));
        } else if !self.scanner.observed().terminal {
            return self.broken_at(inside, &cut_off(), cx);
        }
        self.state = State::Over;
        Poll::Ready(self.pop().map(Ok))
    }

    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        let Some(keepalive) = &mut self.keepalive else { return Poll::Pending };
        ready!(keepalive.poll(cx));
        if !self.framer.is_between_frames() {
            // Not inside a frame that is on its way; the timer has been set anew.
            return self.poll_silence(cx);
        }
        Poll::Ready(Some(Ok(self.sign_of_life())))
    }

    /// The upstream's own event where it has one that may come again: some programs count events, and not bytes.
    fn sign_of_life(&mut self) -> Bytes {
        let mut out = BytesMut::new();
        if !self.scanner.repeat(&mut out) {
            self.tail.keep_alive(&mut out);
            return out.freeze();
        }
        match &self.filter {
            Some(filter) => filter.restore(out.freeze()),
            None => out.freeze(),
        }
    }

    /// After the end mark only the end of the bytes is awaited, and not for long.
    fn poll_last_word(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        loop {
            match self.body.poll_next(cx) {
                Poll::Ready(Some(Ok(_))) => (),
                Poll::Ready(None | Some(Err(_))) => break,
                Poll::Pending => {
                    ready!(self.linger.poll(cx));
                    break;
                }
            }
        }
        self.state = State::Over;
        Poll::Ready(None)
    }
}

impl Outflow for Relayed {
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        loop {
            if let Some(bytes) = self.pop() {
                return Poll::Ready(Some(Ok(bytes)));
            }
            match self.state {
                State::Over => return Poll::Ready(None),
                State::Cutting => {
                    self.state = State::Over;
                    return Poll::Ready(Some(Err("the upstream broke off inside an event".into())));
                }
                State::Ended => return self.poll_last_word(cx),
                State::Flowing if self.scanner.observed().end_mark => self.state = State::Ended,
                State::Flowing => match ready!(self.poll_body(cx)) {
                    Some(next) => return Poll::Ready(Some(next)),
                    // All of the chunk was hidden, or this was the end: look again.
                    None => continue,
                },
            }
        }
    }

    fn fault(&self) -> Option<(FaultKind, Blame)> {
        self.fault
    }

    fn usage(&self) -> Usage {
        self.scanner.observed().usage
    }

    fn is_complete(&self) -> bool {
        self.ready.is_empty() && self.scanner.observed().terminal
    }
}

/// Drops a byte order mark before everything else: it says nothing, and readers that take it for text lose the first
/// event.
fn drop_mark(ready: &mut VecDeque<Bytes>) {
    const MARK: &[u8] = b"\xEF\xBB\xBF";
    if !ready.iter().flatten().take(MARK.len()).eq(MARK) {
        return;
    }
    let mut left = MARK.len();
    while let Some(first) = ready.front_mut().filter(|_| left > 0) {
        let here = left.min(first.len());
        first.advance(here);
        left -= here;
        if first.is_empty() {
            ready.pop_front();
        }
    }
}

fn cut_off() -> Fault {
    Fault::garbled("the upstream's stream ended before its answer was complete")
}

/// Whether a frame without its end is an object that broke off, or has nothing but a name yet.
fn is_half(frame: Frame<'_>) -> bool {
    match frame.data.trim_ascii_start().first() {
        None => frame.event.is_some(),
        Some(b'{') => dialect::scan::object(frame.data).is_err(),
        Some(_) => false,
    }
}

/// Shows the frames of a chunk to the scanner. Gives back where the end mark's frame ends, if it has come and more
/// may follow it: nothing that does is for the client.
fn scan(framer: &mut Framer, scanner: &mut dyn Scanner, chunk: &[u8], told: &mut Told) -> Result<Option<usize>, Fault> {
    let mut end = None;
    framer.feed(chunk, &mut |frame| {
        let before = scanner.observed().end_mark;
        note(scanner.frame(frame), told);
        if !before && scanner.observed().end_mark {
            end = end_of_frame(chunk, frame.data);
        }
        Ok(())
    })?;
    Ok(end)
}

/// Where the blank line after `data` ends in `chunk`; `None` when the data does not lie in it.
fn end_of_frame(chunk: &[u8], data: &[u8]) -> Option<usize> {
    let start = (data.as_ptr() as usize).checked_sub(chunk.as_ptr() as usize)?;
    let mut at = after_line(chunk, start + data.len())?;
    while !matches!(chunk.get(at)?, b'\n' | b'\r') {
        at = after_line(chunk, at)?;
    }
    after_line(chunk, at)
}

fn after_line(chunk: &[u8], from: usize) -> Option<usize> {
    let end = from + memchr::memchr2(b'\n', b'\r', chunk.get(from..)?)?;
    Some(end + if chunk[end..].starts_with(b"\r\n") { 2 } else { 1 })
}

fn note(signal: Signal, told: &mut Told) {
    match signal {
        Signal::Content => told.content = true,
        Signal::Fault(fault) => told.fault = told.fault.take().or(Some(*fault)),
        Signal::Quiet | Signal::UsageOnly | Signal::Terminal => (),
    }
}

/// Rewrites a relayed stream frame by frame.
pub(crate) struct Filter {
    hide_usage: bool,
    restore: Option<Restore>,
    envelope: Option<Envelope>,
    /// A frame that is not complete yet.
    carry: BytesMut,
}

impl Filter {
    /// A filter, if there is anything to rewrite.
    pub(crate) fn new(hide_usage: bool, restore: Option<Restore>, envelope: Option<Envelope>) -> Option<Self> {
        let idle = !hide_usage && restore.is_none() && envelope.is_none();
        (!idle).then(|| Self { hide_usage, restore, envelope, carry: BytesMut::new() })
    }

    /// Takes a chunk line by line, so that each frame is judged alone; gives back the frames that are complete.
    fn take(
        &mut self,
        chunk: &Bytes,
        framer: &mut Framer,
        scanner: &mut dyn Scanner,
        told: &mut Told,
    ) -> Result<Bytes, Fault> {
        let mut out = BytesMut::new();
        let mut from = 0;
        while from < chunk.len() && !scanner.observed().end_mark {
            let end = memchr::memchr(b'\n', &chunk[from..]).map_or(chunk.len(), |line| from + line + 1);
            let mut hide = false;
            framer.feed(&chunk[from..end], &mut |frame| {
                let signal = scanner.frame(frame);
                hide = matches!(signal, Signal::UsageOnly);
                note(signal, told);
                Ok(())
            })?;
            self.carry.extend_from_slice(&chunk[from..end]);
            from = end;
            if framer.is_between_frames() {
                let frame = self.carry.split();
                match self.envelope {
                    _ if hide && self.hide_usage => (),
                    // An error is no answer, and stands for itself.
                    Some(envelope) if told.fault.is_none() => out.unsplit(wrap::event(envelope, frame)),
                    _ => out.unsplit(frame),
                }
            }
        }
        Ok(self.restore(out.freeze()))
    }

    fn rest(&mut self) -> Bytes {
        let rest = self.carry.split();
        let rest = match self.envelope {
            Some(envelope) => wrap::event(envelope, rest),
            None => rest,
        };
        self.restore(rest.freeze())
    }

    fn restore(&self, bytes: Bytes) -> Bytes {
        match &self.restore {
            Some(restore) => restore.in_frames(bytes),
            None => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_dropped_wherever_it_was_cut() {
        let after = |pieces: &[&[u8]]| {
            let mut ready: VecDeque<_> = pieces.iter().map(|piece| Bytes::copy_from_slice(piece)).collect();
            drop_mark(&mut ready);
            ready.into_iter().flatten().collect::<Vec<_>>()
        };
        assert_eq!(after(&[b"\xEF\xBB\xBFdata"]), b"data");
        assert_eq!(after(&[b"\xEF", b"\xBB\xBFda", b"ta"]), b"data");
        assert_eq!(after(&[b"\xEF\xBB", b"\xBF", b"data"]), b"data");
        assert_eq!(after(&[b"\xEF\xBB"]), b"\xEF\xBB");
        assert_eq!(after(&[b"data", b"\xEF\xBB\xBF"]), b"data\xEF\xBB\xBF");
    }
}
