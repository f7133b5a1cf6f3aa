//! Sources of an answer: Google counts places in UTF-8 bytes, the hub in characters.

use std::collections::HashSet;

use bytes::BytesMut;
use dialect::Object;
use hub::Citation;

use crate::said::Said;
use crate::wire::{CitationMetadata, Grounding, Raw, filled, lenient};

/// Longest text that is repeated beside its source, in bytes: what is cited is a sentence, and every source of a long
/// text would repeat all of it.
const MAX_QUOTE: usize = 8 << 10;

/// The sources that a grounding and a citation record name, for the text that was said.
pub(crate) fn read(grounding: Raw<'_>, citations: Raw<'_>, said: &mut Said) -> Vec<Citation> {
    let (mut found, mut known) = (Vec::new(), HashSet::new());
    let grounding: Grounding<'_> = lenient(grounding);
    let chunks = grounding.grounding_chunks.unwrap_or_default();
    for support in grounding.grounding_supports.unwrap_or_default() {
        let segment = support.segment.unwrap_or_default();
        let span = span(said, segment.start_index, segment.end_index);
        let text = filled(segment.text);
        for index in support.grounding_chunk_indices.unwrap_or_default() {
            let Some(web) = chunks.get(index).and_then(|chunk| chunk.web.as_ref()) else { continue };
            let url = web.uri.as_deref().filter(|uri| !uri.is_empty()).map(str::to_owned);
            let citation = Citation {
                title: web.title.as_deref().map(str::to_owned),
                cited_text: text.clone(),
                span,
                native: None,
                url,
            };
            let same = (citation.url.clone(), citation.title.clone(), citation.cited_text.clone(), span);
            if citation.url.is_some() && known.insert(same) {
                found.push(citation);
            }
        }
    }
    let recited: CitationMetadata<'_> = lenient(citations);
    for source in recited.citations.unwrap_or_default() {
        if let Some(url) = filled(source.uri) {
            let span = span(said, source.start_index, source.end_index);
            found.push(Citation { url: Some(url), title: filled(source.title), span, ..Citation::default() });
        }
    }
    found
}

/// Bytes to characters; `None` for places outside the text.
fn span(said: &mut Said, start: Option<usize>, end: Option<usize>) -> Option<(u64, u64)> {
    let (start, end) = (start.unwrap_or(0), end?);
    let (before, after) = (said.chars_before(start)?, said.chars_before(end)?);
    (before <= after).then_some((before, after))
}

/// A source and the bytes of the visible text that it supports.
#[derive(Debug)]
pub(crate) struct Support {
    pub(crate) citation: Citation,
    pub(crate) from: usize,
    pub(crate) to: usize,
}

impl Support {
    /// The support of a text that lies at `from..to` of what was said, unless the citation knows its place better.
    pub(crate) fn new(citation: &Citation, said: &mut Said, from: usize, to: usize) -> Option<Self> {
        citation.url.as_ref()?;
        let exact = citation.span.and_then(|(start, end)| Some((said.byte_at(start)?, said.byte_at(end)?)));
        let (from, to) = exact.filter(|(start, end)| start <= end).unwrap_or((from, to));
        Some(Self { citation: citation.clone(), from, to })
    }
}

/// Writes a grounding record.
pub(crate) fn write(supports: &[Support], said: &Said, out: &mut BytesMut) {
    let mut record = Object::open(out);
    record.array("groundingChunks", supports, |support, out| {
        let mut chunk = Object::open(out);
        let mut web = Object::open(chunk.key("web"));
        web.text("uri", support.citation.url.as_deref().unwrap_or_default());
        web.text_if("title", support.citation.title.as_deref());
        web.close();
        chunk.close();
    });
    record.array("groundingSupports", supports.iter().enumerate(), |(number, support), out| {
        let mut object = Object::open(out);
        let mut segment = Object::open(object.key("segment"));
        segment.number("startIndex", support.from);
        segment.number("endIndex", support.to);
        let quote = said.as_str().get(support.from..support.to).filter(|quote| quote.len() <= MAX_QUOTE);
        segment.text_if("text", quote);
        segment.close();
        object.raw("groundingChunkIndices", &format!("[{number}]"));
        object.close();
    });
    record.close();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_characters_are_converted_both_ways() {
        let mut said = Said::default();
        said.push("Blåbær 🐝 is it.");
        let json = r#"{"groundingChunks":[{"web":{"uri":"https://a.example","title":"A"}},{"web":{}},{}],
            "groundingSupports":[{"segment":{"startIndex":9,"endIndex":13,"text":"🐝"},"groundingChunkIndices":[0,1,2,7,0]}]}"#;
        let raw: &serde_json::value::RawValue = serde_json::from_str(json).unwrap();
        let found = read(Some(raw), None, &mut said);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].span, Some((7, 8)));
        let support = Support::new(&found[0], &mut said, 0, 0).unwrap();
        assert_eq!((support.from, support.to), (9, 13));
        assert_eq!(span(&mut said, Some(3), Some(4)), None, "inside a character");
        assert_eq!(span(&mut said, Some(9), Some(99)), None);
    }
}
