//! What users of the older programs may say about limits that are reached: whether another account is asked, and whether
//! a model gives way to its preview.

use serde_json::json;
use testkit::client::Got;
use testkit::{FakeOpenAi, Gateway, Reply, Trouble};

use crate::harness::{Setup, request_lines};
use crate::tongue::Chat;

/// A model, three previews of it, and two others whose names begin like that.
const MODELS: [&str; 6] =
    ["gem-2.5", "gem-2.5-preview-05-06", "gem-2.5-preview-06-05", "gem-2.5-preview", "gem-2.5-preview-tts", "gem-2.5x"];

/// Two accounts, the first of which is always asked first.
struct Pair {
    fakes: [FakeOpenAi; 2],
    gateway: Gateway,
}

impl Pair {
    async fn new(setup: Setup, models: &[&str]) -> Self {
        let fakes = [FakeOpenAi::start().await.unwrap(), FakeOpenAi::start().await.unwrap()];
        let models: Vec<_> = models.iter().map(|alias| json!({"name": "chat-model", "alias": alias})).collect();
        let entry = |at: usize| {
            let fake: &FakeOpenAi = &fakes[at];
            json!({"name": format!("v{at}"), "base-url": fake.base_url(), "priority": 9 - at,
                "api-key-entries": [{"api-key": fake.key()}], "models": models})
        };
        let gateway = setup.compat(entry(0)).compat(entry(1)).start().await;
        Self { fakes, gateway }
    }

    async fn ask(&self) -> Got {
        Chat.ask(&self.gateway, &Chat.body("gem-2.5", false)).await
    }

    fn asked(&self) -> [usize; 2] {
        [self.fakes[0].requests().len(), self.fakes[1].requests().len()]
    }

    /// The next request finds both at their limit.
    fn exhaust(&self) {
        self.fakes.iter().for_each(|fake| fake.script(Reply::trouble(Trouble::RateLimited(7))));
    }
}

fn switches(project: bool, preview: bool) -> Setup {
    Setup::new().with("quota-exceeded", json!({"switch-project": project, "switch-preview-model": preview}))
}

#[tokio::test]
async fn a_limit_leads_to_another_account_unless_that_is_not_wanted() {
    for (setup, status, asked) in
        [(Setup::new(), 200, [1, 1]), (switches(true, false), 200, [1, 1]), (switches(false, false), 429, [1, 0])]
    {
        let pair = Pair::new(setup.clone().with("request-retry", json!(2)), &MODELS).await;
        pair.fakes[0].script(Reply::trouble(Trouble::RateLimited(7)));
        let got = pair.ask().await;
        assert_eq!((got.status.as_u16(), pair.asked()), (status, asked), "{:?}: {}", setup.0, got.text());
        assert_eq!(got.header("retry-after"), (status == 429).then_some("7"));
        // Whatever is no limit is another account's chance as ever.
        pair.fakes[0].script(Reply::trouble(Trouble::Internal));
        assert_eq!(pair.ask().await.status, 200);
    }
}

#[tokio::test]
async fn who_is_benched_by_a_limit_is_passed_over_by_the_next_request() {
    let setup = switches(false, false).with("disable-cooling", json!(false));
    let pair = Pair::new(setup, &MODELS).await;
    pair.fakes[0].script(Reply::trouble(Trouble::RateLimited(3600)));
    assert_eq!(pair.ask().await.status, 429);
    assert_eq!(pair.ask().await.status, 200);
    assert_eq!(pair.asked(), [1, 1]);
}

#[tokio::test]
async fn a_model_at_its_limit_gives_way_to_its_newest_preview_where_that_is_wanted() {
    for (preview, models, told) in [
        (false, &MODELS[..], None),
        (true, &MODELS[..], Some("gem-2.5-preview")),
        (true, &MODELS[..3], Some("gem-2.5-preview-06-05")),
        (true, &["gem-2.5", "gem-2.5-preview-tts", "gem-2.5x"], None),
    ] {
        let pair = Pair::new(switches(true, preview), models).await;
        pair.exhaust();
        let got = pair.ask().await;
        assert_eq!(got.status, if told.is_some() { 200 } else { 429 }, "{models:?}: {}", got.text());
        assert_eq!(got.header("x-bosporus-fallback"), told);
        let line = &request_lines(&pair.gateway, 1).await[0];
        assert_eq!((&line["model"], &line["fallback"]), (&json!("gem-2.5"), &json!(told)), "{line}");
        // Only a limit does that.
        pair.fakes.iter().for_each(|fake| fake.script(Reply::trouble(Trouble::Internal)));
        let got = pair.ask().await;
        assert_eq!((got.status.as_u16(), got.header("x-bosporus-fallback")), (500, None), "{}", got.text());
    }
}

#[tokio::test]
async fn previews_come_before_other_fallbacks_and_only_to_those_who_may_have_them() {
    let keys = json!([{"key": "key-of-bob-without-previews", "models": ["gem-2.5", "gem-2.5x"]}]);
    let setup = switches(true, true)
        .with("fallback", json!({"gem-2.5": ["gem-2.5x"]}))
        .with("client-keys", keys)
        .with("disable-cooling", json!(false));
    let pair = Pair::new(setup, &MODELS).await;
    let got = pair.ask().await;
    assert_eq!((got.status.as_u16(), got.header("x-bosporus-fallback")), (200, None));
    // A limit of this name alone, in both places; the previews are other names of the same model there, so each of them
    // meets the limit, too, until the scripts are used up.
    for _ in 0..2 {
        pair.exhaust();
    }
    let got = pair.ask().await;
    assert_eq!(got.status, 429, "all names are one model there, which is benched: {}", got.text());
    drop(pair);
    let setup = switches(true, true)
        .with("fallback", json!({"gem-2.5": ["gem-2.5x"]}))
        .with("client-keys", json!([{"key": "key-of-bob-without-previews", "models": ["gem-2.5", "gem-2.5x"]}]));
    let pair = Pair::new(setup, &MODELS).await;
    pair.exhaust();
    assert_eq!(pair.ask().await.header("x-bosporus-fallback"), Some("gem-2.5-preview"));
    pair.exhaust();
    let url = format!("{}/v1/chat/completions", pair.gateway.url());
    let bob = [("authorization", "Bearer key-of-bob-without-previews")];
    let got = testkit::client::post(&url, &bob, &Chat.body("gem-2.5", false)).await.unwrap();
    assert_eq!((got.status.as_u16(), got.header("x-bosporus-fallback")), (200, Some("gem-2.5x")), "{}", got.text());
}
