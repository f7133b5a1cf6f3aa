//! What a translation loses: told, or refused before anybody is asked.

use serde_json::{Value, json};
use testkit::client::Got;
use testkit::{FakeAnthropic, FakeOpenAi, Gateway};

use crate::harness::{BEARER, MODEL, Setup, assert_healthy, request_lines, soon};
use crate::tongue::{Chat, Messages};

async fn ask(gateway: &Gateway, body: &Value, fidelity: &str) -> Got {
    let mut headers = vec![("authorization", BEARER), ("content-type", "application/json")];
    headers.extend((!fidelity.is_empty()).then_some(("x-bosporus-fidelity", fidelity)));
    let url = format!("{}/v1/chat/completions", gateway.url());
    soon(testkit::client::send(http::Method::POST, &url, &headers, body.to_string())).await.unwrap()
}

/// Asks for something that Anthropic has no field for, and for something that is only tuning there.
fn lossy() -> Value {
    let mut body = Chat.body(MODEL, false);
    body["unheard_of"] = json!({"n": 1});
    body["seed"] = json!(7);
    body
}

#[tokio::test]
async fn losses_are_told_and_strictness_refuses_them() {
    let fake = Messages.fake().await;
    let gateway = fake.gateway().await;
    let got = ask(&gateway, &lossy(), "").await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(got.header("x-bosporus-losses"), Some("dropped:unheard_of, dropped:seed"));
    assert_eq!(request_lines(&gateway, 1).await[0]["losses"], 2);

    let got = ask(&gateway, &lossy(), "strict").await;
    assert_eq!(got.status, 400, "{}", got.text());
    let error = Chat.error(&got);
    assert_eq!((&error["param"], &error["code"]), (&json!("unheard_of"), &json!("lossy_translation")), "{error}");
    let words = error["message"].as_str().unwrap();
    assert!(words.contains("claude-model") && words.contains("`claude`"), "{words}");
    assert_eq!(fake.requests().len(), 1, "no upstream is asked");

    let mut tuned = lossy();
    tuned.as_object_mut().unwrap().remove("unheard_of");
    let got = ask(&gateway, &tuned, "strict").await;
    assert_eq!((got.status.as_u16(), got.header("x-bosporus-losses")), (200, Some("dropped:seed")), "{}", got.text());
    let got = ask(&gateway, &tuned, "very").await;
    assert_eq!((got.status.as_u16(), &Chat.error(&got)["param"]), (400, &json!("x-bosporus-fidelity")));
    assert_healthy(&gateway).await;
}

#[tokio::test]
async fn what_nobody_reads_is_told_wherever_it_stands() {
    let fake = Messages.fake().await;
    let gateway = fake.join(Setup::new().with("debug", json!(true)), 0).start().await;
    let mut body = Chat.body(MODEL, false);
    body["store"] = json!(true);
    body["messages"][0]["content"] = json!([{"type": "text", "text": "q", "weight": 3, "id": null}]);
    let got = ask(&gateway, &body, "").await;
    let lost = "dropped:messages[0].content[0].weight";
    assert_eq!((got.status.as_u16(), got.header("x-bosporus-losses")), (200, Some(lost)), "{}", got.text());
    assert!(gateway.logged("\"field\":\"store\"").await);

    let got = ask(&gateway, &body, "strict").await;
    assert_eq!((got.status.as_u16(), &Chat.error(&got)["param"]), (400, &json!("messages[0].content[0].weight")));
    assert_eq!(fake.requests().len(), 1, "no upstream is asked");
}

#[tokio::test]
async fn losses_go_by_the_clients_own_names() {
    let fake = Messages.fake().await;
    let gateway = fake.gateway().await;
    let url = format!("{}/v1beta/models/{MODEL}:generateContent", gateway.url());
    let body = json!({"contents": [{"role": "user", "parts": [{"text": "json"}]}],
        "generationConfig": {"seed": 7, "responseMimeType": "application/json"}});
    let headers = |fidelity| [("authorization", BEARER), ("x-bosporus-fidelity", fidelity)];
    let got =
        soon(testkit::client::send(http::Method::POST, &url, &headers("report"), body.to_string())).await.unwrap();
    let told = "approximated:generationConfig.responseSchema, dropped:generationConfig.seed";
    assert_eq!((got.status.as_u16(), got.header("x-bosporus-losses")), (200, Some(told)), "{}", got.text());
    let got =
        soon(testkit::client::send(http::Method::POST, &url, &headers("strict"), body.to_string())).await.unwrap();
    assert!(got.status == 400 && got.text().contains("generationConfig.responseSchema"), "{}", got.text());
    assert_eq!(fake.requests().len(), 1);
}

/// A conversation of a hundred named turns has more to tell than is listed.
#[tokio::test]
async fn many_hints_hide_no_loss_from_strictness() {
    let fake = Messages.fake().await;
    let gateway = fake.gateway().await;
    let mut body = lossy();
    let turn = |n: usize| json!({"role": if n.is_multiple_of(2) { "user" } else { "assistant" }, "name": "n", "content": "words"});
    body["messages"] = (0..101).map(turn).collect();
    let got = ask(&gateway, &body, "strict").await;
    assert_eq!((got.status.as_u16(), &Chat.error(&got)["param"]), (400, &json!("unheard_of")), "{}", got.text());
    assert_eq!(fake.requests().len(), 0);
}

#[tokio::test]
async fn the_configuration_makes_all_requests_strict() {
    let fake = Messages.fake().await;
    let gateway = fake.join(Setup::new().with("fidelity", json!("strict")), 0).start().await;
    for header in ["", "report", "strict"] {
        let got = ask(&gateway, &lossy(), header).await;
        assert_eq!(got.status, 400, "{header}: {}", got.text());
    }
    assert_eq!(fake.requests().len(), 0);
}

#[tokio::test]
async fn an_account_that_loses_nothing_is_tried_before_a_refusal() {
    let (chat, claude) = (FakeOpenAi::start().await.unwrap(), FakeAnthropic::start().await.unwrap());
    let gateway = Setup::new().anthropic(&claude, 5).openai(&chat, 0).start().await;
    for _ in 0..3 {
        let mut body = lossy();
        body.as_object_mut().unwrap().remove("unheard_of");
        // Chat takes it as it is; on the way to Messages it would change.
        body["response_format"] = json!({"type": "json_object"});
        body["messages"][0]["content"] = json!("Some json, please.");
        let got = ask(&gateway, &body, "strict").await;
        assert_eq!((got.status.as_u16(), got.header("x-bosporus-losses")), (200, None), "{}", got.text());
    }
    assert_eq!((claude.requests().len(), chat.requests().len()), (0, 3));
    // Who was passed over is not blamed for it.
    let got = ask(&gateway, &Chat.body(MODEL, false), "strict").await;
    assert_eq!(got.status, 200, "{}", got.text());
    assert_eq!(claude.requests().len(), 1, "the dearer account is still the first");
}
