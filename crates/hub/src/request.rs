//! What a client asks: the system prompt, the turns, the tools and the knobs.
//!
//! Every field is optional in the sense that absence is meaningful: a field at its documented default counts as
//! absent, and an encoder writes only what is present.

use std::collections::HashSet;

use crate::{Json, Seal, Speech, Thinking, Token};

/// One generation request, free of any dialect's spelling.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// The model name as the client wrote it. Encoders use the name of their target instead.
    pub model: String,
    /// The leading system prompt: one entry per source block, in order.
    pub system: Vec<Text>,
    /// The conversation. Tool results live in user turns, before any other part of that turn.
    pub turns: Vec<Turn>,
    /// The tools offered, in the client's order.
    pub tools: Vec<Tool>,
    /// How the model may choose among them; `None` is the dialect's default (auto).
    pub tool_choice: Option<ToolChoice>,
    /// `Some(false)`: at most one call a turn.
    pub parallel_tools: Option<bool>,
    /// Sampling and limits.
    pub sampling: Sampling,
    /// The form of the answer.
    pub format: Format,
    /// The answer is wanted in sound.
    pub speech: Option<Speech>,
    /// How much to think, and whether to show it.
    pub thinking: Thinking,
    /// Tier, identity and cache keys.
    pub service: Service,
    /// Fields that only their own dialect understands.
    pub extras: Vec<Extra>,
}

impl Request {
    /// Makes system turns before all others part of the system prompt, as far as they are words.
    pub fn hoist(&mut self) {
        let is_text = |turn: &Turn| turn.parts.iter().all(|part| matches!(part, Part::Text(_)));
        let leading = self.turns.iter().take_while(|turn| turn.role == Role::System && is_text(turn)).count();
        for part in self.turns.drain(..leading).flat_map(|turn| turn.parts) {
            if let Part::Text(text) = part {
                self.system.push(text);
            }
        }
    }

    /// Whether anything asks for a breakpoint of a prompt cache.
    pub fn asks_for_cache(&self) -> bool {
        let parts = |turn: &Turn| turn.parts.iter().any(|part| part.cache().is_some());
        self.system.iter().any(|text| text.cache.is_some())
            || self.tools.iter().any(|tool| tool.cache.is_some())
            || self.turns.iter().any(parts)
    }

    /// A tool that the choice names and that is not declared. Without any tools a choice means nothing.
    pub fn undeclared(&self) -> Option<&str> {
        let names = self.tool_choice.as_ref().map(ToolChoice::names).filter(|_| !self.tools.is_empty())?;
        let declared: HashSet<&str> = self.tools.iter().map(|tool| tool.name.as_str()).collect();
        names.iter().map(String::as_str).find(|name| !declared.contains(name))
    }
}

/// Who speaks. Tool results are user turns; `System` appears only in mid-conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// An instruction given after the conversation began.
    System,
    /// The human or the program, tool results included.
    User,
    /// The model.
    Assistant,
}

/// One turn of one speaker.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    /// Who speaks.
    pub role: Role,
    /// What is said, in order.
    pub parts: Vec<Part>,
}

/// One piece of a turn or of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Visible text.
    Text(Text),
    /// The model's refusal, where its dialect marks one.
    Refusal(String),
    /// A picture.
    Image(Media),
    /// Sound.
    Audio(Media),
    /// Moving pictures.
    Video(Media),
    /// A document.
    File(File),
    /// Reasoning, with the proof that its vendor wants back.
    Thinking(Thought),
    /// A call of a client tool.
    ToolCall(ToolCall),
    /// The client's answer to a call.
    ToolResult(ToolResult),
    /// A block that only its own dialect understands.
    Foreign(Foreign),
}

impl Part {
    /// The breakpoint of a prompt cache that stands after it.
    pub fn cache(&self) -> Option<CacheHint> {
        match self {
            Self::Text(text) => text.cache,
            Self::Image(media) | Self::Audio(media) | Self::Video(media) => media.cache,
            Self::File(file) => file.cache,
            Self::ToolCall(call) => call.cache,
            // One that stands inside the result is not less of one.
            Self::ToolResult(result) => result.cache.or_else(|| result.parts.iter().find_map(Self::cache)),
            Self::Refusal(_) | Self::Thinking(_) | Self::Foreign(_) => None,
        }
    }
}

/// A run of text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Text {
    /// The text itself.
    pub text: String,
    /// A prompt-cache breakpoint after this text.
    pub cache: Option<CacheHint>,
    /// Sources the text leans on.
    pub citations: Vec<Citation>,
    /// How likely its tokens were, in an answer whose client asked for it.
    pub tokens: Vec<Token>,
}

impl Text {
    /// Text with no breakpoint and no citations.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }
}

/// A prompt-cache breakpoint, by its lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheHint {
    /// The source named no lifetime.
    Default,
    /// Five minutes.
    FiveMinutes,
    /// Half an hour.
    HalfHour,
    /// One hour.
    OneHour,
    /// Twelve hours or a day.
    Long,
}

/// Where a piece of text comes from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Citation {
    /// The source's address, if it is on the web.
    pub url: Option<String>,
    /// The source's title.
    pub title: Option<String>,
    /// The words that are cited.
    pub cited_text: Option<String>,
    /// Start and end in characters of the text that it stands on, end exclusive; `None` is all of that text.
    pub span: Option<(u64, u64)>,
    /// The citation as its dialect wrote it, and that dialect.
    pub native: Option<(crate::DialectId, Json)>,
}

/// Where bytes or words come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// Standard base64, no line breaks, no data-URL prefix.
    Base64(String),
    /// An http(s) address.
    Url(String),
    /// An id in the provider's file store, valid only for the account that owns it.
    FileId(String),
    /// Plain words (documents only).
    Text(String),
}

/// A picture, a sound or a film.
#[derive(Clone, Debug, PartialEq)]
pub struct Media {
    /// The content.
    pub source: Source,
    /// The media type, corrected by the magic bytes where they are at hand.
    pub media_type: Option<String>,
    /// The wanted resolution.
    pub detail: Option<Detail>,
    /// A prompt-cache breakpoint after this part.
    pub cache: Option<CacheHint>,
}

/// The resolution at which a picture is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Coarse.
    Low,
    /// Fine.
    High,
    /// As it is.
    Original,
}

/// A document.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// The content.
    pub source: Source,
    /// The media type.
    pub media_type: Option<String>,
    /// File name or title.
    pub name: Option<String>,
    /// What the client says about it.
    pub context: Option<String>,
    /// The client wants citations from it.
    pub cite: bool,
    /// A prompt-cache breakpoint after this part.
    pub cache: Option<CacheHint>,
}

/// Reasoning. An empty text with a seal is not empty: the vendor wants the seal back.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thought {
    /// What may be shown of it.
    pub text: String,
    /// The vendor's proof.
    pub seal: Option<Seal>,
    /// The vendor has hidden the text on purpose; only the seal counts.
    pub redacted: bool,
}

/// A call of a client tool.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    /// Pairs the call with its result.
    pub id: String,
    /// The tool's name, as the client declared it.
    pub name: String,
    /// The arguments as text. A `Function` call's text should be a JSON object but may be damaged or cut;
    /// a `Custom` call's text is free.
    pub arguments: String,
    /// Whether the arguments are JSON or free text.
    pub kind: CallKind,
    /// A vendor's proof attached to the call itself.
    pub seal: Option<Seal>,
    /// A prompt-cache breakpoint after this part.
    pub cache: Option<CacheHint>,
}

/// The form of a call's arguments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CallKind {
    /// A JSON object.
    #[default]
    Function,
    /// Free text.
    Custom,
}

/// The client's answer to a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToolResult {
    /// The id of the call.
    pub call_id: String,
    /// The tool's name, if the dialect gave it.
    pub name: Option<String>,
    /// Text, images, files.
    pub parts: Vec<Part>,
    /// The tool failed.
    pub is_error: bool,
    /// A prompt-cache breakpoint after this part.
    pub cache: Option<CacheHint>,
}

/// A block that only its own dialect can write back; others use `gist` or leave it out.
#[derive(Clone, Debug, PartialEq)]
pub struct Foreign {
    /// The dialect that understands it.
    pub origin: crate::DialectId,
    /// The block as it stood.
    pub json: Json,
    /// A readable rendering for other dialects, where one makes sense.
    pub gist: Option<String>,
    /// What it tells of a tool that the provider ran; dialects with a form for that write it instead.
    pub trace: Option<Box<crate::Trace>>,
}

impl Foreign {
    /// The words for a history that cannot hold the block; what that loses is noted under `field`.
    pub fn told<'a>(&'a self, field: &'static str, losses: &mut crate::Losses) -> Option<&'a str> {
        match (&self.gist, self.trace.as_deref()) {
            (Some(_), Some(crate::Trace::Search(_))) => {
                losses.approximated(field, "a search of the web was sent as words: titles and addresses");
            }
            // The words hold the program and what it printed, but not its exit code and its files.
            (Some(_), Some(crate::Trace::Code(_))) => losses.silent(field),
            (Some(_), None) => (),
            // What was asked comes back with what was found.
            (None, Some(trace)) if !trace.tells() => losses.silent(field),
            (None, _) => losses.dropped(field, format!("a block that only {} understands", self.origin)),
        }
        self.gist.as_deref().filter(|gist| !gist.is_empty())
    }
}

/// A tool offered to the model.
#[derive(Clone, Debug, PartialEq)]
pub struct Tool {
    /// The name, as the client declared it.
    pub name: String,
    /// What it does.
    pub description: Option<String>,
    /// What it is.
    pub kind: ToolKind,
    /// The provider must hold arguments to the schema.
    pub strict: Option<bool>,
    /// A prompt-cache breakpoint after this tool.
    pub cache: Option<CacheHint>,
    /// Fields that only their own dialect understands.
    pub extras: Vec<Extra>,
}

/// What a tool is.
#[derive(Clone, Debug, PartialEq)]
pub enum ToolKind {
    /// Called with a JSON object; the schema is kept as text, `None` when it takes no arguments.
    Function(Option<Json>),
    /// Called with free text; the grammar, if any, as its dialect wrote it.
    Custom(Option<Json>),
    /// The provider searches the web by itself.
    WebSearch(WebSearch),
    /// Another tool that the provider runs; only `origin` can write back what is special about it.
    Hosted {
        /// The dialect that understands it.
        origin: crate::DialectId,
        /// The declaration as it stood.
        json: Json,
        /// What it is, where others have the same under a name of their own.
        same: Option<Builtin>,
    },
}

/// A tool that several providers run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    /// Writes and runs programs in the provider's sandbox.
    Code,
    /// Reads pages that the conversation names.
    Fetch,
}

/// How the provider may search the web.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WebSearch {
    /// Only these domains.
    pub allowed_domains: Vec<String>,
    /// None of these domains.
    pub blocked_domains: Vec<String>,
    /// At most so many searches.
    pub max_uses: Option<u32>,
    /// `low`, `medium` or `high`.
    pub context_size: Option<String>,
    /// Where the user is.
    pub location: Option<UserLocation>,
}

/// An approximate place.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserLocation {
    /// City.
    pub city: Option<String>,
    /// Region or state.
    pub region: Option<String>,
    /// Two-letter country.
    pub country: Option<String>,
    /// IANA time zone.
    pub timezone: Option<String>,
}

/// Which tools the model may or must call.
#[derive(Clone, Debug, PartialEq)]
pub enum ToolChoice {
    /// The model decides.
    Auto,
    /// No tool.
    None,
    /// Some tool.
    Required,
    /// This tool, by its declared name.
    Tool(String),
    /// Only these tools; `required`: one of them must be called.
    Subset {
        /// One of them must be called.
        required: bool,
        /// The declared names.
        names: Vec<String>,
    },
}

impl ToolChoice {
    /// The tools that are named.
    pub fn names(&self) -> &[String] {
        match self {
            Self::Tool(name) => std::slice::from_ref(name),
            Self::Subset { names, .. } => names,
            Self::Auto | Self::None | Self::Required => &[],
        }
    }

    /// Whether some tool must be called.
    pub fn insists(&self) -> bool {
        matches!(self, Self::Required | Self::Tool(_) | Self::Subset { required: true, .. })
    }
}

/// Sampling and limits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sampling {
    /// The cap on generated tokens, reasoning included.
    pub max_tokens: Option<u64>,
    /// 0 to 2.
    pub temperature: Option<f64>,
    /// 0 to 1.
    pub top_p: Option<f64>,
    /// A count.
    pub top_k: Option<u64>,
    /// Strings that end the answer.
    pub stop: Vec<String>,
    /// For repeatable answers.
    pub seed: Option<i64>,
    /// How many answers side by side; `None` is one.
    pub n: Option<u32>,
    /// -2 to 2.
    pub frequency_penalty: Option<f64>,
    /// -2 to 2.
    pub presence_penalty: Option<f64>,
    /// Token log probabilities are wanted.
    pub logprobs: bool,
    /// How many alternatives for each.
    pub top_logprobs: Option<u32>,
    /// Token biases as their dialect wrote them.
    pub logit_bias: Option<Json>,
    /// `low`, `medium` or `high`.
    pub verbosity: Option<String>,
}

impl Sampling {
    /// The most answers that are read side by side: what OpenAI takes, and more than any other provider gives.
    pub const MAX_ANSWERS: u32 = 128;

    /// How many answers are wanted, at least one.
    pub fn answers(&self) -> u32 {
        self.n.unwrap_or(1).clamp(1, Self::MAX_ANSWERS)
    }
}

/// The form of the answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Format {
    /// Free text.
    #[default]
    Text,
    /// Any JSON value.
    Json,
    /// JSON by a schema.
    Schema(Schema),
}

impl Format {
    /// Whether the answer is one word, wanted without quotation marks.
    pub fn is_bare(&self) -> bool {
        matches!(self, Self::Schema(schema) if schema.bare)
    }
}

/// A contract for the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    /// A name, where the dialect has one.
    pub name: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The JSON Schema as the client wrote it.
    pub schema: Json,
    /// The provider must hold to it.
    pub strict: Option<bool>,
    /// The answer is one word, wanted without quotation marks.
    pub bare: bool,
}

/// Tier, identity and cache keys.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Service {
    /// The wanted processing tier.
    pub tier: Option<Tier>,
    /// The opaque id of the end user, only if the client sent one.
    pub user: Option<String>,
    /// Routes requests that share a prefix to one cache.
    pub cache_key: Option<String>,
    /// The client's own labels, as a JSON object.
    pub metadata: Option<Json>,
}

/// A processing tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// The provider chooses.
    Auto,
    /// The standard tier only.
    Standard,
    /// Cheaper and slower.
    Flex,
    /// Batch-like capacity at scale.
    Scale,
    /// Faster and dearer.
    Priority,
}

/// A field that only its own dialect understands; only that dialect writes it back.
#[derive(Clone, Debug, PartialEq)]
pub struct Extra {
    /// The dialect it came from.
    pub origin: crate::DialectId,
    /// The field's name.
    pub field: String,
    /// Its value as it stood.
    pub json: Json,
}
