//! Gives results their calls. Google's clients may leave ids out of both.
//!
//! Explicit ids come first, so that none is taken by a result without an id; then results of the same name in order;
//! then the order alone. An id that no call has is no id.

use std::collections::HashSet;

use hub::{Part, ToolResult};

/// The calls that may still be answered.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    calls: Vec<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    id: String,
    name: String,
    answered: bool,
}

impl Pending {
    /// Takes note of the calls of a model turn. `anew`: the turn does not go on with the one before.
    pub(crate) fn note(&mut self, parts: &[Part], anew: bool) {
        if anew {
            self.calls.clear();
        }
        for part in parts {
            if let Part::ToolCall(call) = part {
                self.calls.push(Waiting { id: call.id.clone(), name: call.name.clone(), answered: false });
            }
        }
    }

    /// Fills in what the results of a content leave out.
    pub(crate) fn pair(&mut self, parts: &mut [Part]) {
        let mut results: Vec<&mut ToolResult> = parts
            .iter_mut()
            .filter_map(|part| match part {
                Part::ToolResult(result) => Some(result),
                _ => None,
            })
            .collect();
        for result in &mut results {
            let explicit = !result.call_id.is_empty();
            self.take(result, |call, result| explicit && call.id == result.call_id);
        }
        let known: HashSet<String> = self.calls.iter().map(|call| call.id.clone()).collect();
        results.retain(|result| !known.contains(&result.call_id));
        // By name, then by place; what has found its call has a known id.
        self.take_all(&mut results, &known, |call, result| result.name.as_deref() == Some(&*call.name));
        self.take_all(&mut results, &known, |_, _| true);
    }

    fn take_all(
        &mut self,
        results: &mut Vec<&mut ToolResult>,
        known: &HashSet<String>,
        fits: impl Fn(&Waiting, &ToolResult) -> bool,
    ) {
        results.iter_mut().for_each(|result| self.take(result, &fits));
        results.retain(|result| !known.contains(&result.call_id));
    }

    fn take(&mut self, result: &mut ToolResult, fits: impl Fn(&Waiting, &ToolResult) -> bool) {
        let Some(call) = self.calls.iter_mut().find(|call| !call.answered && fits(call, result)) else { return };
        call.answered = true;
        result.call_id.clone_from(&call.id);
        if result.name.as_ref().is_none_or(String::is_empty) {
            result.name = Some(call.name.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hub::{CallKind, ToolCall};

    fn call(id: &str, name: &str) -> Part {
        Part::ToolCall(ToolCall {
            id: id.into(),
            name: name.into(),
            arguments: "{}".into(),
            kind: CallKind::Function,
            seal: None,
            cache: None,
        })
    }

    fn paired(calls: &[Part], results: &[(&str, Option<&str>)]) -> Vec<String> {
        let mut pending = Pending::default();
        pending.note(calls, true);
        let mut parts: Vec<Part> = results
            .iter()
            .map(|(id, name)| {
                let name = name.map(str::to_owned);
                Part::ToolResult(ToolResult { call_id: (*id).into(), name, ..ToolResult::default() })
            })
            .collect();
        pending.pair(&mut parts);
        let draw = |part: &Part| match part {
            Part::ToolResult(result) => format!("{}:{}", result.call_id, result.name.as_deref().unwrap_or("-")),
            other => format!("{other:?}"),
        };
        parts.iter().map(draw).collect()
    }

    #[test]
    fn results_find_their_calls() {
        let calls = [call("1", "a"), call("2", "b"), call("3", "a")];
        assert_eq!(paired(&calls, &[("", Some("a")), ("", Some("a")), ("", Some("b"))]), ["1:a", "3:a", "2:b"]);
        assert_eq!(paired(&calls, &[("", Some("a")), ("1", Some("a"))]), ["3:a", "1:a"]);
        assert_eq!(paired(&calls, &[("", None), ("", None)]), ["1:a", "2:b"]);
        assert_eq!(paired(&calls, &[("2", None), ("2", None)]), ["2:b", "2:-"]);
        assert_eq!(paired(&calls, &[("", Some("z")), ("", Some("a"))]), ["2:z", "1:a"], "a wrong name is placed last");
        assert_eq!(paired(&calls, &[("x", Some("a")), ("1", Some("a"))]), ["3:a", "1:a"], "an id that no call has");
        assert_eq!(paired(&calls[..1], &[("", None), ("", None)]), ["1:a", ":-"]);
    }
}
