//! `OpenAI` Responses: the benchmark's requests and answers.

use serde_json::{Value, json};

use super::{Agent, Piece, Tool, Turn, WHOLE};

pub(super) const END: &str = "event: response.completed\n";

pub(super) fn small() -> Value {
    json!({"input": [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}],
        "max_output_tokens": 16, "store": false})
}

pub(super) fn picture(data: &str) -> Value {
    let url = format!("data:image/png;base64,{data}");
    json!({"input": [{"type": "message", "role": "user", "content": [
        {"type": "input_text", "text": "What is this?"}, {"type": "input_image", "image_url": url, "detail": "auto"}]}],
        "max_output_tokens": 16, "store": false})
}

pub(super) fn agent(agent: &Agent) -> Value {
    let mut input = vec![message("developer", &agent.system), message("user", agent.task)];
    input.extend(agent.turns.iter().flat_map(turn));
    let tools: Vec<Value> = agent.tools.iter().map(tool).collect();
    json!({"input": input, "tools": tools, "tool_choice": "auto", "max_output_tokens": 8192, "store": false,
        "reasoning": {"effort": "medium", "summary": "auto"}})
}

fn message(role: &str, text: &str) -> Value {
    json!({"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]})
}

fn turn(turn: &Turn) -> [Value; 3] {
    [
        json!({"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": turn.text}]}),
        json!({"type": "function_call", "call_id": turn.id, "name": turn.name, "arguments": turn.input.to_string()}),
        json!({"type": "function_call_output", "call_id": turn.id, "output": turn.result}),
    ]
}

fn tool(tool: &Tool) -> Value {
    json!({"type": "function", "name": tool.name, "description": tool.description, "parameters": tool.schema,
        "strict": false})
}

pub(super) fn streamed(mut body: Value) -> Value {
    body["stream"] = true.into();
    body
}

fn response(status: &str, output: &[Value]) -> Value {
    let usage = (status == "completed").then(|| {
        json!({"input_tokens": 9, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 200,
            "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 209})
    });
    json!({"id": "resp_bench0001", "object": "response", "created_at": 1_790_000_000, "status": status,
        "model": "m-responses", "output": output, "error": null, "incomplete_details": null, "usage": usage,
        "parallel_tool_calls": true, "tool_choice": "auto", "tools": [], "metadata": {}})
}

pub(super) fn whole() -> Value {
    response("completed", &[text_item(WHOLE)])
}

fn text_item(text: &str) -> Value {
    json!({"id": "msg_bench0001", "type": "message", "status": "completed", "role": "assistant",
        "content": [text_part(text)]})
}

fn text_part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

/// The stream as it is written, with what is open and what is done.
struct Stream {
    events: Vec<String>,
    done: Vec<Value>,
}

impl Stream {
    fn say(&mut self, name: &str, mut value: Value) {
        value["type"] = name.into();
        value["sequence_number"] = self.events.len().into();
        self.events.push(format!("event: {name}\ndata: {value}\n\n"));
    }

    /// One item from its opening to its end; all pieces are of it.
    fn item(&mut self, pieces: &[Piece]) {
        let whole: String = pieces.iter().map(Piece::text).collect();
        let at = self.done.len();
        let finished = match pieces[0] {
            Piece::Text(_) => self.text(at, pieces, &whole),
            Piece::Thinking(_) => self.thinking(at, pieces, &whole),
            Piece::Argument(tool, _) => self.call(at, tool, pieces, &whole),
        };
        self.say("response.output_item.done", json!({"output_index": at, "item": finished}));
        self.done.push(finished);
    }

    fn text(&mut self, at: usize, pieces: &[Piece], whole: &str) -> Value {
        let place = json!({"item_id": "msg_bench0001", "output_index": at, "content_index": 0});
        let item = json!({"id": "msg_bench0001", "type": "message", "status": "in_progress", "role": "assistant",
            "content": []});
        self.say("response.output_item.added", json!({"output_index": at, "item": item}));
        self.say("response.content_part.added", with(&place, "part", text_part("")));
        for piece in pieces {
            self.say("response.output_text.delta", with(&place, "delta", piece.text().into()));
        }
        self.say("response.output_text.done", with(&place, "text", whole.into()));
        self.say("response.content_part.done", with(&place, "part", text_part(whole)));
        text_item(whole)
    }

    fn thinking(&mut self, at: usize, pieces: &[Piece], whole: &str) -> Value {
        let place = json!({"item_id": "rs_bench0001", "output_index": at, "summary_index": 0});
        let item = |summary: Value| json!({"id": "rs_bench0001", "type": "reasoning", "summary": summary});
        let part = |text: &str| json!({"type": "summary_text", "text": text});
        self.say("response.output_item.added", json!({"output_index": at, "item": item(json!([]))}));
        self.say("response.reasoning_summary_part.added", with(&place, "part", part("")));
        for piece in pieces {
            self.say("response.reasoning_summary_text.delta", with(&place, "delta", piece.text().into()));
        }
        self.say("response.reasoning_summary_text.done", with(&place, "text", whole.into()));
        self.say("response.reasoning_summary_part.done", with(&place, "part", part(whole)));
        item(json!([part(whole)]))
    }

    fn call(&mut self, at: usize, tool: usize, pieces: &[Piece], whole: &str) -> Value {
        let id = format!("fc_bench{tool}");
        let place = json!({"item_id": id, "output_index": at});
        let item = |status: &str, arguments: &str| {
            json!({"id": id, "type": "function_call", "status": status, "call_id": format!("call_bench{tool}"),
                "name": format!("tool_{tool}"), "arguments": arguments})
        };
        self.say("response.output_item.added", json!({"output_index": at, "item": item("in_progress", "")}));
        for piece in pieces {
            self.say("response.function_call_arguments.delta", with(&place, "delta", piece.text().into()));
        }
        self.say("response.function_call_arguments.done", with(&place, "arguments", whole.into()));
        item("completed", whole)
    }
}

fn with(place: &Value, key: &str, value: Value) -> Value {
    let mut whole = place.clone();
    whole[key] = value;
    whole
}

pub(super) fn events(pieces: &[Piece]) -> Vec<String> {
    let mut stream = Stream { events: Vec::new(), done: Vec::new() };
    stream.say("response.created", json!({"response": response("in_progress", &[])}));
    stream.say("response.in_progress", json!({"response": response("in_progress", &[])}));
    pieces.chunk_by(|a, b| a.block() == b.block()).for_each(|item| stream.item(item));
    let done = std::mem::take(&mut stream.done);
    stream.say("response.completed", json!({"response": response("completed", &done)}));
    stream.events
}
