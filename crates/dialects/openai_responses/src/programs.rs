//! Programs that a provider ran: read from the item that tells of one here, and written as it for those that another
//! vendor ran. Containers and files stay with the account that has them.

use bytes::BytesMut;
use dialect::Object;
use hub::{Code, Printed, Program};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::seals;
use crate::wire::{Raw, Str, lenient};

/// What such an item is, here.
pub(crate) const KIND: &str = "code_interpreter_call";
/// How ids of such items begin.
pub(crate) const PREFIX: &str = "ci_";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Call<'a> {
    #[serde(borrow)]
    id: Option<Str<'a>>,
    #[serde(borrow)]
    status: Option<Str<'a>>,
    #[serde(borrow)]
    code: Option<Str<'a>>,
    #[serde(borrow)]
    outputs: Raw<'a>,
}

/// One output of a program that was run.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Output<'a> {
    #[serde(borrow)]
    logs: Option<Str<'a>>,
}

/// The program that an item tells of; `None` for other items.
pub(crate) fn read(kind: &str, raw: &RawValue) -> Option<Code> {
    if kind != KIND {
        return None;
    }
    let call: Call<'_> = lenient(Some(raw));
    let text = call.code.map(Str::owned).unwrap_or_default();
    let outputs: Vec<Output<'_>> = lenient(call.outputs);
    let logs: Vec<&str> = outputs.iter().filter_map(|output| output.logs.as_deref()).collect();
    let failed = call.status.as_deref() == Some("failed");
    Some(Code {
        id: call.id.map(Str::owned).unwrap_or_default(),
        program: Some(Program { text, shell: false }),
        printed: Some(Printed { out: logs.join("\n"), err: String::new(), failed }),
    })
}

/// What an item says that we made of another vendor's program: OpenAI knows no container of ours and would refuse the item.
/// `None` for its own items.
pub(crate) fn as_message(json: &str) -> Option<String> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Container<'a> {
        #[serde(borrow)]
        container_id: Option<Str<'a>>,
    }
    let raw: &RawValue = serde_json::from_str(json).ok()?;
    let container: Container<'_> = lenient(Some(raw));
    container.container_id.filter(|id| **id == *seals::UNPROVEN)?;
    let words = read(KIND, raw).and_then(|code| code.words()).unwrap_or_default();
    let mut out = BytesMut::with_capacity(words.len() + 64);
    let mut message = Object::open(&mut out);
    message.text("type", "message");
    message.text("role", "assistant");
    message.text("content", &words);
    message.close();
    Some(dialect::into_text(out))
}

/// Writes what the item of a program, in the making or done, holds besides its type and status. Another vendor's
/// container has no name here: ours is marked.
pub(crate) fn write(code: &Code, done: bool, item: &mut Object<'_>) {
    let text = code.program.as_ref().map_or("", |program| &program.text);
    item.text("code", if done { text } else { "" });
    item.text("container_id", seals::UNPROVEN);
    let printed = code.printed.as_ref().filter(|_| done).map(Printed::all).filter(|text| !text.is_empty());
    item.array("outputs", printed, |logs, out| {
        let mut output = Object::open(out);
        output.text("type", "logs");
        output.text("logs", &logs);
        output.close();
    });
}
