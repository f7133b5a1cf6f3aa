//! Tool definitions and the choice among them.

use dialect::{ModelTraits, WireQuirks};
use serde_json::{Value, json};

use super::{lost, refused, sent, translated};

const WIRES: [&str; 4] = ["openai_chat", "anthropic", "gemini", "ollama"];

/// A request of the Responses API with a tool that nobody else runs, and maybe a function.
fn responses(with_function: bool, choice: &Value) -> Value {
    let mut tools = vec![json!({"type": "file_search", "vector_store_ids": ["v"]})];
    tools.extend(with_function.then(|| json!({"type": "function", "name": "f", "parameters": null, "strict": null})));
    json!({"model": "m", "input": "q", "tools": tools, "tool_choice": choice})
}

#[test]
fn a_call_is_insisted_on_only_where_a_tool_is_left() {
    for wire in WIRES {
        assert_eq!(refused("openai_responses", wire, &responses(false, &json!("required"))), "tool_choice", "{wire}");
        assert_eq!(sent("openai_responses", wire, &responses(false, &json!("auto"))).get("tools"), None, "{wire}");
        assert!(
            lost("openai_responses", wire, &responses(true, &json!("required"))).contains("dropped tools"),
            "{wire}"
        );
    }
    let bash = json!({"model": "m", "max_tokens": 20, "messages": [{"role": "user", "content": "q"}],
        "tools": [{"type": "bash_20250124", "name": "bash"}], "tool_choice": {"type": "any"}});
    for wire in ["openai_chat", "openai_responses", "gemini", "ollama"] {
        assert_eq!(refused("anthropic", wire, &bash), "tool_choice", "{wire}");
    }
}

#[test]
fn of_a_subset_the_tools_that_can_be_sent_are_left() {
    let subset = |mode: &str, names: &[&str]| {
        let all = [json!({"type": "file_search"}), json!({"type": "function", "name": "f"})];
        let tools: Vec<&Value> =
            all.iter().filter(|tool| names.iter().any(|name| tool.to_string().contains(name))).collect();
        responses(true, &json!({"type": "allowed_tools", "mode": mode, "tools": tools}))
    };
    for wire in WIRES {
        let both = sent("openai_responses", wire, &subset("required", &["file_search", "\"f\""]));
        assert!(both["tools"].to_string().contains("\"f\""), "{wire}: {both}");
        assert_eq!(refused("openai_responses", wire, &subset("required", &["file_search"])), "tool_choice", "{wire}");
        // Nothing that is allowed is here: nothing is called.
        let none = sent("openai_responses", wire, &subset("auto", &["file_search"]));
        let mode = &none["toolConfig"]["functionCallingConfig"]["mode"];
        assert!(none.get("tools").is_none() || mode == "NONE", "{wire}: {none}");
        // An empty subset is no tool at all.
        assert_eq!(refused("openai_responses", wire, &subset("required", &[])), "tool_choice", "{wire}");
    }
    let none = sent("openai_responses", "anthropic", &subset("auto", &[]));
    assert_eq!(none["tool_choice"], json!({"type": "none"}));
    let quirks = WireQuirks { openai_tools: true, ..WireQuirks::default() };
    let traits = ModelTraits { quirks, ..ModelTraits::default() };
    let (found, _) = translated("openai_responses", "openai_chat", &subset("auto", &["file_search"]), &traits).unwrap();
    assert_eq!(found["tool_choice"], "none");
}

#[test]
fn a_choice_of_what_is_not_declared_is_refused() {
    let tools = json!([{"name": "f", "input_schema": {"type": "object"}}]);
    let body = json!({"model": "m", "max_tokens": 20, "messages": [{"role": "user", "content": "q"}],
        "tools": tools, "tool_choice": {"type": "tool", "name": "g"}});
    for wire in ["openai_chat", "openai_responses", "gemini", "ollama"] {
        assert_eq!(refused("anthropic", wire, &body), "tool_choice", "{wire}");
    }
    for mode in ["ANY", "VALIDATED"] {
        let config = json!({"functionCallingConfig": {"mode": mode, "allowedFunctionNames": ["f", "g"]}});
        let body = json!({"contents": [{"parts": [{"text": "q"}]}],
            "tools": [{"functionDeclarations": [{"name": "f"}]}], "toolConfig": config});
        for wire in ["openai_chat", "openai_responses", "anthropic", "ollama"] {
            let field = refused("gemini", wire, &body);
            assert_eq!(field, "toolConfig.functionCallingConfig.allowedFunctionNames", "{wire}");
        }
    }
}

#[test]
fn a_grammar_is_told_in_words() {
    let definition = "start: \"a\"\n";
    let nested = json!({"type": "grammar", "grammar": {"syntax": "lark", "definition": definition}});
    let chat = json!({"model": "m", "messages": [{"role": "user", "content": "q"}],
        "tools": [{"type": "custom", "custom": {"name": "c", "description": "D.", "format": nested}}]});
    let flat = json!({"type": "grammar", "syntax": "lark", "definition": definition});
    let responses = json!({"model": "m", "input": "q",
        "tools": [{"type": "custom", "name": "c", "description": "D.", "format": flat}]});
    for (client, body) in [("openai_chat", chat), ("openai_responses", responses)] {
        for (wire, place) in [
            ("openai_chat", "/tools/0/function/description"),
            ("anthropic", "/tools/0/description"),
            ("gemini", "/tools/0/functionDeclarations/0/description"),
            ("ollama", "/tools/0/function/description"),
        ] {
            if client != wire {
                let found = sent(client, wire, &body);
                let words = found.pointer(place).and_then(Value::as_str).unwrap_or_default();
                let expected = "D.\n\nThe input must follow this lark grammar:\nstart: \"a\"";
                assert_eq!(words.trim_end(), expected, "{client} to {wire}");
            }
        }
    }
}

#[test]
fn broken_schemas_are_repaired_for_every_server() {
    let body = |schema: Value| {
        json!({"model": "m", "max_tokens": 20, "messages": [{"role": "user", "content": "q"}],
            "tools": [{"name": "f", "input_schema": schema}]})
    };
    let broken = json!({"a": {"type": "STRING", "required": true}});
    let found = sent("anthropic", "ollama", &body(broken))["tools"][0]["function"]["parameters"].clone();
    assert_eq!(found, json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}));
    let empty = sent("anthropic", "ollama", &body(json!({})))["tools"][0]["function"]["parameters"].clone();
    assert_eq!(empty, json!({"type": "object", "properties": {}}));
}

#[test]
fn a_strict_tool_without_arguments_stays_strict() {
    let config = json!({"functionCallingConfig": {"mode": "VALIDATED"}});
    let body = json!({"contents": [{"parts": [{"text": "q"}]}],
        "tools": [{"functionDeclarations": [{"name": "f"}]}], "toolConfig": config});
    assert_eq!(sent("gemini", "openai_responses", &body)["tools"][0]["strict"], true);
    assert_eq!(sent("gemini", "anthropic", &body)["tools"][0]["strict"], true);
    assert_eq!(lost("gemini", "openai_responses", &body), "");
}

#[test]
fn examples_and_callers_of_a_tool_are_not_lost_in_silence() {
    let tool = json!({"name": "f", "description": "D.", "input_schema": {"type": "object"}, "defer_loading": true,
        "input_examples": [{"a": 1}, {"a": "\u{fc}"}], "allowed_callers": ["code_execution_20250825"]});
    let mut body =
        json!({"model": "m", "max_tokens": 20, "messages": [{"role": "user", "content": "q"}], "tools": [tool]});
    for (wire, place) in [
        ("openai_chat", "/tools/0/function/description"),
        ("openai_responses", "/tools/0/description"),
        ("gemini", "/tools/0/functionDeclarations/0/description"),
        ("ollama", "/tools/0/function/description"),
    ] {
        let found = sent("anthropic", wire, &body);
        let told = "D.\n\nExamples of input:\n{\"a\":1}\n{\"a\":\"\u{fc}\"}";
        assert_eq!(found.pointer(place), Some(&json!(told)), "{wire}");
        assert!(lost("anthropic", wire, &body).contains("approximated tools.0.allowed_callers"), "{wire}");
    }
    body["tools"][0]["allowed_callers"] = json!(["direct", "code_execution_20250825"]);
    assert_eq!(lost("anthropic", "openai_chat", &body), "silent tools.0.defer_loading: \n");
}
