//! The small records that travel beside requests and answers.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use hub::{Fault, Losses, Request, SoundForm, Stop, Usage};

use crate::splice::Edit;
use crate::{ModelTraits, NameMap, Peel, ThinkingTraits};

/// What routing needs to know of a request before anyone parses it.
#[derive(Clone, Debug)]
pub struct Peek {
    /// The model as the client wrote it.
    pub model: String,
    /// How the answer must look.
    pub reply: Reply,
}

/// How the client wants its answer. Made when the request is peeked at, used when the answer is written.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The model name to show.
    pub model: String,
    /// A stream is wanted.
    pub stream: bool,
    /// The client asked for a usage frame at the end of the stream.
    pub usage_frame: bool,
    /// The client used its dialect's older form of tools and must be answered in it.
    pub legacy_tools: bool,
    /// Seconds since the epoch, for dialects that date their answers.
    pub created: u64,
    /// When the request came in, for dialects that tell how long their answers took.
    pub started: Option<Instant>,
    /// Random; ids of this answer are minted from it.
    pub seed: u64,
    /// The content type of the stream, where the client asked for another framing than its dialect's usual one. Such a
    /// stream is always written by the encoder, never relayed.
    pub stream_type: Option<&'static str>,
    /// The answer is kept, so that later requests can name it.
    pub kept: bool,
    /// What the answer repeats of its request. Made only where the answer is translated.
    pub echo: Arc<Echo>,
}

/// What a translated answer repeats or needs of its request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Echo {
    /// Fields as JSON text, without braces around them; empty where nothing is known.
    pub fields: String,
    /// Tools that the dialect groups under a name of their own: the group, and the tool in it.
    pub spaces: Vec<(String, String)>,
    /// Tools whose calls have types of their own in the dialect: the name that they have elsewhere, and the type.
    pub typed: Vec<(String, &'static str)>,
    /// The form of sound that the client reads, where it asked for sound.
    pub sound: Option<SoundForm>,
    /// The answer's words are a summary of the conversation, and are written as one.
    pub summary: bool,
}

/// No echo: the same for all answers of a thread, because most have none.
fn nothing() -> Arc<Echo> {
    thread_local!(static NOTHING: Arc<Echo> = Arc::default());
    NOTHING.with(Arc::clone)
}

impl Reply {
    /// A reply for `model`; the engine fills in the clock and the seed.
    pub fn new(model: impl Into<String>, stream: bool) -> Self {
        Self {
            model: model.into(),
            stream,
            usage_frame: false,
            legacy_tools: false,
            created: 0,
            started: None,
            seed: 0,
            stream_type: None,
            kept: false,
            echo: nothing(),
        }
    }

    /// How long the answer has taken so far; nothing where no clock was set.
    pub fn elapsed(&self) -> Duration {
        self.started.map_or(Duration::ZERO, |started| started.elapsed())
    }
}

/// A request in hub form, and what its dialect could not bring into it.
#[derive(Debug)]
pub struct Decoded {
    /// The request.
    pub request: Request,
    /// What was left behind.
    pub losses: Losses,
}

/// A request in wire form.
#[derive(Debug)]
pub struct Encoded {
    /// The JSON body.
    pub body: Bytes,
    /// Headers that the protocol wants for this body (versions, betas); no credential.
    pub headers: HeaderMap,
    /// What the decoder of the answer must know.
    pub memo: Memo,
    /// What the wire could not carry.
    pub losses: Losses,
}

/// Travels from the encoding of a request to the decoding of its answer, so that nobody re-parses requests.
#[derive(Clone, Debug, Default)]
pub struct Memo {
    /// Tool names that were changed for the wire, and all declared names.
    pub names: NameMap,
    /// Wire names of functions that stand for free-text tools.
    pub custom: Vec<String>,
    /// The function whose arguments are really the JSON answer (structured output by a forced tool).
    pub json_tool: Option<String>,
    /// Stop strings that the wire could not carry: the engine cuts the answer at the first of them.
    pub stop: Vec<String>,
    /// The client does not want to see what the model thinks.
    pub hides: bool,
    /// What the answer's texts come in and the client does not want.
    pub peel: Peel,
    /// The form of sound that was asked for, where an answer does not name it.
    pub sound: Option<SoundForm>,
    /// How many answers were asked for: 0 and 1 are one.
    pub answers: u32,
    /// The upstream puts reasoning between `<think>` tags.
    pub think_tags: bool,
    /// The upstream is known to end streams after the finish reason without an end mark.
    pub lax_end: bool,
}

/// What a relayed request needs changed.
#[derive(Debug, Default)]
pub struct Relay {
    /// Edits of the body.
    pub edits: Vec<Edit>,
    /// Headers that pass from the client or that the protocol wants; no credential.
    pub headers: HeaderMap,
    /// We asked for a usage frame that the client did not: hide it.
    pub hide_usage: bool,
    /// What had to be left out for this vendor to accept the request at all.
    pub losses: Losses,
}

/// What a scanner makes of a frame.
#[derive(Debug)]
pub enum Signal {
    /// Nothing that the client would see as content.
    Quiet,
    /// Content: the answer may be committed.
    Content,
    /// Only usage, in a frame that may be hidden.
    UsageOnly,
    /// The end mark, or an event after which the answer is complete.
    Terminal,
    /// The upstream reports an error.
    Fault(Box<Fault>),
}

/// What a scanner has seen of an answer.
#[derive(Clone, Debug, Default)]
pub struct Observed {
    /// Token counts so far.
    pub usage: Usage,
    /// Why the answer ended, once known.
    pub stop: Option<Stop>,
    /// The answer is complete: an end mark, or all that it needs.
    pub terminal: bool,
    /// The end mark itself has come: nothing that follows counts.
    pub end_mark: bool,
}

/// What stands around each answer, where programs of a dialect get theirs in an envelope. Bytes, so that what is relayed
/// stays as it is inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Before the answer, or before the data of each event.
    pub before: &'static str,
    /// After it.
    pub after: &'static str,
}

/// A plain HTTP answer.
#[derive(Debug)]
pub struct HttpReply {
    /// The status.
    pub status: StatusCode,
    /// The headers, content type included.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl HttpReply {
    /// A JSON answer.
    pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Self {
        let mut headers = HeaderMap::with_capacity(4);
        headers.insert(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
        Self { status, headers, body: body.into() }
    }
}

/// A callable model, as lists show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelCard {
    /// The name that clients use.
    pub id: String,
    /// A name for people.
    pub display_name: Option<String>,
    /// Whose model it is.
    pub owned_by: String,
    /// When it appeared.
    pub created: Option<SystemTime>,
    /// Context window in tokens.
    pub context: Option<u64>,
    /// Largest answer in tokens.
    pub max_output: Option<u64>,
    /// Takes pictures.
    pub images: bool,
    /// Takes PDF documents.
    pub pdfs: bool,
    /// Takes sound.
    pub audio: bool,
    /// Takes films.
    pub video: bool,
    /// How it thinks; not at all where nothing says that it does.
    pub thinking: ThinkingTraits,
    /// Calls tools; `None` is "not known".
    pub tools: Option<bool>,
    /// Gives vectors for texts, and no answers.
    pub embeds: bool,
    /// Can hold its answer to a JSON schema; `None` is "not known".
    pub structured_output: Option<bool>,
}

impl ModelCard {
    /// A card of a model with these traits.
    pub fn new(id: impl Into<String>, owned_by: impl Into<String>, traits: &ModelTraits) -> Self {
        Self {
            id: id.into(),
            display_name: None,
            owned_by: owned_by.into(),
            created: None,
            context: traits.context,
            max_output: traits.max_output,
            images: traits.images == Some(true),
            pdfs: traits.pdfs == Some(true),
            audio: traits.audio == Some(true),
            video: traits.video == Some(true),
            thinking: traits.thinking.clone(),
            tools: traits.tools,
            embeds: traits.embeds == Some(true),
            structured_output: traits.structured_output,
        }
    }

    /// Whether it can think.
    pub fn thinks(&self) -> bool {
        self.thinking.supported == Some(true)
    }
}
