//! `/api/embed` and the older `/api/embeddings`, client side and wire side.

use bytes::{BufMut, Bytes, BytesMut};
use dialect::embed::{
    EmbedCall, EmbedClient, EmbedInput, EmbedRequest, EmbedWire, Embedded, MAX_INPUTS, Vector, VectorForm,
    check_inputs, number_behind, of_count,
};
use dialect::read::{Raw, as_count, as_text};
use dialect::splice::Edit;
use dialect::{Body, Object, Peek, Reply};
use http::request::Parts;
use hub::{Fault, Losses};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::chat;

/// Both calls, client side; the newer one, wire side.
#[derive(Debug)]
pub(crate) struct Embed(pub(crate) EmbedCall);

/// For the registry.
pub(crate) const MANY: Embed = Embed(EmbedCall::Many);
pub(crate) const ONE: Embed = Embed(EmbedCall::One);

impl EmbedClient for Embed {
    fn call(&self) -> EmbedCall {
        self.0
    }

    fn peek(&self, head: &Parts, body: &Body) -> Result<Peek, Fault> {
        let mut peek = chat::peek(head, body)?;
        peek.reply.stream = false;
        Ok(peek)
    }

    fn decode(&self, body: &Body) -> Result<EmbedRequest, Fault> {
        let (inputs, losses) = match self.0 {
            EmbedCall::Many => (some_inputs(inputs(body)?)?, unknown(body, "input")),
            EmbedCall::One => (prompt(body)?.map(EmbedInput::plain).into_iter().collect(), unknown(body, "prompt")),
        };
        Ok(EmbedRequest {
            inputs,
            dimensions: body.get("dimensions")?,
            form: VectorForm::Floats,
            truncate: body.get("truncate")?,
            losses,
        })
    }

    fn tells_tokens(&self) -> bool {
        self.0 == EmbedCall::Many
    }

    fn encode(&self, answer: &Embedded<'_>, form: VectorForm, tokens: u64, reply: &Reply) -> Result<Bytes, Fault> {
        let mut out = BytesMut::with_capacity(128 + answer.vectors.len() * 12 * 1024);
        let mut object = Object::open(&mut out);
        if self.0 == EmbedCall::One {
            match answer.vectors.first() {
                Some(vector) => vector.write(form, object.key("embedding"))?,
                None => object.raw("embedding", "[]"),
            }
            object.close();
            return Ok(out.freeze());
        }
        object.text("model", &reply.model);
        list(&answer.vectors, form, object.key("embeddings"))?;
        object.number("total_duration", reply.elapsed().as_nanos());
        object.number("load_duration", 0);
        object.number("prompt_eval_count", tokens);
        object.close();
        Ok(out.freeze())
    }
}

fn list(vectors: &[Vector<'_>], form: VectorForm, out: &mut BytesMut) -> Result<(), Fault> {
    out.put_u8(b'[');
    for (at, vector) in vectors.iter().enumerate() {
        if at > 0 {
            out.put_u8(b',');
        }
        vector.write(form, out)?;
    }
    out.put_u8(b']');
    Ok(())
}

/// A text, or a list of texts.
fn inputs(body: &Body) -> Result<Vec<EmbedInput>, Fault> {
    let Some(input) = body.get::<&RawValue>("input")? else { return Ok(Vec::new()) };
    if let Some(text) = as_text(input) {
        return Ok(Some(text).filter(|text| !text.is_empty()).map(EmbedInput::plain).into_iter().collect());
    }
    let list: Vec<&RawValue> = serde_json::from_str(input.get())
        .map_err(|_| Fault::bad_request("invalid input type: a text or a list of texts").at("input"))?;
    let text = |item: &&RawValue| as_text(item).map(EmbedInput::plain);
    let texts: Option<Vec<_>> = list.iter().map(text).collect();
    texts.ok_or_else(|| Fault::bad_request("invalid input type: a text or a list of texts").at("input"))
}

fn prompt(body: &Body) -> Result<Option<String>, Fault> {
    Ok(body.get::<String>("prompt")?.filter(|prompt| !prompt.is_empty()))
}

/// None at all ask for no more than that the model is loaded.
fn some_inputs(inputs: Vec<EmbedInput>) -> Result<Vec<EmbedInput>, Fault> {
    if inputs.is_empty() { Ok(inputs) } else { check_inputs(inputs, "input") }
}

/// What no other language has.
fn unknown(body: &Body, input: &str) -> Losses {
    let mut losses = Losses::default();
    for (field, json) in body.fields().filter(|(_, json)| !matches!(*json, "null" | "{}")) {
        match &*field {
            "model" | "name" | "dimensions" | "truncate" => (),
            "keep_alive" | "stream" => losses.silent(field.into_owned()),
            field if field == input => (),
            _ if json == "\"\"" => (),
            _ => losses.dropped(field.into_owned(), "a setting of Ollama alone"),
        }
    }
    losses
}

/// An answer of either call.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer<'a> {
    #[serde(borrow)]
    embeddings: Option<Vec<&'a RawValue>>,
    #[serde(borrow)]
    prompt_eval_count: Raw<'a>,
    #[serde(borrow)]
    error: Raw<'a>,
}

impl EmbedWire for Embed {
    fn relay(&self, _: &Body, model: &str) -> Vec<Edit> {
        vec![Edit::set("model", dialect::json_text(model))]
    }

    /// A server takes as many as its memory holds; nothing is documented.
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
        if let Some(truncate) = request.truncate {
            object.flag("truncate", truncate);
        }
        object.close();
        if inputs.iter().any(|input| input.task.is_some()) {
            losses.dropped("taskType", "the upstream's vectors have no purpose of their own");
        }
        if inputs.iter().any(|input| input.title.is_some()) {
            losses.dropped("title", "the upstream takes texts only");
        }
        out.freeze()
    }

    fn decode<'a>(&self, body: &'a [u8], count: usize) -> Result<Embedded<'a>, Fault> {
        let answer: Answer<'a> = serde_json::from_slice(body)
            .map_err(|error| Fault::garbled(format!("the upstream's answer holds no embeddings: {error}")))?;
        if let Some(error) = answer.error {
            return Err(crate::fault::in_stream(error));
        }
        let vectors = answer.embeddings.unwrap_or_default();
        let vectors = vectors.into_iter().map(|raw| Vector::Floats(raw.get().into())).collect();
        Ok(Embedded { vectors: of_count(vectors, count)?, tokens: as_count(answer.prompt_eval_count) })
    }

    fn tokens(&self, body: &[u8]) -> Option<u64> {
        number_behind(body, "prompt_eval_count")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(text: &'static str) -> Body {
        Body::parse(Bytes::from_static(text.as_bytes())).unwrap()
    }

    #[test]
    fn both_calls_are_read() {
        let many =
            EmbedClient::decode(&MANY, &body(r#"{"model":"m","input":["a","b"],"truncate":true,"options":{"x":1}}"#))
                .unwrap();
        assert_eq!((many.inputs.len(), many.truncate), (2, Some(true)));
        assert_eq!(many.losses.iter().map(|loss| &*loss.field).collect::<Vec<_>>(), ["options"]);
        let one =
            EmbedClient::decode(&ONE, &body(r#"{"model":"m","prompt":"a","keep_alive":"5m","options":{}}"#)).unwrap();
        assert_eq!(one.inputs, [EmbedInput::plain("a")]);
        assert!(one.losses.is_silent());
        for bad in [r#"{"input":[1],"prompt":1}"#, r#"{"input":7,"prompt":["a"]}"#] {
            assert!(EmbedClient::decode(&MANY, &body(bad)).is_err(), "{bad}");
            assert!(EmbedClient::decode(&ONE, &body(bad)).is_err(), "{bad}");
        }
        for nothing in [r#"{"model":"m"}"#, r#"{"input":"","prompt":""}"#, r#"{"input":[],"prompt":null}"#] {
            assert!(EmbedClient::decode(&MANY, &body(nothing)).unwrap().inputs.is_empty(), "{nothing}");
            assert!(EmbedClient::decode(&ONE, &body(nothing)).unwrap().inputs.is_empty(), "{nothing}");
        }
        assert_eq!(EmbedClient::decode(&MANY, &body(r#"{"input":[""]}"#)).unwrap().inputs, [EmbedInput::plain("")]);
    }

    #[test]
    fn both_answers_are_written() {
        let answer = Embedded { vectors: vec![Vector::Base64("AACAPw==".into())], tokens: None };
        let written = |call: &Embed| {
            let body = EmbedClient::encode(call, &answer, VectorForm::Floats, 3, &Reply::new("m", false)).unwrap();
            serde_json::from_slice::<serde_json::Value>(&body).unwrap()
        };
        assert_eq!(written(&ONE), serde_json::json!({"embedding": [1.0]}));
        let none = Embedded { vectors: Vec::new(), tokens: None };
        let body = EmbedClient::encode(&ONE, &none, VectorForm::Floats, 0, &Reply::new("m", false)).unwrap();
        assert_eq!(body, r#"{"embedding":[]}"#);
        let many = written(&MANY);
        assert_eq!((&many["embeddings"], &many["prompt_eval_count"]), (&serde_json::json!([[1.0]]), &3.into()));
    }

    #[test]
    fn a_wire_must_give_one_vector_for_each_input() {
        let answer = br#"{"model":"m","embeddings":[[1],[2]],"prompt_eval_count":4}"#;
        assert_eq!(EmbedWire::decode(&MANY, answer, 2).unwrap().tokens, Some(4));
        assert!(EmbedWire::decode(&MANY, answer, 1).is_err());
        assert!(EmbedWire::decode(&MANY, b"{}", 1).is_err());
        let fault = EmbedWire::decode(&MANY, br#"{"error":"input length exceeds the context length"}"#, 1).unwrap_err();
        assert_eq!(fault.kind, hub::FaultKind::ContextOverflow);
    }

    #[test]
    fn too_long_a_text_is_not_cut_unless_the_client_says_so() {
        let mut losses = Losses::default();
        let request = EmbedRequest { truncate: Some(false), ..EmbedRequest::default() };
        let body = EmbedWire::encode(&MANY, &request, &[EmbedInput::plain("é")], "m", &mut losses);
        assert_eq!(body, r#"{"model":"m","input":["é"],"truncate":false}"#);
        assert!(losses.is_silent());
    }
}
