//! Many accounts behind one name: who is asked, who is left alone for how long, and what a client sees of it (nothing).

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::client::{self, Got};
use testkit::{FakeOpenAi, Gateway, Reply, Trouble};

use crate::harness::{BEARER, MODEL, Setup, all_of, openai_entry, request_lines, soon};
use crate::tongue::Chat;

/// A vendor's fakes and a gateway before them, with benches on.
struct Farm {
    fakes: Vec<FakeOpenAi>,
    gateway: Gateway,
}

impl Farm {
    async fn new(count: usize, setup: Setup) -> Self {
        Self::with(count, setup, |_, _| ()).await
    }

    /// A fake for each account; `change` gets its number and its entry.
    async fn with(count: usize, setup: Setup, change: impl Fn(usize, &mut Value)) -> Self {
        let mut setup = setup.with("disable-cooling", json!(false));
        let mut fakes = Vec::new();
        for number in 0..count {
            let fake = FakeOpenAi::start().await.unwrap();
            let mut entry = openai_entry(&fake.base_url(), &fake.key(), 0);
            entry["name"] = json!(format!("v{number}"));
            change(number, &mut entry);
            setup = setup.compat(entry);
            fakes.push(fake);
        }
        Self { fakes, gateway: setup.start().await }
    }

    async fn ask(&self) -> Got {
        Chat.ask(&self.gateway, &Chat.body(MODEL, false)).await
    }

    /// Asks within a session.
    async fn ask_in(&self, session: &str) -> Got {
        let url = format!("{}/v1/chat/completions", self.gateway.url());
        let headers = [("authorization", BEARER), ("x-session-id", session), ("content-type", "application/json")];
        let body = Chat.body(MODEL, false).to_string();
        soon(client::send(http::Method::POST, &url, &headers, body)).await.unwrap()
    }

    fn counts(&self) -> Vec<usize> {
        self.fakes.iter().map(|fake| fake.requests().len()).collect()
    }

    fn always(&self, fake: usize, times: usize, reply: impl Fn() -> Reply) {
        (0..times).for_each(|_| self.fakes[fake].script(reply()));
    }
}

fn routing(strategy: &str) -> Setup {
    Setup::new().with("routing", json!({"strategy": strategy}))
}

#[tokio::test]
async fn accounts_take_turns() {
    let farm = Farm::new(3, Setup::new()).await;
    for _ in 0..9 {
        assert_eq!(farm.ask().await.status, 200);
    }
    assert_eq!(farm.counts(), [3, 3, 3]);
}

#[tokio::test]
async fn weights_are_shares() {
    let weigh = |number: usize, entry: &mut Value| entry["api-key-entries"][0]["weight"] = json!([3, 1, 0][number]);
    let farm = Farm::with(3, routing("weighted-round-robin"), weigh).await;
    for _ in 0..20 {
        assert_eq!(farm.ask().await.status, 200);
    }
    assert_eq!(farm.counts(), [15, 5, 0]);
}

#[tokio::test]
async fn an_account_without_weight_is_nobodys_and_hides_nobodys_return() {
    let weigh = |number: usize, entry: &mut Value| {
        entry["api-key-entries"][0]["weight"] = json!([1, 1, 0][number]);
        entry["models"].as_array_mut().unwrap().push(json!({"name": format!("only-{number}")}));
    };
    let setup = routing("weighted-round-robin")
        .with("remote-management", json!({"secret-key": "a-management-key-of-these-tests"}));
    let farm = Farm::with(3, setup, weigh).await;
    let url = format!("{}/v1/models", farm.gateway.url());
    let list = soon(client::send(http::Method::GET, &url, &[("authorization", BEARER)], "")).await.unwrap();
    assert!(list.text().contains("\"only-1\"") && !list.text().contains("\"only-2\""), "{}", list.text());
    let got = Chat.ask(&farm.gateway, &Chat.body("only-2", false)).await;
    assert_eq!(got.status, 404, "what nobody may be asked for is not there: {}", got.text());
    let url = format!("{}/v0/management/explain?model=only-2", farm.gateway.url());
    let headers = [("authorization", "Bearer a-management-key-of-these-tests")];
    let told = soon(client::send(http::Method::GET, &url, &headers, "")).await.unwrap();
    assert!(told.text().contains("\"weight\""), "{}", told.text());
    // Both that have turns are out; the third hides neither the reason nor the time.
    farm.fakes[0].script(Reply::trouble(Trouble::RateLimited(30)));
    farm.fakes[1].script(Reply::trouble(Trouble::RateLimited(50)));
    for _ in 0..2 {
        let got = farm.ask().await;
        let wait: u64 = got.header("retry-after").unwrap().parse().unwrap();
        assert_eq!(got.status, 429, "{}", got.text());
        assert!((1..=30).contains(&wait), "the first of both is back in 30 s, and not in {wait}");
    }
    assert_eq!(farm.counts(), [1, 1, 0]);
}

#[tokio::test]
async fn a_limit_without_any_wait_is_not_asked_in_a_circle() {
    let farm = Farm::new(2, Setup::new()).await;
    (0..2).for_each(|fake| farm.always(fake, 1_000, || Reply::trouble(Trouble::RateLimited(0))));
    let begun = Instant::now();
    for _ in 0..5 {
        let got = farm.ask().await;
        assert_eq!(got.status, 429, "{}", got.text());
        assert_ne!(got.header("retry-after"), Some("0"), "at once would be in vain");
    }
    // A last resort a request, and whoever was left alone for a second.
    let most = 7 + 2 * begun.elapsed().as_secs();
    assert!(farm.counts().iter().sum::<usize>() as u64 <= most, "no more than {most}: {:?}", farm.counts());
}

#[tokio::test]
async fn the_first_is_filled_first_and_the_next_only_while_it_is_out() {
    let farm = Farm::new(2, routing("fill-first")).await;
    farm.ask().await;
    farm.fakes[0].script(Reply::trouble(Trouble::RateLimited(3600)));
    for _ in 0..5 {
        assert_eq!(farm.ask().await.status, 200);
    }
    assert_eq!(farm.counts(), [2, 5], "one more to find out, then it is left alone");
}

#[tokio::test]
async fn a_session_stays_with_its_account_and_others_take_turns() {
    let farm = Farm::new(3, Setup::new()).await;
    for _ in 0..6 {
        assert_eq!(farm.ask_in("one").await.status, 200);
    }
    let mut counts = farm.counts();
    counts.sort_unstable();
    assert_eq!(counts, [0, 0, 6]);
    for number in 0..6 {
        farm.ask_in(&format!("other-{number}")).await;
    }
    assert!(farm.counts().iter().all(|count| *count >= 2), "{:?}", farm.counts());
}

/// A turn of a conversation that has no name: what was said before, and one question more.
async fn say(farm: &Farm, said: &[&str], question: &str) -> Got {
    let mut body = Chat.body(MODEL, false);
    let turn =
        |(n, text): (usize, &&str)| json!({"role": if n % 2 == 0 { "user" } else { "assistant" }, "content": text});
    let mut turns: Vec<Value> = said.iter().enumerate().map(turn).collect();
    turns.push(json!({"role": "user", "content": question}));
    body["messages"] = json!(turns);
    Chat.ask(&farm.gateway, &body).await
}

#[tokio::test]
async fn a_conversation_without_a_name_is_known_by_how_it_began() {
    let farm = Farm::new(3, Setup::new()).await;
    // Equal first questions are spread; whoever answers one keeps what follows.
    for (fake, counts) in [(0, [1, 0, 0]), (1, [1, 1, 0]), (2, [1, 1, 1])] {
        assert_eq!(say(&farm, &[], "one and the same").await.status, 200);
        assert_eq!(farm.counts(), counts, "{fake}");
    }
    assert_eq!(say(&farm, &[], "a question of its own").await.status, 200);
    assert_eq!(farm.counts(), [2, 1, 1]);
    for _ in 0..3 {
        assert_eq!(say(&farm, &["a question of its own", "an answer"], "and then?").await.status, 200);
    }
    let long = ["a question of its own", "an answer", "and then?", "another"];
    assert_eq!(say(&farm, &long, "and then?").await.status, 200);
    assert_eq!(farm.counts(), [6, 1, 1]);
    // Where affinity is off, turns are taken.
    let farm = Farm::new(2, Setup::new().with("routing", json!({"session-affinity": false}))).await;
    for _ in 0..4 {
        assert_eq!(say(&farm, &["q", "a"], "and then?").await.status, 200);
    }
    assert_eq!(farm.counts(), [2, 2]);
}

#[tokio::test]
async fn a_conversation_stays_with_its_account_when_another_model_takes_over() {
    let other = |_: usize, entry: &mut Value| {
        entry["models"] = json!([{"name": "chat-model", "alias": MODEL}, {"name": "second", "alias": "second"}]);
    };
    let setup = Setup::new().with("fallback", json!({MODEL: ["second"]}));
    let farm = Farm::with(3, setup, other).await;
    farm.fakes.iter().for_each(|fake| fake.add_model("second"));
    assert_eq!(farm.ask_in("s").await.status, 200);
    assert_eq!(farm.counts(), [1, 0, 0]);
    // Nobody has the first model any more: the second is asked where the conversation was, and not where it is next.
    (0..3).for_each(|fake| farm.always(fake, 1, || Reply::trouble(Trouble::RateLimited(3600))));
    let got = farm.ask_in("s").await;
    assert_eq!(got.header("x-bosporus-fallback"), Some("second"), "{}", got.text());
    let asked_for_second: Vec<usize> = (0..3)
        .map(|fake| farm.fakes[fake].requests().iter().filter(|sent| sent.json()["model"] == "second").count())
        .collect();
    let last = farm.ask_in("s").await;
    assert_eq!(last.status, 200);
    let again: Vec<usize> = (0..3)
        .map(|fake| farm.fakes[fake].requests().iter().filter(|sent| sent.json()["model"] == "second").count())
        .collect();
    // The conversation was last with whoever failed last for the first model.
    assert_eq!((asked_for_second, again), (vec![0, 0, 1], vec![0, 0, 2]));
}

#[tokio::test]
async fn a_session_moves_when_its_account_is_out_and_then_stays_where_it_is() {
    let farm = Farm::with(2, Setup::new(), |number, entry| entry["priority"] = json!(1 - number)).await;
    farm.ask_in("s").await;
    farm.fakes[0].script(Reply::trouble(Trouble::RateLimited(1)));
    assert_eq!(farm.ask_in("s").await.status, 200);
    assert_eq!(farm.counts(), [2, 1]);
    // Others find the first again as soon as it may be asked; the session does not leave the second for that.
    wait_for_return(&farm, 0).await;
    let before = farm.counts()[0];
    for _ in 0..3 {
        farm.ask_in("s").await;
    }
    assert_eq!(farm.counts()[0], before);
}

#[tokio::test]
async fn a_session_fails_back_where_that_is_wanted() {
    let routing = json!({"session-affinity-fail-back": true});
    let setup = Setup::new().with("routing", routing);
    let farm = Farm::with(2, setup, |number, entry| entry["priority"] = json!(1 - number)).await;
    farm.fakes[0].script(Reply::trouble(Trouble::RateLimited(1)));
    assert_eq!(farm.ask_in("s").await.status, 200);
    assert_eq!(farm.counts(), [1, 1]);
    wait_for_return(&farm, 0).await;
    let before = farm.counts();
    farm.ask_in("s").await;
    assert_eq!(farm.counts(), [before[0] + 1, before[1]]);
}

/// Asks without a session until an account is asked again.
async fn wait_for_return(farm: &Farm, account: usize) {
    let before = farm.counts()[account];
    soon(async {
        while farm.counts()[account] == before {
            assert_eq!(farm.ask().await.status, 200);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn all_benched_is_an_honest_429_that_asks_nobody() {
    let farm = Farm::new(2, Setup::new()).await;
    farm.always(0, 1, || Reply::trouble(Trouble::RateLimited(100)));
    farm.always(1, 1, || Reply::trouble(Trouble::RateLimited(50)));
    let got = farm.ask().await;
    assert_eq!(got.status, 429, "{}", got.text());
    for _ in 0..3 {
        let got = farm.ask().await;
        let wait: u64 = got.header("retry-after").unwrap().parse().unwrap();
        assert_eq!(got.status, 429);
        assert!((1..=50).contains(&wait), "the first is back in {wait}");
        assert!(Chat.error(&got)["message"].as_str().unwrap().contains("the first is back in"), "{}", got.text());
    }
    assert_eq!(farm.counts(), [1, 1]);
}

#[tokio::test]
async fn a_short_wait_is_no_failure() {
    let setup = Setup::new().with("max-retry-interval", json!(30));
    let farm = Farm::new(1, setup.with("request-retry", json!(1))).await;
    farm.fakes[0].script(Reply::trouble(Trouble::RateLimited(1)));
    assert_eq!(farm.ask().await.status, 200);
    assert_eq!(farm.counts(), [2]);
}

#[tokio::test]
async fn the_last_account_is_not_benched_without_a_hint() {
    let limit = r#"{"error":{"message":"slow down","type":"rate_limit","param":null,"code":null}}"#;
    let farm = Farm::new(1, Setup::new()).await;
    farm.always(0, 20, || Reply::raw(429, "application/json", limit));
    for _ in 0..20 {
        let got = farm.ask().await;
        assert!(got.status == 429 && got.header("retry-after").is_some(), "{}", got.text());
    }
    assert_eq!(farm.ask().await.status, 200);
    assert_eq!(farm.counts(), [21]);
}

#[tokio::test]
async fn faults_of_requests_bench_nobody() {
    let refusal = r#"{"error":{"message":"that is wrong","type":"invalid_request_error","param":null,"code":null}}"#;
    let farm = Farm::new(2, Setup::new()).await;
    for status in [400, 413, 422, 400, 413, 422] {
        farm.always(0, 1, || Reply::raw(status, "application/json", refusal));
        farm.always(1, 1, || Reply::raw(status, "application/json", refusal));
        assert_eq!(farm.ask().await.status.as_u16(), status);
        assert_eq!(farm.ask().await.status.as_u16(), status);
    }
    assert_eq!(farm.counts(), [6, 6]);
    farm.ask().await;
    farm.ask().await;
    assert_eq!(farm.counts(), [7, 7]);
}

#[tokio::test]
async fn a_full_account_makes_others_wait_in_line_and_no_more_than_may() {
    let setup = Setup::new().with("credential-concurrency", json!({"default-max-queue": 1}));
    let farm = Farm::with(1, setup, |_, entry| entry["max-concurrency"] = json!(1)).await;
    let gate = testkit::Gate::new();
    farm.fakes[0].script(Reply::lively().hold(&gate));
    let body = Chat.body(MODEL, false);
    let first = Chat.ask(&farm.gateway, &body);
    let others = async {
        soon(gate.reached()).await;
        // Of two more, one may wait and one hears at once that all are busy.
        let (one, two) = (Chat.ask(&farm.gateway, &body), Chat.ask(&farm.gateway, &body));
        let (mut one, mut two) = (Box::pin(one), Box::pin(two));
        let refused = tokio::select! { got = &mut one => (got, two), got = &mut two => (got, one) };
        assert_eq!(refused.0.status, 429, "{}", refused.0.text());
        assert_eq!(farm.counts(), [1]);
        gate.open();
        assert_eq!(refused.1.await.status, 200);
    };
    let (first, ()) = tokio::join!(first, others);
    assert_eq!(first.status, 200);
    assert_eq!(farm.counts(), [2]);
}

#[tokio::test]
async fn one_healthy_account_among_ten_failing_ones_is_enough() {
    const REQUESTS: usize = 10_000;
    let farm = Farm::new(11, Setup::new()).await;
    let failures: [fn() -> Reply; 5] = [
        || Reply::trouble(Trouble::Internal),
        || Reply::trouble(Trouble::RateLimited(1)),
        || Reply::trouble(Trouble::Unauthorized),
        || Reply::lively().cut_after(0),
        || Reply::html(502),
    ];
    for number in 0..10 {
        farm.always(number, REQUESTS, failures[number % failures.len()]);
    }
    let begun = Instant::now();
    let farm = &farm;
    let workers = (0..16).map(|worker| async move {
        for request in 0..REQUESTS / 16 {
            let stream = (worker + request) % 2 == 0;
            let got = Chat.ask(&farm.gateway, &Chat.body(MODEL, stream)).await;
            assert_eq!(got.status, 200, "{}", got.text());
        }
    });
    all_of(workers).await;
    let counts = farm.counts();
    assert!(counts[10] >= REQUESTS - 16, "{counts:?}");
    // Whoever is out for a second is found out once a second, by those who come at that moment.
    let most = 100 + 2 * usize::try_from(begun.elapsed().as_secs()).unwrap();
    assert!(counts[..10].iter().all(|count| *count < most), "nobody is hammered, over {most} times: {counts:?}");
}

#[tokio::test]
async fn the_trail_tells_of_each_attempt() {
    let farm = Farm::new(2, routing("fill-first")).await;
    farm.fakes[0].script(Reply::trouble(Trouble::Internal));
    assert_eq!(farm.ask().await.status, 200);
    let line = &request_lines(&farm.gateway, 1).await[0];
    let trail = line["trail"].as_str().unwrap();
    assert!(trail.starts_with("v0#1 500 UpstreamFailed ") && trail.contains("ms; v1#1 ok "), "{trail}");
}

#[tokio::test]
async fn another_model_answers_when_nobody_does_for_the_first() {
    let setup = Setup::new().with("fallback", json!({MODEL: ["nowhere", "v1:other"]}));
    let farm = Farm::with(2, setup, |number, entry| {
        if number == 1 {
            entry["models"] = json!([{"name": "chat-model", "alias": "other"}]);
        }
    })
    .await;
    farm.fakes[0].script(Reply::trouble(Trouble::Internal));
    let got = farm.ask().await;
    assert_eq!((got.status.as_u16(), got.header("x-bosporus-fallback")), (200, Some("other")), "{}", got.text());
    let line = &request_lines(&farm.gateway, 1).await[0];
    assert_eq!((&line["model"], &line["fallback"], &line["attempts"]), (&json!(MODEL), &json!("other"), &json!(2)));
    // A request's own fault goes nowhere else, and an answer of the first is just that.
    let refusal = r#"{"error":{"message":"no","type":"invalid_request_error","param":null,"code":null}}"#;
    farm.fakes[0].script(Reply::raw(400, "application/json", refusal));
    assert_eq!(farm.ask().await.status, 400);
    assert_eq!(farm.ask().await.header("x-bosporus-fallback"), None);
    assert_eq!(farm.counts(), [3, 1]);
}

#[tokio::test]
async fn when_no_way_leads_to_an_answer_the_first_fault_is_told() {
    let setup = Setup::new().with("fallback", json!({MODEL: ["other"]}));
    let farm = Farm::with(2, setup, |number, entry| {
        if number == 1 {
            entry["models"] = json!([{"name": "chat-model", "alias": "other"}]);
        }
    })
    .await;
    farm.fakes[0].script(Reply::trouble(Trouble::RateLimited(77)));
    farm.fakes[1].script(Reply::trouble(Trouble::Internal));
    let got = farm.ask().await;
    assert_eq!((got.status.as_u16(), got.header("retry-after")), (429, Some("77")), "{}", got.text());
}

#[tokio::test]
async fn a_provider_that_is_named_in_the_path_has_others_behind_it() {
    let setup = Setup::new().with("provider-fallback", json!({"V0": ["v1"]}));
    let farm = Farm::new(2, setup).await;
    farm.fakes[0].script(Reply::trouble(Trouble::Internal));
    let url = format!("{}/v0/v1/chat/completions", farm.gateway.url());
    let headers = [("authorization", BEARER), ("content-type", "application/json")];
    for _ in 0..2 {
        let body = Chat.body(MODEL, false).to_string();
        let got = soon(client::send(http::Method::POST, &url, &headers, body)).await.unwrap();
        assert_eq!(got.status, 200, "{}", got.text());
    }
    assert_eq!(farm.counts(), [2, 1]);
}

#[tokio::test]
async fn rules_say_what_an_error_means() {
    let error = |words: &str| format!(r#"{{"error":{{"message":"{words}","type":"x","param":null,"code":null}}}}"#);
    let rules = json!([
        {"status": 403, "match": ["policy"], "action": "stop"},
        {"status": 400, "match-regexr": ["model \\w+ is busy"], "action": "continue"},
        {"status": 400, "match": ["bad day"], "action": "continue-and-cooldown"},
        {"status": 422, "action": "stop-and-cooldown"},
    ]);
    let setup = routing("fill-first").with("fallback", json!({MODEL: ["my-chat-model"]}));
    let farm = Farm::with(2, setup, |_, entry| entry["request-scoped-errors"] = rules.clone()).await;
    let say = |status: u16, words: &str| farm.fakes[0].script(Reply::raw(status, "application/json", error(words)));
    say(403, "against the policy");
    let got = farm.ask().await;
    assert_eq!(got.status, 403, "the client hears it, and nobody else is asked");
    assert_eq!(Chat.error(&got)["message"], "against the policy");
    // Nor is another model.
    assert_eq!(got.header("x-bosporus-fallback"), None);
    assert_eq!(farm.counts(), [1, 0]);
    say(400, "model xy is busy");
    assert_eq!(farm.ask().await.status, 200);
    assert_eq!(farm.counts(), [2, 1], "the first was asked again, so it was not benched before");
    say(400, "something else");
    assert_eq!(farm.ask().await.status, 400);
    assert_eq!(farm.counts(), [3, 1]);
    say(422, "whatever");
    assert_eq!(farm.ask().await.status, 422);
    assert_eq!(farm.ask().await.status, 200);
    assert_eq!(farm.counts(), [4, 2], "benched");
    wait_for_return(&farm, 0).await;
    let before = farm.counts();
    say(400, "a bad day");
    farm.ask().await;
    farm.ask().await;
    assert_eq!(farm.counts(), [before[0] + 1, before[1] + 2], "benched and passed over");
}

#[tokio::test]
async fn a_whole_kind_has_rules_after_those_of_its_accounts() {
    let error = |words: &str| format!(r#"{{"error":{{"message":"{words}","type":"x","param":null,"code":null}}}}"#);
    let kind = json!({"openai-compatibility": [
        {"status": 400, "match": ["bad day"], "action": "stop"},
        {"status": 418, "action": "continue"},
    ]});
    let own = json!([{"status": 400, "match": ["bad day"], "action": "continue"}]);
    let setup = routing("fill-first").with("oauth-request-scoped-errors", kind);
    let farm = Farm::with(2, setup, |_, entry| entry["request-scoped-errors"] = own.clone()).await;
    for (status, words) in [(400, "a bad day"), (418, "tea")] {
        farm.fakes[0].script(Reply::raw(status, "application/json", error(words)));
        assert_eq!(farm.ask().await.status, 200, "{status}");
    }
    assert_eq!(farm.counts(), [2, 2]);
}

#[tokio::test]
async fn an_error_means_what_its_place_says() {
    let like = |_: usize, entry: &mut Value| {
        entry["quirks"] = json!({"like": "openrouter"});
        entry["models"] = json!([{"name": "chat-model", "alias": MODEL}, {"name": "chat-model", "alias": "other"}]);
    };
    let farm = Farm::with(2, routing("fill-first"), like).await;
    let say = |status: u16, body: &str| farm.fakes[0].script(Reply::raw(status, "application/json", body));
    // A refused prompt is the client's own affair, in the place's words, and benches nobody.
    for _ in 0..4 {
        say(403, r#"{"error":{"code":403,"message":"Your input was flagged","metadata":{"reasons":["x"]}}}"#);
        let got = farm.ask().await;
        assert!(got.status == 403 && got.text().contains("Your input was flagged"), "{}", got.text());
        assert!(!got.text().contains("credential"), "{}", got.text());
    }
    assert_eq!(farm.counts(), [4, 0]);
    // A prompt that is dearer than what is left there goes elsewhere, and benches nobody.
    say(402, r#"{"error":{"code":402,"message":"This request requires more credits, or fewer max_tokens."}}"#);
    assert_eq!(farm.ask().await.status, 200);
    assert_eq!(farm.ask().await.status, 200);
    assert_eq!(farm.counts(), [6, 1]);
    // A key that may spend no more is out for every model.
    say(403, r#"{"error":{"code":403,"message":"Key limit exceeded (total limit)"}}"#);
    for model in [MODEL, "other"] {
        assert_eq!(Chat.ask(&farm.gateway, &Chat.body(model, true)).await.status, 200);
    }
    assert_eq!(farm.counts(), [7, 3]);
}

#[tokio::test]
async fn a_stream_may_be_begun_anew_more_often() {
    let setup = Setup::new().with("streaming", json!({"bootstrap-retries": 2})).with("max-retry-interval", json!(5));
    let farm = Farm::new(1, setup).await;
    for _ in 0..2 {
        farm.fakes[0].script(Reply::lively().error_after(1));
    }
    let got = Chat.ask(&farm.gateway, &Chat.body(MODEL, true)).await;
    assert!(got.status == 200 && Chat.is_complete(&got), "{}", got.text());
    farm.fakes[0].script(Reply::trouble(Trouble::Internal));
    assert_eq!(farm.ask().await.status, 500, "whole answers are not meant");
}

#[tokio::test]
async fn the_trail_is_told_to_clients_that_ask() {
    let farm = Farm::new(2, routing("fill-first")).await;
    let url = format!("{}/v1/chat/completions", farm.gateway.url());
    let ask = || async {
        let headers = [("authorization", BEARER), ("x-bosporus-trail", "1"), ("content-type", "application/json")];
        let body = Chat.body(MODEL, false).to_string();
        soon(client::send(http::Method::POST, &url, &headers, body)).await.unwrap()
    };
    farm.fakes[0].script(Reply::trouble(Trouble::Internal));
    let got = ask().await;
    let trail = got.header("x-bosporus-trail").unwrap();
    assert!(trail.starts_with("v0#1 500 UpstreamFailed ") && trail.contains("; v1#1 ok "), "{trail}");
    farm.fakes[0].script(Reply::trouble(Trouble::Internal));
    farm.fakes[1].script(Reply::html(502));
    let got = ask().await;
    let trail = got.header("x-bosporus-trail").unwrap();
    assert!(got.status != 200 && trail.contains("v1#1 502 "), "{trail}");
    assert_eq!(farm.ask().await.header("x-bosporus-trail"), None);
}

#[tokio::test]
async fn benches_outlive_the_process_where_that_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let fake = FakeOpenAi::start().await.unwrap();
    let setup = Setup::new()
        .with("disable-cooling", json!(false))
        .with("save-cooldown-status", json!(true))
        .with("auth-dir", json!(folder.path()))
        .openai(&fake, 0);
    fake.script(Reply::trouble(Trouble::RateLimited(3600)));
    let before = setup.start().await;
    assert_eq!(Chat.ask(&before, &Chat.body(MODEL, false)).await.status, 429);
    before.terminate().await.unwrap();
    let file = folder.path().join("bosporus.cds");
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let after = setup.start().await;
    let got = Chat.ask(&after, &Chat.body(MODEL, false)).await;
    let wait: u64 = got.header("retry-after").unwrap().parse().unwrap();
    assert!(got.status == 429 && (3000..=3600).contains(&wait), "{}", got.text());
    assert_eq!(fake.requests().len(), 1);
    after.terminate().await.unwrap();
    // Written down by a clock that was years ahead: no bench is longer than the longest hint.
    let mut saved: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    saved["records"][0]["until"] = json!(u64::MAX);
    std::fs::write(&file, saved.to_string()).unwrap();
    let after = setup.start().await;
    let got = Chat.ask(&after, &Chat.body(MODEL, false)).await;
    let wait: u64 = got.header("retry-after").unwrap().parse().unwrap();
    assert!(got.status == 429 && (3000..=3600).contains(&wait), "{wait}: {}", got.text());
    drop(after);
    // A file that makes no sense is passed over.
    std::fs::write(&file, "{").unwrap();
    let anew = setup.start().await;
    assert_eq!(Chat.ask(&anew, &Chat.body(MODEL, false)).await.status, 200);
}

#[tokio::test]
async fn a_webhook_hears_of_benches_and_returns_and_is_told_again_when_it_fails() {
    let hook = FakeOpenAi::start().await.unwrap();
    let setup = Setup::new().with(
        "health-webhook",
        json!(format!("{}/hook?token=sentinel-of-the-hook", hook.url().replace("://", "://me:sentinel-of-the-hook@"))),
    );
    let farm = Farm::new(1, setup).await;
    farm.fakes[0].script(Reply::trouble(Trouble::RateLimited(1)));
    assert_eq!(farm.ask().await.status, 429);
    // The fake knows no such path and says 404: the same is told again.
    soon(hook.received(2)).await;
    let told: Vec<Value> = hook.requests().iter().map(testkit::Recorded::json).collect();
    assert_eq!(told[0], told[1]);
    let user = hook.requests()[0].header("authorization").map(str::to_owned);
    assert_eq!(user.as_deref(), Some("Basic bWU6c2VudGluZWwtb2YtdGhlLWhvb2s="), "the user of the address");
    assert!(told[0]["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')), "{}", told[0]);
    let expected = json!(["unhealthy", "v0#1", "chat-model", "RateLimited"]);
    let line = &told[0];
    assert_eq!(json!([line["status"], line["customName"], line["model"], line["errorMessage"]]), expected);
    assert!(!farm.gateway.log().join("").contains("sentinel-of-the-hook"));
}
