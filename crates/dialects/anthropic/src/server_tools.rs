//! Words for the blocks of tools that the provider runs, so that readers of other dialects miss less.

use serde::Deserialize;

use crate::wire::EventKind;

#[derive(Deserialize)]
struct CodeCall {
    name: Option<String>,
    input: Option<CodeInput>,
}

#[derive(Deserialize)]
struct CodeInput {
    code: Option<String>,
    command: Option<String>,
}

#[derive(Deserialize)]
struct CodeResult {
    content: Option<CodeOutput>,
}

#[derive(Deserialize)]
struct CodeOutput {
    stdout: Option<String>,
    stderr: Option<String>,
}

/// A readable rendering of a server tool's block: code and its output. Searches show through citations, so their
/// traces have none.
pub(crate) fn gist(json: &str) -> Option<String> {
    let kind: EventKind<'_> = serde_json::from_str(json).ok()?;
    match &*kind.kind {
        "server_tool_use" => code_call(json),
        "code_execution_tool_result" | "bash_code_execution_tool_result" => code_result(json),
        _ => None,
    }
}

fn code_call(json: &str) -> Option<String> {
    let call: CodeCall = serde_json::from_str(json).ok()?;
    let (name, input) = (call.name?, call.input?);
    let (tongue, code) = match &*name {
        "code_execution" => ("python", input.code?),
        "bash_code_execution" => ("bash", input.command?),
        _ => return None,
    };
    Some(fenced(tongue, &code))
}

fn code_result(json: &str) -> Option<String> {
    let output = serde_json::from_str::<CodeResult>(json).ok()?.content?;
    let text = [output.stdout, output.stderr].into_iter().flatten().collect::<String>();
    (!text.is_empty()).then(|| fenced("", &text))
}

fn fenced(tongue: &str, text: &str) -> String {
    format!("```{tongue}\n{}\n```\n", text.trim_end_matches('\n'))
}
