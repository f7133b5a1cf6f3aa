//! What a language is. Sans-I/O: bytes and hub types only.
//!
//! A dialect faces programs through [`ClientSide`] and upstreams through [`WireSide`]; both are stateless and shared,
//! and all state of a stream lives in the one encoder, decoder or scanner made for that request.

mod arguments;
mod balance;
mod body;
pub mod carrier;
mod cited;
mod context;
pub mod count;
pub mod embed;
mod framing;
mod headers;
pub mod hints;
pub mod instruct;
pub mod laws;
pub mod limits;
mod lowered;
mod media;
mod memory;
mod mint;
pub mod multipart;
mod names;
mod object;
mod odds;
pub mod openai;
mod opening;
mod peel;
pub mod read;
pub mod scan;
mod service;
mod session;
mod socket;
mod sound;
pub mod splice;
mod target;
mod think;
pub mod time;
mod traits;
pub mod tree;
mod typed;
pub mod unread;
mod write;

pub use arguments::{grammar_words, object_arguments, unwrap_custom_input, wrap_custom_input};
pub use balance::Balance;
pub use body::Body;
pub use cited::tell_unplaced;
pub use context::{Decoded, Echo, Encoded, Envelope, HttpReply, Memo, ModelCard, Observed, Peek, Relay, Reply, Signal};
pub use framing::{Frame, Framer, Framing, Sink};
pub use headers::OwnHeaders;
pub use lowered::{Lowered, made, remembered};
pub use media::{DataUrl, bare_base64, inline, inlined, is_text_type, parse_data_url, sniff, type_by_name};
pub use memory::{Memory, Reader, Recorded, Recorder, Round, Terms, Verb};
pub use mint::mint;
pub use names::{NameMap, NameRule, is_first};
pub use object::{Number, Object, array};
pub use odds::{tokens, write_tokens};
pub use opening::{Opening, opening};
pub use peel::{Peel, Peeler};
pub use service::Service;
pub use session::{Source, header, session, user};
pub use socket::{Said, SoFar, Socket, Wish};
pub use sound::{Pieces, is_pcm, wave};
pub use target::{MaxTokensField, ModelTraits, ReasoningField, Target, ThinkingTraits, WireQuirks};
pub use think::Effort;
pub use traits::{
    Beside, Catalogue, ClientSide, Dialect, Operation, Route, Scanner, StreamDecoder, StreamEncoder, WireSide,
};
pub use write::{escape, into_text, json_text, quoted};
