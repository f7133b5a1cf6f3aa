//! Answers in sound: who can be asked for one, in which words, and what comes of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use dialect::{Body, Memo, Reply};
use hub::{Event, SoundForm};
use serde_json::{Value, json};

use super::super::rounds::{assemble, read};
use super::{dialect, lost, refused, sent};

fn chat(modes: &Value, audio: &Value) -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": "q"}], "modalities": modes, "audio": audio})
}

fn gemini(config: &Value) -> Value {
    json!({"contents": [{"parts": [{"text": "q"}]}], "generationConfig": config})
}

#[test]
fn sound_is_asked_of_those_that_give_it_and_of_nobody_else() {
    let body = chat(&json!(["audio"]), &json!({"voice": "Kore", "format": "pcm16"}));
    let found = sent("openai_chat", "gemini", &body)["generationConfig"].clone();
    let voice = json!({"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}});
    assert_eq!(found, json!({"responseModalities": ["AUDIO"], "speechConfig": voice}));
    assert_eq!(lost("openai_chat", "gemini", &body), "");
    for asked in [json!({"responseModalities": ["AUDIO"]}), json!({"response_modalities": ["TEXT", "audio"]})] {
        let found = sent("gemini", "openai_chat", &gemini(&asked));
        assert_eq!(found["modalities"], json!(["text", "audio"]));
        assert_eq!(found["audio"], json!({"voice": "alloy", "format": "pcm16"}));
        assert_eq!(lost("gemini", "openai_chat", &gemini(&asked)), "");
    }
    for wire in ["openai_responses", "anthropic", "ollama"] {
        assert_eq!(refused("openai_chat", wire, &body), "modalities", "{wire}");
        assert_eq!(refused("gemini", wire, &gemini(&json!({"responseModalities": ["AUDIO"]}))), "modalities", "{wire}");
    }
    let text = json!({"model": "m", "messages": [{"role": "user", "content": "q"}], "modalities": ["text"]});
    assert_eq!(lost("openai_chat", "gemini", &text), "");
}

#[test]
fn forms_that_nobody_can_make_are_refused() {
    for (format, wanted) in
        [("wav", None), ("pcm16", None), ("mp3", Some("audio.format")), ("opus", Some("audio.format"))]
    {
        let body = chat(&json!(["audio"]), &json!({"voice": "Puck", "format": format}));
        match wanted {
            None => assert_eq!(lost("openai_chat", "gemini", &body), "", "{format}"),
            Some(field) => assert_eq!(refused("openai_chat", "gemini", &body), field, "{format}"),
        }
    }
    // As OpenAI itself answers them.
    let modes = json!(["text", "audio"]);
    for (audio, field) in [
        (json!(null), "audio"),
        (json!({"voice": "alloy"}), "audio.format"),
        (json!({"voice": "alloy", "format": "midi"}), "audio.format"),
        (json!({"voice": {"id": "voice_1"}, "format": "wav"}), "audio.voice"),
    ] {
        assert_eq!(refused("openai_chat", "gemini", &chat(&modes, &audio)), field, "{audio}");
    }
    let mut streamed = chat(&modes, &json!({"voice": "alloy", "format": "wav"}));
    streamed["stream"] = json!(true);
    assert_eq!(refused("openai_chat", "gemini", &streamed), "audio.format");
}

#[test]
fn a_voice_is_itself_or_one_that_sounds_like_it() {
    let to_gemini = |voice: &str| {
        let body = chat(&json!(["audio"]), &json!({"voice": voice, "format": "wav"}));
        let config = sent("openai_chat", "gemini", &body)["generationConfig"]["speechConfig"].clone();
        (config["voiceConfig"]["prebuiltVoiceConfig"]["voiceName"].clone(), lost("openai_chat", "gemini", &body))
    };
    let to_chat = |config: Value| {
        let body = gemini(&json!({"responseModalities": ["AUDIO"], "speechConfig": config}));
        (sent("gemini", "openai_chat", &body)["audio"]["voice"].clone(), lost("gemini", "openai_chat", &body))
    };
    let named = |name: &str| json!({"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": name}}});
    assert_eq!(to_gemini("Leda").0, "Leda");
    assert_eq!(to_gemini("of-my-own"), (json!("of-my-own"), String::new()));
    let (voice, told) = to_gemini("onyx");
    assert!(voice == "Algenib" && told.contains("audio.voice"), "{voice} {told}");
    assert_eq!(to_chat(named("sage")), (json!("sage"), String::new()));
    assert_eq!(to_chat(json!({"voice_config": {"voice": "cedar"}})), (json!("cedar"), String::new()));
    let (voice, told) = to_chat(named("Gacrux"));
    assert!(voice == "onyx" && told.contains("audio.voice"), "{voice} {told}");
    let two = json!({"multiSpeakerVoiceConfig": {"speakerVoiceConfigs": []}});
    assert!(to_chat(two).1.contains("speechConfig"));
    let (_, told) = to_chat(json!({"languageCode": "de-DE", "voiceConfig": {"voice": "alloy"}}));
    assert!(told.contains("speechConfig"), "{told}");
}

#[test]
fn a_wish_for_words_beside_the_sound_is_told_where_there_are_none() {
    let body = chat(&json!(["text", "audio"]), &json!({"voice": "Kore", "format": "pcm16"}));
    assert!(lost("openai_chat", "gemini", &body).contains("modalities"));
}

/// Samples in two pieces whose border is in the middle of a group.
const SAMPLES: [&[u8]; 2] = [&[1, 2, 3, 4, 5, 6, 7, 8], &[9, 10]];

fn samples() -> Vec<u8> {
    SAMPLES.concat()
}

fn gemini_answer(pieces: &[&[u8]]) -> Value {
    let blob = |bytes: &&[u8]| json!({"inlineData": {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": STANDARD.encode(bytes)}});
    let parts: Vec<Value> = pieces.iter().map(blob).collect();
    json!({"candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}]})
}

/// Streams of either dialect with the same sound, cut in two.
fn streams() -> [(&'static str, String); 2] {
    let line = |json: Value| format!("data: {json}\n\n");
    let mut first = gemini_answer(&SAMPLES[..1]);
    first["candidates"][0].as_object_mut().unwrap().remove("finishReason");
    let gemini = [first, gemini_answer(&SAMPLES[1..])].map(line).concat();
    let delta =
        |delta: Value| line(json!({"id": "c", "choices": [{"index": 0, "delta": delta, "finish_reason": null}]}));
    let chat = [
        delta(json!({"role": "assistant", "content": null, "audio": {"id": "audio_1", "transcript": ""}})),
        delta(json!({"audio": {"data": STANDARD.encode(SAMPLES[0])}})),
        delta(json!({"audio": {"transcript": "so"}})),
        delta(json!({"audio": {"data": STANDARD.encode(SAMPLES[1])}})),
        delta(json!({"audio": {"transcript": "und"}})),
        delta(json!({"audio": {"expires_at": 1}})),
        line(json!({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})),
        "data: [DONE]\n\n".to_owned(),
    ];
    [("gemini", gemini), ("openai_chat", chat.concat())]
}

fn encoded(client: &str, events: &[Event]) -> String {
    let mut encoder = dialect(client).client.unwrap().stream_encoder(Reply::new("m", true));
    let mut out = BytesMut::new();
    events.iter().for_each(|event| encoder.push(event, &mut out));
    encoder.end(&mut out);
    String::from_utf8(out.to_vec()).unwrap()
}

/// The bytes that a player of streamed chunks gets, chunk by chunk, and the words.
fn played(client: &str, stream: &str) -> (Vec<u8>, String) {
    let (mut sound, mut words) = (Vec::new(), String::new());
    for line in stream.lines().filter_map(|line| line.strip_prefix("data: ")) {
        let Ok(chunk) = serde_json::from_str::<Value>(line) else { continue };
        let (data, text) = match client {
            "gemini" => {
                let part = &chunk["candidates"][0]["content"]["parts"][0];
                (part["inlineData"]["data"].clone(), part["text"].clone())
            }
            _ => {
                let delta = &chunk["choices"][0]["delta"];
                (delta["audio"]["data"].clone(), delta["content"].clone())
            }
        };
        let bytes = STANDARD.decode(data.as_str().unwrap_or_default()).unwrap();
        assert_eq!(bytes.len() % 2, 0, "a player takes whole samples");
        sound.extend(bytes);
        words.push_str(text.as_str().unwrap_or_default());
    }
    (sound, words)
}

#[test]
fn streamed_sound_is_the_same_bytes_at_either_client() {
    for (wire, stream) in streams() {
        let events = read(dialect(wire), stream.as_bytes()).unwrap();
        let words = if wire == "gemini" { "" } else { "sound" };
        for client in ["gemini", "openai_chat"] {
            let found = played(client, &encoded(client, &events));
            assert_eq!(found, (samples(), words.to_owned()), "{wire} to {client}");
        }
        for client in ["anthropic", "openai_responses", "ollama"] {
            let told = encoded(client, &events);
            assert!(told.contains("sound was made") && !told.contains("AQID"), "{wire} to {client}: {told}");
        }
    }
}

#[test]
fn whole_sound_is_what_the_stream_would_have_been() {
    let chat = json!({"id": "c", "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant",
        "content": null, "audio": {"id": "a", "expires_at": 1, "transcript": "sound", "data": STANDARD.encode(samples())}}}]});
    for (wire, body) in [("gemini", gemini_answer(&SAMPLES)), ("openai_chat", chat)] {
        let side = dialect(wire).wire.unwrap();
        let response = side.decode_response(body.to_string().as_bytes(), &Memo::default()).unwrap();
        let (_, stream) = streams().into_iter().find(|(id, _)| *id == wire).unwrap();
        assert_eq!(assemble(read(dialect(wire), stream.as_bytes()).unwrap()).parts, response.parts, "{wire}");
        let write = |client: &str, reply: &Reply| -> Value {
            serde_json::from_slice(&dialect(client).client.unwrap().encode_response(&response, reply)).unwrap()
        };
        let google = write("gemini", &Reply::new("m", false));
        let part = &google["candidates"][0]["content"]["parts"][0]["inlineData"];
        assert_eq!(part["data"], STANDARD.encode(samples()), "{wire}: {google}");
        assert_eq!(part["mimeType"], "audio/L16;codec=pcm;rate=24000");
        let message = write("openai_chat", &Reply::new("m", false))["choices"][0]["message"].clone();
        assert_eq!(message["audio"]["data"], STANDARD.encode(samples()), "{wire}: {message}");
        assert!(message["audio"]["id"].is_string() && message["audio"]["expires_at"].is_number());
        for client in ["anthropic", "openai_responses", "ollama"] {
            let told = write(client, &Reply::new("m", false)).to_string();
            assert!(told.contains("sound was made") && !told.contains("AQID"), "{wire} to {client}: {told}");
        }
    }
}

#[test]
fn who_asked_for_a_file_gets_one() {
    let body = chat(&json!(["audio"]), &json!({"voice": "Kore", "format": "wav"}));
    let body = Body::parse(Bytes::from(body.to_string())).unwrap();
    let face = dialect("openai_chat").client.unwrap();
    let echo = face.echo(&body, &body);
    assert_eq!(echo.sound, Some(SoundForm::Wav));
    let reply = Reply { echo: std::sync::Arc::new(echo), ..Reply::new("m", false) };
    let answer = gemini_answer(&SAMPLES).to_string();
    let response = dialect("gemini").wire.unwrap().decode_response(answer.as_bytes(), &Memo::default()).unwrap();
    let told: Value = serde_json::from_slice(&face.encode_response(&response, &reply)).unwrap();
    let file = STANDARD.decode(told["choices"][0]["message"]["audio"]["data"].as_str().unwrap()).unwrap();
    assert_eq!((&file[..4], &file[44..]), (&b"RIFF"[..], &samples()[..]));
}

#[test]
fn samples_in_a_history_are_sent_with_a_header() {
    let blob =
        json!({"inlineData": {"mimeType": "audio/L16;codec=pcm;rate=24000", "data": STANDARD.encode(samples())}});
    let body = json!({"contents": [{"role": "user", "parts": [blob]}]});
    let chat = sent("gemini", "openai_chat", &body)["messages"][0]["content"][0]["input_audio"].clone();
    let responses = sent("gemini", "openai_responses", &body)["input"][0]["content"][0]["input_audio"].clone();
    for sound in [chat, responses] {
        assert_eq!(sound["format"], "wav");
        assert!(sound["data"].as_str().unwrap().starts_with("UklGR"));
    }
    // Chat's word for them in answers turns up in questions.
    let sound = json!({"type": "input_audio", "input_audio": {"data": STANDARD.encode(samples()), "format": "pcm16"}});
    let body = json!({"model": "m", "messages": [{"role": "user", "content": [sound]}]});
    let blob = sent("openai_chat", "gemini", &body)["contents"][0]["parts"][0]["inlineData"].clone();
    assert_eq!(blob["mimeType"], "audio/wav");
    let file = STANDARD.decode(blob["data"].as_str().unwrap()).unwrap();
    assert_eq!((&file[24..28], &file[44..]), (&24_000_u32.to_le_bytes()[..], &samples()[..]));
}
