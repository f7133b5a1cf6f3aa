//! The sources of what was said earlier, where a history has no place for them.

use hub::{Citation, Losses, Part, Request};

/// Names the sources in the history for which `has_place` finds none; their words are sent without them.
pub fn tell_unplaced(request: &Request, has_place: impl Fn(&Citation) -> bool, losses: &mut Losses) {
    let parts = || request.turns.iter().flat_map(|turn| &turn.parts);
    let bare = |part: &Part| matches!(part, Part::Text(text) if !text.citations.iter().all(&has_place));
    if parts().any(bare) {
        losses.dropped("messages.citations", "sources of earlier answers have no place in this history");
    }
}
