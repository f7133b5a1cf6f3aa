//! Reads a form with files whole, and refuses every one that is not exactly as the standard says.

use std::collections::BTreeMap;

use http::HeaderMap;

use crate::provider::Refusal;

/// One field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) filename: Option<String>,
    pub(super) bytes: Vec<u8>,
}

/// The fields by name; only names that end in `[]` may come more than once, and are numbered.
pub(super) type Form = BTreeMap<String, Field>;

pub(super) fn read(headers: &HeaderMap, body: &[u8]) -> Result<Form, Refusal> {
    let kind = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let boundary = kind.strip_prefix("multipart/form-data;").and_then(|rest| rest.trim().strip_prefix("boundary="));
    let boundary = boundary.ok_or_else(|| broken(&format!("unsupported content type {kind:?}")))?.trim_matches('"');
    let delimiter = format!("--{boundary}").into_bytes();
    let mut rest = body.strip_prefix(&delimiter[..]).ok_or_else(|| broken("no delimiter at the start"))?;
    let mut form = Form::new();
    loop {
        if rest.strip_prefix(b"--").is_some_and(|end| end.trim_ascii().is_empty()) {
            return Ok(form);
        }
        let part = rest.strip_prefix(b"\r\n").ok_or_else(|| broken("something behind a delimiter"))?;
        let next = [b"\r\n", &delimiter[..]].concat();
        let end = find(part, &next).ok_or_else(|| broken("the last delimiter is missing"))?;
        add(&mut form, &part[..end])?;
        rest = &part[end + next.len()..];
    }
}

fn add(form: &mut Form, part: &[u8]) -> Result<(), Refusal> {
    let head = find(part, b"\r\n\r\n").ok_or_else(|| broken("a part without a head"))?;
    let text = String::from_utf8_lossy(&part[..head]).into_owned();
    let quoted = |key: &str| {
        let at = text.find(&format!("; {key}=\""))? + key.len() + 4;
        Some(text[at..].split('"').next()?.to_owned())
    };
    let mut name = quoted("name").ok_or_else(|| broken("a part without a name"))?;
    let filename = quoted("filename");
    if name.ends_with("[]") {
        name = format!("{name}{}", form.len());
    }
    let field = Field { filename, bytes: part[head + 4..].to_vec() };
    match form.insert(name.clone(), field) {
        None => Ok(()),
        Some(_) => Err(broken(&format!("duplicate field {name}"))),
    }
}

fn broken(why: &str) -> Refusal {
    Refusal::invalid(format!("Could not parse multipart form: {why}"))
}

fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    text.windows(needle.len()).position(|window| window == needle)
}
