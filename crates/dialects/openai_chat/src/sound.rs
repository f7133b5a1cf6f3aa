//! Answers in sound: what a client asks of them, what an upstream is asked, and the voices by name.
//!
//! Sources: types of openai-python 3.52 (`chat_completion_audio_param`, `chat_completion_audio`, the chunk's delta), and
//! the service's own refusals: streams give samples only, and a form must be named with the voice.

use bytes::BytesMut;
use dialect::{Body, Object, Reply, is_pcm, mint, wave};
use hub::{Fault, Losses, Media, SoundForm, Source, Speech, Timbre, Voice};
use serde::Deserialize;

use crate::wire::{Raw, Str, as_text};

/// OpenAI's voices, by how they sound; the first of a kind stands for it.
const VOICES: [(&str, Timbre); 13] = [
    ("alloy", Timbre::Even),
    ("nova", Timbre::Bright),
    ("fable", Timbre::Lively),
    ("echo", Timbre::Firm),
    ("cedar", Timbre::Warm),
    ("shimmer", Timbre::Soft),
    ("onyx", Timbre::Deep),
    ("marin", Timbre::Clear),
    ("ash", Timbre::Clear),
    ("ballad", Timbre::Warm),
    ("coral", Timbre::Bright),
    ("sage", Timbre::Soft),
    ("verse", Timbre::Lively),
];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Wanted<'a> {
    #[serde(borrow)]
    format: Option<Str<'a>>,
    /// A name, or an object with the id of a voice that an account has made.
    #[serde(borrow)]
    voice: Raw<'a>,
}

/// Whether sound is asked for.
pub(crate) fn is_wanted(body: &Body) -> bool {
    let modes: Option<Vec<String>> = body.get("modalities").ok().flatten();
    modes.is_some_and(|modes| modes.iter().any(|mode| mode == "audio"))
}

/// The form of sound that the client reads.
pub(crate) fn form(body: &Body) -> Option<SoundForm> {
    let wanted: Wanted<'_> = body.get("audio").ok().flatten()?;
    wanted.format.as_deref().and_then(form_of)
}

/// Reads what is asked; the client has said that it wants sound.
pub(crate) fn read(body: &Body, words: bool) -> Result<Speech, Fault> {
    let bad = |words: &'static str, field: &'static str| Err(Fault::bad_request(words).at(field));
    let Some(wanted) = body.get::<Wanted<'_>>("audio")? else {
        return bad("an answer in sound needs `audio` with `voice` and `format`", "audio");
    };
    let Some(form) = wanted.format.as_deref().and_then(form_of) else {
        return bad("`audio.format` must be wav, mp3, flac, aac, opus or pcm16", "audio.format");
    };
    if form != SoundForm::Pcm && body.get("stream")?.unwrap_or(false) {
        return bad("streams give sound as samples only: ask for pcm16, or for no stream", "audio.format");
    }
    let voice = match wanted.voice.map(|raw| as_text(raw).ok_or(raw)) {
        None => None,
        Some(Ok(name)) => Some(Voice::named(name, &VOICES)),
        Some(Err(_)) => {
            let words = "a voice of your own is known only to the account that made it: name one by a text";
            return Err(Fault::unsupported("audio.voice", words));
        }
    };
    Ok(Speech { voice, form: Some(form), words })
}

fn form_of(word: &str) -> Option<SoundForm> {
    Some(match word {
        "pcm16" => SoundForm::Pcm,
        "wav" => SoundForm::Wav,
        "mp3" => SoundForm::Mp3,
        "aac" => SoundForm::Aac,
        "flac" => SoundForm::Flac,
        "opus" => SoundForm::Opus,
        _ => return None,
    })
}

fn word_of(form: SoundForm) -> &'static str {
    match form {
        SoundForm::Pcm => "pcm16",
        SoundForm::Wav => "wav",
        SoundForm::Mp3 => "mp3",
        SoundForm::Aac => "aac",
        SoundForm::Flac => "flac",
        SoundForm::Opus => "opus",
    }
}

/// Asks for sound; gives the form that was asked for. OpenAI gives sound with its words only, and wants a voice named.
pub(crate) fn write(speech: &Speech, body: &mut Object<'_>, losses: &mut Losses) -> SoundForm {
    // Whoever names no form is used to samples.
    let form = speech.form.unwrap_or(SoundForm::Pcm);
    body.raw("modalities", "[\"text\",\"audio\"]");
    let mut audio = Object::open(body.key("audio"));
    audio.text("voice", speech.voice.as_ref().map_or(VOICES[0].0, |voice| voice.among(&VOICES, losses)));
    audio.text("format", word_of(form));
    audio.close();
    form
}

/// Writes the sound of a whole answer, in the form that the client asked for.
pub(crate) fn write_answer(sounds: &[&Media], reply: &Reply, message: &mut Object<'_>) {
    let Some(Media { source: Source::Base64(first), media_type, .. }) = sounds.first().copied() else { return };
    let kind = media_type.as_deref().unwrap_or_default();
    let whole = joined(sounds).unwrap_or_else(|| first.clone());
    let is_wave = reply.echo.sound == Some(SoundForm::Wav) && is_pcm(kind);
    let file = is_wave.then(|| wave(&whole, kind)).flatten();
    let mut audio = Object::open(message.key("audio"));
    audio.text("id", &id(reply));
    audio.text("data", file.as_deref().unwrap_or(&whole));
    // Nobody can name it in a later request.
    audio.number("expires_at", reply.created);
    audio.text("transcript", "");
    audio.close();
}

/// Several runs of samples are one.
fn joined(sounds: &[&Media]) -> Option<String> {
    let mut pieces = dialect::Pieces::default();
    let mut whole = String::new();
    for sound in sounds {
        let Source::Base64(data) = &sound.source else { continue };
        if sounds.len() == 1 {
            return Some(data.clone());
        }
        whole.push_str(&pieces.push(data)?);
    }
    whole.push_str(&pieces.finish());
    Some(whole)
}

/// The name of an answer's sound.
pub(crate) fn id(reply: &Reply) -> String {
    mint("audio_", reply.seed, 0)
}

/// Writes `audio` of a delta; `fields` writes what it holds.
pub(crate) fn write_delta(out: &mut BytesMut, fields: impl FnOnce(&mut Object<'_>)) {
    out.extend_from_slice(b"\"audio\":");
    let mut audio = Object::open(out);
    fields(&mut audio);
    audio.close();
}
