//! Lists in every form, as the places write them, and as nobody should.

use url::Url;

use super::*;

fn lister(format: &'static Format) -> Lister {
    let list = Endpoint::new(&Url::parse("https://a.example/v1").unwrap(), "models", &[]).unwrap();
    Lister::new(list, (http::header::AUTHORIZATION, "Bearer "), format)
}

fn read(format: &'static Format, body: &str) -> ListPage {
    lister(format).read(body.as_bytes()).unwrap()
}

/// The only model of a list.
fn one(format: &'static Format, entry: &str) -> Learned {
    let page = read(format, &format!(r#"{{"data":[{entry}]}}"#));
    assert_eq!(page.models.len(), 1, "{entry}");
    page.models.into_iter().next().unwrap()
}

#[test]
fn openai_lists_names_and_others_add_what_they_like() {
    let plain = one(&OPENAI, r#"{"id":"gpt-5","object":"model","created":1754425777,"owned_by":"system"}"#);
    assert_eq!(plain, Learned { name: "gpt-5".into(), created: Some(1_754_425_777), ..Learned::default() });

    let rich = one(
        &OPENAI,
        r#"{"id":"a/b:free","name":"A: B","context_length":200000,"architecture":{"input_modalities":["text","image","file"]},
        "top_provider":{"context_length":100000,"max_completion_tokens":64000},"pricing":{"prompt":"0.1"},
        "supported_parameters":["tools","reasoning","structured_outputs"],
        "reasoning":{"supported_efforts":["high","low"],"mandatory":true}}"#,
    );
    assert_eq!((rich.name.as_str(), rich.display_name.as_deref()), ("a/b:free", Some("A: B")));
    assert_eq!((rich.context, rich.max_output), (Some(200_000), Some(64_000)));
    assert_eq!((rich.images, rich.pdfs, rich.audio, rich.video), (Some(true), Some(true), Some(false), Some(false)));
    assert_eq!((rich.thinking, rich.can_disable, rich.structured_output), (Some(true), Some(false), Some(true)));
    assert_eq!(rich.efforts, ["high", "low"]);

    for (entry, context, max_output) in [
        (r#"{"id":"m","context_window":131072,"max_completion_tokens":8192,"active":true}"#, 131_072, Some(8_192)),
        (r#"{"id":"m","max_model_len":32768}"#, 32_768, None),
        (r#"{"id":"m","meta":{"n_ctx_train":4096}}"#, 4_096, None),
        (r#"{"id":"m","max_context_length":128000.0}"#, 128_000, None),
        (r#"{"id":"m","context_size":"7"}"#, 7, None),
    ] {
        let learned = one(&OPENAI, entry);
        assert_eq!((learned.context, learned.max_output), (Some(context), max_output), "{entry}");
    }
    assert!(read(&OPENAI, r#"{"data":[{"id":"gone","active":false}]}"#).models.is_empty());
    assert_eq!(read(&OPENAI, r#" [{"id":"bare","context_length":1}]"#).models[0].name, "bare");
}

#[test]
fn xai_names_kinds_of_input_and_other_names() {
    let page = read(
        &OPENAI,
        r#"{"models":[{"id":"grok-4","input_modalities":["text","image"],"aliases":["Grok-4-Latest"]}]}"#,
    );
    assert_eq!((page.models[0].images, &page.models[0].also[..]), (Some(true), &["Grok-4-Latest".to_owned()][..]));
}

#[test]
fn azure_lists_deployments_under_the_users_own_names() {
    let page = read(
        &DEPLOYMENTS,
        r#"{"data":[{"id":"mine","model":"gpt-5","status":"succeeded"},{"id":"late","model":"gpt-5","status":"running"}]}"#,
    );
    assert_eq!(page.models.len(), 1);
    assert_eq!((page.models[0].name.as_str(), page.models[0].known_as()), ("mine", "gpt-5"));
}

#[test]
fn anthropic_tells_what_its_models_can_do() {
    let body = r#"{"data":[{"type":"model","id":"claude-x","display_name":"Claude X","created_at":"2026-01-02T00:00:00Z",
        "max_input_tokens":1000000,"max_tokens":128000,"capabilities":{"image_input":{"supported":true},
        "pdf_input":{"supported":true},"structured_outputs":{"supported":false},"thinking":{"supported":true,
        "types":{"enabled":{"supported":false},"adaptive":{"supported":true}}},
        "effort":{"supported":true,"low":{"supported":true},"max":{"supported":false},"high":{"supported":true}}}}],
        "has_more":true,"first_id":"claude-x","last_id":"claude-x"}"#;
    let page = read(&ANTHROPIC, body);
    let model = &page.models[0];
    assert_eq!((model.context, model.max_output), (Some(1_000_000), Some(128_000)));
    assert_eq!((model.images, model.pdfs, model.structured_output), (Some(true), Some(true), Some(false)));
    assert_eq!((model.thinking, model.budget, model.adaptive), (Some(true), Some(false), Some(true)));
    assert_eq!((&model.efforts[..], model.created), (&["low".to_owned(), "high".into()][..], Some(1_767_312_000)));
    assert_eq!(page.next.as_deref(), Some("claude-x"));
    let last = read(&ANTHROPIC, r#"{"data":[],"has_more":false,"last_id":"claude-x"}"#);
    assert_eq!(last.next, None);
    let request = lister(&ANTHROPIC).request(page.next.as_deref(), &Secret::new("k")).unwrap();
    assert_eq!(request.uri(), "https://a.example/v1/models?limit=1000&after_id=claude%2Dx");
    assert_eq!(request.method(), "GET");
    assert_eq!(request.headers()["anthropic-version"], "2023-06-01");
}

#[test]
fn gemini_lists_what_answers_and_leaves_out_what_does_not() {
    let page = read(
        &GEMINI,
        r#"{"models":[{"name":"models/gemini-x","displayName":"Gemini X","inputTokenLimit":7,"outputTokenLimit":8,
        "thinking":true,"supportedGenerationMethods":["generateContent","countTokens"]},
        {"name":"models/veo","supportedGenerationMethods":["predictLongRunning"]},
        {"name":"models/emb","supportedGenerationMethods":["embedContent"]}],"nextPageToken":"t="}"#,
    );
    let names: Vec<_> = page.models.iter().map(|model| model.name.as_str()).collect();
    assert_eq!(names, ["gemini-x", "emb"]);
    assert_eq!((page.models[0].context, page.models[0].thinking), (Some(7), Some(true)));
    let request = lister(&GEMINI).request(page.next.as_deref(), &Secret::default()).unwrap();
    assert_eq!(request.uri(), "https://a.example/v1/models?pageSize=1000&pageToken=t%3D");
    let vertex = r#"{"publisherModels":[{"name":"publishers/google/models/gemini-y"},{"name":"publishers/google/models/bert"}]}"#;
    assert_eq!(read(&VERTEX, vertex).models.len(), 1);
}

#[test]
fn ollama_names_models_and_tells_the_rest_when_asked() {
    let page = read(
        &OLLAMA,
        r#"{"models":[{"name":"qwen3:latest","model":"qwen3:latest","size":1,"details":{"family":"qwen3"}}]}"#,
    );
    let mut model = page.models[0].clone();
    assert_eq!((model.name.as_str(), &model.also[..]), ("qwen3:latest", &["qwen3".to_owned()][..]));
    let one = Endpoint::new(&Url::parse("http://h:1").unwrap(), "api/show", &[]).unwrap();
    let lister = lister(&OLLAMA).with_details(Some(one));
    let request = lister.request_one(&model.name, &Secret::default()).unwrap().unwrap();
    assert_eq!((request.uri().path(), request.method().as_str()), ("/api/show", "POST"));
    let body: Vec<u8> = request.into_body().into_iter().flatten().collect();
    assert_eq!(body, br#"{"model":"qwen3:latest"}"#);
    let show = r#"{"capabilities":["completion","tools","thinking"],"model_info":{"general.architecture":"qwen3","qwen3.context_length":40960}}"#;
    lister.read_one(show.as_bytes(), &mut model);
    assert_eq!((model.context, model.thinking, model.images), (Some(40_960), Some(true), Some(false)));
    let before = model.clone();
    for nonsense in ["", "[]", "null", "{}", r#"{"model_info":{"a.context_length":"many"},"capabilities":7}"#] {
        lister.read_one(nonsense.as_bytes(), &mut model);
        assert_eq!(model, before, "{nonsense}");
    }
}

#[test]
fn one_broken_entry_spoils_no_list_and_no_list_is_an_error() {
    let long = "x".repeat(300);
    let page = read(
        &OPENAI,
        &format!(
            r#"{{"object":"list","data":[7,null,{{}},{{"id":""}},{{"id":"a b"}},{{"id":"a\nb"}},{{"id":"any*"}},{{"id":"{long}"}},
            {{"id":"good","context_length":"many","created":-1,"name":7,"architecture":null,"aliases":["*","fine"]}}]}}"#
        ),
    );
    let good = Learned { name: "good".into(), also: vec!["fine".into()], ..Learned::default() };
    assert_eq!(page.models, [good]);
    let deep = format!(r#"{{"data":[{}]}}"#, "[".repeat(500));
    for body in ["", "{", "7", "{}", "<html>", r#"{"data":{}}"#, r#"{"data":null}"#, deep.as_str()] {
        assert!(lister(&OPENAI).read(body.as_bytes()).is_err(), "{body:.30}");
    }
}
