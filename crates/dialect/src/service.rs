//! Calls that exist in one language only and are passed on as they are: pictures, sound, rankings, moderation.

use crate::splice::Edit;

/// A call that is passed on. All of them name their model in the field `model`, in JSON and in forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Pictures from words.
    ImageGeneration,
    /// Pictures from pictures and words.
    ImageEdit,
    /// Pictures from a picture.
    ImageVariation,
    /// Sound from words.
    Speech,
    /// Words from sound.
    Transcription,
    /// English words from sound.
    Translation,
    /// Documents in the order of their worth for a question.
    Rerank,
    /// Whether words or pictures are harmful.
    Moderation,
    /// Pages of the web, as Codex asks for them outside of conversations.
    Search,
}

impl Service {
    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::ImageGeneration => "image generation",
            Self::ImageEdit => "image editing",
            Self::ImageVariation => "image variations",
            Self::Speech => "speech",
            Self::Transcription => "transcription",
            Self::Translation => "audio translation",
            Self::Rerank => "reranking",
            Self::Moderation => "moderation",
            Self::Search => "search",
        }
    }

    /// The model of a request that names none, where the API has one that does not move (OpenAI's reference, 2026-11).
    pub fn default_model(self) -> Option<&'static str> {
        match self {
            Self::Moderation => Some("omni-moderation-latest"),
            Self::ImageVariation => Some("dall-e-2"),
            Self::ImageGeneration
            | Self::ImageEdit
            | Self::Speech
            | Self::Transcription
            | Self::Translation
            | Self::Rerank
            | Self::Search => None,
        }
    }

    /// Whether answers are short unless they are streamed. The others may hold pictures or sound.
    pub fn answers_briefly(self) -> bool {
        match self {
            Self::Transcription | Self::Translation | Self::Rerank | Self::Moderation | Self::Search => true,
            Self::ImageGeneration | Self::ImageEdit | Self::ImageVariation | Self::Speech => false,
        }
    }

    /// What a JSON request needs changed for a place that calls the model `model`.
    pub fn edits(self, model: &str) -> Vec<Edit> {
        let mut edits = vec![Edit::set("model", crate::tree::Node::text(model).json())];
        if self == Self::Search {
            // Codex sends with it what only conversations take (CLIProxyAPI takes them out, too).
            edits.extend(["prompt_cache_key", "prompt_cache_retention"].map(Edit::remove));
        }
        edits
    }
}
