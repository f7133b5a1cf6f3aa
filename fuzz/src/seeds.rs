//! Inputs to begin with, taken from the conformance vectors and from the files beside the code.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::kept::{KEPT, QUESTIONS};
use crate::words::WORDS;

/// Seeds by what they are.
#[derive(Clone, Debug, Default)]
pub struct Seeds {
    /// Bodies that clients send.
    pub requests: Vec<Vec<u8>>,
    /// Bodies that upstreams answer, errors included.
    pub replies: Vec<Vec<u8>>,
    /// Streams that upstreams answer.
    pub streams: Vec<Vec<u8>>,
    /// Requests for vectors, and answers to them.
    pub vectors: Vec<Vec<u8>>,
    /// Forms with files.
    pub forms: Vec<Vec<u8>>,
    /// Configuration files.
    pub configs: Vec<Vec<u8>>,
    /// Files of other programs' installations.
    pub installations: Vec<Vec<u8>>,
    /// Short texts of headers, names and settings.
    pub words: Vec<Vec<u8>>,
    /// Files that outlive the process.
    pub kept: Vec<Vec<u8>>,
    /// Account files.
    pub accounts: Vec<Vec<u8>>,
    /// What management is asked.
    pub questions: Vec<Vec<u8>>,
}

/// In every language that has them.
const VECTORS: [&str; 14] = [
    r#"{"model":"m","input":["a","b"],"encoding_format":"base64","dimensions":4}"#,
    r#"{"model":"m","input":[[1,2],[3]],"truncate":true}"#,
    r#"{"requests":[{"model":"models/m","content":{"parts":[{"text":"a"}]},"taskType":"CLUSTERING"}]}"#,
    r#"{"content":{"parts":{"text":"a"}},"title":"t","output_dimensionality":3}"#,
    r#"{"model":"m","prompt":"a","options":{"x":1}}"#,
    r#"{"data":[{"index":1,"embedding":[1e-3,-2]},{"index":0,"embedding":"AACAPwAAAD8="}],"usage":{"prompt_tokens":3}}"#,
    r#"{"embeddings":[{"values":[0.5,1]},{"values":[]}]}"#,
    r#"{"embeddings":[[0.5,1]],"prompt_eval_count":4}"#,
    r#"{"predictions":[{"embeddings":{"values":[0.5,1],"statistics":{"token_count":2.0,"truncated":false}}}]}"#,
    r#"{"embedding":{"values":[0.5]},"usageMetadata":{"promptTokenCount":3},"truncated":false}"#,
    r#"{"error":{"message":"no"}}"#,
    r#"{"error":"model not found"}"#,
    r#"{"embedding":[1.5,-0.0,1e-45]}"#,
    r#"{"data":[{"embedding":""},{"embedding":[]}],"usage":null}"#,
];

/// Parts of a form, in several orders and more or less whole.
fn forms() -> Vec<Vec<u8>> {
    let model = "--XY\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n";
    let file = "--XY\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a; name=model\"\r\n\r\n\r\n--X\0\r\n";
    let end = "--XY--\r\n";
    let orders = [
        vec![model, file, end],
        vec![file, model, end],
        vec![model, model, end],
        vec![file, file, end],
        vec![end, model],
        vec![model],
        vec!["preamble\r\n", model, end],
        vec!["--XY \r\n\r\n", model, end],
        vec!["--XYZ\r\n", model, end],
        vec![&model[..30], file, end],
        vec!["multipart/form-data; boundary=\"a b\""],
    ];
    orders.iter().map(|parts| parts.concat().into_bytes()).collect()
}

fn bytes(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

impl Seeds {
    /// Reads them from the project's folder.
    ///
    /// # Errors
    /// When a file cannot be read, or a vector is no JSON.
    pub fn read(root: &Path) -> io::Result<Self> {
        let mut seeds = Self {
            vectors: VECTORS.map(|text| text.as_bytes().to_vec()).into(),
            forms: forms(),
            words: bytes(WORDS),
            kept: bytes(KEPT),
            accounts: crate::accounts::seeds(),
            questions: bytes(QUESTIONS),
            ..Self::default()
        };
        for file in files(&root.join("tests/conformance/vectors"), "json")? {
            let vectors: Vec<Value> = serde_json::from_slice(&fs::read(file)?).map_err(io::Error::other)?;
            vectors.iter().for_each(|vector| seeds.add(vector));
        }
        for file in files(&root.join("crates/config/src/tests"), "yaml")? {
            seeds.configs.push(fs::read(file)?);
        }
        seeds.configs.push(fs::read(root.join("config.example.yaml"))?);
        for kind in ["yaml", "json"] {
            for file in files(&root.join("crates/import/installations"), kind)? {
                seeds.installations.push(fs::read(file)?);
            }
        }
        Ok(seeds)
    }

    fn add(&mut self, vector: &Value) {
        if let Some(request) = vector["request"].as_object() {
            let mut request = request.clone();
            request.entry("model").or_insert_with(|| "m".into());
            let text = Value::from(request).to_string();
            // Some programs put a request into an envelope.
            self.requests.push(format!("{{\"model\":\"m\",\"request\":{text}}}").into_bytes());
            self.requests.push(text.into_bytes());
        }
        if let Some(raw) = vector["raw_request"].as_str() {
            self.requests.push(raw.as_bytes().to_vec());
        }
        let reply = &vector["upstream_reply"];
        if !reply["body"].is_null() {
            self.replies.push(reply["body"].to_string().into_bytes());
        }
        if let Some(raw) = reply["raw_body"].as_str() {
            self.replies.push(raw.as_bytes().to_vec());
        }
        if let Some(events) = reply["sse"].as_array() {
            self.streams.push(stream(events));
        }
    }
}

/// A vector's events as an upstream would write them.
fn stream(events: &[Value]) -> Vec<u8> {
    let mut out = String::new();
    for event in events {
        if let Some(raw) = event["raw"].as_str() {
            out += raw;
            continue;
        }
        if let Some(name) = event["event"].as_str().or(event["data"]["type"].as_str()) {
            out += &format!("event: {name}\n");
        }
        let data = event["data"].as_str().map_or_else(|| event["data"].to_string(), str::to_owned);
        out += &format!("data: {data}\n\n");
    }
    out += "data: [DONE]\n\n";
    out.into_bytes()
}

fn files(folder: &Path, kind: &str) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path, kind)?);
        } else if path.extension().is_some_and(|end| end == kind) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
