//! What is changed about a request before it is planned: how much to think, when the model's name says so in brackets.
//!
//! A translated request is changed in the hub, a relayed one by edits that its dialect describes.

use std::borrow::Cow;

use dialect::{Body, ClientSide, Peek, Target, WireSide, splice};
use hub::{Losses, Request, Thinking, split_suffix};

use crate::names::Names;
use crate::scope::Scope;

/// The changes of one request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Adjust {
    /// The effort that the model's name asks for.
    pub(crate) effort: Option<Thinking>,
}

impl Adjust {
    /// Changes a request in hub form.
    pub(crate) fn request(&self, request: &mut Request) {
        if let Some(wish) = self.effort {
            request.thinking = request.thinking.with_effort_of(wish);
        }
    }

    /// The body that is relayed: the client's own unless something changes.
    pub(crate) fn body<'b>(
        &self,
        body: &'b Body,
        side: &dyn WireSide,
        target: &Target<'_>,
        losses: &mut Losses,
    ) -> Cow<'b, Body> {
        let Some(wish) = self.effort else { return Cow::Borrowed(body) };
        let edits = side.rethink(body, wish, target, losses);
        edited(body, &edits)
    }
}

/// A body with edits in it, indexed anew.
fn edited<'b>(body: &'b Body, edits: &[splice::Edit]) -> Cow<'b, Body> {
    let text = splice::apply(body.bytes(), body.index(), edits);
    Body::parse(text).map_or(Cow::Borrowed(body), Cow::Owned)
}

/// Takes a suffix off the model's name and tells what it asks for. A model of exactly the written name comes first; a
/// name that nobody serves without its suffix either is left as it is, so that the error shows it. A word that means
/// nothing is taken off too, and asks for nothing.
pub(crate) fn take_suffix(
    names: &Names,
    client: &dyn ClientSide,
    scope: &mut Scope,
    peek: &mut Peek,
) -> Option<Thinking> {
    if !peek.model.ends_with(')') && client.plain_name(&peek.model).is_none() {
        return None;
    }
    if names.serves_exactly(&peek.model) {
        return None;
    }
    let written = [Some(peek.model.as_str()), client.plain_name(&peek.model)];
    let (found, name, word) = written.into_iter().flatten().find_map(|name| {
        let (name, word) = split_suffix(name)?;
        let (found, name) = names.read(client, *scope, name.to_owned());
        names.resolve(found, &name).is_some().then_some((found, name, word))
    })?;
    let wish = Thinking::from_suffix(word);
    *scope = found;
    peek.reply.model.clone_from(&name);
    peek.model = name;
    wish
}
