//! `:embedContent` and `:batchEmbedContents`, client side and wire side. The only language whose vectors have a purpose
//! (`taskType`), and the only one whose inputs may be more than text.

use bytes::{BufMut, Bytes, BytesMut};
use dialect::embed::{
    EmbedCall, EmbedClient, EmbedInput, EmbedRequest, EmbedWire, Embedded, Vector, VectorForm, check_inputs,
    number_behind, of_count,
};
use dialect::splice::Edit;
use dialect::tree::Node;
use dialect::{Body, Object, Peek, Reply, quoted};
use http::request::Parts;
use hub::{Fault, Losses};
use serde::Deserialize;

use crate::gemini;
use crate::request_decode::Fields;
use crate::wire::{Content, Part, Raw, Str, as_count, as_text, lenient, typed};

/// The most requests of one batch: "at most 100 requests can be in one batch" (the API's refusal, 2026-07).
const MOST: usize = 100;

/// Both calls, client side; the batch, wire side.
#[derive(Debug)]
pub(crate) struct Embed(pub(crate) EmbedCall);

/// For the registry.
pub(crate) const MANY: Embed = Embed(EmbedCall::Many);
pub(crate) const ONE: Embed = Embed(EmbedCall::One);

/// One request, alone or in a batch.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Item<'a> {
    #[serde(borrow)]
    content: Option<Content<'a>>,
    #[serde(borrow, alias = "task_type")]
    task_type: Option<Str<'a>>,
    #[serde(borrow)]
    title: Option<Str<'a>>,
    #[serde(alias = "output_dimensionality")]
    output_dimensionality: Option<u32>,
}

impl EmbedClient for Embed {
    fn call(&self) -> EmbedCall {
        self.0
    }

    fn peek(&self, head: &Parts, _: &Body) -> Result<Peek, Fault> {
        let asked = gemini::asked(head)?;
        let reply = Reply::new(asked.model.as_str(), false);
        Ok(Peek { model: asked.model, reply })
    }

    fn decode(&self, body: &Body) -> Result<EmbedRequest, Fault> {
        let items = match self.0 {
            EmbedCall::Many => body.get::<Vec<Item<'_>>>("requests")?.unwrap_or_default(),
            EmbedCall::One => vec![alone(body)?],
        };
        let dimensions = items.first().and_then(|item| item.output_dimensionality);
        if items.iter().any(|item| item.output_dimensionality != dimensions) {
            let words = "the model's upstream gives all vectors of a batch the same length";
            return Err(Fault::unsupported("requests.outputDimensionality", words));
        }
        let mut losses = Losses::default();
        let inputs: Result<Vec<_>, _> = items.into_iter().map(|item| input(item, &mut losses)).collect();
        let inputs = check_inputs(inputs?, "requests")?;
        Ok(EmbedRequest { inputs, dimensions, form: VectorForm::Floats, truncate: None, losses })
    }

    fn tells_tokens(&self) -> bool {
        false
    }

    fn encode(&self, answer: &Embedded<'_>, form: VectorForm, _: u64, _: &Reply) -> Result<Bytes, Fault> {
        let mut out = BytesMut::with_capacity(64 + answer.vectors.len() * 12 * 1024);
        let mut object = Object::open(&mut out);
        match self.0 {
            EmbedCall::One => {
                let vector = answer.vectors.first().ok_or_else(|| Fault::garbled("the upstream gave no vector"))?;
                values(vector, form, object.key("embedding"))?;
            }
            EmbedCall::Many => list(&answer.vectors, form, object.key("embeddings"))?,
        }
        object.close();
        Ok(out.freeze())
    }
}

fn alone(body: &Body) -> Result<Item<'_>, Fault> {
    let fields = Fields::of(body);
    Ok(Item {
        content: body.get("content")?,
        task_type: fields.typed("taskType", "task_type")?,
        title: body.get("title")?,
        output_dimensionality: fields.typed("outputDimensionality", "output_dimensionality")?,
    })
}

fn input(item: Item<'_>, losses: &mut Losses) -> Result<EmbedInput, Fault> {
    let missing = || Fault::bad_request("`content` is missing").at("content");
    let parts = item.content.ok_or_else(missing)?.parts.ok_or_else(missing)?;
    let parts: Vec<Part<'_>> = match parts.get().starts_with('[') {
        true => typed(parts.get(), "content.parts")?,
        false => vec![typed(parts.get(), "content.parts")?],
    };
    let texts: Option<Vec<_>> = parts.iter().map(|part| part.text.and_then(as_text)).collect();
    let texts = texts.ok_or_else(|| {
        Fault::unsupported(
            "content.parts",
            "the model's upstream embeds text only; pictures, sound and files it cannot",
        )
    })?;
    if texts.len() > 1 {
        losses.approximated("content.parts", "several texts of one content were joined by line breaks");
    }
    let text = texts.join("\n");
    Ok(EmbedInput { text, task: item.task_type.map(Str::owned), title: item.title.map(Str::owned) })
}

fn values(vector: &Vector<'_>, form: VectorForm, out: &mut BytesMut) -> Result<(), Fault> {
    let mut object = Object::open(out);
    vector.write(form, object.key("values"))?;
    object.close();
    Ok(())
}

fn list(vectors: &[Vector<'_>], form: VectorForm, out: &mut BytesMut) -> Result<(), Fault> {
    out.put_u8(b'[');
    for (at, vector) in vectors.iter().enumerate() {
        if at > 0 {
            out.put_u8(b',');
        }
        values(vector, form, out)?;
    }
    out.put_u8(b']');
    Ok(())
}

/// An answer of either call.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(borrow)]
    embeddings: Option<Vec<Values<'a>>>,
    #[serde(borrow)]
    usage_metadata: Raw<'a>,
    #[serde(borrow)]
    error: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Values<'a> {
    #[serde(borrow)]
    values: Raw<'a>,
    /// Vertex alone tells it.
    #[serde(borrow)]
    pub(crate) statistics: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Usage<'a> {
    #[serde(borrow)]
    prompt_token_count: Raw<'a>,
}

impl EmbedWire for Embed {
    /// Google refuses a batch whose requests name another model than the address.
    fn relay(&self, body: &Body, model: &str) -> Vec<Edit> {
        let named = format!("models/{model}");
        let mut edits = Vec::new();
        if body.has("model") {
            edits.push(Edit::set("model", Node::text(&named).json()));
        }
        if let Some(renamed) = body.raw("requests").and_then(|requests| renamed(requests, &named)) {
            edits.push(Edit::set("requests", renamed));
        }
        edits
    }

    fn most(&self) -> usize {
        MOST
    }

    fn encode(&self, request: &EmbedRequest, inputs: &[EmbedInput], model: &str, losses: &mut Losses) -> Bytes {
        let named = format!("models/{model}");
        let size: usize = inputs.iter().map(|input| input.text.len() + named.len() + 96).sum();
        let mut out = BytesMut::with_capacity(size + 64);
        let mut object = Object::open(&mut out);
        object.array("requests", inputs, |input, out| write_input(input, request, &named, out));
        object.close();
        if request.truncate == Some(true) {
            losses.dropped("truncate", "Google decides itself what is too long");
        }
        out.freeze()
    }

    fn decode<'a>(&self, body: &'a [u8], count: usize) -> Result<Embedded<'a>, Fault> {
        let answer: Answer<'_> = read(body, |answer: &Answer<'_>| answer.error)?;
        let list = answer.embeddings.unwrap_or_default().into_iter();
        Ok(Embedded { vectors: vectors(list, count)?, tokens: tokens(answer.usage_metadata) })
    }

    fn tokens(&self, body: &[u8]) -> Option<u64> {
        number_behind(body, "promptTokenCount")
    }
}

/// The requests of a batch under the name of the address; `None` when they have it already.
fn renamed(requests: &str, named: &str) -> Option<String> {
    let mut node = Node::read(requests)?;
    let Node::Array(items) = &mut node else { return None };
    let name = Node::text(named);
    let mut changed = false;
    for item in items {
        let Node::Object(fields) = item else { continue };
        changed |= fields.get("model") != Some(&name);
        fields.set("model", name.clone());
    }
    changed.then(|| node.json())
}

fn write_input(input: &EmbedInput, request: &EmbedRequest, named: &str, out: &mut BytesMut) {
    let mut item = Object::open(out);
    item.text("model", named);
    write_content(input, item.key("content"));
    item.text_if("taskType", input.task.as_deref());
    item.text_if("title", input.title.as_deref());
    item.number_if("outputDimensionality", request.dimensions);
    item.close();
}

/// A text as the one part of a content.
pub(crate) fn write_content(input: &EmbedInput, out: &mut BytesMut) {
    let mut content = Object::open(out);
    content.array("parts", [&input.text], |text, out| {
        out.extend_from_slice(b"{\"text\":");
        quoted(text, out);
        out.put_u8(b'}');
    });
    content.close();
}

/// An answer, or the error that it holds.
pub(crate) fn read<'a, A: Deserialize<'a>>(body: &'a [u8], error: impl Fn(&A) -> Raw<'a>) -> Result<A, Fault> {
    let answer: A = serde_json::from_slice(body)
        .map_err(|error| Fault::garbled(format!("the upstream's answer holds no embeddings: {error}")))?;
    match error(&answer) {
        Some(_) => Err(crate::fault::in_stream(std::str::from_utf8(body).unwrap_or_default())),
        None => Ok(answer),
    }
}

pub(crate) fn vectors<'a>(list: impl Iterator<Item = Values<'a>>, count: usize) -> Result<Vec<Vector<'a>>, Fault> {
    let vectors: Option<Vec<_>> = list.map(|item| Some(Vector::Floats(item.values?.get().into()))).collect();
    of_count(vectors.ok_or_else(|| Fault::garbled("the upstream gave an embedding without values"))?, count)
}

pub(crate) fn tokens(usage: Raw<'_>) -> Option<u64> {
    let usage: Usage<'_> = lenient(usage);
    as_count(usage.prompt_token_count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hub::FaultKind;

    fn body(text: &'static str) -> Body {
        Body::parse(Bytes::from_static(text.as_bytes())).unwrap()
    }

    fn many(text: &'static str) -> Result<EmbedRequest, Fault> {
        EmbedClient::decode(&MANY, &body(text))
    }

    #[test]
    fn both_calls_are_read_in_either_spelling() {
        let one = r#"{"content":{"parts":[{"text":"a"}]},"task_type":"RETRIEVAL_QUERY","output_dimensionality":8}"#;
        let one = EmbedClient::decode(&ONE, &body(one)).unwrap();
        assert_eq!((one.inputs[0].text.as_str(), one.dimensions), ("a", Some(8)));
        assert_eq!(one.inputs[0].task.as_deref(), Some("RETRIEVAL_QUERY"));
        let two = r#"{"requests":[{"content":{"parts":{"text":"a"}},"title":"t"},{"content":{"parts":[{"text":"b"},{"text":"c"}]}}]}"#;
        let two = many(two).unwrap();
        assert_eq!(two.inputs.iter().map(|input| input.text.as_str()).collect::<Vec<_>>(), ["a", "b\nc"]);
        assert!(!two.losses.is_silent());
    }

    #[test]
    fn what_others_cannot_embed_is_refused() {
        for (text, kind) in [
            (r#"{"requests":[]}"#, FaultKind::BadRequest),
            (r#"{"requests":[{}]}"#, FaultKind::BadRequest),
            (r#"{"requests":[{"content":{"parts":[{"inlineData":{"data":"x"}}]}}]}"#, FaultKind::Unsupported),
            (
                r#"{"requests":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"a"}]},"outputDimensionality":1}]}"#,
                FaultKind::Unsupported,
            ),
        ] {
            assert_eq!(many(text).unwrap_err().kind, kind, "{text}");
        }
    }

    #[test]
    fn a_relayed_batch_names_the_model_of_its_address() {
        let asked = body(r#"{"requests":[{"model":"models/alias","content":{"parts":[{"text":"models/alias"}]}}]}"#);
        let edits = MANY.relay(&asked, "real");
        let sent = dialect::splice::apply(asked.bytes(), asked.index(), &edits);
        assert_eq!(sent, r#"{"requests":[{"model":"models/real","content":{"parts":[{"text":"models/alias"}]}}]}"#);
        assert!(MANY.relay(&body(r#"{"requests":[{"model":"models/real"}]}"#), "real").is_empty());
        assert_eq!(ONE.relay(&body(r#"{"content":{}}"#), "real"), []);
    }

    #[test]
    fn requests_and_answers_of_the_wire() {
        let input = EmbedInput { task: Some("CLUSTERING".into()), ..EmbedInput::plain("x") };
        let request = EmbedRequest { dimensions: Some(4), ..EmbedRequest::default() };
        let sent = EmbedWire::encode(&MANY, &request, &[input], "m", &mut Losses::default());
        let expect = r#"{"requests":[{"model":"models/m","content":{"parts":[{"text":"x"}]},"taskType":"CLUSTERING","outputDimensionality":4}]}"#;
        assert_eq!(sent, expect);
        let answer = br#"{"embeddings":[{"values":[1,2]},{"values":[3]}]}"#;
        assert_eq!(EmbedWire::decode(&MANY, answer, 2).unwrap().vectors[1], Vector::Floats("[3]".into()));
        for bad in [&b"{}"[..], br#"{"embeddings":[{"values":[1]},{}]}"#, br#"{"embeddings":[{"values":[1]}]}"#] {
            assert!(EmbedWire::decode(&MANY, bad, 2).is_err());
        }
        let fault = br#"{"error":{"code":429,"message":"slow down","status":"RESOURCE_EXHAUSTED"}}"#;
        assert_eq!(EmbedWire::decode(&MANY, fault, 2).unwrap_err().message, "slow down");
    }
}
