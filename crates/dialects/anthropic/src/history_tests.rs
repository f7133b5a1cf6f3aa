//! The order of messages, rule by rule.

use super::*;
use Role::{Assistant as A, System as S, User as U};
use hub::{CallKind, FaultKind, File, Foreign, Json, Media, Seal, Source};

fn text(words: &str) -> Part {
    Part::Text(Text::plain(words))
}

fn call(id: &str) -> Part {
    Part::ToolCall(ToolCall {
        id: id.into(),
        name: "t".into(),
        arguments: "{}".into(),
        kind: CallKind::Function,
        seal: None,
        cache: None,
    })
}

fn result(id: &str, parts: Vec<Part>) -> Part {
    Part::ToolResult(ToolResult { call_id: id.into(), parts, ..ToolResult::default() })
}

fn image() -> Part {
    let source = Source::Url("https://a.example/p.png".into());
    Part::Image(Media { source, media_type: None, detail: None, cache: None })
}

fn thought(vendor: &'static str, kind: &'static str) -> Part {
    let seal = Some(Seal::new(vendor, kind, "proof"));
    Part::Thinking(Thought { text: "hm".into(), seal, redacted: kind == "redacted" })
}

fn turn(role: Role, parts: Vec<Part>) -> Turn {
    Turn { role, parts }
}

fn ask(turns: Vec<Turn>) -> Request {
    Request { turns, ..Request::default() }
}

fn draw_block(block: &Block<'_>) -> String {
    match block {
        Block::Text { text, .. } => text.clone().into_owned(),
        Block::Attachment(_) => "<file>".into(),
        Block::Thinking { .. } => "<think>".into(),
        Block::Redacted(_) => "<redacted>".into(),
        Block::Call(call) => format!("({})", call.id),
        Block::Result { result, blocks } => {
            format!("{}={}", result.call_id, blocks.iter().map(draw_block).collect::<Vec<_>>().join("+"))
        }
        Block::Own(json) => (*json).into(),
    }
}

fn draw(history: &History<'_>) -> String {
    let role = |role| match role {
        S => 's',
        U => 'u',
        A => 'a',
    };
    let message = |message: &Message<'_>| {
        let blocks = message.blocks.iter().map(draw_block).collect::<Vec<_>>().join("|");
        format!("{}[{blocks}]", role(message.role))
    };
    history.messages.iter().map(message).collect::<Vec<_>>().join(" ")
}

fn check(request: &Request, traits: &ModelTraits, expect: &str) -> Losses {
    let mut losses = Losses::default();
    assert_eq!(draw(&order(request, traits, &mut losses).unwrap()), expect);
    losses
}

fn plain(turns: Vec<Turn>, expect: &str) -> Losses {
    check(&ask(turns), &ModelTraits::default(), expect)
}

#[test]
fn nothing_is_empty_and_speakers_take_turns() {
    plain(vec![turn(U, vec![text(""), text("a")]), turn(A, vec![text(" \n")]), turn(U, vec![text("b")])], "u[a|b]");
    plain(
        vec![turn(U, vec![text("a")]), turn(A, vec![Part::Refusal("no".into())]), turn(U, vec![text("b")])],
        "u[a] a[no] u[b]",
    );
}

#[test]
fn the_first_message_is_the_users() {
    plain(vec![turn(A, vec![text("hello")]), turn(U, vec![text("hi")])], "u[(earlier turns omitted)] a[hello] u[hi]");
    let request = Request { system: vec![Text::plain("rule"), Text::plain("task")], ..Request::default() };
    let mut losses = Losses::default();
    let history = order(&request, &ModelTraits::default(), &mut losses).unwrap();
    assert_eq!((history.system.len(), draw(&history).as_str()), (1, "u[task]"));
    let fault = order(&ask(vec![turn(U, vec![text(" ")])]), &ModelTraits::default(), &mut losses).unwrap_err();
    assert_eq!(fault.kind, FaultKind::BadRequest);
}

#[test]
fn a_system_turn_stays_where_the_model_takes_it() {
    let turns = vec![
        turn(U, vec![text("one")]),
        turn(S, vec![text("rule")]),
        turn(A, vec![text("two")]),
        turn(U, vec![text("x")]),
    ];
    let takes = ModelTraits { system_turns: Some(true), ..ModelTraits::default() };
    check(&ask(turns.clone()), &takes, "u[one] s[rule] a[two] u[x]");
    let reminder = "u[one|<system-reminder>\nrule\n</system-reminder>] a[two] u[x]";
    let losses = plain(turns, reminder);
    assert!(!losses.is_silent());
    let after_assistant = vec![
        turn(U, vec![text("one")]),
        turn(A, vec![text("two")]),
        turn(S, vec![text("rule")]),
        turn(U, vec![text("three")]),
    ];
    check(&ask(after_assistant), &takes, "u[one] a[two] u[<system-reminder>\nrule\n</system-reminder>|three]");
}

#[test]
fn results_come_first_and_pictures_leave_the_assistant() {
    plain(
        vec![
            turn(U, vec![text("q")]),
            turn(A, vec![text("see"), image(), call("c")]),
            turn(U, vec![result("c", vec![text("r"), image()]), text("next")]),
        ],
        "u[q] a[see|(c)] u[c=r+<file>|(attached to the assistant's turn above)|<file>|next]",
    );
    plain(
        vec![turn(U, vec![text("draw")]), turn(A, vec![image()])],
        "u[draw|(attached to the assistant's turn above)|<file>]",
    );
}

#[test]
fn only_this_vendors_own_proofs_go_back() {
    let history = |part| vec![turn(U, vec![text("q")]), turn(A, vec![part, text("a")]), turn(U, vec![text("b")])];
    plain(history(thought("anthropic", "signature")), "u[q] a[<think>|a] u[b]");
    plain(history(thought("anthropic", "redacted")), "u[q] a[<redacted>|a] u[b]");
    plain(history(thought("gemini", "thought")), "u[q] a[a] u[b]");
    plain(history(Part::Thinking(Thought { text: "unsigned".into(), ..Thought::default() })), "u[q] a[a] u[b]");
}

#[test]
fn thinking_that_led_to_nothing_is_left_out() {
    let signed = || thought("anthropic", "signature");
    let history = |parts| vec![turn(U, vec![text("q")]), turn(A, parts), turn(U, vec![text("b")])];
    plain(history(vec![text("a"), signed(), thought("anthropic", "redacted")]), "u[q] a[a] u[b]");
    plain(history(vec![signed(), text("a"), signed()]), "u[q] a[<think>|a] u[b]");
    plain(history(vec![signed()]), "u[q|b]");
    plain(vec![turn(U, vec![text("q")]), turn(A, vec![signed()])], "u[q]");
    plain(
        vec![
            turn(U, vec![text("q")]),
            turn(A, vec![call("c"), signed(), text("late")]),
            turn(U, vec![result("c", vec![text("r")])]),
        ],
        "u[q] a[late|(c)] u[c=r]",
    );
}

#[test]
fn a_begun_answer_is_trimmed_dropped_or_refused() {
    let begun = || vec![turn(U, vec![text("q")]), turn(A, vec![text("It is \n")])];
    plain(begun(), "u[q] a[It is]");
    let no_prefill = ModelTraits { prefill: Some(false), ..ModelTraits::default() };
    let losses = check(&ask(begun()), &no_prefill, "u[q]");
    assert!(!losses.is_silent());
    let formatted = Request { format: hub::Format::Json, ..ask(begun()) };
    check(&formatted, &ModelTraits::default(), "u[q]");
    let calls = ask(vec![turn(U, vec![text("q")]), turn(A, vec![call("c")])]);
    let fault = order(&calls, &no_prefill, &mut Losses::default()).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unsupported);
}

#[test]
fn what_no_model_takes_is_refused_by_name() {
    let media = || Media { source: Source::Base64("AAAA".into()), media_type: None, detail: None, cache: None };
    for (part, word) in [(Part::Audio(media()), "sound"), (Part::Video(media()), "video")] {
        let request = ask(vec![turn(U, vec![part])]);
        let fault = order(&request, &ModelTraits::default(), &mut Losses::default()).unwrap_err();
        assert!(fault.kind == FaultKind::Unsupported && fault.message.contains(word));
    }
}

#[test]
fn foreign_blocks_give_their_words_and_own_ones_stay() {
    let foreign = |origin: &'static str, gist: Option<&str>| {
        Part::Foreign(Foreign {
            origin: hub::DialectId(origin),
            json: Json::trusted("{\"type\":\"x\"}"),
            gist: gist.map(str::to_owned),
            trace: None,
        })
    };
    let parts = vec![foreign("gemini", Some("words")), foreign("gemini", None), foreign("anthropic", None)];
    plain(vec![turn(U, parts)], "u[words|{\"type\":\"x\"}]");
}

#[test]
fn a_failed_call_without_words_says_error() {
    let failed = ToolResult { call_id: "c".into(), is_error: true, ..ToolResult::default() };
    plain(
        vec![turn(U, vec![text("q")]), turn(A, vec![call("c")]), turn(U, vec![Part::ToolResult(failed)])],
        "u[q] a[(c)] u[c=error]",
    );
    let empty_file = File {
        source: Source::Text(String::new()),
        media_type: None,
        name: None,
        context: None,
        cite: false,
        cache: None,
    };
    plain(vec![turn(U, vec![text("q"), Part::File(empty_file)])], "u[q]");
}

#[test]
fn lost_proofs_are_seen_in_the_current_loop_only() {
    let lost = |turns: Vec<Turn>| {
        let request = ask(turns);
        order(&request, &ModelTraits::default(), &mut Losses::default()).unwrap().has_lost_proofs()
    };
    let question = || turn(U, vec![text("q")]);
    let bare = || turn(A, vec![call("a")]);
    let proven = |id: &str| turn(A, vec![thought("anthropic", "signature"), call(id)]);
    let answer = |id: &str| turn(U, vec![result(id, vec![text("r")])]);
    assert!(lost(vec![question(), bare(), answer("a")]));
    assert!(!lost(vec![question(), proven("a"), answer("a")]));
    assert!(lost(vec![question(), bare(), answer("a"), proven("b"), answer("b")]));
    assert!(!lost(vec![question(), bare(), answer("a"), turn(A, vec![text("done")]), question()]));
    assert!(!lost(vec![question()]));
}
