//! What belongs to a provider and not to the conversation: tools that it runs, its caches, who asks, and what it keeps, cell
//! by cell.

use dialect::{ModelTraits, WireQuirks};
use serde_json::{Value, json};

use super::matrix::draw_losses;
use super::rules::{lost, refused, sent, translated};
use super::settings::question as ask;

const WIRES: [&str; 4] = ["openai_chat", "openai_responses", "anthropic", "gemini"];

/// A model of OpenAI's own, as far as it differs here.
fn own() -> ModelTraits {
    let quirks = WireQuirks {
        web_search_options: true,
        search_sources: true,
        cache_breakpoints: true,
        prompt_cache_key: true,
        ..WireQuirks::default()
    };
    ModelTraits { quirks, ..ModelTraits::default() }
}

fn to_own(client: &str, wire: &str, body: &Value) -> (Value, String) {
    let (sent, losses) = translated(client, wire, body, &own()).unwrap();
    (sent, draw_losses(&losses))
}

/// A search with every setting that the client's dialect has.
fn search(client: &str) -> (Value, &'static [&'static str]) {
    let place = json!({"type": "approximate", "city": "Oslo", "country": "NO", "timezone": "Europe/Oslo"});
    match client {
        "openai_chat" => {
            let near = json!({"type": "approximate", "approximate": {"city": "Oslo", "country": "NO", "timezone": "Europe/Oslo"}});
            (
                json!({"web_search_options": {"search_context_size": "high", "user_location": near}}),
                &["search_context_size", "user_location"],
            )
        }
        "openai_responses" => (
            json!({"tools": [{"type": "web_search", "search_context_size": "high", "user_location": place,
                "filters": {"allowed_domains": ["a.example"]}}]}),
            &["search_context_size", "user_location", "allowed_domains"],
        ),
        "anthropic" => (
            json!({"tools": [{"type": "web_search_20260209", "name": "web_search", "max_uses": 3, "user_location": place,
                "allowed_domains": ["a.example"]}]}),
            &["max_uses", "user_location", "allowed_domains"],
        ),
        _ => (json!({"tools": [{"googleSearch": {"excludeDomains": ["b.example"]}}]}), &["blocked_domains"]),
    }
}

/// Where each wire has the search, and a setting of it.
fn place(wire: &str, setting: &str) -> Option<&'static str> {
    Some(match (wire, setting) {
        ("openai_chat", "") => "/web_search_options",
        ("openai_chat", "search_context_size") => "/web_search_options/search_context_size",
        ("openai_chat", "user_location") => "/web_search_options/user_location/approximate/city",
        ("openai_responses", "search_context_size") => "/tools/0/search_context_size",
        ("openai_responses", "allowed_domains") => "/tools/0/filters/allowed_domains/0",
        ("openai_responses" | "anthropic", "") => "/tools/0/type",
        ("openai_responses" | "anthropic", "user_location") => "/tools/0/user_location/city",
        ("anthropic", "max_uses") => "/tools/0/max_uses",
        ("anthropic", "allowed_domains") => "/tools/0/allowed_domains/0",
        ("anthropic", "blocked_domains") => "/tools/0/blocked_domains/0",
        ("gemini", "") => "/tools/0/googleSearch",
        _ => return None,
    })
}

#[test]
fn a_search_keeps_its_settings_or_each_is_told() {
    for client in WIRES {
        let (fields, settings) = search(client);
        for wire in WIRES.into_iter().filter(|wire| *wire != client) {
            let (sent, lost) = to_own(client, wire, &ask(client, &fields));
            assert!(sent.pointer(place(wire, "").unwrap()).is_some(), "{client} to {wire}: {sent}");
            for setting in settings {
                let told = lost.contains(&format!("dropped tools.web_search.{setting}:"));
                let there = place(wire, setting).and_then(|place| sent.pointer(place)).is_some_and(|at| !at.is_null());
                assert_eq!(
                    (there, told),
                    (place(wire, setting).is_some(), !there),
                    "{setting} from {client} to {wire}: {sent}\n{lost}"
                );
            }
        }
    }
    let (sent, _) = to_own("openai_responses", "anthropic", &ask("openai_responses", &search("openai_responses").0));
    assert_eq!(
        (&sent["tools"][0]["type"], &sent["tools"][0]["name"]),
        (&json!("web_search_20250305"), &json!("web_search"))
    );
    let (sent, _) = to_own("anthropic", "openai_responses", &ask("anthropic", &search("anthropic").0));
    assert_eq!(sent["include"], json!(["web_search_call.action.sources"]));
    // Where the upstream has no search it is told, too.
    for (client, wire) in [("anthropic", "openai_chat"), ("openai_responses", "ollama"), ("gemini", "ollama")] {
        let lost = lost(client, wire, &ask(client, &search(client).0));
        assert!(lost.contains("dropped tools.web_search:"), "{client} to {wire}: {lost}");
    }
}

#[test]
fn programs_run_where_they_can_and_sandboxes_stay() {
    let code = |client: &str| match client {
        "openai_responses" => json!({"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]}),
        "anthropic" => json!({"tools": [{"type": "code_execution_20250825", "name": "code_execution"}]}),
        _ => json!({"tools": [{"codeExecution": {}}]}),
    };
    let has = |wire: &str, sent: &Value| match wire {
        "openai_responses" => sent["tools"][0] == json!({"type": "code_interpreter", "container": {"type": "auto"}}),
        "anthropic" => sent["tools"][0] == json!({"type": "code_execution_20250522", "name": "code_execution"}),
        _ => sent["tools"][0] == json!({"codeExecution": {}}),
    };
    let wires = ["openai_responses", "anthropic", "gemini"];
    for client in wires {
        for wire in wires.into_iter().filter(|wire| *wire != client) {
            let sent = sent(client, wire, &ask(client, &code(client)));
            assert!(has(wire, &sent), "{client} to {wire}: {sent}");
        }
        for wire in ["openai_chat", "ollama"] {
            let body = ask(client, &code(client));
            assert!(sent(client, wire, &body).get("tools").is_none(), "{client} to {wire}");
            assert!(lost(client, wire, &body).contains("dropped tools."), "{client} to {wire}");
        }
    }
    let owned = json!({"tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file-1"]}}]});
    for wire in ["anthropic", "gemini"] {
        let body = ask("openai_responses", &owned);
        assert!(!sent("openai_responses", wire, &body).to_string().contains("file-1"), "{wire}");
        assert!(!lost("openai_responses", wire, &body).is_empty(), "{wire}");
    }
}

#[test]
fn lifetimes_of_caches_find_their_nearest() {
    let half_hour = json!({"mode": "explicit", "ttl": "30m"});
    for ttl in [Value::Null, json!("5m"), json!("1h")] {
        let mut mark = json!({"type": "ephemeral"});
        if !ttl.is_null() {
            mark["ttl"] = ttl;
        }
        let body = json!({"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content":
            [{"type": "text", "text": "a", "cache_control": mark}, {"type": "text", "text": "b"}]}]});
        let (chat, _) = to_own("anthropic", "openai_chat", &body);
        assert_eq!(chat["messages"][0]["content"][0]["prompt_cache_breakpoint"], half_hour, "{mark}");
        let (responses, _) = to_own("anthropic", "openai_responses", &body);
        assert_eq!(responses["input"][0]["content"][0]["prompt_cache_breakpoint"], half_hour, "{mark}");
        for wire in ["openai_chat", "openai_responses", "gemini"] {
            let plain = sent("anthropic", wire, &body).to_string();
            assert!(!plain.contains("cache"), "{wire} knows none: {plain}");
            assert!(lost("anthropic", wire, &body).lines().all(|line| line.starts_with("silent")), "{wire}");
        }
    }
    for (ttl, expect) in [("30m", "5m"), ("12h", "1h"), ("24h", "1h")] {
        let mark = json!({"mode": "explicit", "ttl": ttl});
        let chat = ask(
            "openai_chat",
            &json!({"messages": [{"role": "user", "content":
            [{"type": "text", "text": "a", "prompt_cache_breakpoint": mark}]}]}),
        );
        let found = sent("openai_chat", "anthropic", &chat);
        assert_eq!(found["messages"][0]["content"][0]["cache_control"]["ttl"], expect, "{ttl}: {found}");
        let responses = ask(
            "openai_responses",
            &json!({"input": [{"role": "user", "content":
            [{"type": "input_text", "text": "a", "prompt_cache_breakpoint": mark}]}]}),
        );
        let found = sent("openai_responses", "anthropic", &responses);
        assert_eq!(found["messages"][0]["content"][0]["cache_control"]["ttl"], expect, "{ttl}: {found}");
    }
    // One at the top stands after the last part, whatever that is.
    let picture = json!({"type": "image", "source": {"type": "url", "url": "https://a.example/a.png"}});
    for last in [json!({"type": "text", "text": "b"}), picture] {
        let body = json!({"model": "m", "max_tokens": 99, "cache_control": {"type": "ephemeral"},
            "messages": [{"role": "user", "content": [{"type": "text", "text": "a"}, last]}]});
        let (chat, _) = to_own("anthropic", "openai_chat", &body);
        let parts = &chat["messages"][0]["content"];
        assert_eq!(
            (parts[0].get("prompt_cache_breakpoint"), &parts[1]["prompt_cache_breakpoint"]),
            (None, &half_hour),
            "{chat}"
        );
    }
    let many: Vec<Value> = (0..6)
        .map(|n| json!({"type": "text", "text": format!("t{n}"), "cache_control": {"type": "ephemeral"}}))
        .collect();
    let body = json!({"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": many}]});
    for wire in ["openai_chat", "openai_responses"] {
        assert_eq!(
            to_own("anthropic", wire, &body).0.to_string().matches("prompt_cache_breakpoint").count(),
            4,
            "{wire}"
        );
    }
}

#[test]
fn a_cache_of_googles_is_its_accounts() {
    let cached = ask("gemini", &json!({"cachedContent": "cachedContents/1"}));
    for wire in ["openai_chat", "openai_responses", "anthropic", "ollama"] {
        assert_eq!(refused("gemini", wire, &cached), "cachedContent", "{wire}");
    }
}

#[test]
fn who_asks_is_passed_on_and_never_invented() {
    let says = [
        ("openai_chat", json!({"user": "u1"})),
        ("openai_chat", json!({"safety_identifier": "u1", "user": "old"})),
        ("openai_responses", json!({"safety_identifier": "u1"})),
        ("anthropic", json!({"metadata": {"user_id": "u1"}})),
    ];
    let at = |wire: &str| match wire {
        "openai_chat" => "/user",
        "openai_responses" => "/safety_identifier",
        _ => "/metadata/user_id",
    };
    for (client, fields) in says {
        for wire in ["openai_chat", "openai_responses", "anthropic"].into_iter().filter(|wire| *wire != client) {
            let found = sent(client, wire, &ask(client, &fields));
            assert_eq!(found.pointer(at(wire)), Some(&json!("u1")), "{client} to {wire}: {found}");
            let plain = sent(client, wire, &ask(client, &json!({})));
            assert_eq!(plain.pointer(at(wire)), None, "{client} to {wire}: {plain}");
        }
        for wire in ["gemini", "ollama"] {
            assert!(!sent(client, wire, &ask(client, &fields)).to_string().contains("u1"), "{client} to {wire}");
        }
    }
    let long = ask("anthropic", &json!({"metadata": {"user_id": "x".repeat(128)}}));
    assert_eq!(sent("anthropic", "openai_responses", &long)["safety_identifier"], "x".repeat(128));
    let longer = ask("anthropic", &json!({"metadata": {"user_id": "x".repeat(129)}}));
    assert!(sent("anthropic", "openai_responses", &longer).get("safety_identifier").is_none());
    let labels = ask("openai_responses", &json!({"metadata": {"team": "kites"}}));
    for wire in ["openai_chat", "anthropic", "gemini", "ollama"] {
        assert!(!sent("openai_responses", wire, &labels).to_string().contains("kites"), "{wire}");
    }
}

#[test]
fn state_that_is_kept_elsewhere_is_refused_by_its_name() {
    let stored = [
        ("previous_response_id", json!({"previous_response_id": "resp_1"})),
        ("conversation", json!({"conversation": "conv_1"})),
        ("prompt", json!({"prompt": {"id": "pmpt_1"}})),
        ("background", json!({"background": true})),
        ("input[1]", json!({"input": [{"role": "user", "content": "q"}, {"type": "item_reference", "id": "msg_1"}]})),
    ];
    for (field, fields) in stored {
        for wire in ["openai_chat", "anthropic", "gemini", "ollama"] {
            assert_eq!(refused("openai_responses", wire, &ask("openai_responses", &fields)), field, "{wire}");
        }
    }
    for fields in [json!({"mcp_servers": [{"url": "https://a.example"}]}), json!({"container": "c1"})] {
        for wire in ["openai_chat", "openai_responses", "gemini", "ollama"] {
            let field = fields.as_object().unwrap().keys().next().unwrap();
            assert_eq!(&refused("anthropic", wire, &ask("anthropic", &fields)), field, "{wire}");
        }
    }
    // What asks for nothing is no reason to refuse, and to be stored is no part of an answer.
    for fields in [
        json!({"background": false}),
        json!({"store": true}),
        json!({"previous_response_id": null, "conversation": null}),
    ] {
        for wire in ["openai_chat", "anthropic", "gemini", "ollama"] {
            let lost = lost("openai_responses", wire, &ask("openai_responses", &fields));
            assert!(lost.lines().all(|line| line.starts_with("silent")), "{fields} to {wire}: {lost}");
        }
    }
}
