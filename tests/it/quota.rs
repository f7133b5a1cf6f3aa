//! An account whose credit is used up is back before its time when its place says that there is some, and only then.

use serde_json::{Value, json};
use testkit::{FakeOpenAi, Gate, Gateway, Reply};

use crate::harness::{MODEL, Setup, openai_entry, soon};
use crate::tongue::Chat;

const SPENT: &str = r#"{"error":{"message":"Insufficient Balance","type":"unknown_error","param":null,"code":"invalid_request_error"}}"#;

/// A place like one that tells, and a gateway that reads soon.
struct Shop {
    fake: FakeOpenAi,
    gateway: Gateway,
    /// Where the credit is told.
    path: &'static str,
}

impl Shop {
    async fn new(like: &str, path: &'static str, reading: impl Into<Value>) -> Self {
        let fake = FakeOpenAi::start().await.unwrap();
        let mut entry = openai_entry(&fake.base_url(), &fake.key(), 0);
        entry["quirks"] = json!({"like": like});
        let setup = Setup::new().with("disable-cooling", json!(false)).with("quota-reading", reading.into());
        let gateway = setup.with("debug", json!(true)).compat(entry).start().await;
        Self { fake, gateway, path }
    }

    async fn ask(&self) -> u16 {
        Chat.ask(&self.gateway, &Chat.body(MODEL, false)).await.status.as_u16()
    }

    /// The account refuses, and names a time that no test lasts.
    async fn refuse(&self) {
        self.fake.script(Reply::raw(402, "application/json", SPENT).header("retry-after", "20000"));
        assert_eq!(self.ask().await, 402);
    }

    /// The same, and nothing brings it back.
    async fn spend(&self) {
        self.refuse().await;
        assert_eq!(self.ask().await, 429, "it is out");
    }

    fn tell(&self, body: &Value) {
        self.fake.tell_credit(self.path, Reply::raw(200, "application/json", body.to_string()));
    }

    fn readings(&self) -> usize {
        self.fake.requests().iter().filter(|request| request.path == self.path).count()
    }

    /// Waits until the gateway has taken note of one more reading than `before`, and of its answer.
    async fn read_after(&self, before: usize) {
        let noted = |lines: &[String]| {
            let words = ["of the credit", "that there is credit again"];
            lines.iter().filter(|line| words.iter().any(|word| line.contains(word))).count() > before
        };
        soon(self.gateway.log_until(noted)).await;
        assert!(self.readings() > before);
    }
}

#[tokio::test]
async fn an_account_is_back_as_soon_as_there_is_credit_in_every_place_that_tells() {
    for (like, path, empty, full) in [
        ("openrouter", "/v1/key", json!({"data": {"limit_remaining": 0}}), json!({"data": {"limit_remaining": 3.5}})),
        ("deepseek", "/user/balance", json!({"is_available": false}), json!({"is_available": true})),
        (
            "moonshot",
            "/v1/users/me/balance",
            json!({"data": {"available_balance": -1}}),
            json!({"data": {"available_balance": 9}}),
        ),
        (
            "siliconflow",
            "/v1/user/info",
            json!({"data": {"totalBalance": "0.00"}}),
            json!({"data": {"totalBalance": "9.00"}}),
        ),
    ] {
        let shop = Shop::new(like, path, "1s").await;
        assert_eq!(shop.ask().await, 200);
        shop.tell(&empty);
        shop.spend().await;
        shop.read_after(0).await;
        assert_eq!(shop.ask().await, 429, "{like}: nothing is left");
        shop.tell(&full);
        assert!(soon(shop.gateway.logged("that there is credit again")).await, "{like}");
        assert_eq!(shop.ask().await, 200, "{like}");
    }
}

#[tokio::test]
async fn a_reading_that_says_nothing_changes_nothing() {
    let shop = Shop::new("deepseek", "/user/balance", "1s").await;
    shop.fake.tell_credit(shop.path, Reply::raw(200, "text/html", "<html>true</html>"));
    shop.spend().await;
    shop.read_after(0).await;
    assert_eq!(shop.ask().await, 429);
    // Refused, though it says that there is some; and then no answer at all.
    shop.fake.tell_credit(shop.path, Reply::raw(401, "application/json", r#"{"is_available":true}"#));
    shop.read_after(1).await;
    assert_eq!(shop.ask().await, 429);
    let gate = Gate::new();
    shop.fake.tell_credit(shop.path, Reply::raw(200, "application/json", r#"{"is_available":true}"#).hold(&gate));
    let asked = async {
        while shop.readings() < 3 {
            shop.fake.received(shop.fake.received_count() + 1).await;
        }
    };
    soon(asked).await;
    assert_eq!(shop.ask().await, 429, "others do not wait for it");
    gate.open();
    assert!(soon(shop.gateway.logged("that there is credit again")).await);
    assert_eq!(shop.ask().await, 200);
}

#[tokio::test]
async fn credit_that_is_none_is_believed_ever_more_rarely() {
    let shop = Shop::new("deepseek", "/user/balance", "1s").await;
    shop.tell(&json!({"is_available": true}));
    for round in 0..3 {
        shop.refuse().await;
        shop.read_after(round).await;
    }
    // After one second, two and four: a lie costs one request each time, and each time later.
    assert_eq!(shop.readings(), 3);
}

#[tokio::test]
async fn nobody_is_asked_who_is_not_out_for_its_credit_nor_where_readings_are_off() {
    let shop = Shop::new("deepseek", "/user/balance", false).await;
    shop.tell(&json!({"is_available": true}));
    shop.spend().await;
    // Another one reads soon, and is out for another reason until it is out for this one.
    let other = Shop::new("deepseek", "/user/balance", "1s").await;
    other.tell(&json!({"is_available": true}));
    other.fake.script(Reply::trouble(testkit::Trouble::RateLimited(3000)));
    assert_eq!(other.ask().await, 429);
    let third = Shop::new("deepseek", "/user/balance", "1s").await;
    third.tell(&json!({"is_available": true}));
    third.refuse().await;
    third.read_after(0).await;
    assert_eq!((shop.readings(), other.readings()), (0, 0));
}
