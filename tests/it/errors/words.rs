//! What the vendors say when something goes wrong, each in its own shape, and what that means.
//!
//! Wordings as their APIs give them, from the vendors' error pages, their SDKs and reports of users (2026).

use serde_json::{Value, json};

use super::bare::{End, Play};
use super::client::Tongue::{self, Chat, Gemini, Messages, Ollama, Responses};

/// What a fault means, whoever said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// The request breaks a rule; the status is kept.
    Request(u16),
    /// The conversation does not fit.
    Overflow,
    /// Our credential is refused.
    Refused,
    /// Our money is spent, told by this status.
    Spent(u16),
    Model,
    Conflict,
    TooLarge,
    Limited,
    /// It failed; the status is kept.
    Failed(u16),
    Overloaded,
    /// Too slow, by its own account or by our clock.
    Late,
    /// No sense in it.
    Garbled,
    /// No answer at all.
    Unreachable,
}

use Class::{
    Conflict, Failed, Garbled, Late, Limited, Model, Overflow, Overloaded, Refused, Request, Spent, TooLarge,
    Unreachable,
};

/// One fault of an upstream.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) play: Play,
    pub(crate) class: Class,
    /// Words of the upstream that the client must see.
    pub(crate) says: String,
    /// `retry-after` for the client, in seconds.
    pub(crate) wait: Option<u64>,
    /// The body is an error in the upstream's own language: its own clients get it as it is.
    pub(crate) native: bool,
}

/// Status, type, code, words, meaning.
type Row = (u16, &'static str, &'static str, &'static str, Class);

/// Stands for the key with which the upstream was asked: some repeat it.
pub(crate) const KEY_MARK: &str = "{KEY}";

const OPENAI: &[Row] = &[
    (
        400,
        "invalid_request_error",
        "unsupported_parameter",
        "Unsupported parameter: 'frobnicate' is not supported with this model.",
        Request(400),
    ),
    (
        400,
        "invalid_request_error",
        "context_length_exceeded",
        "This model's maximum context length is 128000 tokens. However, your messages resulted in 208310 tokens.",
        Overflow,
    ),
    (
        401,
        "invalid_request_error",
        "invalid_api_key",
        "Incorrect API key provided: {KEY}. You can find your API key at https://platform.openai.com/account/api-keys.",
        Refused,
    ),
    (402, "unknown_error", "invalid_request_error", "Insufficient Balance", Spent(402)),
    (
        403,
        "request_forbidden",
        "unsupported_country_region_territory",
        "Country, region, or territory not supported",
        Refused,
    ),
    (
        404,
        "invalid_request_error",
        "model_not_found",
        "The model `up` does not exist or you do not have access to it.",
        Model,
    ),
    (408, "timeout", "request_timeout", "Request timed out.", Late),
    (409, "conflict_error", "conflict", "The resource is being changed, try again.", Conflict),
    (413, "invalid_request_error", "request_too_large", "Request body is too large for this endpoint.", TooLarge),
    (422, "invalid_request_error", "invalid_value", "messages.0.content: this is no list", Request(422)),
    (
        429,
        "tokens",
        "rate_limit_exceeded",
        "Rate limit reached for up on tokens per min (TPM): Limit 30000. Please try again in 11.2s.",
        Limited,
    ),
    (
        429,
        "insufficient_quota",
        "insufficient_quota",
        "You exceeded your current quota, please check your plan and billing details.",
        Spent(429),
    ),
    (499, "server_error", "", "The call was given up.", Failed(500)),
    (500, "server_error", "", "The server had an error while processing your request. Sorry about that!", Failed(500)),
    (502, "server_error", "", "The model's own gateway found nobody.", Failed(502)),
    (503, "server_error", "", "The engine is currently overloaded, please try again later", Overloaded),
    (504, "server_error", "", "The operation took too long.", Late),
    (529, "server_error", "", "No room for more.", Overloaded),
];

const ANTHROPIC: &[Row] = &[
    (400, "invalid_request_error", "", "frobnicate: Extra inputs are not permitted", Request(400)),
    (400, "invalid_request_error", "", "prompt is too long: 208310 tokens > 200000 maximum", Overflow),
    (
        400,
        "invalid_request_error",
        "",
        "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.",
        Spent(400),
    ),
    (401, "authentication_error", "", "invalid x-api-key {KEY}", Refused),
    (402, "billing_error", "", "There is an issue with your payment information.", Spent(402)),
    (403, "permission_error", "", "Your API key does not have permission to use the specified resource.", Refused),
    (404, "not_found_error", "", "model: up", Model),
    (408, "timeout_error", "", "Request timed out.", Late),
    (409, "conflict_error", "", "The resource is being changed, try again.", Conflict),
    (413, "request_too_large", "", "Request exceeds the maximum size", TooLarge),
    (422, "invalid_request_error", "", "messages.0.content: this is no list", Request(422)),
    (
        429,
        "rate_limit_error",
        "",
        "This request would exceed your organization's rate limit of 50,000 input tokens per minute.",
        Limited,
    ),
    (500, "api_error", "", "Internal server error", Failed(500)),
    (502, "api_error", "", "The model's own gateway found nobody.", Failed(502)),
    (503, "overloaded_error", "", "No room for more.", Overloaded),
    (504, "timeout_error", "", "The operation took too long.", Late),
    (529, "overloaded_error", "", "Overloaded", Overloaded),
];

const GOOGLE: &[Row] = &[
    (
        400,
        "INVALID_ARGUMENT",
        "",
        "Invalid JSON payload received. Unknown name \"frobnicate\": Cannot find field.",
        Request(400),
    ),
    (
        400,
        "INVALID_ARGUMENT",
        "",
        "The input token count (1208310) exceeds the maximum number of tokens allowed (1048576).",
        Overflow,
    ),
    (400, "INVALID_ARGUMENT", "API_KEY_INVALID", "API key not valid. Please pass a valid API key.", Refused),
    (400, "FAILED_PRECONDITION", "", "User location is not supported for the API use.", Refused),
    (401, "UNAUTHENTICATED", "", "Request had invalid authentication credentials {KEY}.", Refused),
    (402, "FAILED_PRECONDITION", "", "The prepaid amount is spent.", Spent(402)),
    (
        403,
        "PERMISSION_DENIED",
        "",
        "Generative Language API has not been used in project 7 before or it is disabled.",
        Refused,
    ),
    (
        404,
        "NOT_FOUND",
        "",
        "models/up is not found for API version v1beta, or is not supported for generateContent.",
        Model,
    ),
    (408, "DEADLINE_EXCEEDED", "", "Request timed out.", Late),
    (409, "ABORTED", "", "The resource is being changed, try again.", Conflict),
    (413, "INVALID_ARGUMENT", "", "Request payload size exceeds the limit: 20971520 bytes.", TooLarge),
    (422, "INVALID_ARGUMENT", "", "contents[0]: this is no content", Request(422)),
    (429, "RESOURCE_EXHAUSTED", "", "Resource has been exhausted (e.g. check quota).", Limited),
    (499, "CANCELLED", "", "The operation was cancelled.", Failed(500)),
    (500, "INTERNAL", "", "An internal error has occurred. Please retry.", Failed(500)),
    (502, "UNKNOWN", "", "The model's own gateway found nobody.", Failed(502)),
    (503, "UNAVAILABLE", "", "The model is overloaded. Please try again later.", Overloaded),
    (504, "DEADLINE_EXCEEDED", "", "Deadline expired before operation could complete.", Late),
    (529, "UNAVAILABLE", "", "No room for more.", Overloaded),
];

const OLLAMA: &[Row] = &[
    (400, "", "", "invalid options: frobnicate", Request(400)),
    (400, "", "", "the input length exceeds the context length", Overflow),
    (401, "", "", "unauthorized {KEY}", Refused),
    (402, "", "", "the prepaid amount is spent", Spent(402)),
    (403, "", "", "this model is for members", Refused),
    (404, "", "", "model \"up\" not found, try pulling it first", Model),
    (408, "", "", "the request timed out", Late),
    (409, "", "", "the model is being changed, try again", Conflict),
    (413, "", "", "request body too large", TooLarge),
    (422, "", "", "this is no list", Request(422)),
    (429, "", "", "too many concurrent requests", Limited),
    (500, "", "", "llama runner process has terminated: exit status 2", Failed(500)),
    (502, "", "", "the runner's gateway found nobody", Failed(502)),
    (503, "", "", "server busy, please try again. maximum pending requests exceeded", Overloaded),
    (504, "", "", "the operation took too long", Late),
    (529, "", "", "no room for more", Overloaded),
];

/// An error record of a vendor.
fn record(wire: Tongue, (status, kind, code, words, _): &Row) -> Value {
    match wire {
        Chat | Responses => {
            let code = if code.is_empty() { Value::Null } else { json!(code) };
            json!({"error": {"message": words, "type": kind, "param": null, "code": code}})
        }
        Messages => {
            json!({"type": "error", "error": {"type": kind, "message": words}, "request_id": "req_of_the_upstream"})
        }
        Gemini => {
            let mut error = json!({"code": status, "message": words, "status": kind});
            if !code.is_empty() {
                let info = "type.googleapis.com/google.rpc.ErrorInfo";
                error["details"] = json!([{"@type": info, "reason": code, "domain": "googleapis.com"}]);
            }
            if *status == 429 {
                let info = "type.googleapis.com/google.rpc.RetryInfo";
                error["details"] = json!([{"@type": info, "retryDelay": "11.2s"}]);
            }
            json!({"error": error})
        }
        Ollama => json!({"error": words}),
    }
}

/// The header in which a vendor names its request.
fn id_header(wire: Tongue) -> &'static str {
    match wire {
        Messages => "request-id",
        Gemini => "x-goog-request-id",
        Chat | Responses | Ollama => "x-request-id",
    }
}

/// What the upstream calls its request.
pub(crate) const UPSTREAM_ID: &str = "req_of_the_upstream";

fn rows(wire: Tongue) -> &'static [Row] {
    match wire {
        Chat | Responses => OPENAI,
        Messages => ANTHROPIC,
        Gemini => GOOGLE,
        Ollama => OLLAMA,
    }
}

fn vendor(wire: Tongue, row: &Row, key: &str) -> Case {
    let (status, _, _, words, class) = row;
    let body = record(wire, row).to_string().replace(KEY_MARK, key);
    let mut play = Play::new(*status, "application/json", body).header(id_header(wire), UPSTREAM_ID);
    let limited = *class == Limited;
    if limited && matches!(wire, Messages | Ollama) {
        play = play.header("retry-after", "12");
    }
    Case {
        name: format!("{status} {words}"),
        play,
        class: *class,
        says: words.split(KEY_MARK).next().unwrap().to_owned(),
        wait: limited.then_some(12),
        native: true,
    }
}

fn odd(name: &str, play: Play, class: Class, says: &str) -> Case {
    Case { name: name.to_owned(), play, class, says: says.to_owned(), wait: None, native: false }
}

const JSON: &str = "application/json";
const PAGE: &str =
    "<html><head><title>Bad Gateway</title><style>b{}</style></head><body><h1>Bad Gateway</h1></body></html>";

/// What proxies, servers and networks do, whatever they speak.
fn anybodys(wire: Tongue) -> Vec<Case> {
    let strange = "frobnicate is unknown";
    let detail = json!({"detail": [{"loc": ["body", "x"], "msg": strange, "type": "value_error"}]}).to_string();
    let list = json!([{"error": {"code": 400, "message": strange, "status": "INVALID_ARGUMENT"}}]).to_string();
    let mut cases = vec![
        odd("a page with 200", Play::new(200, "text/html", PAGE), Garbled, "web page"),
        odd("a page with 502", Play::new(502, "text/html", PAGE), Failed(502), "Bad Gateway"),
        odd("a page with 520", Play::new(520, "text/html", PAGE), Failed(520), "Bad Gateway"),
        odd("a page with 429", Play::new(429, "text/html", PAGE), Limited, "Bad Gateway"),
        odd("a page with 404", Play::new(404, "text/html", PAGE), Model, "Bad Gateway"),
        odd("an empty 200", Play::new(200, JSON, ""), Garbled, "nothing"),
        odd("an empty 400", Play::new(400, JSON, ""), Request(400), "400"),
        odd("an empty 429", Play::new(429, JSON, ""), Limited, "429"),
        odd("an empty 500", Play::new(500, JSON, ""), Failed(500), "500"),
        odd("half a JSON", Play::new(200, JSON, r#"{"id":"x","choices":[{"mess"#), Garbled, ""),
        odd("a text with 200", Play::new(200, "text/plain", "all is well"), Garbled, "not a JSON object"),
        odd("a text with 404", Play::new(404, "text/plain", "404 page not found"), Model, "404 page not found"),
        odd("a redirect", Play::new(302, "text/html", "").header("location", "/login"), Garbled, "redirect"),
        odd("a list of faults", Play::new(400, JSON, detail), Request(400), strange),
        odd("an error in a list", Play::new(400, JSON, list), Request(400), strange),
        odd(
            "a flat record",
            Play::new(400, JSON, json!({"message": strange, "code": "x"}).to_string()),
            Request(400),
            strange,
        ),
        odd("a bare detail", Play::new(400, JSON, json!({"detail": strange}).to_string()), Request(400), strange),
        odd("a JSON text", Play::new(400, JSON, json!(strange).to_string()), Request(400), strange),
        odd("a body cut off", Play::new(200, JSON, r#"{"id":"x"#).end(End::Cut), Garbled, ""),
        odd("an error cut off", Play::new(500, JSON, r#"{"error":"#).end(End::Cut), Failed(500), ""),
        odd("hung up on", Play::nothing(End::Whole), Unreachable, ""),
        odd("a reset", Play::nothing(End::Reset), Unreachable, ""),
    ];
    if wire != Ollama {
        let play = Play::new(400, JSON, json!({"error": strange}).to_string());
        cases.push(odd("a bare error", play, Request(400), strange));
    }
    if wire == Ollama {
        let play = Play::new(400, JSON, json!({"error": {"message": strange}}).to_string());
        cases.push(odd("an error of OpenAI's shape", play, Request(400), strange));
    }
    cases
}

/// Every fault before an answer has begun.
pub(crate) fn before(wire: Tongue, key: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = rows(wire).iter().map(|row| vendor(wire, row, key)).collect();
    cases.extend(anybodys(wire));
    let failed = rows(wire).iter().find(|row| row.0 == 500).unwrap();
    let play = Play::new(200, JSON, record(wire, failed).to_string());
    cases.push(odd("an error with 200", play, Failed(500), failed.3));
    cases
}

/// The first events of an answer, with the text `Hello` in it.
pub(crate) fn beginning(wire: Tongue) -> String {
    let events: Vec<Value> = match wire {
        Chat => {
            let delta = |delta: Value| {
                json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "up",
                    "choices": [{"index": 0, "delta": delta, "finish_reason": null}]})
            };
            vec![delta(json!({"role": "assistant", "content": ""})), delta(json!({"content": "Hello"}))]
        }
        Responses => {
            let response = json!({"id": "resp_1", "object": "response", "created_at": 1, "status": "in_progress",
                "model": "up", "output": [], "error": null, "incomplete_details": null, "usage": null});
            let item =
                json!({"id": "msg_1", "type": "message", "status": "in_progress", "role": "assistant", "content": []});
            let part = json!({"type": "output_text", "text": "", "annotations": [], "logprobs": []});
            vec![
                json!({"type": "response.created", "sequence_number": 0, "response": response}),
                json!({"type": "response.in_progress", "sequence_number": 1, "response": response}),
                json!({"type": "response.output_item.added", "sequence_number": 2, "output_index": 0, "item": item}),
                json!({"type": "response.content_part.added", "sequence_number": 3, "item_id": "msg_1",
                    "output_index": 0, "content_index": 0, "part": part}),
                json!({"type": "response.output_text.delta", "sequence_number": 4, "item_id": "msg_1",
                    "output_index": 0, "content_index": 0, "delta": "Hello", "logprobs": []}),
            ]
        }
        Messages => vec![
            json!({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant",
                "model": "up", "content": [], "stop_reason": null, "stop_sequence": null,
                "usage": {"input_tokens": 3, "output_tokens": 1}}}),
            json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
            json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}}),
        ],
        Gemini => {
            vec![json!({"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": "Hello"}]}}],
            "usageMetadata": {"promptTokenCount": 3}, "modelVersion": "up", "responseId": "r"})]
        }
        Ollama => vec![json!({"model": "up", "created_at": "2026-01-01T00:00:00Z",
            "message": {"role": "assistant", "content": "Hello"}, "done": false})],
    };
    events.iter().map(|event| framed(wire, event)).collect()
}

/// What ends such an answer well.
pub(crate) fn ending(wire: Tongue) -> String {
    let events = match wire {
        Chat => vec![json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "up",
            "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})],
        Responses => vec![json!({"type": "response.completed", "sequence_number": 5, "response": {"id": "resp_1",
            "object": "response", "created_at": 1, "status": "completed", "model": "up", "error": null,
            "incomplete_details": null, "output": [],
            "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}}})],
        Messages => vec![
            json!({"type": "content_block_stop", "index": 0}),
            json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": null},
                "usage": {"output_tokens": 9}}),
            json!({"type": "message_stop"}),
        ],
        Gemini => vec![json!({"candidates": [{"index": 0, "finishReason": "STOP",
            "content": {"role": "model", "parts": [{"text": ""}]}}]})],
        Ollama => {
            vec![json!({"model": "up", "created_at": "2026-01-01T00:00:00Z", "done": true, "done_reason": "stop",
            "message": {"role": "assistant", "content": ""}})]
        }
    };
    events.iter().map(|event| framed(wire, event)).collect()
}

/// An event as the wire frames it.
pub(crate) fn framed(wire: Tongue, event: &Value) -> String {
    match wire {
        Ollama => format!("{event}\n"),
        Responses | Messages => format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap_or_default()),
        Chat | Gemini => format!("data: {event}\n\n"),
    }
}

pub(crate) fn stream_type(wire: Tongue) -> &'static str {
    if wire == Ollama { "application/x-ndjson" } else { "text/event-stream" }
}

/// The vendor's own word inside a stream that it has no room, or a word that nobody knows.
pub(crate) fn error_event(wire: Tongue, known: bool) -> String {
    let words = if known { "No room for more: server busy" } else { "Something new happened" };
    let kind = |known_kind: &'static str| if known { known_kind } else { "brand_new_error" };
    let event = match wire {
        Chat => json!({"error": {"message": words, "type": "server_error", "param": null, "code": kind("overloaded")}}),
        Responses => json!({"type": "response.failed", "sequence_number": 5, "response": {"id": "resp_1",
            "object": "response", "created_at": 1, "status": "failed", "model": "up", "output": [], "usage": null,
            "incomplete_details": null, "error": {"code": kind("server_is_overloaded"), "message": words}}}),
        Messages => json!({"type": "error", "error": {"type": kind("overloaded_error"), "message": words}}),
        Gemini if known => json!({"error": {"code": 503, "message": words, "status": "UNAVAILABLE"}}),
        Gemini => json!({"error": {"code": 599, "message": words, "status": "BRAND_NEW_ERROR"}}),
        Ollama => json!({"error": words}),
    };
    framed(wire, &event)
}
