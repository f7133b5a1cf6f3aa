//! Cuts a byte stream into frames: server-sent events and newline-delimited JSON.
//!
//! Chunks may end anywhere, inside a character, a line or a line end. CR, LF and CRLF all end lines; a byte-order
//! mark, comments, `data:` without a space and data over several lines all occur. A frame that lies whole in one chunk
//! is handed out in place; only what a chunk leaves unfinished is copied.

use hub::Fault;

/// How a dialect frames its streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// `text/event-stream`.
    Sse,
    /// `application/x-ndjson`.
    Ndjson,
}

/// One frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The event name, where the stream gives one.
    pub event: Option<&'a [u8]>,
    /// The data.
    pub data: &'a [u8],
}

/// Takes a frame; an error ends the stream.
pub type Sink<'s> = dyn FnMut(Frame<'_>) -> Result<(), Fault> + 's;

/// Cuts one stream.
#[derive(Debug)]
pub struct Framer {
    framing: Framing,
    /// Longest line and longest event, in bytes.
    cap: usize,
    /// A line that the last chunk left unfinished.
    partial: Vec<u8>,
    /// The event so far, when it could not be handed out in place.
    data: Vec<u8>,
    has_data: bool,
    event: Vec<u8>,
    /// The last chunk ended in CR: an LF at the start of the next belongs to it.
    after_cr: bool,
    first_line: bool,
}

impl Framer {
    /// A framer that refuses lines and events of more than `cap` bytes.
    pub fn new(framing: Framing, cap: usize) -> Self {
        Self {
            framing,
            cap,
            partial: Vec::new(),
            data: Vec::new(),
            has_data: false,
            event: Vec::new(),
            after_cr: false,
            first_line: true,
        }
    }

    /// Whether nothing is held back: all bytes so far belong to frames that were handed out.
    pub fn is_between_frames(&self) -> bool {
        self.partial.is_empty() && !self.has_data && self.event.is_empty()
    }

    /// What a reader needs behind the bytes so far to see the frame that is held back: nothing when there is none.
    pub fn missing_end(&self) -> &'static [u8] {
        match self.framing {
            _ if self.is_between_frames() => b"",
            Framing::Sse if !self.partial.is_empty() => b"\n\n",
            Framing::Sse | Framing::Ndjson => b"\n",
        }
    }

    /// Takes a chunk and hands out each frame that it completes. Returns how many bytes of the chunk, from its start,
    /// belong to complete frames.
    ///
    /// # Errors
    /// What the sink returns, or a garbled-upstream fault for a line over the cap.
    pub fn feed(&mut self, chunk: &[u8], sink: &mut Sink<'_>) -> Result<usize, Fault> {
        let mut at = 0;
        let mut complete = 0;
        if self.after_cr && !chunk.is_empty() {
            self.after_cr = false;
            at = usize::from(chunk[0] == b'\n');
            complete = if self.is_between_frames() { at } else { 0 };
        }
        let mut run = Run::default();
        while let Some(length) = memchr::memchr2(b'\n', b'\r', &chunk[at..]) {
            let end = at + length;
            let next = self.line_end(chunk, end);
            self.line(chunk, at..end, &mut run, sink)?;
            at = next;
            if run.is_empty() && self.is_between_frames() {
                complete = at;
            }
        }
        self.keep(chunk, run)?;
        self.grow_partial(&chunk[at..])?;
        Ok(complete)
    }

    /// The bytes are over: a last frame without its blank line is handed out.
    ///
    /// # Errors
    /// What the sink returns.
    pub fn finish(&mut self, sink: &mut Sink<'_>) -> Result<(), Fault> {
        let mut run = Run::default();
        if !self.partial.is_empty() {
            self.line(&[], 0..0, &mut run, sink)?;
        }
        self.dispatch(&[], &mut run, sink)
    }

    /// The position after a line end at `end`.
    fn line_end(&mut self, chunk: &[u8], end: usize) -> usize {
        if chunk[end] == b'\n' {
            return end + 1;
        }
        match chunk.get(end + 1) {
            Some(b'\n') => end + 2,
            Some(_) => end + 1,
            None => {
                self.after_cr = true;
                end + 1
            }
        }
    }

    /// Takes one whole line: the partial one plus `chunk[line]`.
    fn line(
        &mut self,
        chunk: &[u8],
        line: std::ops::Range<usize>,
        run: &mut Run,
        sink: &mut Sink<'_>,
    ) -> Result<(), Fault> {
        if self.partial.is_empty() {
            let skip = self.mark(&chunk[line.clone()]);
            return self.whole_line(chunk, line.start + skip..line.end, run, sink);
        }
        self.grow_partial(&chunk[line])?;
        self.keep(chunk, std::mem::take(run))?;
        let owned = std::mem::take(&mut self.partial);
        let skip = self.mark(&owned);
        let mut own_run = Run::default();
        self.whole_line(&owned, skip..owned.len(), &mut own_run, sink)?;
        self.keep(&owned, own_run)?;
        self.partial = owned;
        self.partial.clear();
        Ok(())
    }

    /// The length of the byte-order mark that the first line may begin with.
    fn mark(&mut self, line: &[u8]) -> usize {
        let first = std::mem::take(&mut self.first_line);
        if first && line.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 }
    }

    fn whole_line(
        &mut self,
        text: &[u8],
        line: std::ops::Range<usize>,
        run: &mut Run,
        sink: &mut Sink<'_>,
    ) -> Result<(), Fault> {
        match self.framing {
            Framing::Ndjson if line.is_empty() => Ok(()),
            Framing::Ndjson => sink(Frame { event: None, data: &text[line] }),
            Framing::Sse if line.is_empty() => self.dispatch(text, run, sink),
            Framing::Sse => self.field(text, line, run),
        }
    }

    /// One field of an event. Unknown fields and comments are nothing.
    fn field(&mut self, text: &[u8], line: std::ops::Range<usize>, run: &mut Run) -> Result<(), Fault> {
        let content = &text[line.clone()];
        let colon = memchr::memchr(b':', content).unwrap_or(content.len());
        let mut from = (line.start + colon + 1).min(line.end);
        if text.get(from) == Some(&b' ') && from < line.end {
            from += 1;
        }
        match &content[..colon] {
            b"data" => self.data_line(text, from..line.end, run),
            b"event" => {
                self.event.clear();
                self.event.extend_from_slice(&text[from..line.end]);
                self.check(self.event.len())
            }
            _ => Ok(()),
        }
    }

    fn data_line(&mut self, text: &[u8], value: std::ops::Range<usize>, run: &mut Run) -> Result<(), Fault> {
        if !self.has_data && run.is_empty() {
            run.data = Some(value);
            return Ok(());
        }
        self.keep(text, std::mem::take(run))?;
        self.data.push(b'\n');
        self.data.extend_from_slice(&text[value]);
        self.check(self.data.len())
    }

    /// A blank line: the event is complete.
    fn dispatch(&mut self, text: &[u8], run: &mut Run, sink: &mut Sink<'_>) -> Result<(), Fault> {
        let event = (!self.event.is_empty()).then_some(self.event.as_slice());
        let result = match (run.data.take(), self.has_data) {
            (Some(range), _) => sink(Frame { event, data: &text[range] }),
            (None, true) => sink(Frame { event, data: &self.data }),
            (None, false) => Ok(()),
        };
        self.data.clear();
        self.has_data = false;
        self.event.clear();
        result
    }

    /// Copies data that lies in a chunk which is about to go.
    fn keep(&mut self, text: &[u8], run: Run) -> Result<(), Fault> {
        if let Some(range) = run.data {
            self.data.extend_from_slice(&text[range]);
            self.has_data = true;
        }
        self.check(self.data.len())
    }

    fn grow_partial(&mut self, more: &[u8]) -> Result<(), Fault> {
        self.check(self.partial.len() + more.len())?;
        self.partial.extend_from_slice(more);
        Ok(())
    }

    fn check(&self, length: usize) -> Result<(), Fault> {
        if length <= self.cap {
            return Ok(());
        }
        Err(Fault::garbled(format!("the upstream sent an event of more than {} bytes", self.cap)))
    }
}

/// The data of the current event, while it lies whole in the chunk at hand.
#[derive(Debug, Default)]
struct Run {
    data: Option<std::ops::Range<usize>>,
}

impl Run {
    fn is_empty(&self) -> bool {
        self.data.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Owned = (Option<String>, String);

    fn cut(framing: Framing, chunks: &[&[u8]]) -> Vec<Owned> {
        let mut framer = Framer::new(framing, 1 << 16);
        let mut frames = Vec::new();
        let mut sink = |frame: Frame<'_>| {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            frames.push((frame.event.map(text), text(frame.data)));
            Ok(())
        };
        for chunk in chunks {
            framer.feed(chunk, &mut sink).unwrap();
        }
        framer.finish(&mut sink).unwrap();
        frames
    }

    fn data(text: &str) -> Owned {
        (None, text.to_owned())
    }

    const HABITS: &str = "\u{feff}: hello\r\nevent: a\ndata: one\r\n\r\ndata:two\rdata\rdata: three\r\r\
                          id: 7\nretry: 10\n\nevent: lonely\n\ndata: späte Zeile\n\ndata: last";

    fn expected() -> Vec<Owned> {
        vec![(Some("a".into()), "one".into()), data("two\n\nthree"), data("späte Zeile"), data("last")]
    }

    #[test]
    fn every_habit_is_read() {
        assert_eq!(cut(Framing::Sse, &[HABITS.as_bytes()]), expected());
    }

    #[test]
    fn lines_are_frames_in_ndjson() {
        assert_eq!(
            cut(Framing::Ndjson, &[b"{\"a\":1}\r\n\n{\"b\"", b":2}\n{\"c\":3}"]),
            [data("{\"a\":1}"), data("{\"b\":2}"), data("{\"c\":3}")]
        );
    }

    #[test]
    fn what_is_missing_completes_the_last_frame() {
        for (framing, bytes, missing) in [
            (Framing::Sse, "data: 1", "\n\n"),
            (Framing::Sse, "data: 1\r\n", "\n"),
            (Framing::Sse, "event: a\ndata: 1\n", "\n"),
            (Framing::Sse, "data: 1\n\n", ""),
            (Framing::Ndjson, "1", "\n"),
            (Framing::Ndjson, "1\n", ""),
        ] {
            let (mut framer, mut frames) = (Framer::new(framing, 99), 0);
            let mut sink = |_: Frame<'_>| {
                frames += 1;
                Ok(())
            };
            framer.feed(bytes.as_bytes(), &mut sink).unwrap();
            let found = framer.missing_end();
            assert_eq!(found, missing.as_bytes(), "{bytes:?}");
            framer.feed(found, &mut sink).unwrap();
            assert_eq!((frames, framer.missing_end()), (1, &b""[..]), "{bytes:?}");
        }
    }

    #[test]
    fn a_line_without_end_is_refused_at_the_cap() {
        let mut framer = Framer::new(Framing::Sse, 100);
        let mut sink = |_: Frame<'_>| Ok(());
        assert!(framer.feed(&[b'x'; 60], &mut sink).is_ok());
        assert!(framer.feed(&[b'x'; 60], &mut sink).is_err());
        let mut framer = Framer::new(Framing::Sse, 100);
        let event = b"data: 0123456789\n".repeat(20);
        assert!(framer.feed(&event, &mut sink).is_err());
    }

    #[test]
    fn it_tells_how_much_is_complete() {
        let mut framer = Framer::new(Framing::Sse, 100);
        let mut sink = |_: Frame<'_>| Ok(());
        assert_eq!(framer.feed(b"data: 1\n\ndata", &mut sink).unwrap(), 9);
        assert!(!framer.is_between_frames());
        assert_eq!(framer.feed(b": 2\n\n", &mut sink).unwrap(), 5);
        assert!(framer.is_between_frames());
    }

    #[test]
    fn every_single_cut_gives_the_same_frames() {
        let bytes = HABITS.as_bytes();
        for at in 0..=bytes.len() {
            assert_eq!(cut(Framing::Sse, &[&bytes[..at], &bytes[at..]]), expected(), "cut at {at}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(cut(Framing::Sse, &single), expected());
    }

    proptest! {
        #[test]
        fn any_chunking_gives_the_same_frames(
            text in "(data:? ?[a-zé]{0,3}|event: [ab]|: c|\r|\n|\r\n|x){0,24}",
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let bytes = text.as_bytes();
            let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
            places.extend([0, bytes.len()]);
            places.sort_unstable();
            let chunks: Vec<&[u8]> = places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(cut(Framing::Sse, &chunks), cut(Framing::Sse, &[bytes]));
        }
    }
}
