//! What a relayed request needs changed for servers with habits of their own. Nothing here touches a request for a
//! server without any.

use std::ops::Range;

use dialect::splice::Edit;
use dialect::{Body, MaxTokensField, WireQuirks};
use hub::Losses;
use memchr::memmem;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Adds the edits.
pub(crate) fn edits(body: &Body, quirks: &WireQuirks, edits: &mut Vec<Edit>, losses: &mut Losses) {
    if quirks.no_developer_role
        && let Some(messages) = body.raw("messages").and_then(without_developers)
    {
        edits.push(Edit::set("messages", messages));
    }
    if quirks.insists_on_max_tokens_field {
        rename_cap(body, quirks.max_tokens_field, edits);
    }
    if quirks.no_parallel_field && body.has("parallel_tool_calls") {
        edits.push(Edit::remove("parallel_tool_calls"));
        losses.dropped("parallel_tool_calls", "the server does not know the field: calls may come in parallel");
    }
}

/// The cap on output under the name that the server knows; two of them stay as they are.
fn rename_cap(body: &Body, field: MaxTokensField, edits: &mut Vec<Edit>) {
    let (known, other) = match field {
        MaxTokensField::MaxTokens => ("max_tokens", "max_completion_tokens"),
        MaxTokensField::MaxCompletionTokens => ("max_completion_tokens", "max_tokens"),
    };
    if let Some(cap) = body.raw(other).filter(|_| !body.has(known)) {
        edits.push(Edit::set(known, cap));
        edits.push(Edit::remove(other));
    }
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow)]
    role: Option<&'a RawValue>,
}

/// The messages with `system` in place of `developer`; `None` when there is nothing to change. All other bytes stay.
fn without_developers(messages: &str) -> Option<String> {
    memmem::find(messages.as_bytes(), b"\"developer\"")?;
    let list: Vec<&RawValue> = serde_json::from_str(messages).ok()?;
    let roles = list.into_iter().filter_map(|raw| serde_json::from_str::<Message<'_>>(raw.get()).ok()?.role);
    let places: Vec<Range<usize>> =
        roles.filter(|role| role.get() == "\"developer\"").filter_map(|role| range_in(messages, role.get())).collect();
    let mut out = String::with_capacity(messages.len());
    let mut from = 0;
    for place in &places {
        out.push_str(&messages[from..place.start]);
        out.push_str("\"system\"");
        from = place.end;
    }
    out.push_str(&messages[from..]);
    (!places.is_empty()).then_some(out)
}

/// Where a part of a text lies in it.
fn range_in(text: &str, part: &str) -> Option<Range<usize>> {
    let start = (part.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
    (start + part.len() <= text.len()).then(|| start..start + part.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use dialect::splice;

    fn edited(body: &'static str, quirks: &WireQuirks) -> String {
        let body = Body::parse(Bytes::from_static(body.as_bytes())).unwrap();
        let (mut list, mut losses) = (Vec::new(), Losses::default());
        edits(&body, quirks, &mut list, &mut losses);
        String::from_utf8(splice::apply(body.bytes(), body.index(), &list).to_vec()).unwrap()
    }

    #[test]
    fn developers_become_systems_and_nothing_else_moves() {
        let quirks = WireQuirks { no_developer_role: true, ..WireQuirks::default() };
        let body = r#"{"messages": [ {"role":"developer" , "content":"say \"developer\""}, {"content":"\"developer\"","role":"user"}, {"role": "developer","content":1.10} ]}"#;
        let expect = r#"{"messages": [ {"role":"system" , "content":"say \"developer\""}, {"content":"\"developer\"","role":"user"}, {"role": "system","content":1.10} ]}"#;
        assert_eq!(edited(body, &quirks), expect);
        assert_eq!(edited(body, &WireQuirks::default()), body);
        let none = r#"{"messages":[{"role":"user","content":"developer"}]}"#;
        assert_eq!(edited(none, &quirks), none);
    }

    #[test]
    fn the_cap_gets_the_name_that_the_server_insists_on() {
        let insists =
            |field| WireQuirks { insists_on_max_tokens_field: true, max_tokens_field: field, ..WireQuirks::default() };
        let newer = insists(MaxTokensField::MaxCompletionTokens);
        assert_eq!(edited(r#"{"max_tokens":5,"n":1}"#, &newer), r#"{"max_completion_tokens":5,"n":1}"#);
        assert_eq!(edited(r#"{"max_tokens":5}"#, &insists(MaxTokensField::MaxTokens)), r#"{"max_tokens":5}"#);
        let both = r#"{"max_tokens":5,"max_completion_tokens":6}"#;
        assert_eq!(edited(both, &newer), both);
        assert_eq!(edited(r#"{"max_tokens":5}"#, &WireQuirks::default()), r#"{"max_tokens":5}"#);
    }

    #[test]
    fn fields_that_a_server_refuses_go() {
        let quirks = WireQuirks { no_parallel_field: true, ..WireQuirks::default() };
        assert_eq!(edited(r#"{"a":1,"parallel_tool_calls":false}"#, &quirks), r#"{"a":1}"#);
    }
}
