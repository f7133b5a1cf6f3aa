//! Repairs the pairing of tool calls and results in a history before it is encoded for another dialect.
//!
//! Agents lose results after interrupts and compaction, repeat them, or let text slip between call and answer; every
//! provider refuses such a history, and the client cannot mend it.
//! Afterwards: each call has exactly one result, all results of a turn stand first in the next user turn, in call
//! order; call ids are unique in the whole history; consecutive assistant turns are one. What an assistant said stays in
//! its order: a wire that wants its calls last sees to that itself. The same history gives the same bytes every time, or
//! prompt caches would miss.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::{Losses, Part, Request, Role, Text, ToolResult, Turn, veil};

/// What stands in for a result that never came.
const NO_RESULT: &str = "no result recorded (interrupted)";

/// Repairs `request.turns` in place and notes what it had to bend.
pub fn mend(request: &mut Request, losses: &mut Losses) {
    let mut mender = Mender {
        out: Vec::with_capacity(request.turns.len()),
        used: Ids::default(),
        names: HashMap::new(),
        open: None,
        losses,
    };
    for turn in std::mem::take(&mut request.turns) {
        match turn.role {
            Role::Assistant => mender.assistant(turn.parts),
            Role::User | Role::System => mender.other(turn),
        }
    }
    mender.settle();
    request.turns = mender.out;
}

struct Mender<'a> {
    out: Vec<Turn>,
    used: Ids,
    /// The tools of all calls so far, by the ids that the client gave them.
    names: HashMap<String, String>,
    open: Option<OpenCalls>,
    losses: &'a mut Losses,
}

/// The calls of the last assistant turn, and what came since.
#[derive(Default)]
struct OpenCalls {
    calls: Vec<OpenCall>,
    /// Where the calls of an id stand that may wait for a result, and the last one that does not.
    waiting: HashMap<String, VecDeque<usize>>,
    answered: HashMap<String, usize>,
    /// The same by tool, and all of them, for results without an id.
    by_tool: HashMap<String, VecDeque<usize>>,
    in_order: VecDeque<usize>,
    /// What the client said after the calls, results taken out.
    since: Vec<Turn>,
    /// A result came after the last of these.
    interrupted: bool,
}

struct OpenCall {
    /// The id that the client uses for it.
    theirs: String,
    /// The id that goes upstream.
    ours: String,
    name: String,
    result: Option<ToolResult>,
}

impl Mender<'_> {
    fn assistant(&mut self, parts: Vec<Part>) {
        let continues = self.open.as_ref().is_none_or(|open| open.since.is_empty() && open.unanswered());
        let merges = continues && self.out.last().is_some_and(|turn| turn.role == Role::Assistant);
        if !merges {
            self.settle();
            self.out.push(Turn { role: Role::Assistant, parts: Vec::new() });
        }
        let calls = self.adopt(parts);
        if !calls.is_empty() {
            self.open.get_or_insert_default().extend(calls);
        }
    }

    /// Appends parts to the last turn, and gives their calls.
    fn adopt(&mut self, parts: Vec<Part>) -> Vec<OpenCall> {
        let mut calls = Vec::new();
        let Some(turn) = self.out.last_mut() else { return calls };
        for mut part in parts {
            if let Part::Thinking(thought) = &mut part {
                veil::lift(thought);
            }
            if let Part::ToolCall(call) = &mut part {
                let theirs = call.id.clone();
                call.id = self.used.unique(&theirs);
                self.names.insert(theirs.clone(), call.name.clone());
                calls.push(OpenCall { theirs, ours: call.id.clone(), name: call.name.clone(), result: None });
            }
            turn.parts.push(part);
        }
        calls
    }

    fn other(&mut self, turn: Turn) {
        let Turn { role, parts } = turn;
        let mut kept = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Part::ToolResult(result) => self.answer(result, &mut kept),
                part => kept.push(part),
            }
        }
        if kept.is_empty() {
            return;
        }
        let turn = Turn { role, parts: kept };
        match &mut self.open {
            Some(open) => open.say(turn),
            None => self.out.push(turn),
        }
    }

    /// Gives a result to its call; one that answers nothing becomes words, because its data may matter.
    fn answer(&mut self, mut result: ToolResult, kept: &mut Vec<Part>) {
        match self.open.as_mut().and_then(|open| Some((open.place_of(&result)?, &mut open.calls))) {
            Some((at, calls)) => {
                if calls[at].result.is_some() {
                    self.losses.dropped(
                        "tool result",
                        format!("call {} was answered twice: the last one counts", result.call_id),
                    );
                }
                result.call_id.clone_from(&calls[at].ours);
                result.name = Some(calls[at].name.clone());
                calls[at].result = Some(result);
            }
            None => {
                self.losses.approximated("tool result", "a result without its call was sent as text");
                let known = result.name.as_deref().or(self.names.get(&result.call_id).map(String::as_str));
                let name = known.unwrap_or("an earlier tool call");
                let failed = if result.is_error { ", which failed" } else { "" };
                kept.push(Part::Text(Text::plain(format!("[result of {name}{failed}]"))));
                kept.append(&mut result.parts);
            }
        }
    }

    /// Writes the answers of the open calls, then what was said since.
    fn settle(&mut self) {
        let Some(open) = self.open.take() else { return };
        let mut parts: Vec<Part> =
            open.calls.into_iter().map(|call| Part::ToolResult(call.settled(self.losses))).collect();
        let mut since = open.since.into_iter().peekable();
        if let Some(turn) = since.next_if(|turn| turn.role == Role::User) {
            parts.extend(turn.parts);
        }
        self.out.push(Turn { role: Role::User, parts });
        self.out.extend(since);
    }
}

impl OpenCalls {
    fn extend(&mut self, calls: Vec<OpenCall>) {
        for call in calls {
            let at = self.calls.len();
            self.waiting.entry(call.theirs.clone()).or_default().push_back(at);
            self.by_tool.entry(call.name.clone()).or_default().push_back(at);
            self.in_order.push_back(at);
            self.calls.push(call);
        }
    }

    /// Where the call of a result stands: the first of its id that waits, else the last one of that id. A result
    /// without an id answers the first call of its tool that waits, or the first of all if it names no tool.
    fn place_of(&mut self, result: &ToolResult) -> Option<usize> {
        let id = &result.call_id;
        let calls = &self.calls;
        let waits = |at: &usize| calls.get(*at).is_some_and(|call| call.result.is_none());
        let first = |queue: &mut VecDeque<usize>| std::iter::from_fn(|| queue.pop_front()).find(waits);
        let mut found = self.waiting.get_mut(id).and_then(first);
        if found.is_none() && id.is_empty() {
            let queue = match &result.name {
                Some(tool) => self.by_tool.get_mut(tool),
                None => Some(&mut self.in_order),
            };
            found = queue.and_then(first);
        }
        if let Some(at) = found {
            self.answered.insert(id.clone(), at);
            self.interrupted = true;
        }
        found.or_else(|| self.answered.get(id).copied().filter(|_| !id.is_empty()))
    }

    /// What the client says before and after a result is one turn once the result stands first.
    fn say(&mut self, mut turn: Turn) {
        let goes_on = std::mem::take(&mut self.interrupted) && turn.role == Role::User;
        match self.since.last_mut() {
            Some(last) if goes_on && last.role == Role::User => last.parts.append(&mut turn.parts),
            _ => self.since.push(turn),
        }
    }

    fn unanswered(&self) -> bool {
        self.answered.is_empty()
    }
}

impl OpenCall {
    fn settled(self, losses: &mut Losses) -> ToolResult {
        self.result.unwrap_or_else(|| {
            losses
                .approximated("tool call", format!("no result for a call of {}: an error result was added", self.name));
            ToolResult {
                call_id: self.ours,
                name: Some(self.name),
                parts: vec![Part::Text(Text::plain(NO_RESULT))],
                is_error: true,
                cache: None,
            }
        })
    }
}

/// The ids of a history.
#[derive(Default)]
struct Ids {
    used: HashSet<String>,
    /// How often an id was made from another, so that the next one is found at once.
    rounds: HashMap<String, u32>,
}

impl Ids {
    /// An id never used before in this history: the client's own where it can be.
    fn unique(&mut self, theirs: &str) -> String {
        let base = if theirs.is_empty() { "call" } else { theirs };
        let mut id = base.to_owned();
        if self.used.contains(&id) {
            let round = self.rounds.entry(base.to_owned()).or_insert(1);
            while self.used.contains(&id) {
                *round += 1;
                id = format!("{base}_{round}");
            }
        }
        self.used.insert(id.clone());
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CallKind, ToolCall};

    fn text(words: &str) -> Part {
        Part::Text(Text::plain(words))
    }

    fn call(id: &str) -> Part {
        Part::ToolCall(ToolCall {
            id: id.into(),
            name: format!("tool_{id}"),
            arguments: "{}".into(),
            kind: CallKind::Function,
            seal: None,
            cache: None,
        })
    }

    fn result(id: &str, words: &str) -> Part {
        Part::ToolResult(ToolResult { call_id: id.into(), parts: vec![text(words)], ..ToolResult::default() })
    }

    fn turn(role: Role, parts: Vec<Part>) -> Turn {
        Turn { role, parts }
    }

    /// One letter a turn, its parts in brackets: `u[hi] a[(a)] u[a=1 then]`.
    fn draw(turns: &[Turn]) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.text.clone(),
            Part::ToolCall(call) => format!("({})", call.id),
            Part::ToolResult(ToolResult { call_id, parts, .. }) => match &parts[0] {
                Part::Text(text) => format!("{call_id}={}", text.text),
                other => format!("{other:?}"),
            },
            other => format!("{other:?}"),
        };
        let role = |role| match role {
            Role::System => 's',
            Role::User => 'u',
            Role::Assistant => 'a',
        };
        let turn =
            |turn: &Turn| format!("{}[{}]", role(turn.role), turn.parts.iter().map(part).collect::<Vec<_>>().join(" "));
        turns.iter().map(turn).collect::<Vec<_>>().join(" ")
    }

    fn check(turns: Vec<Turn>, expect: &str) {
        let mut request = Request { turns, ..Request::default() };
        mend(&mut request, &mut Losses::default());
        assert_eq!(draw(&request.turns), expect);
        let once = request.turns.clone();
        mend(&mut request, &mut Losses::default());
        assert_eq!(request.turns, once, "mending twice changes nothing");
    }

    use Role::{Assistant as A, System as S, User as U};

    #[test]
    fn a_sound_history_stays() {
        check(
            vec![
                turn(U, vec![text("hi")]),
                turn(A, vec![text("ok"), call("a")]),
                turn(U, vec![result("a", "1"), text("then")]),
            ],
            "u[hi] a[ok (a)] u[a=1 then]",
        );
    }

    #[test]
    fn a_call_without_a_result_gets_one() {
        check(
            vec![turn(A, vec![call("a")]), turn(U, vec![text("stop")])],
            "a[(a)] u[a=no result recorded (interrupted) stop]",
        );
        check(vec![turn(A, vec![call("a")])], "a[(a)] u[a=no result recorded (interrupted)]");
    }

    #[test]
    fn a_result_without_a_call_becomes_words() {
        check(vec![turn(U, vec![result("x", "1")])], "u[[result of an earlier tool call] 1]");
    }

    #[test]
    fn the_last_of_two_results_counts() {
        check(vec![turn(A, vec![call("a")]), turn(U, vec![result("a", "1"), result("a", "2")])], "a[(a)] u[a=2]");
    }

    #[test]
    fn results_come_first_and_in_call_order() {
        check(
            vec![
                turn(A, vec![call("a"), call("b")]),
                turn(U, vec![text("wait"), result("b", "2")]),
                turn(S, vec![text("rule")]),
                turn(U, vec![result("a", "1")]),
            ],
            "a[(a) (b)] u[a=1 b=2 wait] s[rule]",
        );
    }

    #[test]
    fn one_id_twice_is_told_apart() {
        check(
            vec![turn(A, vec![call("a"), call("a")]), turn(U, vec![result("a", "1"), result("a", "2")])],
            "a[(a) (a_2)] u[a=1 a_2=2]",
        );
        check(
            vec![
                turn(A, vec![call("a")]),
                turn(U, vec![result("a", "1")]),
                turn(A, vec![call("a")]),
                turn(U, vec![result("a", "2")]),
            ],
            "a[(a)] u[a=1] a[(a_2)] u[a_2=2]",
        );
    }

    #[test]
    fn calls_split_over_assistant_turns_are_one_turn() {
        check(
            vec![
                turn(A, vec![call("a")]),
                turn(A, vec![text("and"), call("b")]),
                turn(U, vec![result("a", "1"), result("b", "2")]),
            ],
            "a[(a) and (b)] u[a=1 b=2]",
        );
    }

    #[test]
    fn what_was_said_after_a_call_stays_there() {
        check(
            vec![turn(A, vec![text("x"), call("a"), text("y")]), turn(U, vec![result("a", "1")])],
            "a[x (a) y] u[a=1]",
        );
    }

    #[test]
    fn words_around_results_are_one_turn() {
        check(
            vec![
                turn(A, vec![call("a"), call("b")]),
                turn(U, vec![text("x")]),
                turn(U, vec![result("a", "1")]),
                turn(U, vec![text("y")]),
                turn(U, vec![result("b", "2"), text("z")]),
            ],
            "a[(a) (b)] u[a=1 b=2 x y z]",
        );
    }

    #[test]
    fn results_without_an_id_answer_by_tool_and_then_in_order() {
        let named = |tool: &str, words: &str| {
            Part::ToolResult(ToolResult { name: Some(tool.into()), parts: vec![text(words)], ..ToolResult::default() })
        };
        check(
            vec![
                turn(A, vec![call("a"), call("b"), call("c")]),
                turn(U, vec![named("tool_b", "2"), result("", "1"), result("", "3"), result("", "4")]),
            ],
            "a[(a) (b) (c)] u[a=1 b=2 c=3 [result of an earlier tool call] 4]",
        );
    }

    #[test]
    fn a_late_result_is_told_by_the_name_of_its_tool() {
        check(
            vec![
                turn(A, vec![call("a")]),
                turn(U, vec![result("a", "1")]),
                turn(A, vec![text("so")]),
                turn(U, vec![result("a", "2")]),
            ],
            "a[(a)] u[a=1] a[so] u[[result of tool_a] 2]",
        );
    }
}
