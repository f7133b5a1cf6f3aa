use super::keeper::MAX_THOUGHTS;
use super::*;
use hub::{
    Assembler, Block, CallKind, Event, Losses, Part, Response, Role, StopReason, Text, ToolCall, ToolResult, Turn,
    replay,
};
use proptest::prelude::*;

const TTL: Duration = Duration::from_secs(60);

fn thought(text: &str, seal: Option<&str>) -> Part {
    let seal = seal.map(|data| Seal::new("v", "k", data));
    Part::Thinking(Thought { text: text.into(), seal, redacted: false })
}

fn call(id: &str, name: &str, seal: Option<&str>) -> Part {
    Part::ToolCall(ToolCall {
        id: id.into(),
        name: name.into(),
        arguments: "{}".into(),
        kind: CallKind::Function,
        seal: seal.map(|data| Seal::new("v", "call", data)),
        cache: None,
    })
}

fn text(words: &str) -> Part {
    Part::Text(Text::plain(words))
}

fn turns(parts: Vec<Part>) -> Request {
    Request { turns: vec![Turn { role: Role::Assistant, parts }], ..Request::default() }
}

fn restored(proofs: &Proofs, label: &str, parts: Vec<Part>) -> Vec<Part> {
    let mut request = turns(parts);
    proofs.restore(&mut request, &Arc::from(label), TTL);
    request.turns.remove(0).parts
}

/// The same after mending, as an upstream gets it.
fn mended(proofs: &Proofs, turns: Vec<Turn>) -> Vec<Turn> {
    let mut request = Request { turns, ..Request::default() };
    proofs.restore(&mut request, &Arc::from("a"), TTL);
    hub::mend(&mut request, &mut Losses::default());
    request.turns
}

/// Shows the answer to a keeper, whole or as a stream, and gives the id of its first call.
fn shown(proofs: &Proofs, parts: Vec<Part>, stream: bool) -> String {
    let mut keeper = Keeper::new(Arc::from("a"), TTL, 7);
    let mut response = Response { parts, stop: StopReason::ToolCalls.into(), ..Response::default() };
    if !stream {
        keeper.whole(&mut response, proofs);
        return response.parts.iter().find_map(id_of).unwrap();
    }
    let mut events = Vec::new();
    replay(response, &mut events);
    events.iter_mut().for_each(|event| keeper.see(event, proofs));
    let opened = |event: &Event| match event {
        Event::Open { kind: Block::ToolCall { id, .. }, .. } => Some(id.clone()),
        _ => None,
    };
    events.iter().find_map(opened).unwrap()
}

fn id_of(part: &Part) -> Option<String> {
    if let Part::ToolCall(call) = part { Some(call.id.clone()) } else { None }
}

#[test]
fn a_conversation_may_go_on_from_any_of_several_answers() {
    for stream in [false, true] {
        let proofs = Proofs::default();
        let answer = |proof| Response {
            parts: vec![thought("t", Some(proof)), call("", "f", None)],
            stop: StopReason::ToolCalls.into(),
            ..Response::default()
        };
        let mut response = Response { others: vec![answer("second"), answer("third")], ..answer("first") };
        let mut keeper = Keeper::new(Arc::from("a"), TTL, 7);
        if stream {
            let mut events = Vec::new();
            replay(response, &mut events);
            events.iter_mut().for_each(|event| keeper.see(event, &proofs));
            let mut assembler = Assembler::new(1 << 20);
            events.into_iter().for_each(|event| assembler.push(event).unwrap());
            response = assembler.finish().unwrap();
        } else {
            keeper.whole(&mut response, &proofs);
        }
        for (answer, proof) in std::iter::once(&response).chain(&response.others).zip(["first", "second", "third"]) {
            let sent = vec![answer.parts[1].clone()];
            let got = restored(&proofs, "a", sent);
            assert_eq!(got, [thought("t", Some(proof)), answer.parts[1].clone()], "{stream}");
        }
    }
}

#[test]
fn what_stood_with_a_call_comes_back_with_its_id() {
    for stream in [false, true] {
        let proofs = Proofs::default();
        let said = vec![thought("t", Some("s")), text("x"), call("1", "f", None), call("2", "f", Some("c"))];
        shown(&proofs, said.clone(), stream);
        let sent = vec![thought("t", None), text("x"), call("1", "f", None), call("2", "f", None)];
        assert_eq!(restored(&proofs, "a", sent.clone()), said, "{stream}");
        assert_eq!(restored(&proofs, "b", sent.clone()), sent, "another's key");
        // What the client has kept itself is better.
        assert_eq!(restored(&proofs, "a", said.clone()), said);
        let kept = vec![thought("u", Some("own")), call("1", "f", None)];
        assert_eq!(restored(&proofs, "a", kept.clone()), kept);
        let other = vec![call("1", "g", None)];
        assert_eq!(restored(&proofs, "a", other.clone()), other, "another call with the same id");
    }
}

#[test]
fn a_call_without_an_id_gets_one_and_is_found_by_it() {
    for stream in [false, true] {
        let proofs = Proofs::default();
        let id = shown(&proofs, vec![call("", "f", Some("c"))], stream);
        assert!(id.starts_with("call_"));
        assert_eq!(restored(&proofs, "a", vec![call(&id, "f", None)]), [call(&id, "f", Some("c"))]);
    }
}

fn assistant(parts: Vec<Part>) -> Turn {
    Turn { role: Role::Assistant, parts }
}

fn result(id: &str) -> Turn {
    let result = ToolResult { call_id: id.into(), parts: vec![text("ok")], ..ToolResult::default() };
    Turn { role: Role::User, parts: vec![Part::ToolResult(result)] }
}

#[test]
fn words_that_were_kept_back_come_back_too() {
    let proofs = Proofs::default();
    let mut response = Response { parts: vec![thought("deep", Some("s"))], ..Response::default() };
    hub::Veil::new(true).apply(&mut response);
    response.parts.push(call("1", "f", None));
    shown(&proofs, response.parts, false);
    let back = mended(&proofs, vec![assistant(vec![call("1", "f", None)])]);
    assert_eq!(back[0].parts, [thought("deep", Some("s")), call("1", "f", None)]);
}

#[test]
fn thoughts_between_texts_and_calls_find_their_places() {
    let sealed = |text: &str| thought(text, Some("s"));
    let said =
        vec![sealed("a"), text("x"), sealed("b"), call("1", "f", None), sealed("c"), call("2", "f", Some("own"))];
    for stream in [false, true] {
        let proofs = Proofs::default();
        shown(&proofs, said.clone(), stream);
        let sent = vec![thought("ab", None), text("x"), call("1", "f", None), call("2", "f", None)];
        assert_eq!(restored(&proofs, "a", sent), said);
        // Some programs give each call a turn of its own, or its text.
        let apart = vec![
            assistant(vec![text("x")]),
            assistant(vec![call("1", "f", None)]),
            assistant(vec![call("2", "f", None)]),
        ];
        assert_eq!(mended(&proofs, apart)[0].parts, said);
        let answered = vec![
            assistant(vec![text("x"), call("1", "f", None)]),
            result("1"),
            assistant(vec![call("2", "f", None)]),
            result("2"),
        ];
        let back = mended(&proofs, answered);
        assert_eq!((&back[0].parts[..], &back[2].parts[..]), (&said[..4], &said[4..]));
        // Half of an answer's thoughts are left to it when one of its calls is gone.
        assert_eq!(restored(&proofs, "a", vec![call("2", "f", None)]), said[4..]);
    }
}

#[test]
fn thoughts_at_the_end_stand_after_the_last_call() {
    let said = vec![call("1", "f", Some("c")), thought("", Some("bare"))];
    for stream in [false, true] {
        let proofs = Proofs::default();
        shown(&proofs, said.clone(), stream);
        assert_eq!(restored(&proofs, "a", vec![call("1", "f", None)]), said);
    }
}

#[test]
fn thoughts_whose_place_nothing_tells_are_not_put_back() {
    let sealed = || thought("t", Some("s"));
    let one = || call("1", "f", Some("c"));
    let answers = [
        vec![sealed(), text("x"), sealed(), text("y"), one()],
        vec![one(), sealed(), text("x"), call("2", "f", None)],
        vec![one(), text("x"), sealed()],
        vec![thought(&"x".repeat(MAX_THOUGHTS + 1), Some("s")), one()],
        vec![sealed(), thought(&"x".repeat(MAX_THOUGHTS), Some("s")), one()],
    ];
    for (said, stream) in answers.iter().flat_map(|said| [(said, false), (said, true)]) {
        let proofs = Proofs::default();
        shown(&proofs, said.clone(), stream);
        assert_eq!(restored(&proofs, "a", vec![call("1", "f", None)]), [one()], "{said:?}");
    }
}

#[test]
fn an_id_that_each_answer_uses_anew_means_its_last_call() {
    let proofs = Proofs::default();
    shown(&proofs, vec![thought("t", Some("s")), call("0", "f", Some("c"))], false);
    let history =
        || vec![assistant(vec![call("0", "f", None)]), result("0"), assistant(vec![call("0", "f", None)]), result("0")];
    let back = mended(&proofs, history());
    assert_eq!(back[0].parts, [call("0", "f", None)]);
    assert_eq!(back[2].parts, [thought("t", Some("s")), call("0_2", "f", Some("c"))]);
}

proptest! {
    /// Whatever an answer looks like: a stream keeps what a whole answer keeps, and what comes back is what was said,
    /// without thoughts or with all of them. Texts stand before calls, as Chat's clients send them.
    #[test]
    fn what_is_put_back_is_what_was_said(kinds in prop::collection::vec(0..3_u8, 0..9)) {
        let part = |(at, kind): (usize, &u8)| match kind {
            0 => thought(&at.to_string(), Some("s")),
            1 => text("x"),
            _ => call(&at.to_string(), "f", None),
        };
        let mut said: Vec<Part> = kinds.iter().enumerate().map(part).collect();
        said.dedup_by(|one, next| matches!((one, next), (Part::Text(_), Part::Text(_))));
        if !said.iter().any(|part| matches!(part, Part::ToolCall(_))) {
            said.push(call("9", "f", None));
        }
        let plain = |parts: &[Part]| {
            let mut parts: Vec<Part> = parts.iter().filter(|part| !matches!(part, Part::Thinking(_))).cloned().collect();
            parts.sort_by_key(|part| matches!(part, Part::ToolCall(_)));
            parts
        };
        let sent = plain(&said);
        let back = [false, true].map(|stream| {
            let proofs = Proofs::default();
            shown(&proofs, said.clone(), stream);
            restored(&proofs, "a", sent.clone())
        });
        prop_assert_eq!(&back[0], &back[1]);
        let texts_first = said.iter().skip_while(|part| !matches!(part, Part::ToolCall(_))).all(|part| !matches!(part, Part::Text(_)));
        let tellable = said.iter().filter(|part| matches!(part, Part::Text(_))).count() < 2;
        let is_thought = |part: &&Part| matches!(part, Part::Thinking(_));
        let thoughts = back[0].iter().filter(is_thought).count();
        prop_assert!(thoughts == 0 || thoughts == said.iter().filter(is_thought).count());
        if texts_first && tellable && matches!(said.last(), Some(Part::ToolCall(_) | Part::Thinking(_))) {
            prop_assert_eq!(&back[0], &said);
        }
        prop_assert_eq!(plain(&back[0]), sent);
    }
}

#[test]
fn answers_without_proofs_take_no_room() {
    let proofs = Proofs::default();
    shown(&proofs, vec![thought("t", None), call("1", "f", None)], true);
    assert_eq!((proofs.count.load(Ordering::Relaxed), proofs.lock().order.len()), (0, 0));
}

#[test]
fn the_oldest_leave_and_no_byte_is_left() {
    let (proofs, start) = (Proofs::default(), Instant::now());
    let key = |number: usize| (Arc::from("a"), Arc::from(number.to_string()));
    let proof = |bytes: usize| Proof { seal: Some(Seal::new("v", "k", "x".repeat(bytes))), ..Proof::default() };
    for number in 0..MAX_CALLS + 5 {
        proofs.keep(key(number), proof(1), TTL, start);
    }
    assert!(proofs.find(&key(4), TTL, start).is_none() && proofs.find(&key(5), TTL, start).is_some());
    assert_eq!(proofs.count.load(Ordering::Relaxed), MAX_CALLS);
    proofs.keep(key(0), proof(MAX_BYTES / 2), TTL, start);
    proofs.keep(key(0), proof(MAX_BYTES / 2), TTL, start);
    proofs.keep(key(1), proof(MAX_BYTES / 4), TTL, start);
    assert!(proofs.find(&key(0), TTL, start).is_some() && proofs.lock().bytes <= MAX_BYTES);
    assert!(proofs.find(&key(0), TTL, start + TTL).is_none());
    proofs.keep(key(2), proof(1), TTL, start);
    proofs.trim(TTL, start + TTL);
    assert_eq!(proofs.count.load(Ordering::Relaxed), 0, "the sweep gives back what nobody asks for");
    let inner = proofs.lock();
    assert_eq!((inner.bytes, inner.calls.len()), (0, 0));
}

#[test]
fn an_attempt_beside_another_keeps_for_the_same_key() {
    let mut record = Record::new("r".into());
    record.key = Some("k".into());
    assert_eq!(record.beside().key, record.key);
}
