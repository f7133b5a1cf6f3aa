//! The scanner of a relayed answer against the decoder of a translated one, on the same bytes.

use dialect::{Dialect, Frame, Framer, Framing, Memo, Signal, scan};
use hub::{Event, Fault, FaultKind, Stop, StopReason, Usage};

use super::corpus::{self, Sample};
use crate::ALL;

/// What one of the two ways makes of an answer.
#[derive(Debug, PartialEq)]
struct Told {
    /// Token counts as far as they came.
    usage: Usage,
    /// How it ended.
    end: Result<Stop, (FaultKind, String)>,
    /// The frame with which it was clear that something is said.
    content: Option<usize>,
}

fn cut_off() -> Fault {
    Fault::garbled("cut off")
}

/// What is told of a fault. The words of a truncation are each way's own.
fn said(fault: &Fault) -> (FaultKind, String) {
    let words = if fault.kind == FaultKind::UpstreamGarbled { "" } else { &fault.message };
    (fault.kind, words.to_owned())
}

/// Frames as a framer makes them of pieces of `size` bytes.
fn each_frame(
    framing: Framing,
    stream: &[u8],
    size: usize,
    mut take: impl FnMut(Frame<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut framer = Framer::new(framing, 1 << 20);
    for piece in stream.chunks(size) {
        framer.feed(piece, &mut take)?;
    }
    framer.finish(&mut take)
}

/// As the engine relays: until a fault, the end mark, or the end of the bytes.
fn relayed(dialect: &Dialect, stream: &[u8], size: usize) -> Told {
    let mut scanner = dialect.wire.unwrap().scanner();
    let (mut content, mut at, mut last) = (None, 0, 0);
    let _ = each_frame(dialect.framing, stream, size, |_| {
        last += 1;
        Ok(())
    });
    let read = each_frame(dialect.framing, stream, size, |frame| {
        if scanner.observed().end_mark {
            return Ok(());
        }
        // The engine looks at a frame that lacks its end.
        let half = match frame.data.first() {
            None => frame.event.is_some(),
            first => first == Some(&b'{') && scan::object(frame.data).is_err(),
        };
        if at + 1 == last && half {
            return Err(cut_off());
        }
        let signal = scanner.frame(frame);
        if matches!(signal, Signal::Content) || scanner.observed().terminal {
            content = content.or(Some(at));
        }
        at += 1;
        match signal {
            Signal::Fault(fault) => Err(*fault),
            _ => Ok(()),
        }
    });
    let seen = scanner.observed();
    let end = match read {
        Ok(()) if !seen.terminal => Err(said(&cut_off())),
        Ok(()) => Ok(seen.stop.clone().unwrap_or_default()),
        Err(fault) => Err(said(&fault)),
    };
    Told { usage: seen.usage, end, content }
}

/// As the engine translates.
fn translated(dialect: &Dialect, stream: &[u8], size: usize) -> Told {
    let mut decoder = dialect.wire.unwrap().stream_decoder(Memo::default());
    let (mut events, mut content, mut at) = (Vec::new(), None, 0);
    let read = each_frame(dialect.framing, stream, size, |frame| {
        let fed = decoder.feed(frame, &mut events);
        if events.iter().any(Event::is_meaningful) {
            content = content.or(Some(at));
        }
        at += 1;
        fed
    });
    let read = read.and_then(|()| decoder.end(&mut events));
    let mut usage = Usage::default();
    let mut stop = Stop::default();
    for event in &events {
        match event {
            Event::Usage(later) => usage.update(later),
            Event::Stop(last) => stop = last.clone(),
            _ => (),
        }
    }
    Told { usage, end: read.map(|()| stop).map_err(|fault| said(&fault)), content }
}

/// What a scanner cannot tell without collecting the answer, and does not need to: whether a call that the length cut
/// is whole after all, and whether one is cut that the upstream's end mark says is over.
fn alike(relayed: &Told, translated: &Told) -> bool {
    let reason = |told: &Told| told.end.as_ref().map(|stop| stop.reason).map_err(|fault| fault.0);
    let end = match (reason(relayed), reason(translated)) {
        (Ok(StopReason::Length), Ok(StopReason::ToolCalls)) => true,
        (Ok(StopReason::ToolCalls), Err(FaultKind::UpstreamGarbled)) => true,
        _ => relayed.end == translated.end,
    };
    // The tier is told by the bytes that are relayed: only figures are counted.
    let figures = |told: &Told| Usage { tier: None, ..told.usage };
    end && figures(relayed) == figures(translated)
}

pub(super) fn agree(dialect: &Dialect, name: &str, stream: &[u8], size: usize) -> Result<(), String> {
    let (relayed, translated) = (relayed(dialect, stream, size), translated(dialect, stream, size));
    if alike(&relayed, &translated) {
        return Ok(());
    }
    Err(format!("{} {name}\n   relayed {relayed:?}\ntranslated {translated:?}", dialect.id))
}

/// What is held back is never held longer than a translation would hold it.
fn prompt(dialect: &Dialect, name: &str, stream: &[u8]) -> Result<(), String> {
    let (relayed, translated) = (relayed(dialect, stream, 1), translated(dialect, stream, 1));
    let held = translated.content.is_some_and(|at| relayed.content.is_none_or(|other| other > at));
    if held { Err(format!("{} {name} is held back too long", dialect.id)) } else { Ok(()) }
}

pub(super) fn wires() -> impl Iterator<Item = &'static Dialect> {
    ALL.iter().copied().filter(|dialect| dialect.wire.is_some())
}

fn report(broken: &[String]) {
    assert!(
        broken.is_empty(),
        "{} disagree:\n{}",
        broken.len(),
        broken.iter().take(30).cloned().collect::<Vec<_>>().join("\n")
    );
}

#[test]
fn recorded_streams_tell_both_the_same_however_they_are_cut() {
    let mut broken = Vec::new();
    for dialect in wires() {
        let samples = corpus::streams(dialect.id.0);
        assert!(samples.len() > 5, "{}: {} streams", dialect.id, samples.len());
        for Sample { name, bytes } in samples {
            for size in [usize::MAX >> 1, 1, 7, 64] {
                broken.extend(agree(dialect, &name, &bytes, size).err());
            }
            broken.extend(prompt(dialect, &name, &bytes).err());
        }
    }
    report(&broken);
}

/// Frames as they stand in a stream, each with what ends it.
fn frames(framing: Framing, stream: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8_lossy(stream).replace("\r\n", "\n");
    let end = match framing {
        Framing::Sse => "\n\n",
        Framing::Ndjson => "\n",
    };
    text.split_inclusive(end).map(|frame| frame.as_bytes().to_vec()).collect()
}

/// The same JSON as another printer writes it: blanks around every colon and comma.
fn spaced(stream: &[u8]) -> Vec<u8> {
    let (mut out, mut inside, mut escaped) = (Vec::with_capacity(stream.len() * 2), false, false);
    for line in stream.split_inclusive(|byte| *byte == b'\n') {
        let field = line.strip_prefix(b"data: ").map_or(line.strip_prefix(b"{").map(|_| line), Some);
        let Some(json) = field else {
            out.extend_from_slice(line);
            continue;
        };
        out.extend_from_slice(&line[..line.len() - json.len()]);
        for byte in json {
            match (inside, byte) {
                (false, b':' | b',') => out.extend_from_slice(&[b' ', *byte, b' ']),
                _ => out.push(*byte),
            }
            inside ^= *byte == b'"' && !escaped;
            escaped = inside && *byte == b'\\' && !escaped;
        }
    }
    out
}

#[test]
fn blanks_in_the_json_change_nothing() {
    let mut broken = Vec::new();
    for dialect in wires() {
        for Sample { name, bytes } in corpus::streams(dialect.id.0) {
            let spaced = spaced(&bytes);
            assert_eq!(translated(dialect, &spaced, 64).end, translated(dialect, &bytes, 64).end, "{name}");
            broken.extend(agree(dialect, &name, &spaced, 64).err());
            broken.extend(prompt(dialect, &name, &spaced).err());
        }
    }
    report(&broken);
}

#[test]
fn streams_that_lost_doubled_or_swapped_a_frame_tell_both_the_same() {
    let mut broken = Vec::new();
    for dialect in wires() {
        for Sample { name, bytes } in corpus::streams(dialect.id.0) {
            let frames = frames(dialect.framing, &bytes);
            for at in 0..frames.len() {
                let (mut lost, mut doubled, mut swapped) = (frames.clone(), frames.clone(), frames.clone());
                lost.remove(at);
                doubled.insert(at, frames[at].clone());
                swapped.swap(at, frames.len() - 1);
                let cut = frames[..at].to_vec();
                for (how, frames) in [("lost", lost), ("doubled", doubled), ("swapped", swapped), ("cut at", cut)] {
                    let name = format!("{name} {how} {at}");
                    broken.extend(agree(dialect, &name, &frames.concat(), usize::MAX >> 1).err());
                }
            }
        }
    }
    report(&broken);
}

#[test]
fn whole_answers_tell_both_the_same() {
    let mut broken = Vec::new();
    for dialect in wires() {
        let samples = corpus::replies(dialect.id.0);
        assert!(samples.len() > 5, "{}: {} answers", dialect.id, samples.len());
        for Sample { name, bytes } in samples {
            broken.extend(agree_whole(dialect, &name, &bytes).err());
        }
    }
    report(&broken);
}

pub(super) fn agree_whole(dialect: &Dialect, name: &str, body: &[u8]) -> Result<(), String> {
    let side = dialect.wire.unwrap();
    let mut scanner = side.scanner();
    let end = match scanner.whole(body) {
        Signal::Fault(fault) => Err(said(&fault)),
        _ => Ok(scanner.observed().stop.clone().unwrap_or_default()),
    };
    let relayed = Told { usage: scanner.observed().usage, end, content: None };
    let translated = match side.decode_response(body, &Memo::default()) {
        Ok(answer) => Told { usage: answer.usage, end: Ok(answer.stop), content: None },
        // What a refused answer cost stays with the scanner: nobody else is told.
        Err(fault) => Told { usage: relayed.usage, end: Err(said(&fault)), content: None },
    };
    if alike(&relayed, &translated) {
        return Ok(());
    }
    Err(format!("{} {name}\n   relayed {relayed:?}\ntranslated {translated:?}", dialect.id))
}
