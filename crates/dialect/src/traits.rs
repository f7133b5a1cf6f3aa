//! The two faces of a dialect, and the state machines of a stream.

use bytes::{Bytes, BytesMut};
use http::Method;
use http::request::Parts;
use hub::{DialectId, Event, Fault, Losses, Prompt, RawFault, Remote, Request, Response, Thinking};

use crate::count::Count;
use crate::embed::{EmbedClient, EmbedWire};
use crate::limits::Left;
use crate::splice::Edit;
use crate::{
    Body, Decoded, Echo, Encoded, Envelope, Frame, Framing, HttpReply, Memo, Memory, ModelCard, Observed, OwnHeaders,
    Peek, Relay, Reply, Service, Signal, Socket, Source, Target,
};

/// One language, as the registry lists it.
#[derive(Clone, Copy)]
pub struct Dialect {
    /// Its name, unique in the registry.
    pub id: DialectId,
    /// What configurations call it.
    pub word: &'static str,
    /// The routes it answers.
    pub routes: &'static [Route],
    /// How its streams are framed.
    pub framing: Framing,
    /// The headers that are its own.
    pub headers: OwnHeaders,
    /// Whether a request to an unknown route looks like one of its callers.
    pub recognises: fn(&Parts) -> bool,
    /// The face for programs, for errors that belong to no route.
    pub client: Option<&'static dyn ClientSide>,
    /// The face for upstreams.
    pub wire: Option<&'static dyn WireSide>,
}

impl std::fmt::Debug for Dialect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Dialect({})", self.id)
    }
}

/// One route of a dialect.
#[derive(Clone)]
pub struct Route {
    /// The method; HEAD is answered wherever GET is.
    pub method: Method,
    /// The path. A last segment of `{rest}` takes everything, slashes included.
    pub path: &'static str,
    /// Whether a request that matches is really this dialect's: `/v1/models` is shared by three.
    pub accepts: fn(&Parts) -> bool,
    /// What is asked.
    pub operation: Operation,
    /// Who reads the request and writes the answer.
    pub client: &'static dyn ClientSide,
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Route({:?} {})", self.operation, self.path)
    }
}

/// What a route asks for.
#[derive(Clone, Copy)]
pub enum Operation {
    /// An answer of a model: the only operation that passes through the hub.
    Generate,
    /// A conversation made shorter, for it to go on from: by the place's own call where it has one, else by a summary.
    Compact,
    /// How many tokens a request would take.
    CountTokens,
    /// Vectors for texts.
    Embed(&'static dyn EmbedClient),
    /// What is passed on as it is.
    Pass(Service),
    /// The models that are callable.
    ListModels(&'static dyn Catalogue),
    /// One of them.
    GetModel(&'static dyn Catalogue),
    /// One of them, named in the body.
    ShowModel(&'static dyn Catalogue),
    /// Something about an answer that is kept.
    Kept,
    /// A lasting connection on which answers are asked for in messages.
    Socket(&'static dyn Socket),
    /// What needs no model and is always the same: a version, or that something is not done here.
    Fixed(fn() -> HttpReply),
    /// The same without a key and without a line in the log: that somebody is there.
    Greet(fn() -> HttpReply),
}

impl std::fmt::Debug for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Generate => "Generate",
            Self::Compact => "Compact",
            Self::CountTokens => "CountTokens",
            Self::Embed(_) => "Embed",
            Self::Pass(_) => "Pass",
            Self::ListModels(_) => "ListModels",
            Self::GetModel(_) => "GetModel",
            Self::ShowModel(_) => "ShowModel",
            Self::Kept => "Kept",
            Self::Socket(_) => "Socket",
            Self::Fixed(_) => "Fixed",
            Self::Greet(_) => "Greet",
        })
    }
}

/// The side that faces programs.
pub trait ClientSide: Send + Sync {
    /// The dialect it speaks.
    fn dialect(&self) -> DialectId;

    /// Reads what routing needs from the head and the top-level fields, without parsing the rest.
    ///
    /// # Errors
    /// A bad-request fault when the model is missing or a field has the wrong type.
    fn peek(&self, head: &Parts, body: &Body) -> Result<Peek, Fault>;

    /// Takes the request out of an envelope, once that has been peeked at.
    ///
    /// # Errors
    /// A bad-request fault when there is nothing inside.
    fn inside(&self, body: Body) -> Result<Body, Fault> {
        Ok(body)
    }

    /// The envelope of its answers.
    fn envelope(&self) -> Option<Envelope> {
        None
    }

    /// What the hub's names of fields are in its own words: paths, or the beginnings of paths, and what stands for them.
    fn words(&self) -> &'static [(&'static str, &'static str)] {
        &[]
    }

    /// Reads the whole request into the hub.
    ///
    /// # Errors
    /// A bad-request fault that names the field.
    fn decode_request(&self, head: &Parts, body: &Body) -> Result<Decoded, Fault>;

    /// What the translated answer will repeat or need of the request. `whole` is the same request with all that went
    /// before it written out.
    fn echo(&self, _body: &Body, _whole: &Body) -> Echo {
        Echo::default()
    }

    /// Writes a whole answer.
    fn encode_response(&self, response: &Response, reply: &Reply) -> Bytes;

    /// Makes the encoder of one stream.
    fn stream_encoder(&self, reply: Reply) -> Box<dyn StreamEncoder>;

    /// Writes a fault as an HTTP answer. `request_id` is ours.
    fn render_fault(&self, fault: &Fault, request_id: &str) -> HttpReply;

    /// Writes the answer to a token count.
    fn encode_count(&self, input_tokens: u64) -> Bytes;

    /// Whether its programs lose the proofs of reasoning that an answer holds: the dialect has no place for some of
    /// them, or programs drop fields that they do not know.
    fn loses_proofs(&self) -> bool {
        false
    }

    /// The name under which to look for a model that is not known as it was written: programs of some dialects
    /// decorate names. `None` when there is no other.
    fn plain_name<'a>(&self, _model: &'a str) -> Option<&'a str> {
        None
    }

    /// The longer name that a short one may stand for, where the dialect has such.
    fn full_name(&self, _model: &str) -> Option<String> {
        None
    }

    /// Where its programs name their conversation beside the usual places, most telling first.
    fn sessions(&self) -> &'static [Source] {
        &[]
    }

    /// How its requests name earlier answers, where they can.
    fn memory(&self) -> Option<&'static dyn Memory> {
        None
    }

    /// The headers that tell what is left of the caller's limit; none where the dialect has no such headers.
    fn limit_headers(&self, _left: &Left, _now: std::time::SystemTime) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// The provider that a name carries in this dialect's own way, and the name behind it.
    fn named_provider<'a>(&self, _model: &'a str) -> Option<(&'a str, &'a str)> {
        None
    }

    /// The answer to a request that asks no model for anything.
    fn own_answer(&self, _body: &Body, _reply: &Reply) -> Option<HttpReply> {
        None
    }
}

/// The side that faces upstreams.
pub trait WireSide: Send + Sync {
    /// What a relayed request needs changed: model, usage request, required headers.
    fn relay(&self, head: &Parts, body: &Body, target: &Target<'_>) -> Relay;

    /// What makes a relayed request think as `wish` says, whatever its own fields say.
    fn rethink(&self, body: &Body, wish: Thinking, target: &Target<'_>, losses: &mut Losses) -> Vec<Edit>;

    /// What brings the operator's system prompt into a relayed request.
    fn instruct(&self, body: &Body, prompt: &Prompt) -> Vec<Edit>;

    /// Writes a request of another dialect. `request` has been mended.
    ///
    /// # Errors
    /// An unsupported fault that names the field, where leaving it out would change the answer's meaning.
    fn encode_request(&self, request: &Request, target: &Target<'_>) -> Result<Encoded, Fault>;

    /// Whether the wire can carry what is at an address by the address alone.
    fn takes_address(&self, _remote: &Remote<'_>, _target: &Target<'_>) -> bool {
        true
    }

    /// Reads a whole answer.
    ///
    /// # Errors
    /// The fault that a 200 may carry inside, or a garbled-upstream fault.
    fn decode_response(&self, body: &[u8], memo: &Memo) -> Result<Response, Fault>;

    /// Makes the decoder of one stream.
    fn stream_decoder(&self, memo: Memo) -> Box<dyn StreamDecoder>;

    /// Makes the scanner that watches one relayed answer.
    fn scanner(&self) -> Box<dyn Scanner>;

    /// Reads an error answer. The raw fault is kept inside.
    fn read_fault(&self, raw: RawFault) -> Fault;

    /// Whether an error body, as it is, says to this language's own programs what the fault means.
    fn tells(&self, fault: &Fault, body: &[u8]) -> bool;

    /// What the language has beside answers.
    fn beside(&self) -> Beside {
        Beside::default()
    }
}

/// What a language can be asked for beside answers; `None` is what it has not.
#[derive(Clone, Copy, Default)]
pub struct Beside {
    /// Vectors for texts.
    pub embed: Option<&'static dyn EmbedWire>,
    /// The number of a request's tokens.
    pub count: Option<&'static Count>,
    /// What the call takes that makes a conversation shorter; nothing where there is no such call.
    pub compact: &'static [&'static str],
}

impl std::fmt::Debug for Beside {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Beside").field("embed", &self.embed.is_some()).field("count", &self.count).finish()
    }
}

/// Reads one upstream stream. All state inside, nothing shared.
pub trait StreamDecoder: Send {
    /// Takes one frame.
    ///
    /// # Errors
    /// The upstream's own in-stream error, or a garbled-upstream fault. The stream is over then.
    fn feed(&mut self, frame: Frame<'_>, out: &mut Vec<Event>) -> Result<(), Fault>;

    /// The bytes are over.
    ///
    /// # Errors
    /// A garbled-upstream fault when no terminal event has come: truncation is never success.
    fn end(&mut self, out: &mut Vec<Event>) -> Result<(), Fault>;
}

/// Writes one client stream.
pub trait StreamEncoder: Send {
    /// Writes the next event.
    fn push(&mut self, event: &Event, out: &mut BytesMut);
    /// Writes the dialect's in-stream error tail; nothing follows it.
    fn fail(&mut self, fault: &Fault, out: &mut BytesMut);
    /// Writes what follows `Stop`.
    fn end(&mut self, out: &mut BytesMut);
    /// Writes something that keeps a silent connection alive and that every SDK of this dialect skips.
    fn keep_alive(&mut self, out: &mut BytesMut);
}

/// Watches a relayed answer without touching it. Searches bytes, and parses only on a hit.
pub trait Scanner: Send {
    /// Takes one frame of a stream.
    fn frame(&mut self, frame: Frame<'_>) -> Signal;
    /// Takes a whole answer.
    fn whole(&mut self, body: &[u8]) -> Signal;
    /// What was seen so far.
    fn observed(&self) -> &Observed;
    /// Writes an event of the upstream's own that may come again, for programs that wait for events and not for bytes;
    /// `false` where there is none.
    fn repeat(&self, _out: &mut BytesMut) -> bool {
        false
    }
    /// Writes the end of a stream that broke off, where the language has one that goes on from what has passed;
    /// `false` where an error like any other will do.
    fn fail(&self, _fault: &Fault, _out: &mut BytesMut) -> bool {
        false
    }
}

/// Writes model lists.
pub trait Catalogue: Send + Sync {
    /// The list. `query` is the request's query string, for paging.
    fn list(&self, models: &[ModelCard], query: &str) -> HttpReply;
    /// One model.
    fn one(&self, model: &ModelCard) -> HttpReply;
}
