//! Pictures, sounds and files.

use dialect::{ModelTraits, WireQuirks};
use serde_json::{Value, json};

use super::{lost, refused, sent, translated};

const PNG: &str = "iVBORw0KGgo=";

fn anthropic(block: &Value) -> Value {
    json!({"model": "m", "max_tokens": 20, "messages": [{"role": "user", "content": [block]}]})
}

fn chat(part: &Value) -> Value {
    json!({"model": "m", "messages": [{"role": "user", "content": [part]}]})
}

fn file(data: &str, name: Option<&str>) -> Value {
    chat(&json!({"type": "file", "file": {"file_data": data, "filename": name}}))
}

#[test]
fn a_picture_is_what_its_bytes_are_in_whatever_form_it_comes() {
    let told = [
        json!({"type": "base64", "media_type": "image/jpeg", "data": PNG}),
        json!({"type": "base64", "media_type": "IMAGE/PNG", "data": "iVBORw0K\nGgo="}),
        json!({"type": "base64", "media_type": "image/png", "data": format!("data:image/png;base64,{PNG}")}),
        json!({"type": "base64", "data": PNG}),
        json!({"type": "url", "url": format!("data:image/png;base64,{PNG}")}),
    ];
    for source in told {
        let body = anthropic(&json!({"type": "image", "source": source}));
        let url = format!("data:image/png;base64,{PNG}");
        let chat = sent("anthropic", "openai_chat", &body);
        assert_eq!(chat["messages"][0]["content"][0]["image_url"]["url"], url, "{source}");
        let responses = sent("anthropic", "openai_responses", &body);
        assert_eq!(responses["input"][0]["content"][0]["image_url"], url, "{source}");
        let gemini = sent("anthropic", "gemini", &body);
        assert_eq!(gemini["contents"][0]["parts"][0]["inlineData"], json!({"mimeType": "image/png", "data": PNG}));
        assert_eq!(sent("anthropic", "ollama", &body)["messages"][0]["images"], json!([PNG]));
    }
    let jpg =
        anthropic(&json!({"type": "image", "source": {"type": "base64", "media_type": "image/jpg", "data": "AAAA"}}));
    assert_eq!(
        sent("anthropic", "openai_chat", &jpg)["messages"][0]["content"][0]["image_url"]["url"],
        "data:image/jpeg;base64,AAAA"
    );
}

#[test]
fn pictures_that_the_target_does_not_read_are_refused() {
    let of =
        |data: &str| chat(&json!({"type": "image_url", "image_url": {"url": format!("data:image/png;base64,{data}")}}));
    // What is called PNG is HEIC in fact, and GIF.
    let (heic, gif) = (of("AAAAGGZ0eXBoZWljAAAAAG1pZjFoZWlj"), of("R0lGODlhAQABAAAAACw="));
    for wire in ["anthropic", "openai_responses"] {
        assert_eq!(refused("openai_chat", wire, &heic), "messages", "{wire}");
    }
    assert_eq!(sent("openai_chat", "gemini", &heic)["contents"][0]["parts"][0]["inlineData"]["mimeType"], "image/heic");
    assert_eq!(refused("openai_chat", "gemini", &gif), "messages");
    assert_eq!(refused("openai_chat", "anthropic", &of("")), "messages[0].content[0]");
}

#[test]
fn sound_goes_only_where_it_is_heard() {
    let of = |format: &str| chat(&json!({"type": "input_audio", "input_audio": {"data": "AAAA", "format": format}}));
    for (format, kind) in [("wav", "audio/wav"), ("mp3", "audio/mp3"), ("ogg", "audio/ogg"), ("m4a", "audio/mp4")] {
        let found = sent("openai_chat", "gemini", &of(format));
        assert_eq!(found["contents"][0]["parts"][0]["inlineData"]["mimeType"], kind);
    }
    for wire in ["anthropic", "ollama"] {
        assert_eq!(refused("openai_chat", wire, &of("mp3")), "messages", "{wire}");
    }
    let hears = ModelTraits { audio: Some(true), ..ModelTraits::default() };
    let (found, _) = translated("openai_chat", "ollama", &of("mp3"), &hears).unwrap();
    assert_eq!(found["messages"][0]["images"], json!(["AAAA"]));
    // OpenAI itself reads two forms; servers like it read more.
    let ogg = json!({"contents": [{"parts": [{"inlineData": {"mimeType": "audio/ogg", "data": "AAAA"}}]}]});
    assert_eq!(sent("gemini", "openai_chat", &ogg)["messages"][0]["content"][0]["input_audio"]["format"], "ogg");
    let quirks = WireQuirks { openai_tools: true, ..WireQuirks::default() };
    assert!(translated("gemini", "openai_chat", &ogg, &ModelTraits { quirks, ..ModelTraits::default() }).is_err());
}

#[test]
fn the_words_of_an_earlier_sound_stand_for_it() {
    let of = |content: Value| {
        json!({"model": "m", "messages": [
            {"role": "user", "content": "q"},
            {"role": "assistant", "content": content, "audio": {"id": "a", "transcript": "spoken"}},
            {"role": "user", "content": "z"},
        ]})
    };
    for content in [json!(null), json!(""), json!([])] {
        assert_eq!(sent("openai_chat", "anthropic", &of(content))["messages"][1]["content"][0]["text"], "spoken");
    }
}

#[test]
fn files_are_known_by_their_bytes_and_then_by_their_names() {
    let pdf = sent("openai_chat", "anthropic", &file("JVBERi0xLjQ", None));
    assert_eq!(pdf["messages"][0]["content"][0]["source"]["media_type"], "application/pdf");
    // Code is text, also where its type is said to be unknown; base64 comes in any alphabet.
    for data in ["w7_Dvz8-", "data:application/octet-stream;base64,w7/Dvz8+"] {
        let code = file(data, Some("main.py"));
        let found = sent("openai_chat", "anthropic", &code)["messages"][0]["content"][0].clone();
        let source = json!({"type": "text", "media_type": "text/plain", "data": "ÿÿ?>"});
        assert_eq!(found, json!({"type": "document", "source": source, "title": "main.py"}));
        let found = sent("openai_chat", "gemini", &code)["contents"][0]["parts"][0]["inlineData"].clone();
        assert_eq!(found, json!({"mimeType": "text/plain", "data": "w7/Dvz8+"}));
        assert_eq!(sent("openai_chat", "ollama", &code)["messages"][0]["content"], "[main.py]\nÿÿ?>");
    }
    let json = file("data:application/json;base64,e30=", Some("a.json"));
    assert_eq!(sent("openai_chat", "gemini", &json)["contents"][0]["parts"][0]["inlineData"]["mimeType"], "text/plain");
    assert_eq!(refused("openai_chat", "anthropic", &file("not base64!", Some("a.txt"))), "messages[0].content[0]");
}

#[test]
fn what_is_said_about_a_text_is_said_before_it() {
    let source = json!({"type": "text", "media_type": "text/plain", "data": "words"});
    let body = anthropic(&json!({"type": "document", "source": source, "title": "T", "context": "C"}));
    assert_eq!(sent("anthropic", "openai_chat", &body)["messages"][0]["content"], "T\n\nC\n\nwords");
    assert_eq!(sent("anthropic", "gemini", &body)["contents"][0]["parts"][0]["text"], "T\n\nC\n\nwords");
    assert_eq!(sent("anthropic", "ollama", &body)["messages"][0]["content"], "[T]\nC\nwords");
}

#[test]
fn one_resolution_for_all_pictures_is_that_of_each() {
    let body = |level: &str| {
        json!({
            "contents": [{"parts": [
                {"inlineData": {"mimeType": "image/png", "data": PNG}},
                {"inlineData": {"mimeType": "image/png", "data": PNG}, "mediaResolution": {"level": "MEDIA_RESOLUTION_LOW"}},
            ]}],
            "generationConfig": {"mediaResolution": level},
        })
    };
    let found = sent("gemini", "openai_chat", &body("MEDIA_RESOLUTION_HIGH"))["messages"][0]["content"].clone();
    assert_eq!((&found[0]["image_url"]["detail"], &found[1]["image_url"]["detail"]), (&json!("high"), &json!("low")));
    assert_eq!(lost("gemini", "openai_chat", &body("MEDIA_RESOLUTION_HIGH")), "");
    assert!(lost("gemini", "openai_chat", &body("MEDIA_RESOLUTION_MEDIUM")).contains("mediaResolution"));
}
