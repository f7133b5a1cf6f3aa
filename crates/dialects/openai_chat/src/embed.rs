//! `/v1/embeddings`, client side and wire side. The only language that takes tokens in place of texts, and the only one
//! that packs vectors in base64.

use std::borrow::Cow;

use bytes::{BufMut, Bytes, BytesMut};
use dialect::embed::{
    EmbedCall, EmbedClient, EmbedInput, EmbedRequest, EmbedWire, Embedded, MAX_INPUTS, Vector, VectorForm,
    check_inputs, number_behind, of_count,
};
use dialect::splice::Edit;
use dialect::{Body, Object, Peek, Reply};
use http::request::Parts;
use hub::{Fault, Losses};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::chat;
use crate::wire::{Raw, Str, as_count, as_text, lenient};

/// Embeddings, client side and wire side.
#[derive(Debug)]
pub(crate) struct Embeddings;

impl EmbedClient for Embeddings {
    fn call(&self) -> EmbedCall {
        EmbedCall::Many
    }

    fn peek(&self, head: &Parts, body: &Body) -> Result<Peek, Fault> {
        let mut peek = chat::peek(head, body)?;
        peek.reply.stream = false;
        Ok(peek)
    }

    fn decode(&self, body: &Body) -> Result<EmbedRequest, Fault> {
        Ok(EmbedRequest {
            inputs: check_inputs(inputs(body)?, "input")?,
            dimensions: body.get("dimensions")?,
            form: form(body)?,
            // What does not fit is refused by OpenAI, never cut.
            truncate: Some(false),
            losses: unknown(body),
        })
    }

    fn tells_tokens(&self) -> bool {
        true
    }

    fn encode(&self, answer: &Embedded<'_>, form: VectorForm, tokens: u64, reply: &Reply) -> Result<Bytes, Fault> {
        let mut out = BytesMut::with_capacity(256 + answer.vectors.len() * 8 * 1024);
        let mut object = Object::open(&mut out);
        object.text("object", "list");
        data(&answer.vectors, form, object.key("data"))?;
        object.text("model", &reply.model);
        let mut usage = Object::open(object.key("usage"));
        usage.number("prompt_tokens", tokens);
        usage.number("total_tokens", tokens);
        usage.close();
        object.close();
        Ok(out.freeze())
    }
}

fn data(vectors: &[Vector<'_>], form: VectorForm, out: &mut BytesMut) -> Result<(), Fault> {
    out.put_u8(b'[');
    for (index, vector) in vectors.iter().enumerate() {
        if index > 0 {
            out.put_u8(b',');
        }
        let mut item = Object::open(out);
        item.text("object", "embedding");
        item.number("index", index);
        vector.write(form, item.key("embedding"))?;
        item.close();
    }
    out.put_u8(b']');
    Ok(())
}

/// A text, or a list of texts.
fn inputs(body: &Body) -> Result<Vec<EmbedInput>, Fault> {
    let input: &RawValue = body
        .get("input")?
        .ok_or_else(|| Fault::bad_request("`input` is missing: give a text or a list").at("input"))?;
    if let Some(text) = as_text(input) {
        return Ok(vec![EmbedInput::plain(text)]);
    }
    let list: Vec<&RawValue> = serde_json::from_str(input.get())
        .map_err(|_| Fault::bad_request("`input` is neither a text nor a list").at("input"))?;
    list.into_iter().map(|item| as_text(item).map(EmbedInput::plain).ok_or_else(|| odd_input(item))).collect()
}

fn odd_input(item: &RawValue) -> Fault {
    let first = item.get().as_bytes().first();
    if matches!(first, Some(b'0'..=b'9' | b'[')) {
        let words = "the model's upstream takes texts, not lists of tokens: send the text itself as `input`";
        return Fault::unsupported("input", words);
    }
    Fault::bad_request("`input` must hold texts only").at("input")
}

fn form(body: &Body) -> Result<VectorForm, Fault> {
    let asked: Option<Str<'_>> = body.get("encoding_format")?;
    match asked.as_deref() {
        None | Some("float") => Ok(VectorForm::Floats),
        Some("base64") => Ok(VectorForm::Base64),
        Some(_) => Err(Fault::bad_request("`encoding_format` must be `float` or `base64`").at("encoding_format")),
    }
}

/// What no other language has.
fn unknown(body: &Body) -> Losses {
    let mut losses = Losses::default();
    for (field, json) in body.fields().filter(|(_, json)| *json != "null") {
        match &*field {
            "model" | "input" | "dimensions" | "encoding_format" => (),
            "user" | "safety_identifier" => losses.silent(field.into_owned()),
            "stream" if json == "false" => (),
            _ => losses.dropped(field.into_owned(), "no setting of embeddings elsewhere"),
        }
    }
    losses
}

/// An answer.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer<'a> {
    #[serde(borrow)]
    data: Option<Vec<Item<'a>>>,
    #[serde(borrow)]
    usage: Raw<'a>,
    #[serde(borrow)]
    error: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Item<'a> {
    index: Option<usize>,
    #[serde(borrow)]
    embedding: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Usage<'a> {
    #[serde(borrow)]
    prompt_tokens: Raw<'a>,
    #[serde(borrow)]
    total_tokens: Raw<'a>,
}

impl EmbedWire for Embeddings {
    fn relay(&self, _: &Body, model: &str) -> Vec<Edit> {
        vec![Edit::set("model", dialect::json_text(model))]
    }

    fn most(&self) -> usize {
        MAX_INPUTS
    }

    fn encode(&self, request: &EmbedRequest, inputs: &[EmbedInput], model: &str, losses: &mut Losses) -> Bytes {
        let size: usize = inputs.iter().map(|input| input.text.len() + 8).sum();
        let mut out = BytesMut::with_capacity(size + 128);
        let mut object = Object::open(&mut out);
        object.text("model", model);
        object.array("input", inputs, |input, out| dialect::quoted(&input.text, out));
        object.number_if("dimensions", request.dimensions);
        // Said aloud: some servers have another default.
        object.text("encoding_format", "float");
        object.close();
        note_losses(request, inputs, losses);
        out.freeze()
    }

    fn decode<'a>(&self, body: &'a [u8], count: usize) -> Result<Embedded<'a>, Fault> {
        let answer: Answer<'a> = serde_json::from_slice(body)
            .map_err(|error| Fault::garbled(format!("the upstream's answer holds no embeddings: {error}")))?;
        if let Some(error) = answer.error.filter(|_| answer.data.is_none()) {
            return Err(crate::fault::in_stream(error.get()));
        }
        let vectors = in_order(answer.data.unwrap_or_default())?;
        Ok(Embedded { vectors: of_count(vectors, count)?, tokens: tokens(answer.usage) })
    }

    fn tokens(&self, body: &[u8]) -> Option<u64> {
        number_behind(body, "prompt_tokens")
    }
}

fn note_losses(request: &EmbedRequest, inputs: &[EmbedInput], losses: &mut Losses) {
    if inputs.iter().any(|input| input.task.is_some()) {
        losses.dropped("taskType", "the upstream's vectors have no purpose of their own");
    }
    if inputs.iter().any(|input| input.title.is_some()) {
        losses.dropped("title", "the upstream takes texts only");
    }
    if request.truncate == Some(true) {
        losses.dropped("truncate", "the upstream refuses what is too long");
    }
}

/// By their `index`, where it is given.
fn in_order(items: Vec<Item<'_>>) -> Result<Vec<Vector<'_>>, Fault> {
    let count = items.len();
    let mut slots: Vec<Option<Vector<'_>>> = (0..count).map(|_| None).collect();
    for (at, item) in items.into_iter().enumerate() {
        let vector = item.embedding.map(vector);
        let slot = slots.get_mut(item.index.unwrap_or(at)).filter(|slot| slot.is_none());
        let disorder = || Fault::garbled("the upstream's embeddings are not numbered one by one");
        *slot.ok_or_else(disorder)? = vector;
    }
    let vectors: Option<Vec<_>> = slots.into_iter().collect();
    vectors.ok_or_else(|| Fault::garbled("the upstream gave an embedding without a vector"))
}

fn vector(raw: &RawValue) -> Vector<'_> {
    as_text(raw).map_or_else(|| Vector::Floats(Cow::Borrowed(raw.get())), Vector::Base64)
}

fn tokens(usage: Raw<'_>) -> Option<u64> {
    let usage: Usage<'_> = lenient(usage);
    as_count(usage.prompt_tokens.or(usage.total_tokens))
}

#[cfg(test)]
mod tests {
    use super::*;
    use hub::FaultKind;

    fn body(text: &'static str) -> Body {
        Body::parse(Bytes::from_static(text.as_bytes())).unwrap()
    }

    fn decoded(text: &'static str) -> Result<EmbedRequest, Fault> {
        EmbedClient::decode(&Embeddings, &body(text))
    }

    #[test]
    fn texts_are_read_and_tokens_refused() {
        let one = decoded(r#"{"model":"m","input":"a\n","encoding_format":"base64","dimensions":3}"#).unwrap();
        assert_eq!((one.inputs, one.dimensions), (vec![EmbedInput::plain("a\n")], Some(3)));
        assert_eq!(one.form, VectorForm::Base64);
        assert_eq!(decoded(r#"{"input":["a","b"]}"#).unwrap().inputs.len(), 2);
        for tokens in [r#"{"input":[1,2]}"#, r#"{"input":[[1],[2]]}"#] {
            assert_eq!(decoded(tokens).unwrap_err().kind, FaultKind::Unsupported);
        }
        for bad in [r#"{}"#, r#"{"input":[]}"#, r#"{"input":7}"#, r#"{"input":[null]}"#, r#"{"input":{}}"#] {
            assert_eq!(decoded(bad).unwrap_err().kind, FaultKind::BadRequest, "{bad}");
        }
        assert!(decoded(r#"{"input":"a","encoding_format":"int8"}"#).is_err());
        let odd = decoded(r#"{"input":"a","user":"u","input_type":"query","model":"m"}"#).unwrap();
        let names: Vec<_> = odd.losses.iter().map(|loss| (loss.kind, &*loss.field)).collect();
        assert_eq!(names, [(hub::LossKind::Silent, "user"), (hub::LossKind::Dropped, "input_type")]);
    }

    #[test]
    fn more_inputs_than_may_be_are_refused() {
        let text = format!(r#"{{"input":[{}"x"]}}"#, r#""x","#.repeat(MAX_INPUTS));
        let fault = EmbedClient::decode(&Embeddings, &Body::parse(text.into()).unwrap()).unwrap_err();
        assert_eq!(fault.param.as_deref(), Some("input"));
    }

    #[test]
    fn answers_are_put_in_the_order_of_their_numbers() {
        let answer =
            br#"{"data":[{"index":1,"embedding":[2]},{"index":0,"embedding":[1]}],"usage":{"prompt_tokens":5}}"#;
        let read = EmbedWire::decode(&Embeddings, answer, 2).unwrap();
        assert_eq!(read.tokens, Some(5));
        assert_eq!(read.vectors, [Vector::Floats("[1]".into()), Vector::Floats("[2]".into())]);
        assert!(EmbedWire::decode(&Embeddings, answer, 1).is_err());
        assert!(EmbedWire::decode(&Embeddings, answer, 3).is_err());
        for disorder in [
            &br#"{"data":[{"index":1,"embedding":[2]},{"index":1,"embedding":[1]}]}"#[..],
            br#"{"data":[{"index":7,"embedding":[2]},{"embedding":[1]}]}"#,
            br#"{"data":[{"embedding":[2]},{}]}"#,
            b"[]",
            b"{}",
        ] {
            assert!(EmbedWire::decode(&Embeddings, disorder, 2).is_err());
        }
        let unnumbered =
            EmbedWire::decode(&Embeddings, br#"{"data":[{"embedding":"AACAPw=="},{"embedding":[1]}]}"#, 2).unwrap();
        assert_eq!(unnumbered.vectors[0], Vector::Base64("AACAPw==".into()));
        let fault = EmbedWire::decode(&Embeddings, br#"{"error":{"message":"no such thing"}}"#, 1).unwrap_err();
        assert_eq!(fault.message, "no such thing");
    }

    #[test]
    fn an_answer_is_what_the_sdk_reads() {
        let answer = Embedded { vectors: vec![Vector::Floats("[1, 0.5]".into())], tokens: None };
        let text = |form| {
            let reply = Reply::new("alias", false);
            let body = EmbedClient::encode(&Embeddings, &answer, form, 3, &reply).unwrap();
            serde_json::from_slice::<serde_json::Value>(&body).unwrap()
        };
        let packed = text(VectorForm::Base64);
        assert_eq!(packed["data"][0]["embedding"], "AACAPwAAAD8=");
        assert_eq!(packed["usage"], serde_json::json!({"prompt_tokens": 3, "total_tokens": 3}));
        assert_eq!(text(VectorForm::Floats)["data"][0]["embedding"], serde_json::json!([1, 0.5]));
        assert_eq!(packed["model"], "alias");
    }

    #[test]
    fn a_request_for_others_says_what_is_left_out() {
        let input = EmbedInput { text: "t".into(), task: Some("RETRIEVAL_QUERY".into()), title: Some("x".into()) };
        let request = EmbedRequest { dimensions: Some(2), truncate: Some(true), ..EmbedRequest::default() };
        let mut losses = Losses::default();
        let body = EmbedWire::encode(&Embeddings, &request, &[input], "m", &mut losses);
        assert_eq!(body, r#"{"model":"m","input":["t"],"dimensions":2,"encoding_format":"float"}"#);
        assert_eq!(losses.iter().map(|loss| &*loss.field).collect::<Vec<_>>(), ["taskType", "title", "truncate"]);
    }
}
