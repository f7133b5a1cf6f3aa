//! Management: who gets in, what a running gateway says of its accounts, and a reload that is asked for.

use http::Method;
use serde_json::{Value, json};
use testkit::client::{Got, send};
use testkit::{FakeOpenAi, Gate, Gateway, Reply, Trouble};
use tokio::task::JoinSet;

use crate::edges::demo;
use crate::harness::{BEARER, KEY, MODEL, Setup, binary, openai_entry, request_lines, soon};
use crate::tongue::{Chat, Messages};

const MANAGER: &str = "the-key-of-whoever-manages-this";

fn managed(setup: Setup) -> Setup {
    setup.with("remote-management", json!({"secret-key": MANAGER}))
}

async fn call(gateway: &Gateway, method: Method, path: &str, headers: &[(&str, &str)]) -> Got {
    soon(send(method, &format!("{}/v0/management{path}", gateway.url()), headers, "")).await.unwrap()
}

async fn explain(gateway: &Gateway, query: &str) -> Value {
    let got = call(gateway, Method::GET, &format!("/explain?{query}"), &[("x-management-key", MANAGER)]).await;
    assert_eq!(got.status, 200, "{query}: {}", got.text());
    assert_eq!(got.header("cache-control"), Some("no-store"));
    got.json()
}

#[tokio::test]
async fn without_a_management_key_there_is_no_management() {
    let gateway = demo().start().await;
    for path in ["", "/", "/explain?model=demo", "/reload"] {
        let got = call(&gateway, Method::GET, path, &[("authorization", BEARER)]).await;
        assert_eq!(got.status, 404, "{path}: {}", got.text());
    }
}

#[tokio::test]
async fn only_the_management_key_opens_and_errors_have_one_shape() {
    let gateway = managed(demo()).start().await;
    let bearer = format!("Bearer {MANAGER}");
    let right = ("authorization", bearer.as_str());
    let cases = [
        (Method::GET, "/explain?model=demo", vec![], 401, "missing management key"),
        (Method::GET, "/explain?model=demo", vec![("authorization", BEARER)], 401, "invalid management key"),
        (Method::GET, "/nothing", vec![], 401, "missing management key"),
        (Method::GET, "/nothing", vec![right], 404, "there is no such management route"),
        (Method::POST, "/explain", vec![right], 405, "use GET"),
        (Method::GET, "/reload", vec![right], 405, "use POST"),
        (Method::GET, "/explain", vec![right], 400, "`model` is missing"),
        (Method::GET, "/explain?model=demo&dialect=latin", vec![right], 400, "`dialect` is one of"),
        (Method::GET, "/explain?model=demo&operation=dance", vec![right], 400, "`operation` is one of"),
        (Method::GET, "/explain?model=demo&key=nobody", vec![right], 400, "no client key has the label `nobody`"),
        (Method::GET, "/explain?model=demo&provider=nobody", vec![right], 400, "provider `nobody`"),
        (
            Method::GET,
            "/explain?model=demo",
            vec![right, ("x-forwarded-for", "192.0.2.7")],
            403,
            "remote management disabled",
        ),
    ];
    for (method, path, headers, status, words) in cases {
        let got = call(&gateway, method, path, &headers).await;
        let error = got.json()["error"].as_str().unwrap().to_owned();
        assert!(got.status == status && error.contains(words), "{path}: {} {error}", got.status);
        assert_eq!(got.header("allow").is_some(), status == 405);
    }
    for _ in 0..5 {
        call(&gateway, Method::GET, "/explain?model=demo", &[("x-management-key", "guess")]).await;
    }
    let banned = call(&gateway, Method::GET, "/explain?model=demo", &[right]).await;
    assert!(banned.status == 403 && banned.text().contains("banned"), "{}", banned.text());
    assert_eq!(Chat.ask(&gateway, &Chat.body("demo", false)).await.status, 200, "models are asked as before");
    assert!(soon(gateway.logged("/v0/management/explain")).await, "{:#?}", gateway.log());
    assert!(!gateway.log().join("\n").contains(MANAGER), "{:#?}", gateway.log());
}

/// A page must not find a way in, whatever other pages may do.
#[tokio::test]
async fn pages_are_never_let_in() {
    let gateway = managed(demo()).with("cors", json!({"allowed-origins": ["*"]})).start().await;
    let origin = ("origin", "https://page.example");
    let got = call(&gateway, Method::GET, "/explain?model=demo", &[origin, ("x-management-key", MANAGER)]).await;
    assert_eq!((got.status.as_u16(), got.header("access-control-allow-origin")), (200, None));
    let asks =
        [origin, ("access-control-request-method", "GET"), ("access-control-request-headers", "x-management-key")];
    let got = call(&gateway, Method::OPTIONS, "/explain", &asks).await;
    assert_eq!(got.header("access-control-allow-origin"), None);
}

/// A place of one key for each fake, with changes to its entry.
fn town(fakes: &[(&str, &FakeOpenAi, Value)]) -> Setup {
    let setup = managed(Setup::new()).with("disable-cooling", json!(false));
    fakes.iter().fold(setup, |setup, (name, fake, more)| {
        let mut entry = openai_entry(&fake.base_url(), &fake.key(), 0);
        entry["name"] = json!(name);
        more.as_object().unwrap().iter().for_each(|(key, value)| entry[key] = value.clone());
        setup.compat(entry)
    })
}

fn named<'a>(list: &'a Value, label: &str) -> &'a Value {
    list.as_array().unwrap().iter().find(|one| one["label"] == label).unwrap_or_else(|| panic!("{label} in {list}"))
}

#[tokio::test]
async fn everybody_who_is_out_is_named_with_the_reason() {
    let fake = FakeOpenAi::start().await.unwrap();
    let setup = town(&[
        ("first", &fake, json!({"priority": 2})),
        ("second", &fake, json!({"priority": 1})),
        ("barred", &fake, json!({"excluded-models": ["nothing", "MOD*"]})),
        ("unsupported", &fake, json!({"not-supported-models": ["chat-model"]})),
        ("asleep", &fake, json!({"disabled": true})),
        ("foreign", &fake, json!({"group": "other"})),
        ("elsewhere", &fake, json!({"models": [{"name": "chat-model", "alias": "unlike"}]})),
    ]);
    let setup = setup.with(
        "client-keys",
        json!([{"key": "key-of-bob-who-is-limited", "label": "bob", "accounts": ["s*", "foreign*"]}]),
    );
    let setup =
        setup.with("oauth-excluded-models", json!({"claude-api-key": [MODEL]})).claude(json!({"api-key": "sk-c",
        "models": [{"name": "claude-x", "alias": MODEL}]}));
    let gateway = setup.start().await;
    fake.script(Reply::trouble(Trouble::RateLimited(3600)));
    assert_eq!(Chat.ask(&gateway, &Chat.body(MODEL, false)).await.status, 200);

    let told = explain(&gateway, &format!("model={MODEL}&dialect=claude")).await;
    let state = &named(&told["candidates"], "first#1")["state"];
    assert_eq!(
        (&state["is"], &state["cause"], &state["extent"]),
        (&json!("out"), &json!("RateLimited"), &json!("model"))
    );
    assert!(state["named"] == true && state["back_in_ms"].as_u64().unwrap() > 3_500_000, "{state}");
    assert!(state["until"].as_str().unwrap().ends_with('Z'), "{state}");
    let second = named(&told["candidates"], "second#1");
    assert_eq!(
        (&second["weight"], &second["priority"], &second["kind"]),
        (&json!(1), &json!(1), &json!("openai-compatibility"))
    );
    assert_eq!(second["speaks"], json!({"how": "translated", "dialect": "openai_chat"}));
    let why = |label: &str| named(&told["left_out"], label)["why"].clone();
    assert_eq!(why("barred#1"), json!({"is": "excluded", "pattern": "mod*"}));
    assert_eq!(why("unsupported#1"), json!({"is": "excluded", "pattern": "chat-model"}));
    assert_eq!(why("asleep#1"), json!({"is": "disabled"}));
    assert_eq!(why("claude#1"), json!({"is": "excluded", "pattern": MODEL}));
    assert_eq!(told["elsewhere"], 1);

    let told = explain(&gateway, &format!("model={MODEL}&key=bob")).await;
    assert_eq!(named(&told["left_out"], "first#1")["why"], json!({"is": "key"}));
    assert_eq!(told["candidates"][0]["speaks"], json!({"how": "relayed", "dialect": "openai_chat"}));
    let told = explain(&gateway, &format!("model={MODEL}&key=bob&provider=other")).await;
    assert_eq!(told["order"], json!(["foreign#1"]));
    assert_eq!(named(&told["left_out"], "second#1")["why"], json!({"is": "provider"}));
    let told = explain(&gateway, "model=unlike&key=bob").await;
    assert_eq!((&told["pick"], &told["error"]["status"]), (&Value::Null, &json!(403)), "{told}");
    assert_eq!(named(&told["left_out"], "elsewhere#1")["why"], json!({"is": "key"}));
}

#[tokio::test]
async fn what_a_failure_would_do_next_is_told() {
    let (one, two) = (FakeOpenAi::start().await.unwrap(), FakeOpenAi::start().await.unwrap());
    let models = json!([{"name": "chat-model", "alias": "other"}]);
    let setup = town(&[("one", &one, json!({})), ("two", &two, json!({"models": models}))])
        .with("request-retry", json!(1))
        .with("fallback", json!({MODEL: ["other", "nobody"]}));
    let gateway = setup.start().await;
    let told = explain(&gateway, &format!("model={MODEL}")).await;
    assert_eq!((&told["next"]["rounds"], &told["next"]["wait_ms"]), (&json!(2), &json!(250)), "{told}");
    assert_eq!(told["next"]["fallback"][0]["order"], json!(["two#1"]), "after the second round: {told}");
    gateway.rewrite_config(&setup.with("request-retry", json!(0)).text()).unwrap();
    assert!(soon(gateway.logged("configuration reloaded")).await);
    let told = explain(&gateway, &format!("model={MODEL}(high)")).await;
    assert_eq!((&told["asked"], &told["model"]), (&json!("model(high)"), &json!(MODEL)));
    let next = &told["next"];
    assert_eq!(
        (&next["fallback"][0]["model"], &next["fallback"][0]["order"]),
        (&json!("other"), &json!(["two#1"])),
        "{next}"
    );
    assert!(next["fallback"][1]["error"]["message"].as_str().unwrap().contains("nobody"), "{next}");
    // Supposed that none of them begins to answer in time: the very words, in the client's own form.
    assert_eq!(next["error"]["status"], 504, "{next}");
    let words = next["error"]["message"].as_str().unwrap();
    assert!(words.contains("the first byte of the answer took longer than"), "{words}");
    assert_eq!(next["error"]["body"]["error"]["message"], words, "{next}");
    // Only the second is left, and then nobody.
    one.script(Reply::trouble(Trouble::RateLimited(7)));
    assert_eq!(Chat.ask(&gateway, &Chat.body(MODEL, false)).await.status, 200);
    let told = explain(&gateway, &format!("model={MODEL}")).await;
    assert_eq!((&told["pick"], &told["error"]["status"]), (&Value::Null, &json!(429)), "{told}");
    assert!((1..=7000).contains(&told["error"]["retry_after_ms"].as_u64().unwrap()), "{told}");
    assert_eq!(told["next"]["fallback"][0]["order"], json!(["two#1"]), "{told}");
}

#[tokio::test]
async fn the_pick_is_who_gets_the_next_request_and_asking_changes_nothing() {
    let fakes =
        [FakeOpenAi::start().await.unwrap(), FakeOpenAi::start().await.unwrap(), FakeOpenAi::start().await.unwrap()];
    let [a, b, c] = &fakes;
    for strategy in ["round-robin", "weighted-round-robin", "fill-first", "least-used"] {
        let gateway = town(&[("a", a, json!({})), ("b", b, json!({})), ("c", c, json!({}))])
            .with("routing", json!({"strategy": strategy}))
            .start()
            .await;
        for round in 0..12 {
            let session = (round % 3 == 0).then(|| format!("s{}", round % 4));
            let query = session.as_ref().map(|session| format!("&session={session}")).unwrap_or_default();
            let told = explain(&gateway, &format!("model={MODEL}{query}")).await;
            let again = explain(&gateway, &format!("model={MODEL}{query}")).await;
            assert_eq!((&told["pick"], &told["order"]), (&again["pick"], &again["order"]), "asking changes nothing");
            fakes.iter().for_each(|fake| fake.clear());
            let mut headers = vec![("authorization", BEARER), ("content-type", "application/json")];
            headers.extend(session.as_deref().map(|session| ("x-session-id", session)));
            let url = format!("{}/v1/chat/completions", gateway.url());
            let got = soon(send(Method::POST, &url, &headers, Chat.body(MODEL, false).to_string())).await.unwrap();
            assert_eq!(got.status, 200, "{}", got.text());
            let asked = fakes.iter().position(|fake| !fake.requests().is_empty()).unwrap();
            assert_eq!(told["pick"]["label"], json!(["a#1", "b#1", "c#1"][asked]), "{strategy}, round {round}: {told}");
        }
    }
}

#[tokio::test]
async fn an_account_is_put_back_in_use_by_hand() {
    let fake = FakeOpenAi::start().await.unwrap();
    let gateway = town(&[("one", &fake, json!({}))]).with("request-retry", json!(0)).start().await;
    fake.script(Reply::trouble(Trouble::RateLimited(3600)));
    assert_eq!(Chat.ask(&gateway, &Chat.body(MODEL, false)).await.status, 429);
    let right = [("x-management-key", MANAGER)];
    let recover = async |query: &str| call(&gateway, Method::POST, &format!("/recover{query}"), &right).await;
    assert_eq!((recover("").await.status.as_u16(), recover("?account=two").await.status.as_u16()), (400, 404));
    let other = recover("?account=one%231&model=another").await.json();
    assert_eq!(other["recovered"], json!(false), "{other}");
    let asked = fake.requests().len();
    assert_eq!(Chat.ask(&gateway, &Chat.body(MODEL, false)).await.status, 429);
    assert_eq!(fake.requests().len(), asked, "it is benched still");
    let told = recover("?account=one%231").await.json();
    assert_eq!((&told["status"], &told["recovered"]), (&json!("ok"), &json!(true)), "{told}");
    assert_eq!(Chat.ask(&gateway, &Chat.body(MODEL, false)).await.status, 200);
    assert_eq!(recover("?account=one%231").await.json()["recovered"], json!(false), "there is nothing left to recover");
}

#[tokio::test]
async fn a_full_account_and_a_key_that_is_used_up_are_told() {
    let fake = Messages.fake().await;
    let mut setup = fake.join(managed(Setup::new()), 0);
    setup.0["claude-api-key"][0]["max-concurrency"] = json!(1);
    let setup = setup.with(
        "client-keys",
        json!([
            {"key": "key-of-alice-once", "label": "alice", "requests-per-minute": 1},
            {"key": "key-of-carol-gone", "label": "carol", "disabled": true},
        ]),
    );
    let gateway = setup.start().await;
    let gate = Gate::new();
    fake.script(Reply::lively().stall_after(6, &gate));
    let (url, body) = (format!("{}{}", gateway.url(), Messages.path()), Messages.body(MODEL, true).to_string());
    let mut asking = JoinSet::new();
    asking.spawn(async move {
        let headers = [("x-api-key", "key-of-alice-once"), ("content-type", "application/json")];
        send(Method::POST, &url, &headers, body).await.unwrap()
    });
    soon(gate.reached()).await;
    let told = explain(&gateway, &format!("model={MODEL}&dialect=claude")).await;
    assert_eq!(told["candidates"][0]["state"], json!({"is": "busy", "waiting": 0, "line_full": true}), "{told}");
    assert_eq!(told["candidates"][0]["in_flight"], 1);
    gate.open();
    assert_eq!(soon(asking.join_next()).await.unwrap().unwrap().status, 200);
    let told = explain(&gateway, &format!("model={MODEL}&key=alice")).await;
    assert_eq!((&told["error"]["status"], &told["pick"]), (&json!(429), &Value::Null), "{told}");
    let told = explain(&gateway, &format!("model={MODEL}&key=carol")).await;
    assert_eq!(told["error"]["status"], 403, "{told}");
}

/// The program, told to explain.
async fn command(gateway: &Gateway, more: &[&str]) -> (Option<i32>, String, String) {
    let mut command = std::process::Command::new(binary());
    command.env("HOME", gateway.home());
    command.arg("--config").arg(gateway.home().join("config.yaml")).arg("explain").args(more);
    let output = soon(tokio::task::spawn_blocking(move || command.output())).await.unwrap().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert!(!out.contains(MANAGER) && !err.contains(MANAGER) && !out.contains(KEY), "{out}{err}");
    (output.status.code(), out, err)
}

#[tokio::test]
async fn the_command_asks_a_running_gateway_and_says_so() {
    let fake = FakeOpenAi::start().await.unwrap();
    let gateway = town(&[("one", &fake, json!({})), ("two", &fake, json!({}))]).start().await;
    fake.script(Reply::trouble(Trouble::RateLimited(3600)));
    assert_eq!(Chat.ask(&gateway, &Chat.body(MODEL, false)).await.status, 200);
    let server = gateway.url().to_owned();
    let (code, out, _) = command(&gateway, &[MODEL, "--server", &server]).await;
    assert_eq!(code, Some(0), "{out}");
    assert!(
        out.contains(&format!("by the gateway at {server}")) && out.contains("benched for this model for RateLimited"),
        "{out}"
    );
    let (_, out, _) = command(&gateway, &[MODEL, "--json", "--server", &server]).await;
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&told["source"], &told["server"]), (&json!("gateway"), &json!(server)));
    assert_eq!(told["order"].as_array().unwrap().len(), 1, "{told}");
    // The port is that of the configuration, unless it was chosen by the system.
    let port = server.rsplit(':').next().unwrap().to_owned();
    let (_, out, _) = command(&gateway, &[MODEL, "--json", "--port", &port]).await;
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["source"], "gateway", "{out}");

    let (code, out, err) = command(&gateway, &[MODEL, "--json"]).await;
    assert_eq!((code, err.contains("by the configuration alone")), (Some(0), true), "{err}");
    let told: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&told["source"], told["order"].as_array().unwrap().len()), (&json!("configuration"), 2));
    let (code, _, err) = command(&gateway, &[MODEL, "--server", "http://127.0.0.1:1"]).await;
    assert!(code == Some(1) && err.contains("no gateway answers at"), "{err}");
    let (code, _, err) = command(&gateway, &[MODEL, "--server", &server, "--key", "nobody"]).await;
    assert!(code == Some(1) && err.contains("no client key has the label"), "{err}");
    let wrong = ["--set", "remote-management.secret-key=not-the-right-one-at-all", MODEL, "--port", &port];
    let (code, out, err) = command(&gateway, &wrong).await;
    assert!(
        code == Some(0) && err.contains("invalid management key") && out.contains("by the configuration alone"),
        "{err}{out}"
    );
}

#[tokio::test]
async fn a_reload_that_is_asked_for_tells_its_outcome() {
    let gateway = managed(demo()).start().await;
    let key = [("x-management-key", MANAGER)];
    let reload = || call(&gateway, Method::POST, "/reload", &key);
    let got = reload().await;
    assert_eq!((got.status.as_u16(), got.json()), (200, json!({"status": "ok", "settings": [], "changes": ""})));
    let more = managed(demo()).with("api-keys", json!([KEY, "another-key-for-the-reload"]));
    gateway.rewrite_config(&more.text()).unwrap();
    let got = reload().await;
    // The watch may have been quicker.
    assert!(got.status == 200 && got.json()["status"] == "ok", "{}", got.text());
    assert!(soon(gateway.logged("client keys +key-2")).await);
    gateway.rewrite_config("port: [").unwrap();
    let got = reload().await;
    assert_eq!((got.status.as_u16(), &got.json()["error"]), (422, &json!("invalid_config")));
    assert!(got.json()["message"].as_str().unwrap().contains("config.yaml:"), "{}", got.text());
    std::fs::remove_file(gateway.home().join("config.yaml")).unwrap();
    let got = reload().await;
    assert!(got.status == 422 && got.text().contains("cannot be read"), "{}", got.text());
    assert_eq!(Chat.ask(&gateway, &Chat.body("demo", false)).await.status, 200);
    assert!(request_lines(&gateway, 5).await.iter().any(|line| line["route"] == "/v0/management/reload"));
}
