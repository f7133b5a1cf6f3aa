//! Namespaces: groups of tools that other dialects do not have.
//!
//! A tool `t` of namespace `n` is `n__t` elsewhere. On the way back the declared table splits the name, never a guess
//! at the two underscores: without its namespace Codex refuses the call. What is said of a whole namespace stands once,
//! behind the description of a tool of it.

use dialect::Body;
use hub::{Request, ToolChoice, ToolKind};
use serde_json::value::RawValue;

use crate::wire::{self, lenient};

/// The name by which a namespaced tool is known elsewhere.
pub(crate) fn flat(space: Option<&str>, name: &str) -> String {
    match space.filter(|space| !space.is_empty()) {
        Some(space) => format!("{space}__{name}"),
        None => name.to_owned(),
    }
}

/// A tool of a namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) space: String,
    pub(crate) name: String,
}

/// What a request says of a namespace as a whole.
#[derive(Debug)]
pub(crate) struct Described {
    pub(crate) space: String,
    pub(crate) words: String,
    /// Its tools, by the names by which they are known elsewhere.
    pub(crate) members: Vec<String>,
}

impl Described {
    /// Says it at one of its tools: at the first that may be called, for others may not be sent at all.
    pub(crate) fn tell(&self, request: &mut Request) {
        let Request { tools, tool_choice, .. } = request;
        let mut own: Vec<_> = tools.iter_mut().filter(|tool| self.members.contains(&tool.name)).collect();
        own.retain(|tool| matches!(tool.kind, ToolKind::Function(_) | ToolKind::Custom(_)));
        let allowed = tool_choice.as_ref().map(ToolChoice::names).unwrap_or_default();
        let may = own.iter().position(|tool| allowed.contains(&tool.name)).unwrap_or(0);
        let Some(tool) = own.get_mut(may) else { return };
        let words = format!("About all tools whose names begin with `{}`: {}", flat(Some(&self.space), ""), self.words);
        tool.description = Some(match tool.description.take().filter(|own| !own.is_empty()) {
            Some(own) => format!("{own}\n\n{words}"),
            None => words,
        });
    }
}

/// The namespaced tools of one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spaces {
    members: Vec<(String, Member)>,
}

impl Spaces {
    /// The table in its text form, which travels beside the request: pairs of namespace and name.
    pub(crate) fn of_pairs(pairs: &[(String, String)]) -> Self {
        let member = |(space, name): &(String, String)| {
            (flat(Some(space), name), Member { space: space.clone(), name: name.clone() })
        };
        Self { members: pairs.iter().map(member).collect() }
    }

    /// The namespace and the own name of a tool; `None` for tools of no namespace.
    pub(crate) fn split(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|(known, _)| known == name).map(|(_, member)| member)
    }
}

/// The tools of a namespace, by the names by which they are known elsewhere.
pub(crate) fn members(body: &Body, space: &str) -> Vec<String> {
    let mut pairs = Vec::new();
    collect(&body.get::<Vec<&RawValue>>("tools").ok().flatten().unwrap_or_default(), &mut pairs);
    pairs.retain(|(of, _)| of == space);
    pairs.into_iter().map(|(of, name)| flat(Some(&of), &name)).collect()
}

/// Adds the namespaced tools of a list of declarations.
pub(crate) fn collect(list: &[&RawValue], pairs: &mut Vec<(String, String)>) {
    for raw in list.iter().filter(|raw| raw.get().contains("\"namespace\"")) {
        let Ok(space) = serde_json::from_str::<wire::Tool<'_>>(raw.get()) else { continue };
        let Some(name) = space.name.filter(|_| space.kind.as_deref() == Some("namespace")) else { continue };
        for member in lenient::<Vec<wire::Choice<'_>>>(space.tools) {
            pairs.extend(member.name.map(|tool| (name.to_string(), tool.owned())));
        }
    }
}
