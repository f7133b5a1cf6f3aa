//! Puts the thinking that a model's suffix asks for in the place of what a relayed request says.
//!
//! The API's own conditions hold as in a translation, by the same plan: a budget stays under the client's cap, and what
//! does not go with thinking (a forced tool, settings of the sampling) gives way or keeps it off.

use bytes::BytesMut;
use dialect::splice::{Change, Edit};
use dialect::{Body, Target};
use hub::{Losses, Request, Thinking};

use crate::think::{self, Obstacles, Plan, Wire};
use crate::{history, request_decode, tools_encode};

/// The edits of one request. A request that makes no sense is left to the API, which says so best.
pub(crate) fn edits(body: &Body, wish: Thinking, target: &Target<'_>, losses: &mut Losses) -> Vec<Edit> {
    let Ok(mut request) = request_decode::decode_for_thinking(body) else { return Vec::new() };
    request.thinking = request.thinking.with_effort_of(wish);
    let obstacles = obstacles(&request, target);
    let plan = think::plan(&request, target, obstacles, losses);
    let mut edits = vec![thinking(plan, target), effort(plan, body)];
    if plan.mode.is_on() {
        if obstacles.forced_tool {
            losses.approximated("tool_choice", "this model always thinks and takes no forced tool: it may choose");
            edits.push(Edit::set("tool_choice", r#"{"type":"auto"}"#));
        }
        edits.extend(sampling(&request, losses));
    }
    edits
}

fn obstacles(request: &Request, target: &Target<'_>) -> Obstacles {
    let mut unheard = Losses::default();
    let forced_tool = tools_encode::select(request, &mut unheard).is_ok_and(|tools| tools.is_forced());
    let history = history::order(request, target.traits, &mut unheard);
    Obstacles {
        forced_tool,
        prefill: history.as_ref().is_ok_and(history::History::is_prefilled),
        lost_proofs: history.is_ok_and(|history| history.has_lost_proofs()),
    }
}

fn thinking(plan: Plan, target: &Target<'_>) -> Edit {
    if plan.mode == Wire::Absent {
        return Edit::remove("thinking");
    }
    let mut json = BytesMut::with_capacity(64);
    plan.mode.write(&target.traits.thinking, &mut json);
    Edit::set("thinking", String::from_utf8_lossy(&json))
}

fn effort(plan: Plan, body: &Body) -> Edit {
    let path = vec!["output_config".into(), "effort".into()];
    match plan.effort {
        Some(level) => Edit { path, change: Change::Set(format!("\"{}\"", level.word())) },
        None if body.has("output_config") => Edit { path, change: Change::Remove },
        None => Edit::remove("output_config"),
    }
}

/// Settings that the API refuses beside thinking.
fn sampling<'a>(request: &'a Request, losses: &'a mut Losses) -> impl Iterator<Item = Edit> + 'a {
    let sampling = &request.sampling;
    let refused = [
        ("temperature", sampling.temperature.is_some()),
        ("top_p", sampling.top_p.is_some_and(|top| top < 0.95)),
        ("top_k", sampling.top_k.is_some()),
    ];
    refused.into_iter().filter(|(_, set)| *set).map(|(field, _)| {
        losses.dropped(field, "not taken beside thinking");
        Edit::remove(field)
    })
}
