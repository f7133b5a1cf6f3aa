//! Answers in sound: what a client asks of them, what an upstream is asked, and the voices by name.
//!
//! Gemini gives samples of 16 bits, 24,000 a second, and no words beside them (ai.google.dev, speech generation, and
//! google-genai 3.4, November 2026). The names of its voices, with how each sounds, are those of the same page.

use dialect::Object;
use dialect::read::lenient_text;
use hub::{Extra, Fault, Losses, Request, SoundForm, Speech, Timbre, Voice};
use serde::Deserialize;

use crate::ID;
use crate::wire::Str;

/// The setting that asks for sound.
pub(crate) const MODES: &str = "generationConfig.responseModalities";
/// The setting that names voices.
pub(crate) const CONFIG: &str = "generationConfig.speechConfig";

/// Google's voices, by how they sound; the first of a kind stands for it.
const VOICES: [(&str, Timbre); 30] = [
    ("Schedar", Timbre::Even),
    ("Zephyr", Timbre::Bright),
    ("Puck", Timbre::Lively),
    ("Kore", Timbre::Firm),
    ("Sulafat", Timbre::Warm),
    ("Achernar", Timbre::Soft),
    ("Algenib", Timbre::Deep),
    ("Iapetus", Timbre::Clear),
    ("Charon", Timbre::Even),
    ("Rasalgethi", Timbre::Even),
    ("Sadaltager", Timbre::Even),
    ("Callirrhoe", Timbre::Even),
    ("Umbriel", Timbre::Even),
    ("Zubenelgenubi", Timbre::Even),
    ("Autonoe", Timbre::Bright),
    ("Leda", Timbre::Bright),
    ("Fenrir", Timbre::Lively),
    ("Laomedeia", Timbre::Lively),
    ("Sadachbia", Timbre::Lively),
    ("Orus", Timbre::Firm),
    ("Alnilam", Timbre::Firm),
    ("Pulcherrima", Timbre::Firm),
    ("Achird", Timbre::Warm),
    ("Algieba", Timbre::Warm),
    ("Despina", Timbre::Warm),
    ("Aoede", Timbre::Soft),
    ("Enceladus", Timbre::Soft),
    ("Vindemiatrix", Timbre::Soft),
    ("Gacrux", Timbre::Deep),
    ("Erinome", Timbre::Clear),
];

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SpeechConfig<'a> {
    #[serde(borrow, alias = "voice_config")]
    voice_config: Option<VoiceConfig<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct VoiceConfig<'a> {
    #[serde(borrow, alias = "prebuilt_voice_config")]
    prebuilt_voice_config: Option<Prebuilt<'a>>,
    /// The newer place of the same name.
    #[serde(borrow)]
    voice: Option<Str<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Prebuilt<'a> {
    #[serde(borrow, alias = "voice_name")]
    voice_name: Option<Str<'a>>,
}

/// What the settings that are kept for our own dialect ask of sound.
pub(crate) fn read(request: &Request) -> Option<Speech> {
    let setting = |name: &str| {
        let mut own = request.extras.iter().filter(|extra| extra.origin == ID);
        own.find(|extra| extra.field == name).map(|extra| extra.json.as_str())
    };
    let modes: Vec<String> = lenient_text(setting(MODES));
    let has = |mode: &str| modes.iter().any(|word| word.eq_ignore_ascii_case(mode));
    let speaks = has("audio");
    speaks.then(|| Speech { voice: voice(setting(CONFIG)), form: None, words: has("text") })
}

fn voice(config: Option<&str>) -> Option<Voice> {
    let config: SpeechConfig<'_> = lenient_text(config);
    let told = config.voice_config?;
    let name = told.prebuilt_voice_config.and_then(|prebuilt| prebuilt.voice_name).or(told.voice)?;
    Some(Voice::named(name.owned(), &VOICES))
}

/// Whether other dialects have all that a setting says in the request's own words on sound.
pub(crate) fn is_carried(extra: &Extra, speech: Option<&Speech>) -> bool {
    let Some(speech) = speech else { return false };
    match extra.field.as_str() {
        MODES => {
            let modes: Vec<String> = lenient_text(Some(extra.json.as_str()));
            modes.iter().all(|mode| mode.eq_ignore_ascii_case("audio") || mode.eq_ignore_ascii_case("text"))
        }
        CONFIG => speech.voice.is_some() && is_plain(extra.json.as_str()),
        _ => false,
    }
}

/// Whether a voice's name is all that the setting says.
fn is_plain(config: &str) -> bool {
    let Ok(node) = serde_json::from_str::<serde_json::Value>(config) else { return false };
    let sole = |value: &serde_json::Value, names: &[&str]| {
        let fields = value.as_object()?;
        let mut told = fields.iter().filter(|(_, value)| !value.is_null());
        let (key, inner) = told.next()?;
        (told.next().is_none() && names.contains(&key.as_str())).then(|| inner.clone())
    };
    let Some(voice) = sole(&node, &["voiceConfig", "voice_config"]) else { return false };
    let prebuilt = sole(&voice, &["prebuiltVoiceConfig", "prebuilt_voice_config"]);
    let name = prebuilt.and_then(|prebuilt| sole(&prebuilt, &["voiceName", "voice_name"]));
    name.or_else(|| sole(&voice, &["voice"])).is_some_and(|name| name.is_string())
}

/// What cannot be asked for.
pub(crate) fn refuse(speech: &Speech) -> Result<(), Fault> {
    match speech.form {
        None | Some(SoundForm::Pcm | SoundForm::Wav) => Ok(()),
        Some(SoundForm::Mp3 | SoundForm::Aac | SoundForm::Flac | SoundForm::Opus) => {
            let words = "Gemini gives sound as samples: ask for wav or pcm16";
            Err(Fault::unsupported("audio.format", words))
        }
    }
}

/// Asks for sound, in another dialect's name.
pub(crate) fn write(speech: &Speech, config: &mut Object<'_>, losses: &mut Losses) {
    if speech.words {
        losses.approximated("modalities", "Gemini gives sound without its words");
    }
    config.raw("responseModalities", "[\"AUDIO\"]");
    let Some(voice) = &speech.voice else { return };
    let mut speech = Object::open(config.key("speechConfig"));
    let mut inner = Object::open(speech.key("voiceConfig"));
    let mut prebuilt = Object::open(inner.key("prebuiltVoiceConfig"));
    prebuilt.text("voiceName", voice.among(&VOICES, losses));
    prebuilt.close();
    inner.close();
    speech.close();
}
