//! Answers in sound: what a client asks of them.
//!
//! Voices have names that only their vendor knows. What two vendors can have in common is how a voice sounds, so each
//! dialect says that of its own names, and looks for a name of its own by it.

use crate::Losses;

/// An answer in sound is wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Speech {
    /// Who speaks; `None` leaves it to the provider.
    pub voice: Option<Voice>,
    /// The form of the sound; `None` is the form that the wire gives.
    pub form: Option<SoundForm>,
    /// The words are wanted beside the sound.
    pub words: bool,
}

/// A voice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Voice {
    /// The name, as the client wrote it.
    pub name: String,
    /// How it sounds, where the client's dialect knows the name.
    pub timbre: Option<Timbre>,
}

impl Voice {
    /// A voice by name; `own` are the names that the client's dialect knows.
    pub fn named(name: impl Into<String>, own: &[(&str, Timbre)]) -> Self {
        let name = name.into();
        Self { timbre: timbre(&name, own), name }
    }

    /// The name to send where `own` are the voices: the very voice, where it is one of them or nobody knows it, or
    /// else one that sounds like it.
    pub fn among<'a>(&'a self, own: &[(&'static str, Timbre)], losses: &mut Losses) -> &'a str {
        let like = self.timbre.filter(|_| timbre(&self.name, own).is_none());
        let Some((name, _)) = like.and_then(|like| own.iter().find(|(_, sounds)| *sounds == like)) else {
            return &self.name;
        };
        losses.approximated("audio.voice", format!("the voice {name} speaks for {}", self.name));
        name
    }
}

fn timbre(name: &str, own: &[(&str, Timbre)]) -> Option<Timbre> {
    own.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, timbre)| *timbre)
}

/// How a voice sounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timbre {
    /// Neutral and steady.
    Even,
    /// High and light.
    Bright,
    /// Quick and cheerful.
    Lively,
    /// Certain.
    Firm,
    /// Friendly and full.
    Warm,
    /// Quiet and breathy.
    Soft,
    /// Low and rough.
    Deep,
    /// Articulate.
    Clear,
}

/// The form of recorded sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SoundForm {
    /// Samples of 16 bits, little-endian, one channel, 24,000 a second, with nothing around them.
    Pcm,
    /// The same with a header.
    Wav,
    /// MP3.
    Mp3,
    /// AAC.
    Aac,
    /// FLAC.
    Flac,
    /// Opus in Ogg.
    Opus,
}

impl SoundForm {
    /// The media type.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Pcm => "audio/L16;codec=pcm;rate=24000",
            Self::Wav => "audio/wav",
            Self::Mp3 => "audio/mpeg",
            Self::Aac => "audio/aac",
            Self::Flac => "audio/flac",
            Self::Opus => "audio/ogg",
        }
    }
}
