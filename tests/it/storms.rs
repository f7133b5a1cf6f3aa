//! Bad weather: limits for everybody at once, upstreams that die in mid-stream and come back, errors behind a handshake.

use serde_json::{Value, json};
use testkit::{FakeGemini, FakeOpenAi, FakeResponses, Gate, Port, Reply, Trouble};

use crate::harness::{MODEL, Setup, all_of, openai_entry, request_lines, soon};
use crate::tongue::{Chat, Messages, Tongue};

fn setup() -> Setup {
    Setup::new().with("disable-cooling", json!(false))
}

fn entry(number: usize, fake: &FakeOpenAi) -> Value {
    let mut entry = openai_entry(&fake.base_url(), &fake.key(), 0);
    entry["name"] = json!(format!("v{number}"));
    entry
}

#[tokio::test]
async fn a_storm_of_limits_ends_with_an_answer_for_everybody() {
    // Twenty limits are told in all: nobody can meet more of them in a row.
    let mut setup = setup().with("request-retry", json!(25)).with("max-retry-interval", json!(10));
    let mut fakes = Vec::new();
    for number in 0..4 {
        let fake = FakeOpenAi::start().await.unwrap();
        (0..5).for_each(|_| fake.script(Reply::trouble(Trouble::RateLimited(1))));
        setup = setup.compat(entry(number, &fake));
        fakes.push(fake);
    }
    let gateway = setup.start().await;
    let asked = (0..40).map(async |number| {
        let stream = number % 2 == 0;
        let got = Chat.ask(&gateway, &Chat.body(MODEL, stream)).await;
        assert!(got.status == 200 && (!stream || Chat.is_complete(&got)), "{number}: {}", got.text());
    });
    all_of(asked).await;
    let calls: usize = fakes.iter().map(|fake| fake.requests().len()).sum();
    // How many limits are met depends on how near to each other the requests come.
    assert!((41..=60).contains(&calls), "{calls}");
}

#[tokio::test]
async fn an_upstream_that_dies_in_mid_stream_is_replaced_and_used_again_when_it_is_back() {
    let port = Port::reserve().unwrap();
    let (dying, other) = (FakeOpenAi::start_on(port.number()).await.unwrap(), FakeOpenAi::start().await.unwrap());
    let key = dying.key();
    let mut dear = entry(0, &dying);
    dear["priority"] = json!(1);
    let gateway = setup().compat(dear).compat(entry(1, &other)).start().await;
    let gate = Gate::new();
    let mut streams = Vec::new();
    for client in [Chat, Messages, Chat] {
        dying.script(Reply::tiny_chunks(9).stall_after(4, &gate));
        let mut live = client.open(&gateway, &client.body(MODEL, true)).await;
        soon(live.until("x")).await.unwrap();
        streams.push((client, live));
    }
    drop(dying);
    for (client, live) in streams {
        let got = soon(live.rest()).await;
        let told = client.stream_error(&got).is_some() || got.broken.is_some();
        assert!(told && !client.is_complete(&got), "{client:?}: {}", got.text());
    }
    for _ in 0..6 {
        assert_eq!(Chat.ask(&gateway, &Chat.body(MODEL, true)).await.status, 200);
    }
    assert_eq!(other.requests().len(), 6);
    let back = FakeOpenAi::start_on(port.number()).await.unwrap();
    back.set_key(&key);
    // Benched for a second or so; then one live request finds out.
    let found = async {
        while back.requests().is_empty() {
            assert_eq!(Chat.ask(&gateway, &Chat.body(MODEL, false)).await.status, 200);
        }
    };
    soon(found).await;
}

#[tokio::test]
async fn a_handshake_commits_nothing_in_any_language() {
    for client in [Chat, Messages] {
        for failing in 0..3 {
            let responses = [FakeResponses::start().await.unwrap(), FakeResponses::start().await.unwrap()];
            let gemini = [FakeGemini::start().await.unwrap(), FakeGemini::start().await.unwrap()];
            let is_gemini = failing == 2;
            let setup = if is_gemini {
                let keyed = |fake: &FakeGemini, priority: i32| {
                    fake.add_model("gemini-model");
                    json!({"api-key": fake.key(), "base-url": fake.url(), "priority": priority,
                        "models": [{"name": "gemini-model", "alias": MODEL}]})
                };
                Setup::new().with("gemini-api-key", json!([keyed(&gemini[0], 1), keyed(&gemini[1], 0)]))
            } else {
                Setup::new().responses(&responses[0], 1).responses(&responses[1], 0)
            };
            let gateway = setup.start().await;
            match failing {
                0 => responses[0].script(Reply::lively().error_after(2)),
                1 => responses[0].script(Reply::lively().cut_after(2)),
                _ => gemini[0].script(Reply::lively().error_after(0)),
            }
            assert_second_answers(client, &gateway, failing).await;
        }
    }
}

async fn assert_second_answers(client: Tongue, gateway: &testkit::Gateway, failing: i32) {
    let got = client.ask(gateway, &client.body(MODEL, true)).await;
    let case = format!("{client:?} {failing}: {}", got.text());
    assert!(client.is_complete(&got) && client.text(&got, true).starts_with("Hello"), "{case}");
    assert_eq!(request_lines(gateway, 1).await[0]["attempts"], 2, "{case}");
}
