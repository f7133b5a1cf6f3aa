//! Texts with their sources. Here a source supports all of its block, so a text whose sources name places in it is cut
//! into blocks at those places.

use hub::{Citation, Text};

use crate::names::ID;

/// A piece of a text, and its sources.
#[derive(Debug, PartialEq)]
pub(crate) struct Piece<'a> {
    pub(crate) text: &'a str,
    pub(crate) citations: Vec<&'a Citation>,
}

/// Whether a source has a form here: its own, or a place on the web.
fn has_form(citation: &Citation) -> bool {
    let own = citation.native.as_ref().is_some_and(|(origin, _)| *origin == ID);
    own || citation.url.as_deref().is_some_and(|url| !url.is_empty())
}

/// Cuts a text at the places of its sources. Of two places that overlap the later one begins where the first ends; each
/// source stands once on a piece. Sources without a place stand on what has no other, or else on the last piece.
pub(crate) fn pieces(text: &Text) -> Vec<Piece<'_>> {
    let (mut placed, free): (Vec<&Citation>, Vec<&Citation>) =
        text.citations.iter().filter(|citation| has_form(citation)).partition(|citation| citation.span.is_some());
    placed.sort_by_key(|citation| citation.span);
    let mut cutter = Cutter { rest: &text.text, at: 0, last: None, pieces: Vec::with_capacity(placed.len() * 2 + 1) };
    for citation in placed {
        cutter.place(citation);
    }
    let mut pieces = cutter.finish();
    if pieces.is_empty() {
        pieces.push(Piece { text: &text.text, citations: Vec::new() });
    }
    if let Some(last) = pieces.last_mut() {
        free.into_iter().for_each(|citation| add(citation, last));
    }
    pieces
}

/// Adds a source that a piece has not yet.
fn add<'a>(citation: &'a Citation, piece: &mut Piece<'a>) {
    let same = |known: &&Citation| known.url == citation.url && known.native == citation.native;
    if !piece.citations.iter().any(same) {
        piece.citations.push(citation);
    }
}

struct Cutter<'a> {
    /// What is not cut yet, and the number of characters before it.
    rest: &'a str,
    at: u64,
    /// The place of the last cited piece, as its source named it.
    last: Option<(u64, u64)>,
    pieces: Vec<Piece<'a>>,
}

impl<'a> Cutter<'a> {
    fn place(&mut self, citation: &'a Citation) {
        let Some((start, end)) = citation.span else { return };
        if end > self.at && start < end {
            let before = self.cut(start);
            self.push(before);
            let cited = self.cut(end);
            if cited.is_empty() {
                return self.again(citation);
            }
            self.last = Some((start, end));
            self.pieces.push(Piece { text: cited, citations: vec![citation] });
        } else {
            self.again(citation);
        }
    }

    /// A source of what was cited before.
    fn again(&mut self, citation: &'a Citation) {
        if let Some(piece) = self.pieces.last_mut().filter(|_| self.last.is_some()) {
            add(citation, piece);
        }
    }

    fn push(&mut self, text: &'a str) {
        if !text.is_empty() {
            self.pieces.push(Piece { text, citations: Vec::new() });
        }
    }

    /// The text up to a character, which may be cut already.
    fn cut(&mut self, to: u64) -> &'a str {
        let wanted = usize::try_from(to.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let end = self.rest.char_indices().nth(wanted).map_or(self.rest.len(), |(at, _)| at);
        let (head, tail) = self.rest.split_at(end);
        self.rest = tail;
        self.at = self.at.max(to);
        head
    }

    fn finish(mut self) -> Vec<Piece<'a>> {
        let rest = std::mem::take(&mut self.rest);
        self.push(rest);
        self.pieces
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn cited(url: &str, span: Option<(u64, u64)>) -> Citation {
        Citation { url: Some(url.to_owned()), span, ..Citation::default() }
    }

    fn drawn(text: &str, citations: Vec<Citation>) -> String {
        let text = Text { text: text.to_owned(), citations, ..Text::default() };
        let draw = |piece: &Piece<'_>| {
            let urls: Vec<&str> = piece.citations.iter().filter_map(|citation| citation.url.as_deref()).collect();
            format!("{}<{}>", piece.text, urls.join(","))
        };
        pieces(&text).iter().map(draw).collect()
    }

    #[test]
    fn texts_are_cut_at_their_places() {
        assert_eq!(drawn("Honig 🐝 ist süß.", vec![cited("a", Some((6, 7)))]), "Honig <>🐝<a> ist süß.<>");
        assert_eq!(drawn("abcdef", vec![cited("a", Some((0, 3))), cited("b", Some((2, 5)))]), "abc<a>de<b>f<>");
        assert_eq!(drawn("abc", vec![cited("a", Some((0, 2))), cited("b", Some((0, 2)))]), "ab<a,b>c<>");
        assert_eq!(drawn("abc", vec![cited("a", Some((0, 2))), cited("a", Some((0, 2)))]), "ab<a>c<>");
        assert_eq!(drawn("abcd", vec![cited("a", Some((0, 4))), cited("b", Some((1, 2)))]), "abcd<a,b>");
        assert_eq!(drawn("abc", vec![cited("a", None)]), "abc<a>");
        assert_eq!(drawn("abc", vec![cited("", Some((0, 1))), cited("b", Some((9, 12)))]), "abc<>");
        assert_eq!(drawn("", vec![cited("a", None)]), "<a>");
    }

    proptest! {
        #[test]
        fn nothing_of_the_text_is_lost(text in "[aé🐝]{0,12}", spans in prop::collection::vec(prop::option::of((0_u64..16, 0_u64..16)), 0..6)) {
            let citations = spans.iter().enumerate().map(|(n, span)| cited(&n.to_string(), *span)).collect();
            let text = Text { text, citations, ..Text::default() };
            let found = pieces(&text);
            let joined: String = found.iter().map(|piece| piece.text).collect();
            prop_assert_eq!(&joined, &text.text);
            prop_assert!(found.len() == 1 || found.iter().all(|piece| !piece.text.is_empty()));
        }
    }
}
