//! From frames to bytes on the wire: spelling, endings, encodings and pauses.

use std::collections::VecDeque;
use std::io;
use std::time::Duration;

use async_compression::tokio::write::{BrotliEncoder, GzipEncoder, ZstdEncoder};
use bytes::Bytes;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use crate::gate::Gate;
use crate::reply::{Encoding, Ending, Reply, Style};

/// How the pieces of a stream are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Server-sent events.
    Events,
    /// One JSON text per line.
    Lines,
}

impl Framing {
    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Self::Events => "text/event-stream; charset=utf-8",
            Self::Lines => "application/x-ndjson",
        }
    }
}

/// One server-sent event, or one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) event: Option<&'static str>,
    pub(crate) data: String,
}

impl Frame {
    pub(crate) fn data(data: impl Into<String>) -> Self {
        Self { event: None, data: data.into() }
    }
}

/// One thing that a body does.
#[derive(Debug)]
pub(crate) enum Step {
    Bytes(Bytes),
    /// Lets the connection flush, so that the next bytes are a write of their own.
    Flush,
    Pause(Duration),
    Wait(Gate),
    /// Ends the connection without a proper end of the body.
    Abort,
}

/// What a dialect adds to broken endings.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) error: Frame,
    pub(crate) ghost: Frame,
}

/// Shapes the events of a stream as the reply's ending says. True: the connection must break afterwards.
pub(crate) fn apply_ending(frames: &mut Vec<Frame>, ending: Ending, tail: Tail) -> bool {
    match ending {
        Ending::Proper => (),
        Ending::ErrorAfter(n) => {
            frames.truncate(n);
            frames.push(tail.error);
        }
        Ending::CutAfter(n) | Ending::EndAfter(n) => frames.truncate(n),
        Ending::Twice => frames.extend(frames.last().cloned()),
        Ending::Garbage => frames.push(tail.ghost),
    }
    matches!(ending, Ending::CutAfter(_))
}

/// The steps of a streamed body.
pub(crate) async fn stream_steps(
    frames: &[Frame],
    framing: Framing,
    reply: &Reply,
    abort: bool,
) -> io::Result<VecDeque<Step>> {
    let mut encoder = Encoder::new(reply.encoding);
    let mut steps = VecDeque::new();
    for (index, frame) in frames.iter().enumerate() {
        pauses(index, reply, &mut steps);
        let bytes = encoder.write(&spell(frame, framing, reply.style, index == 0)).await?;
        push_bytes(&bytes, reply.style == Style::EveryByte, &mut steps);
    }
    pauses(frames.len(), reply, &mut steps);
    push_bytes(&encoder.finish().await?, false, &mut steps);
    if abort {
        steps.push_back(Step::Abort);
    }
    Ok(steps)
}

/// The steps of a body in one piece.
pub(crate) async fn body_steps(body: Vec<u8>, reply: &Reply) -> io::Result<VecDeque<Step>> {
    let body = match reply.ending {
        Ending::EndAfter(0) => Vec::new(),
        Ending::CutAfter(_) | Ending::EndAfter(_) => body[..body.len() / 2].to_vec(),
        Ending::Garbage => [body.as_slice(), b"GHOST"].concat(),
        _ => body,
    };
    let mut encoder = Encoder::new(reply.encoding);
    let mut bytes = encoder.write(&body).await?.to_vec();
    bytes.extend_from_slice(&encoder.finish().await?);
    let mut steps = VecDeque::new();
    pauses(0, reply, &mut steps);
    push_bytes(&bytes.into(), reply.style == Style::EveryByte, &mut steps);
    if matches!(reply.ending, Ending::CutAfter(_)) {
        steps.push_back(Step::Abort);
    }
    Ok(steps)
}

fn pauses(index: usize, reply: &Reply, steps: &mut VecDeque<Step>) {
    if let Some((_, gate)) = reply.stall.as_ref().filter(|(after, _)| *after == index) {
        steps.push_back(Step::Wait(gate.clone()));
    }
    if let Some((_, pause)) = reply.pause.filter(|(after, _)| *after == index) {
        steps.push_back(Step::Pause(pause));
    }
    if let Some(pause) = reply.pace.filter(|_| index > 0) {
        steps.push_back(Step::Pause(pause));
    }
}

fn push_bytes(bytes: &Bytes, split: bool, steps: &mut VecDeque<Step>) {
    let size = if split { 1 } else { bytes.len().max(1) };
    for start in (0..bytes.len()).step_by(size) {
        steps.push_back(Step::Bytes(bytes.slice(start..bytes.len().min(start + size))));
        steps.push_back(Step::Flush);
    }
}

fn spell(frame: &Frame, framing: Framing, style: Style, first: bool) -> Vec<u8> {
    let end = if style == Style::Crlf { "\r\n" } else { "\n" };
    let colon = if style == Style::NoSpace { ":" } else { ": " };
    let mut out = String::new();
    if style == Style::Bom && first {
        out.push('\u{feff}');
    }
    if framing == Framing::Lines {
        // Lines know no remarks; an empty one is the nearest.
        let before = if style == Style::Comments { "\n" } else { "" };
        return format!("{out}{before}{}{end}", frame.data).into_bytes();
    }
    if style == Style::Comments {
        out.push_str(": keep-alive\n\n:\n");
    }
    if let Some(event) = frame.event {
        out.push_str(&format!("event{colon}{event}{end}"));
    }
    for line in data_lines(&frame.data, style) {
        out.push_str(&format!("data{colon}{line}{end}"));
    }
    out.push_str(end);
    out.into_bytes()
}

fn data_lines(data: &str, style: Style) -> Vec<String> {
    let pretty = || {
        let value: serde_json::Value = serde_json::from_str(data).ok()?;
        serde_json::to_string_pretty(&value).ok()
    };
    match (style, pretty()) {
        (Style::MultiLine, Some(text)) => text.lines().map(str::to_owned).collect(),
        _ => vec![data.to_owned()],
    }
}

/// Encodes piece by piece, flushed after each, so that a stream stays a stream.
enum Encoder {
    Identity,
    Gzip(GzipEncoder<Vec<u8>>),
    Brotli(Box<BrotliEncoder<Vec<u8>>>),
    Zstd(ZstdEncoder<Vec<u8>>),
}

impl Encoder {
    fn new(encoding: Encoding) -> Self {
        match encoding {
            Encoding::Identity => Self::Identity,
            Encoding::Gzip => Self::Gzip(GzipEncoder::new(Vec::new())),
            Encoding::Brotli => Self::Brotli(Box::new(BrotliEncoder::new(Vec::new()))),
            Encoding::Zstd => Self::Zstd(ZstdEncoder::new(Vec::new())),
        }
    }

    async fn write(&mut self, data: &[u8]) -> io::Result<Bytes> {
        let buffer = match self {
            Self::Identity => return Ok(Bytes::copy_from_slice(data)),
            Self::Gzip(encoder) => {
                put(encoder, data).await?;
                encoder.get_mut()
            }
            Self::Brotli(encoder) => {
                put(encoder.as_mut(), data).await?;
                encoder.get_mut()
            }
            Self::Zstd(encoder) => {
                put(encoder, data).await?;
                encoder.get_mut()
            }
        };
        Ok(std::mem::take(buffer).into())
    }

    async fn finish(&mut self) -> io::Result<Bytes> {
        let buffer = match self {
            Self::Identity => return Ok(Bytes::new()),
            Self::Gzip(encoder) => {
                encoder.shutdown().await?;
                encoder.get_mut()
            }
            Self::Brotli(encoder) => {
                encoder.shutdown().await?;
                encoder.get_mut()
            }
            Self::Zstd(encoder) => {
                encoder.shutdown().await?;
                encoder.get_mut()
            }
        };
        Ok(std::mem::take(buffer).into())
    }
}

async fn put(encoder: &mut (impl AsyncWrite + Unpin), data: &[u8]) -> io::Result<()> {
    encoder.write_all(data).await?;
    encoder.flush().await
}
