//! Model lists and model cards in Ollama's shape. Knows nothing of where the models come from.

use std::time::UNIX_EPOCH;

use bytes::BytesMut;
use dialect::{Catalogue, HttpReply, ModelCard, quoted, time};
use dialect::{Object, array};
use http::StatusCode;

/// What a window is said to be when nobody knows: editors leave out models without one.
const UNKNOWN_WINDOW: u64 = 131_072;
/// The family of every model: what is behind a name cannot be told by its file.
const FAMILY: &str = "bosporus";

/// Writes `GET /api/tags` and `POST /api/show`. The list is never paged.
#[derive(Debug)]
pub(crate) struct Models;

impl Catalogue for Models {
    fn list(&self, models: &[ModelCard], _: &str) -> HttpReply {
        let mut out = BytesMut::with_capacity(64 + models.len() * 480);
        let mut body = Object::open(&mut out);
        body.array("models", models, tag);
        body.close();
        HttpReply::json(StatusCode::OK, out.freeze())
    }

    fn one(&self, model: &ModelCard) -> HttpReply {
        let mut out = BytesMut::with_capacity(640);
        let mut body = Object::open(&mut out);
        for empty in ["license", "modelfile", "parameters", "template"] {
            body.text(empty, "");
        }
        details(model, body.key("details"));
        info(model, body.key("model_info"));
        capabilities(model, body.key("capabilities"));
        body.text("modified_at", &changed(model));
        body.close();
        HttpReply::json(StatusCode::OK, out.freeze())
    }
}

fn tag(model: &ModelCard, out: &mut BytesMut) {
    let mut entry = Object::open(out);
    entry.text("name", &model.id);
    entry.text("model", &model.id);
    entry.text("modified_at", &changed(model));
    // There is no file; programs leave out models of no size.
    entry.number("size", 1);
    entry.text("digest", &digest(&model.id));
    details(model, entry.key("details"));
    capabilities(model, entry.key("capabilities"));
    entry.close();
}

fn details(model: &ModelCard, out: &mut BytesMut) {
    let mut details = Object::open(out);
    details.text("parent_model", "");
    details.text("format", "gguf");
    details.text("family", FAMILY);
    details.array("families", [FAMILY], quoted);
    details.text("parameter_size", "");
    details.text("quantization_level", "");
    details.number_if("context_length", model.context);
    details.close();
}

fn info(model: &ModelCard, out: &mut BytesMut) {
    let mut info = Object::open(out);
    info.text("general.architecture", FAMILY);
    info.text("general.basename", model.display_name.as_deref().unwrap_or(&model.id));
    info.number(&format!("{FAMILY}.context_length"), model.context.unwrap_or(UNKNOWN_WINDOW));
    info.close();
}

/// A model is offered tools unless it is known to take none.
fn capabilities(model: &ModelCard, out: &mut BytesMut) {
    let answers = !model.embeds;
    let all = [
        ("completion", answers),
        ("tools", answers && model.tools != Some(false)),
        ("vision", model.images),
        ("audio", model.audio),
        ("thinking", model.thinks()),
        ("embedding", model.embeds),
    ];
    array(all.into_iter().filter(|(_, able)| *able), out, |(word, _), out| quoted(word, out));
}

fn changed(model: &ModelCard) -> String {
    time::format(model.created.unwrap_or(UNIX_EPOCH))
}

/// Something in the place of a file's hash: the same for the same name, and different for others.
fn digest(name: &str) -> String {
    (0..4_u64).map(|round| format!("{:016x}", fnv(round, name))).collect()
}

/// FNV-1a over a round's number and a name.
fn fnv(round: u64, name: &str) -> u64 {
    let start = (0xCBF2_9CE4_8422_2325 ^ round).wrapping_mul(0x0100_0000_01B3);
    name.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
}
