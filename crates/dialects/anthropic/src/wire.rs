//! The vendor's records, in the vendor's spelling. They never leave this crate.
//!
//! Every record is open: unknown fields are skipped, and unknown kinds are left to the reader. Content blocks are one
//! record with every field optional, because a tagged enum would buffer each block before reading it.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A turn of the conversation.
#[derive(Debug, Deserialize)]
pub(crate) struct Message<'a> {
    #[serde(borrow)]
    pub(crate) role: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(crate) content: Content<'a>,
}

/// Content: one string, or blocks. `Other` is an object, a number or a boolean: its text is read from the raw block.
#[derive(Debug, Default)]
pub(crate) enum Content<'a> {
    #[default]
    Absent,
    Text(String),
    Blocks(Vec<Block<'a>>),
    Other,
}

/// A content block of any kind, in requests and answers.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Block<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Cow<'a, str>,
    pub(crate) text: Option<String>,
    pub(crate) thinking: Option<String>,
    pub(crate) signature: Option<String>,
    pub(crate) data: Option<String>,
    pub(crate) id: Option<String>,
    pub(crate) name: Option<String>,
    #[serde(borrow)]
    pub(crate) input: Option<&'a RawValue>,
    pub(crate) tool_use_id: Option<String>,
    pub(crate) is_error: Option<bool>,
    #[serde(borrow, default)]
    pub(crate) content: Content<'a>,
    #[serde(borrow)]
    pub(crate) source: Option<SourceField<'a>>,
    pub(crate) title: Option<String>,
    pub(crate) context: Option<String>,
    /// Citations of a text, or the switch of a document.
    #[serde(borrow)]
    pub(crate) citations: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) cache_control: Option<CacheControl<'a>>,
    pub(crate) tool_name: Option<String>,
}

/// `source`: a record in images and documents, a plain address in search results.
#[derive(Debug)]
pub(crate) enum SourceField<'a> {
    Record(Box<Source<'a>>),
    Address(String),
}

/// Where an image or a document comes from.
#[derive(Debug, Deserialize)]
pub(crate) struct Source<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Cow<'a, str>,
    pub(crate) media_type: Option<String>,
    pub(crate) data: Option<String>,
    pub(crate) url: Option<String>,
    pub(crate) file_id: Option<String>,
    #[serde(borrow, default)]
    pub(crate) content: Content<'a>,
}

/// A prompt-cache breakpoint.
#[derive(Debug, Deserialize)]
pub(crate) struct CacheControl<'a> {
    #[serde(borrow)]
    pub(crate) ttl: Option<Cow<'a, str>>,
}

/// The switch of a document.
#[derive(Debug, Deserialize)]
pub(crate) struct CitationSwitch {
    pub(crate) enabled: Option<bool>,
}

/// A source of a text, of any kind.
#[derive(Debug, Deserialize)]
pub(crate) struct CitationRecord {
    pub(crate) url: Option<String>,
    pub(crate) source: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) document_title: Option<String>,
    pub(crate) cited_text: Option<String>,
}

/// A tool, of any kind.
#[derive(Debug, Deserialize)]
pub(crate) struct Tool<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Option<Cow<'a, str>>,
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
    #[serde(borrow)]
    pub(crate) input_schema: Option<&'a RawValue>,
    pub(crate) strict: Option<bool>,
    #[serde(borrow)]
    pub(crate) cache_control: Option<CacheControl<'a>>,
    pub(crate) max_uses: Option<u32>,
    pub(crate) allowed_domains: Option<Vec<String>>,
    pub(crate) blocked_domains: Option<Vec<String>>,
    pub(crate) user_location: Option<Location>,
    /// Calls as they should look.
    #[serde(borrow, default)]
    pub(crate) input_examples: Option<Vec<&'a RawValue>>,
    /// Who may call it: the model itself (`direct`), or programs that it runs.
    #[serde(default)]
    pub(crate) allowed_callers: Option<Vec<String>>,
}

/// Where the user is.
#[derive(Debug, Deserialize)]
pub(crate) struct Location {
    pub(crate) city: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) country: Option<String>,
    pub(crate) timezone: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ToolChoice<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Cow<'a, str>,
    pub(crate) name: Option<String>,
    pub(crate) disable_parallel_tool_use: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Thinking<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Cow<'a, str>,
    pub(crate) budget_tokens: Option<u64>,
    #[serde(borrow)]
    pub(crate) display: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct OutputConfig<'a> {
    #[serde(borrow)]
    pub(crate) effort: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(crate) format: Option<OutputFormat<'a>>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct OutputFormat<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) schema: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) user_id: Option<String>,
}

/// A whole answer, or the error that a 200 may carry.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Option<Cow<'a, str>>,
    pub(crate) id: Option<String>,
    pub(crate) model: Option<String>,
    #[serde(borrow)]
    pub(crate) content: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    pub(crate) stop_reason: Option<Cow<'a, str>>,
    pub(crate) stop_sequence: Option<String>,
    pub(crate) stop_details: Option<StopDetails>,
    pub(crate) usage: Option<Usage>,
    pub(crate) error: Option<ErrorBody>,
}

/// What the scanner wants of a whole answer.
#[derive(Debug, Deserialize)]
pub(crate) struct AnswerEnd<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub(crate) content: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) stop_reason: Option<Cow<'a, str>>,
    pub(crate) stop_sequence: Option<String>,
    pub(crate) stop_details: Option<StopDetails>,
    pub(crate) usage: Option<Usage>,
    pub(crate) error: Option<ErrorBody>,
}

/// Why a model declined.
#[derive(Debug, Deserialize)]
pub(crate) struct StopDetails {
    pub(crate) category: Option<String>,
    pub(crate) explanation: Option<String>,
}

/// Token counts. In a stream each figure is a running total and replaces the one before.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Usage {
    #[serde(default, deserialize_with = "count")]
    pub(crate) input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    pub(crate) output_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    pub(crate) cache_read_input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    pub(crate) cache_creation_input_tokens: Option<u64>,
    pub(crate) cache_creation: Option<CacheCreation>,
    pub(crate) output_tokens_details: Option<OutputDetails>,
    pub(crate) server_tool_use: Option<ServerToolUse>,
    pub(crate) service_tier: Option<String>,
    pub(crate) speed: Option<String>,
    /// OpenRouter.
    pub(crate) cost: Option<serde_json::Value>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct CacheCreation {
    #[serde(default, deserialize_with = "count")]
    pub(crate) ephemeral_5m_input_tokens: Option<u64>,
    #[serde(default, deserialize_with = "count")]
    pub(crate) ephemeral_1h_input_tokens: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct OutputDetails {
    #[serde(default, deserialize_with = "count")]
    pub(crate) thinking_tokens: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ServerToolUse {
    #[serde(default, deserialize_with = "count")]
    pub(crate) web_search_requests: Option<u64>,
}

/// A figure. Compatible servers write some as floats; one of another kind is none, and must not cost the answer.
fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    deserializer.deserialize_any(Figure)
}

struct Figure;

impl<'de> Visitor<'de> for Figure {
    type Value = Option<u64>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a figure")
    }

    fn visit_u64<E>(self, count: u64) -> Result<Self::Value, E> {
        Ok(Some(count))
    }

    fn visit_i64<E>(self, count: i64) -> Result<Self::Value, E> {
        Ok(Some(count.try_into().unwrap_or(0)))
    }

    /// The cast saturates: less than nothing is nothing.
    fn visit_f64<E>(self, count: f64) -> Result<Self::Value, E> {
        Ok(Some(count as u64))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(None)
    }
}

/// One event of a stream, of any type.
#[derive(Debug, Deserialize)]
pub(crate) struct StreamEvent<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Cow<'a, str>,
    pub(crate) index: Option<u64>,
    #[serde(borrow)]
    pub(crate) delta: Option<Delta<'a>>,
    #[serde(borrow)]
    pub(crate) content_block: Option<&'a RawValue>,
    pub(crate) message: Option<MessageStart>,
    pub(crate) usage: Option<Usage>,
    pub(crate) error: Option<ErrorBody>,
}

/// The type of an event, when the rest of it cannot be read.
#[derive(Debug, Deserialize)]
pub(crate) struct EventKind<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Cow<'a, str>,
}

/// The head of a streamed answer.
#[derive(Debug, Deserialize)]
pub(crate) struct MessageStart {
    pub(crate) id: Option<String>,
    pub(crate) model: Option<String>,
    pub(crate) usage: Option<Usage>,
}

/// What an event adds.
#[derive(Debug, Deserialize)]
pub(crate) struct Delta<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Option<Cow<'a, str>>,
    pub(crate) text: Option<String>,
    pub(crate) thinking: Option<String>,
    pub(crate) partial_json: Option<String>,
    pub(crate) signature: Option<String>,
    #[serde(borrow)]
    pub(crate) citation: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) stop_reason: Option<Cow<'a, str>>,
    pub(crate) stop_sequence: Option<String>,
    pub(crate) stop_details: Option<StopDetails>,
}

/// An error, in any of the shapes that servers of this dialect send: a record, or a bare string.
#[derive(Debug, Default)]
pub(crate) struct ErrorBody {
    pub(crate) kind: Option<String>,
    pub(crate) message: Option<String>,
}

struct ContentVisitor<'a>(PhantomData<&'a ()>);

impl<'a> Visitor<'a> for ContentVisitor<'a> {
    type Value = Content<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or an array of content blocks")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Content::Text(text.into()))
    }

    fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
        Ok(Content::Text(text))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Content::Absent)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Content::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Content::Other)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Content::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Content::Other)
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut blocks = Vec::with_capacity(4);
        while let Some(block) = seq.next_element()? {
            blocks.push(block);
        }
        Ok(Content::Blocks(blocks))
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Content::Other)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor(PhantomData))
    }
}

struct SourceVisitor<'a>(PhantomData<&'a ()>);

impl<'a> Visitor<'a> for SourceVisitor<'a> {
    type Value = SourceField<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a source record or an address")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(SourceField::Address(text.into()))
    }

    fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<Self::Value, A::Error> {
        let record = Source::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
        Ok(SourceField::Record(Box::new(record)))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for SourceField<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SourceVisitor(PhantomData))
    }
}

struct ErrorVisitor;

impl<'de> Visitor<'de> for ErrorVisitor {
    type Value = ErrorBody;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an error record or a message")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(ErrorBody { kind: None, message: Some(text.into()) })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        #[derive(Deserialize)]
        struct Record {
            #[serde(rename = "type")]
            kind: Option<String>,
            message: Option<String>,
        }
        let record = Record::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
        Ok(ErrorBody { kind: record.kind, message: record.message })
    }
}

impl<'de> Deserialize<'de> for ErrorBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ErrorVisitor)
    }
}
