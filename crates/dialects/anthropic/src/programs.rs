//! Programs that a provider ran: from the two blocks that tell of one here, and as them for those of another vendor.
//! Files that a program wrote stay with the account that has them.

use bytes::BytesMut;
use hub::{Code, Printed, Program};
use serde::Deserialize;

use crate::json::Open;
use crate::traces::{Asked, Block};

/// The tool that runs Python, and the one that runs commands of a shell.
const PYTHON: &str = "code_execution";
const SHELL: &str = "bash_code_execution";

#[derive(Default, Deserialize)]
#[serde(default)]
struct Input {
    code: Option<String>,
    command: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Output {
    stdout: Option<String>,
    stderr: Option<String>,
    return_code: Option<i64>,
    error_code: Option<String>,
}

/// The half of a program that a block tells; `None` for other blocks.
pub(crate) fn read(block: &Block<'_>) -> Option<Code> {
    if let Some(name @ (PYTHON | SHELL)) = block.asks() {
        let (input, shell): (Input, bool) = (block.input(), name == SHELL);
        let text = if shell { input.command } else { input.code }.unwrap_or_default();
        return Some(Code { id: block.id(), program: Some(Program { text, shell }), printed: None });
    }
    matches!(&*block.kind, "code_execution_tool_result" | "bash_code_execution_tool_result").then(|| Code {
        id: block.id(),
        program: None,
        printed: Some(printed(block.content())),
    })
}

/// What a program printed. Of what cannot be read it is known only that it failed.
fn printed(output: Option<Output>) -> Printed {
    let Some(Output { stdout, stderr, return_code, error_code }) = output else {
        return Printed { failed: true, ..Printed::default() };
    };
    let failed = error_code.is_some() || return_code.is_some_and(|code| code != 0);
    let err = stderr.filter(|text| !text.is_empty()).or(error_code).unwrap_or_default();
    Printed { out: stdout.unwrap_or_default(), err, failed }
}

/// The two blocks of a program that another vendor ran, as far as it has their halves.
pub(crate) fn blocks(code: &Code, id: &str) -> Vec<Asked> {
    let asked = code.program.as_ref().map(|Program { text, shell }| {
        let (name, field) = if *shell { (SHELL, "command") } else { (PYTHON, "code") };
        Asked::Use { id: id.to_owned(), name, field, words: text.clone() }
    });
    let result = code.printed.as_ref().map(|printed| {
        let mut out = BytesMut::with_capacity(printed.out.len() + 128);
        let mut result = Open::typed(&mut out, "code_execution_result");
        result.text("stdout", &printed.out);
        result.text("stderr", &printed.err);
        result.raw("return_code", if printed.failed { "1" } else { "0" });
        result.raw("content", "[]");
        result.end();
        Asked::Result { id: id.to_owned(), kind: "code_execution_tool_result", content: dialect::into_text(out) }
    });
    asked.into_iter().chain(result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_are_read_and_written() {
        let read = |json: &str| read(&serde_json::from_str(json).unwrap());
        let asked =
            read(r#"{"type":"server_tool_use","id":"s","name":"bash_code_execution","input":{"command":"ls"}}"#)
                .unwrap();
        assert_eq!(asked.program, Some(Program { text: "ls".into(), shell: true }));
        let told = read(
            r#"{"type":"code_execution_tool_result","tool_use_id":"s","content":{"type":"code_execution_result","stdout":"a","stderr":"b","return_code":2,"content":[]}}"#,
        ).unwrap();
        assert_eq!(told.printed, Some(Printed { out: "a".into(), err: "b".into(), failed: true }));
        let failed = read(
            r#"{"type":"bash_code_execution_tool_result","tool_use_id":"s","content":{"type":"bash_code_execution_tool_result_error","error_code":"unavailable"}}"#,
        ).unwrap();
        assert_eq!(failed.printed, Some(Printed { out: String::new(), err: "unavailable".into(), failed: true }));
        assert!(
            read(r#"{"type":"server_tool_use","id":"s","name":"text_editor_code_execution","input":{}}"#).is_none()
        );
        let whole = Code { id: "s".into(), printed: told.printed, ..asked };
        let mut out = BytesMut::new();
        for block in blocks(&whole, "ws_s") {
            let input = block.input().unwrap_or_default();
            block.write(&input, &mut out);
        }
        let expect = r#"{"type":"server_tool_use","id":"ws_s","name":"bash_code_execution","input":{"command":"ls"}}{"type":"code_execution_tool_result","tool_use_id":"ws_s","content":{"type":"code_execution_result","stdout":"a","stderr":"b","return_code":1,"content":[]}}"#;
        assert_eq!(out, expect);
    }
}
