//! Everything that is recorded of a dialect's requests, answers and streams: the cases of the matrix and what the matrix
//! wrote, the fixtures of the dialects themselves, and the conformance vectors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dialect::Framing;
use serde_json::value::RawValue;

use super::super::matrix::root;
use crate::ALL;

/// A recorded input, and where it stands.
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) bytes: Vec<u8>,
}

type Fields = BTreeMap<String, Box<RawValue>>;

/// The streams of a dialect.
pub(super) fn streams(id: &str) -> Vec<Sample> {
    let mut found = files(&root().join("streams"), |path| is_input(path, id) || is_golden(path, id));
    found.extend(files(&own(id), |path| path.extension().is_some_and(|end| end == "sse")));
    found.extend(vectors(|vector| {
        let reply: Fields = field(vector, "upstream_reply")?;
        let events: Vec<Fields> = field(&reply, "sse")?;
        spoken(vector, "upstream", id).then(|| stream(&events, id))
    }));
    found
}

/// The whole answers of a dialect, errors included.
pub(super) fn replies(id: &str) -> Vec<Sample> {
    let mut found = files(&root().join("replies"), |path| is_input(path, id) || is_golden(path, id));
    found.extend(files(&own(id), |path| {
        path.extension().is_some_and(|end| end == "json") && !path.to_string_lossy().contains("requests")
    }));
    found.extend(vectors(|vector| {
        let reply: Fields = field(vector, "upstream_reply")?;
        let body = reply.get("body")?;
        spoken(vector, "upstream", id).then(|| body.get().as_bytes().to_vec())
    }));
    found
}

/// The requests of a dialect.
pub(super) fn requests(id: &str) -> Vec<Sample> {
    let mut found = files(&root().join("requests"), |path| is_input(path, id));
    found.extend(files(&own(id).join("requests"), |path| {
        path.extension().is_some_and(|end| end == "json") && !path.to_string_lossy().contains("golden")
    }));
    found.extend(vectors(|vector| {
        let mut request: Fields = field(vector, "request")?;
        request.entry("model".to_owned()).or_insert_with(|| RawValue::from_string("\"m\"".into()).unwrap());
        spoken(vector, "client", id).then(|| serde_json::to_vec(&request).unwrap())
    }));
    found
}

fn own(id: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(id).join("fixtures")
}

fn is_input(path: &Path, id: &str) -> bool {
    path.file_stem().is_some_and(|stem| stem == id) && path.parent().is_some_and(|folder| !folder.ends_with("golden"))
}

/// What the matrix wrote for clients of a dialect is what an upstream of it would send.
fn is_golden(path: &Path, id: &str) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(&format!("{id}--")) && !name.starts_with(&format!("{id}--{id}"))
}

fn files(folder: &Path, takes: impl Fn(&Path) -> bool + Copy) -> Vec<Sample> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let sample = |path: PathBuf| Sample { name: path.display().to_string(), bytes: std::fs::read(&path).unwrap() };
    let (folders, files): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| path.is_dir());
    let mut found: Vec<Sample> = files.into_iter().filter(|path| takes(path)).map(sample).collect();
    found.extend(folders.iter().flat_map(|folder| self::files(folder, takes)));
    found
}

/// What `pick` makes of each conformance vector.
fn vectors(pick: impl Fn(&Fields) -> Option<Vec<u8>>) -> Vec<Sample> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../tests/conformance/vectors");
    let mut found = Vec::new();
    for file in files(&folder, |path| path.extension().is_some_and(|end| end == "json")) {
        let vectors: Vec<Fields> = serde_json::from_slice(&file.bytes).unwrap();
        for vector in &vectors {
            let name = vector["id"].get().to_owned();
            found.extend(pick(vector).map(|bytes| Sample { name, bytes }));
        }
    }
    assert!(found.len() < 10_000);
    found
}

fn field<T: serde::de::DeserializeOwned>(fields: &Fields, name: &str) -> Option<T> {
    serde_json::from_str(fields.get(name)?.get()).ok()
}

/// Whether a vector's side is this dialect, by the word that the vectors use.
fn spoken(vector: &Fields, side: &str, id: &str) -> bool {
    let word: String = field(vector, side).unwrap_or_default();
    id == word || id == format!("openai_{word}")
}

/// A vector's events as an upstream would write them.
fn stream(events: &[Fields], id: &str) -> Vec<u8> {
    let framing = ALL.iter().find(|dialect| dialect.id.0 == id).unwrap().framing;
    let mut out = String::new();
    for event in events {
        if let Some(raw) = field::<String>(event, "raw") {
            out += &raw;
            continue;
        }
        let Some(data) = event.get("data") else { continue };
        let kind: Option<String> =
            serde_json::from_str::<Fields>(data.get()).ok().and_then(|data| field(&data, "type"));
        if let (Framing::Sse, Some(name)) = (framing, field::<String>(event, "event").or(kind)) {
            out += &format!("event: {name}\n");
        }
        let text = serde_json::from_str::<String>(data.get()).unwrap_or_else(|_| data.get().to_owned());
        match framing {
            Framing::Sse => out += &format!("data: {text}\n\n"),
            Framing::Ndjson => out += &format!("{text}\n"),
        }
    }
    if id == "openai_chat" {
        out += "data: [DONE]\n\n";
    }
    out.into_bytes()
}
