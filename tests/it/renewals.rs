//! Credentials that end: renewed ahead of that, given up and taken up again, while whoever issues them is in trouble.

use http::Method;
use serde_json::{Value, json};
use testkit::client::{Got, send};
use testkit::{Exchange, FakeGoogle, Gate, Gateway};

use crate::account_files::{Auths, GEMINI, ask, fake, lists};
use crate::harness::{Setup, request_lines, soon};

const MANAGER: &str = "the-key-of-whoever-renews-this";

/// A gateway with cooldowns and management, as people run it.
async fn start(auths: &Auths) -> Gateway {
    Setup::new()
        .with("auth-dir", json!(auths.path()))
        .with("disable-cooling", json!(false))
        .with("remote-management", json!({"secret-key": MANAGER}))
        .start()
        .await
}

async fn manage(gateway: &Gateway, method: Method, path: &str) -> Value {
    let url = format!("{}/v0/management{path}", gateway.url());
    let got: Got = soon(send(method, &url, &[("x-management-key", MANAGER)], "")).await.unwrap();
    assert_eq!(got.status, 200, "{path}: {}", got.text());
    got.json()
}

/// Makes the timetable of renewals look anew: an account that nobody uses has come.
async fn look_anew(gateway: &Gateway, auths: &Auths, fake: &FakeGoogle, name: &str) {
    let mut file = fake.account_file();
    (file["prefix"], file["priority"]) = (json!(name), json!(-9));
    auths.put(&format!("{name}.json"), &file);
    lists(gateway, &format!("{name}/{GEMINI}"), true).await;
}

/// A token that ends within the time that tokens are renewed ahead of.
const NEAR: u64 = 299;

/// A gateway whose only account is in use, with a token that is near its end.
async fn in_use(fake: &FakeGoogle) -> (Auths, Gateway) {
    let auths = Auths::with(&[("a.json", &fake.account_file())]);
    let gateway = start(&auths).await;
    fake.set_lives(NEAR);
    for _ in 0..2 {
        assert_eq!(ask(&gateway).await.status, 200);
    }
    (auths, gateway)
}

#[tokio::test]
async fn a_credential_in_use_is_renewed_ahead_of_its_end_and_nobody_waits() {
    let (fake, other) = (fake().await, fake().await);
    let (auths, gateway) = in_use(&fake).await;
    fake.set_lives(3600);
    let gate = Gate::new();
    fake.script_exchange(Exchange::Held(gate.clone()));
    look_anew(&gateway, &auths, &other, "b").await;
    soon(gate.reached()).await;
    // The old one is good until the new one is here.
    assert_eq!(ask(&gateway).await.status, 200);
    assert_eq!(fake.last_request().unwrap().header("authorization"), Some("Bearer ya29.fake-1"));
    gate.open();
    let renewed = async {
        while fake.last_request().unwrap().header("authorization") != Some("Bearer ya29.fake-2") {
            assert_eq!(ask(&gateway).await.status, 200);
        }
    };
    soon(renewed).await;
    assert_eq!((fake.asked(), other.asked()), (2, 0), "an account that nobody uses costs no exchange");
    let lines = request_lines(&gateway, 4).await;
    assert!(lines.iter().all(|line| line["status"] == 200), "{lines:#?}");
}

#[tokio::test]
async fn a_renewal_ahead_that_fails_costs_nothing_while_the_credential_lasts() {
    let (fake, other) = (fake().await, fake().await);
    let (auths, gateway) = in_use(&fake).await;
    fake.script_exchange(Exchange::Raw(500, "<html>".to_owned()));
    look_anew(&gateway, &auths, &other, "b").await;
    assert!(soon(gateway.logged("not renewed: ")).await);
    assert_eq!(ask(&gateway).await.status, 200);
    // It is tried again, but not at each occasion.
    look_anew(&gateway, &auths, &other, "c").await;
    assert_eq!(ask(&gateway).await.status, 200);
    assert_eq!(fake.last_request().unwrap().header("authorization"), Some("Bearer ya29.fake-1"));
    assert_eq!((fake.asked(), fake.issued()), (2, 1));
    assert!(!gateway.log().join("\n").contains("benched"), "{:#?}", gateway.log());
}

#[tokio::test]
async fn an_account_whose_credential_was_refused_for_good_is_taken_up_again_at_a_click() {
    let fake = fake().await;
    let auths = Auths::with(&[("a.json", &fake.account_file())]);
    let gateway = start(&auths).await;
    fake.revoke(true);
    let refused = ask(&gateway).await;
    assert!(refused.status.as_u16() >= 500 && refused.text().contains("account not found"), "{}", refused.text());
    fake.revoke(false);
    let asked = fake.asked();
    // Nobody asks again for what was refused for good, and who looks is told why.
    assert!(ask(&gateway).await.status.as_u16() >= 500);
    let told = manage(&gateway, Method::GET, &format!("/explain?model={GEMINI}")).await;
    assert!(told.to_string().contains("account not found"), "{told}");
    assert_eq!(fake.asked(), asked);
    let recovered = manage(&gateway, Method::POST, "/recover?account=vertex:a").await;
    assert_eq!(recovered["recovered"], true, "{recovered}");
    assert_eq!(ask(&gateway).await.status, 200);
    let again = manage(&gateway, Method::POST, "/recover?account=vertex:a").await;
    assert_eq!(again["recovered"], false, "{again}");
}

#[tokio::test]
async fn a_click_does_not_help_an_account_that_is_refused_still() {
    let fake = fake().await;
    let auths = Auths::with(&[("a.json", &fake.forged_file())]);
    let gateway = start(&auths).await;
    for clicks in 1..=3 {
        assert!(ask(&gateway).await.text().contains("Invalid JWT Signature"));
        assert!(ask(&gateway).await.text().contains("Invalid JWT Signature"));
        assert_eq!(fake.asked(), clicks, "asked once for each click");
        assert_eq!(manage(&gateway, Method::POST, "/recover?account=vertex:a").await["recovered"], true);
    }
}

/// One account alone, its token endpoint out of order for a while: honest errors, no storm, and back by itself.
#[tokio::test]
async fn the_only_account_outlives_trouble_at_its_token_endpoint() {
    let fake = fake().await;
    let auths = Auths::with(&[("a.json", &fake.account_file())]);
    let gateway = start(&auths).await;
    for (trouble, class) in [
        (Exchange::Raw(500, "<html>".to_owned()), 5),
        (Exchange::Raw(200, "gibberish".to_owned()), 5),
        (Exchange::Raw(200, json!({"access_token": "two words", "expires_in": 60}).to_string()), 5),
        (Exchange::Raw(429, json!({"error": "rate_limited"}).to_string()), 4),
        (Exchange::Dropped, 5),
    ] {
        fake.script_exchange(trouble.clone());
        let got = ask(&gateway).await;
        assert_eq!(got.status.as_u16() / 100, class, "{trouble:?}: {}", got.text());
        assert!(class == 5 || got.header("retry-after").is_some(), "{trouble:?}");
        assert!(!got.text().contains("gibberish") && !got.text().contains("two words"), "{}", got.text());
        assert!(fake.requests().is_empty(), "nothing is sent without a credential");
        manage(&gateway, Method::POST, "/recover?account=vertex:a").await;
    }
    let got = soon(async {
        loop {
            let got = ask(&gateway).await;
            if got.status == 200 {
                break got;
            }
        }
    });
    assert_eq!(got.await.status, 200);
    assert_eq!(fake.issued(), 1);
}
