//! How much to think, in the words of every client, as every class of model hears it.
//!
//! Two tables that meet in the middle. The first says what a client's words mean: a row of `MEANINGS` is a wish and
//! every way to ask for it. The second says what a class of model is sent: a row of `WRITTEN` is a wish and one cell for
//! each of `CLASSES`. The test sends each way of asking to each class, so every pair of dialects is gone through.

use bytes::Bytes;
use dialect::{Body, ModelTraits, Target, ThinkingTraits};
use hub::{Level, Request, Thinking};
use serde_json::Value;

use super::matrix::head;
use super::side;
use crate::ALL;

use Level::{High, Low, Max, Medium, Minimal, XHigh};

/// A dialect and fields of its request, or a suffix.
type Way = (&'static str, &'static str);

/// A wish, and all that asks for it.
const MEANINGS: [(&str, &[Way]); 17] = [
    (
        "unsaid",
        &[
            ("openai_chat", r#""a":null"#),
            ("openai_responses", r#""reasoning":{}"#),
            ("anthropic", r#""thinking":null"#),
            ("gemini", r#""generationConfig":{"thinkingConfig":{}}"#),
            ("ollama", r#""think":null"#),
        ],
    ),
    (
        "none",
        &[
            ("openai_chat", r#""reasoning_effort":"none""#),
            ("openai_chat", r#""reasoning":{"effort":"none"}"#),
            ("openai_chat", r#""reasoning":{"enabled":false}"#),
            ("openai_chat", r#""thinking":{"type":"disabled"}"#),
            ("openai_chat", r#""enable_thinking":false"#),
            ("openai_chat", r#""enable_thinking":false,"thinking_budget":4000"#),
            ("openai_chat", r#""extra_body":{"anthropic":{"thinking":{"type":"disabled"}}}"#),
            ("openai_chat", r#""extra_body":{"google":{"thinking_config":{"thinking_budget":0}}}"#),
            ("openai_chat", r#""chat_template_kwargs":{"enable_thinking":false}"#),
            ("openai_responses", r#""reasoning":{"effort":"none"}"#),
            ("anthropic", r#""thinking":{"type":"disabled"}"#),
            ("anthropic", r#""thinking":{"type":"between_tools"}"#),
            ("gemini", r#""generationConfig":{"thinkingConfig":{"thinkingBudget":0}}"#),
            ("ollama", r#""think":false"#),
            ("suffix", "none"),
            ("suffix", "0"),
        ],
    ),
    (
        "minimal",
        &[
            ("openai_chat", r#""reasoning_effort":"minimal""#),
            ("openai_responses", r#""reasoning":{"effort":"minimal"}"#),
            ("gemini", r#""generationConfig":{"thinkingConfig":{"thinkingLevel":"MINIMAL"}}"#),
            ("suffix", "minimal"),
        ],
    ),
    (
        "low",
        &[
            ("openai_chat", r#""reasoning_effort":"low""#),
            ("openai_chat", r#""reasoning":{"effort":"low"}"#),
            ("openai_chat", r#""extra_body":{"google":{"thinking_config":{"thinking_level":"LOW"}}}"#),
            ("openai_responses", r#""reasoning":{"effort":"low"}"#),
            ("anthropic", r#""thinking":{"type":"adaptive"},"output_config":{"effort":"low"}"#),
            ("gemini", r#""generation_config":{"thinking_config":{"thinking_level":"low"}}"#),
            ("ollama", r#""think":"low""#),
            ("suffix", "low"),
        ],
    ),
    (
        "medium",
        &[
            ("openai_chat", r#""reasoning_effort":"medium""#),
            ("openai_responses", r#""reasoning":{"effort":"medium"}"#),
            ("anthropic", r#""thinking":{"type":"adaptive"},"output_config":{"effort":"medium"}"#),
            ("gemini", r#""generationConfig":{"thinkingConfig":{"thinkingLevel":"MEDIUM"}}"#),
            ("ollama", r#""think":"medium""#),
            ("suffix", "medium"),
        ],
    ),
    (
        "high",
        &[
            ("openai_chat", r#""reasoning_effort":"high""#),
            ("openai_chat", r#""reasoning_effort":"high","thinking":{"type":"enabled"}"#),
            ("openai_responses", r#""reasoning":{"effort":"high"}"#),
            ("anthropic", r#""thinking":{"type":"adaptive"},"output_config":{"effort":"high"}"#),
            ("anthropic", r#""output_config":{"effort":"high"}"#),
            ("gemini", r#""generationConfig":{"thinkingConfig":{"thinkingLevel":"HIGH"}}"#),
            ("ollama", r#""think":"high""#),
            ("suffix", "HIGH"),
        ],
    ),
    (
        "xhigh",
        &[
            ("openai_chat", r#""reasoning_effort":"xhigh""#),
            ("openai_responses", r#""reasoning":{"effort":"xhigh"}"#),
            ("anthropic", r#""thinking":{"type":"adaptive"},"output_config":{"effort":"xhigh"}"#),
            ("gemini", r#""generationConfig":{"thinkingConfig":{"thinkingLevel":"XHIGH"}}"#),
            ("suffix", "xhigh"),
        ],
    ),
    (
        "max",
        &[
            ("openai_chat", r#""reasoning_effort":"max""#),
            ("openai_responses", r#""reasoning":{"effort":"max"}"#),
            ("anthropic", r#""thinking":{"type":"adaptive"},"output_config":{"effort":"max"}"#),
            ("ollama", r#""think":"max""#),
            ("suffix", "max"),
        ],
    ),
    ("512", &[("gemini", r#""generationConfig":{"thinkingConfig":{"thinkingBudget":512}}"#), ("suffix", "512")]),
    ("513", &[("gemini", r#""generationConfig":{"thinkingConfig":{"thinkingBudget":513}}"#), ("suffix", "513")]),
    (
        "1024",
        &[
            ("anthropic", r#""thinking":{"type":"enabled","budget_tokens":1024}"#),
            ("openai_chat", r#""thinking":{"type":"enabled","budget_tokens":1024}"#),
            ("gemini", r#""generationConfig":{"thinkingConfig":{"thinkingBudget":1024}}"#),
        ],
    ),
    (
        "1025",
        &[
            ("anthropic", r#""thinking":{"type":"enabled","budget_tokens":1025}"#),
            ("openai_chat", r#""extra_body":{"anthropic":{"thinking":{"type":"enabled","budget_tokens":1025}}}"#),
        ],
    ),
    (
        "8192",
        &[
            ("anthropic", r#""thinking":{"type":"enabled","budget_tokens":8192}"#),
            ("openai_chat", r#""reasoning":{"max_tokens":8192}"#),
            ("openai_chat", r#""extra_body":{"google":{"thinkingConfig":{"thinkingBudget":8192}}}"#),
            ("openai_chat", r#""enable_thinking":true,"thinking_budget":8192"#),
            ("suffix", "8192"),
        ],
    ),
    (
        "8193",
        &[
            ("anthropic", r#""thinking":{"type":"enabled","budget_tokens":8193}"#),
            ("openai_chat", r#""thinking_budget":8193"#),
        ],
    ),
    ("24577", &[("anthropic", r#""thinking":{"type":"enabled","budget_tokens":24577}"#), ("suffix", "24577")]),
    (
        "100000",
        &[
            ("anthropic", r#""thinking":{"type":"enabled","budget_tokens":100000}"#),
            ("gemini", r#""generationConfig":{"thinkingConfig":{"thinkingBudget":100000}}"#),
        ],
    ),
    (
        "auto",
        &[
            ("openai_chat", r#""reasoning_effort":"auto""#),
            ("openai_chat", r#""thinking":{"type":"adaptive"}"#),
            ("openai_chat", r#""chat_template_kwargs":{"thinking":true}"#),
            ("openai_responses", r#""reasoning":{"effort":"auto"}"#),
            ("openai_chat", r#""enable_thinking":true"#),
            ("openai_chat", r#""reasoning":{"enabled":true}"#),
            ("openai_chat", r#""extra_body":{"anthropic":{"thinking":{"type":"adaptive"}}}"#),
            ("anthropic", r#""thinking":{"type":"adaptive"}"#),
            ("gemini", r#""generationConfig":{"thinkingConfig":{"thinkingBudget":-1}}"#),
            ("ollama", r#""think":true"#),
            ("suffix", "auto"),
            ("suffix", "-1"),
        ],
    ),
];

/// A class of model: its wire, its efforts, its budgets, whether it takes "decide for yourself", whether it can be
/// told not to think.
type Class = (&'static str, &'static str, &'static [Level], Option<(u32, u32)>, Option<bool>, Option<bool>);

const CLASSES: [Class; 13] = [
    ("Chat, nothing known", "openai_chat", &[], None, None, None),
    ("Chat, always thinks", "openai_chat", &[Minimal, Low, Medium, High], None, None, Some(false)),
    ("Responses", "openai_responses", &[Low, Medium, High, XHigh], None, None, Some(true)),
    ("Claude 4.5", "anthropic", &[], Some((1_024, 63_999)), Some(false), Some(true)),
    ("Claude 4.6", "anthropic", &[Low, Medium, High, Max], Some((1_024, 63_999)), Some(true), Some(true)),
    ("Claude 4.8", "anthropic", &[Low, Medium, High, XHigh, Max], None, Some(true), Some(true)),
    ("Fable", "anthropic", &[Low, Medium, High, XHigh, Max], None, Some(true), Some(false)),
    ("2.5 Pro", "gemini", &[], Some((128, 32_768)), Some(true), Some(false)),
    ("2.5 Flash", "gemini", &[], Some((1, 24_576)), Some(true), Some(true)),
    ("2.5 Flash Lite", "gemini", &[], Some((512, 24_576)), Some(true), Some(true)),
    ("3 Pro", "gemini", &[Low, High], None, Some(true), Some(false)),
    ("Ollama", "ollama", &[], None, None, None),
    ("Ollama, by levels", "ollama", &[Low, Medium, High], None, None, Some(false)),
];

/// What is written of a wish, a cell for each class in its order.
#[rustfmt::skip]
const WRITTEN: [(&str, [&str; 13]); 17] = [
    //          Chat       always     Responses  Claude 4.5  Claude 4.6   Claude 4.8   Fable        2.5 Pro  Flash    Lite     3 Pro   Ollama    by levels
    ("unsaid",  ["-",       "-",       "-",       "-",        "-",         "-",         "-",         "-",     "-",     "-",     "-",    "-",      "-"]),
    ("none",    ["none",    "minimal", "none",    "disabled", "disabled",  "disabled",  "auto low",  "128",   "0",     "0",     "LOW",  "false",  "low"]),
    ("minimal", ["minimal", "minimal", "low",     "1024",     "auto low",  "auto low",  "auto low",  "512",   "512",   "512",   "LOW",  "low",    "low"]),
    ("low",     ["low",     "low",     "low",     "1024",     "auto low",  "auto low",  "auto low",  "1024",  "1024",  "1024",  "LOW",  "low",    "low"]),
    ("medium",  ["medium",  "medium",  "medium",  "8192",     "auto medium","auto medium","auto medium","8192","8192", "8192",  "LOW",  "medium", "medium"]),
    ("high",    ["high",    "high",    "high",    "24576",    "auto high", "auto high", "auto high", "24576", "24576", "24576", "HIGH", "high",   "high"]),
    ("xhigh",   ["xhigh",   "high",    "xhigh",   "32768",    "auto high", "auto xhigh","auto xhigh","32768", "24576", "24576", "HIGH", "max",    "high"]),
    ("max",     ["max",     "high",    "xhigh",   "63999",    "auto max",  "auto max",  "auto max",  "32768", "24576", "24576", "HIGH", "max",    "high"]),
    ("512",     ["minimal", "minimal", "low",     "1024",     "1024",      "auto low",  "auto low",  "512",   "512",   "512",   "LOW",  "low",    "low"]),
    ("513",     ["low",     "low",     "low",     "1024",     "1024",      "auto low",  "auto low",  "513",   "513",   "513",   "LOW",  "low",    "low"]),
    ("1024",    ["low",     "low",     "low",     "1024",     "1024",      "auto low",  "auto low",  "1024",  "1024",  "1024",  "LOW",  "low",    "low"]),
    ("1025",    ["medium",  "medium",  "medium",  "1025",     "1025",      "auto medium","auto medium","1025","1025",  "1025",  "LOW",  "medium", "medium"]),
    ("8192",    ["medium",  "medium",  "medium",  "8192",     "8192",      "auto medium","auto medium","8192","8192",  "8192",  "LOW",  "medium", "medium"]),
    ("8193",    ["high",    "high",    "high",    "8193",     "8193",      "auto high", "auto high", "8193",  "8193",  "8193",  "HIGH", "high",   "high"]),
    ("24577",   ["xhigh",   "high",    "xhigh",   "24577",    "24577",     "auto xhigh","auto xhigh","24577", "24576", "24576", "HIGH", "max",    "high"]),
    ("100000",  ["xhigh",   "high",    "xhigh",   "63999",    "63999",     "auto xhigh","auto xhigh","32768", "24576", "24576", "HIGH", "max",    "high"]),
    ("auto",    ["-",       "-",       "medium",  "8192",     "auto",      "auto",      "auto",      "-1",    "-1",    "-1",    "-",    "true",   "true"]),
];

/// A request of a client that says `fields` and has room for any budget.
fn ask(client: &str, fields: &str) -> Request {
    let question = match client {
        "gemini" => r#""contents":[{"role":"user","parts":[{"text":"q"}]}]"#,
        "openai_responses" => r#""input":"q""#,
        _ => r#""messages":[{"role":"user","content":"q"}]"#,
    };
    let dialect = ALL.iter().find(|dialect| dialect.id.0 == client).unwrap();
    let body = Body::parse(Bytes::from(format!(r#"{{"model":"m",{question},{fields}}}"#))).unwrap();
    let mut request = dialect.client.unwrap().decode_request(&head(dialect), &body).unwrap().request;
    request.sampling.max_tokens = Some(200_000);
    request
}

/// The requests of one way to ask: a suffix goes before whatever a request of any client says.
fn requests(client: &str, words: &str) -> Vec<Request> {
    if client != "suffix" {
        return vec![ask(client, words)];
    }
    let suffixed = |client, fields| {
        let request = ask(client, fields);
        let thinking = request.thinking.with_effort_of(Thinking::from_suffix(words).unwrap());
        Request { thinking, ..request }
    };
    vec![
        suffixed("openai_chat", r#""reasoning_effort":"medium""#),
        suffixed("openai_responses", r#""reasoning":{"effort":"none"}"#),
        suffixed("anthropic", r#""thinking":{"type":"enabled","budget_tokens":3000},"output_config":{"effort":"max"}"#),
        suffixed("gemini", r#""generationConfig":{"thinkingConfig":{"thinkingBudget":0}}"#),
        suffixed("ollama", r#""think":true"#),
    ]
}

fn traits(class: &Class) -> ModelTraits {
    let (_, _, levels, budget, adaptive, can_disable) = *class;
    let thinking = ThinkingTraits { supported: Some(true), levels: levels.to_vec(), budget, adaptive, can_disable };
    ModelTraits { thinking, ..ModelTraits::default() }
}

fn written(request: &Request, class: &Class) -> Value {
    let traits = traits(class);
    let target = Target { model: "m", stream: false, traits: &traits };
    let encoded = side(class.1).encode_request(request, &target).unwrap();
    serde_json::from_slice(&encoded.body).unwrap()
}

/// A body in the words of a cell.
fn cell(wire: &str, body: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let said = match wire {
        "openai_chat" => &body["reasoning_effort"],
        "openai_responses" => &body["reasoning"]["effort"],
        "gemini" => match &body["generationConfig"]["thinkingConfig"] {
            config if config["thinkingBudget"].is_null() => &config["thinkingLevel"],
            config => &config["thinkingBudget"],
        },
        "ollama" => &body["think"],
        _ => return claude(body),
    };
    if said.is_null() { "-".to_owned() } else { text(said) }
}

fn claude(body: &Value) -> String {
    let effort = body["output_config"]["effort"].as_str().map(|word| format!(" {word}")).unwrap_or_default();
    let thinking = &body["thinking"];
    let mode = match thinking["type"].as_str() {
        None => "-".to_owned(),
        Some("adaptive") => "auto".to_owned(),
        Some("enabled") => thinking["budget_tokens"].to_string(),
        Some(other) => other.to_owned(),
    };
    mode + &effort
}

#[test]
fn every_way_to_ask_is_heard_by_every_class() {
    let (mut tried, mut wrong) = (0, Vec::new());
    for ((wish, ways), (row, cells)) in MEANINGS.iter().zip(&WRITTEN) {
        assert_eq!(wish, row, "the tables have the same rows");
        for (client, words) in *ways {
            for request in requests(client, words) {
                for (class, expect) in CLASSES.iter().zip(cells) {
                    let body = written(&request, class);
                    let found = cell(class.1, &body);
                    tried += 1;
                    if found != *expect {
                        wrong.push(format!("{client} {words} at {}: {found}, not {expect}", class.0));
                    }
                }
            }
        }
    }
    assert!(tried > 1_000, "{tried}");
    assert_eq!(wrong, Vec::<String>::new());
}

/// Whether reasoning is shown: what a client says, and what Responses, a Claude of 4.8 and a Gemini 3 Pro are told.
#[rustfmt::skip]
const SHOWN: [(&str, &str, [&str; 3]); 16] = [
    //                   says                                                       summary display       includeThoughts
    ("openai_chat",      r#""a":null"#,                                              ["-",    "-",          "-"]),
    ("openai_chat",      r#""reasoning_effort":"high""#,                             ["-",    "summarized", "true"]),
    ("openai_chat",      r#""reasoning":{"effort":"high","exclude":true}"#,          ["-",    "omitted",    "-"]),
    ("openai_chat",      r#""reasoning":{"effort":"high","exclude":false}"#,         ["auto", "summarized", "true"]),
    ("openai_chat",      r#""reasoning_effort":"none""#,                             ["-",    "-",          "true"]),
    ("openai_chat",      r#""extra_body":{"google":{"thinking_config":{"include_thoughts":true}}}"#, ["auto", "-", "true"]),
    ("openai_responses", r#""reasoning":{"effort":"high"}"#,                         ["-",    "summarized", "true"]),
    ("openai_responses", r#""reasoning":{"effort":"high","summary":"detailed"}"#,    ["auto", "summarized", "true"]),
    ("openai_responses", r#""reasoning":{"summary":"auto"}"#,                        ["auto", "-",          "true"]),
    ("anthropic",        r#""thinking":{"type":"enabled","budget_tokens":5000}"#,    ["auto", "summarized", "true"]),
    ("anthropic",        r#""thinking":{"type":"adaptive"}"#,                        ["auto", "summarized", "true"]),
    ("anthropic",        r#""thinking":{"type":"adaptive","display":"omitted"}"#,    ["-",    "omitted",    "-"]),
    ("anthropic",        r#""thinking":{"type":"disabled"}"#,                        ["-",    "-",          "true"]),
    ("gemini",           r#""generationConfig":{"thinkingConfig":{"thinkingLevel":"HIGH","includeThoughts":true}}"#, ["auto", "summarized", "true"]),
    ("gemini",           r#""generationConfig":{"thinkingConfig":{"thinkingLevel":"HIGH","includeThoughts":false}}"#, ["-", "omitted", "-"]),
    ("ollama",           r#""think":true"#,                                          ["auto", "summarized", "true"]),
];

#[test]
fn reasoning_is_shown_to_those_who_can_show_it() {
    let told = |value: &Value| if value.is_null() { "-".to_owned() } else { value.to_string().replace('"', "") };
    let class = |name: &str| CLASSES.iter().find(|class| class.0 == name).unwrap();
    for (client, words, expect) in SHOWN {
        let request = ask(client, words);
        let found = [
            told(&written(&request, class("Responses"))["reasoning"]["summary"]),
            told(&written(&request, class("Claude 4.8"))["thinking"]["display"]),
            told(&written(&request, class("3 Pro"))["generationConfig"]["thinkingConfig"]["includeThoughts"]),
        ];
        assert_eq!(found, expect, "{client} {words}");
    }
}

/// The wish, the cap that the client names, the model's own cap, and what is sent: thinking, and a cap.
type Capped = (&'static str, Option<u64>, Option<u64>, (&'static str, u64));

/// A budget under the cap on output of a Claude of 4.5.
#[rustfmt::skip]
const CAPPED: [Capped; 12] = [
    ("high", Some(30_000), None,         ("24576",    30_000)),
    ("high", Some(24_577), None,         ("24576",    24_577)),
    ("high", Some(24_576), None,         ("24575",    24_576)),
    ("high", Some(1_025),  None,         ("1024",     1_025)),
    ("high", Some(1_024),  None,         ("disabled", 1_024)),
    ("high", Some(1),      None,         ("disabled", 1)),
    ("high", Some(99_000), Some(64_000), ("24576",    64_000)),
    ("max",  Some(99_000), Some(64_000), ("63999",    64_000)),
    ("high", None,         Some(64_000), ("24576",    64_000)),
    ("max",  None,         Some(64_000), ("59904",    64_000)),
    ("low",  None,         None,         ("1024",     9_216)),
    ("none", None,         None,         ("disabled", 8_192)),
];

#[test]
fn a_budget_stays_under_the_cap_on_output_and_raises_none() {
    let class = CLASSES.iter().find(|class| class.0 == "Claude 4.5").unwrap();
    for (wish, cap, most, (thinking, max_tokens)) in CAPPED {
        let mut request = ask("openai_chat", r#""a":null"#);
        request.thinking = Thinking::from_suffix(wish).unwrap();
        request.sampling.max_tokens = cap;
        let traits = ModelTraits { max_output: most, ..traits(class) };
        let target = Target { model: "m", stream: false, traits: &traits };
        let body = side("anthropic").encode_request(&request, &target).unwrap().body;
        let body: Value = serde_json::from_slice(&body).unwrap();
        let found = (claude(&body), body["max_tokens"].as_u64().unwrap());
        assert_eq!(found, (thinking.to_owned(), max_tokens), "{wish} under {cap:?} of {most:?}");
    }
}
