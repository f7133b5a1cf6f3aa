//! Namespaces: groups of tools that other dialects do not have.
//!
//! A tool `t` of namespace `n` is `n__t` elsewhere. On the way back the declared table splits the name, never a guess
//! at the two underscores: without its namespace Codex refuses the call.

use dialect::Body;
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
