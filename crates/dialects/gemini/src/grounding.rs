//! Sources of an answer: Google counts places in UTF-8 bytes of a part, the hub in characters of a text.

use std::collections::HashSet;

use bytes::BytesMut;
use dialect::{Object, array, quoted};
use hub::{Citation, Search, SearchAction, WebPage};

use crate::said::Said;
use crate::wire::{CitationMetadata, Grounding, GroundingChunk, Raw, WebChunk, filled, lenient};

/// Longest text that is repeated beside its source, in bytes: what is cited is a sentence, and every source of a long
/// text would repeat all of it.
const MAX_QUOTE: usize = 8 << 10;

/// A source as Google names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Source {
    url: String,
    title: Option<String>,
    /// The words that it supports, as far as they are repeated.
    text: Option<String>,
    part: usize,
    start: usize,
    end: Option<usize>,
}

/// The sources that a grounding and a citation record name, each once.
pub(crate) fn read(grounding: &Grounding<'_>, citations: Raw<'_>) -> Vec<Source> {
    let (mut found, mut known) = (Vec::new(), HashSet::new());
    let chunks = grounding.grounding_chunks.as_deref().unwrap_or_default();
    for support in grounding.grounding_supports.iter().flatten() {
        let Some(segment) = &support.segment else { continue };
        for index in support.grounding_chunk_indices.iter().flatten() {
            let Some(page) = chunks.get(*index).and_then(page) else { continue };
            let source = Source {
                url: page.url,
                title: page.title,
                text: segment.text.as_deref().filter(|text| !text.is_empty()).map(str::to_owned),
                part: segment.part_index.unwrap_or(0),
                start: segment.start_index.unwrap_or(0),
                end: segment.end_index,
            };
            if known.insert(source.clone()) {
                found.push(source);
            }
        }
    }
    let recited: CitationMetadata<'_> = lenient(citations);
    for source in recited.citations.unwrap_or_default() {
        if let Some(url) = filled(source.uri) {
            let (start, end) = (source.start_index.unwrap_or(0), source.end_index);
            found.push(Source { url, title: filled(source.title), text: None, part: 0, start, end });
        }
    }
    found
}

/// The page of a chunk, if it has an address.
fn page(chunk: &GroundingChunk<'_>) -> Option<WebPage> {
    let web: &WebChunk<'_> = chunk.web.as_ref().or(chunk.maps.as_ref())?;
    let url = web.uri.as_deref().filter(|uri| !uri.is_empty())?.to_owned();
    Some(WebPage { url, title: web.title.as_deref().filter(|title| !title.is_empty()).map(str::to_owned) })
}

/// The search that the model ran; `None` when it tells of none.
pub(crate) fn search(grounding: &Grounding<'_>) -> Option<Search> {
    let words = grounding.web_search_queries.iter().flatten().map(|query| query.to_string());
    let queries: Vec<String> = words.filter(|query| !query.trim().is_empty()).collect();
    if queries.is_empty() {
        return None;
    }
    let mut found: Vec<WebPage> = Vec::new();
    let mut known = HashSet::new();
    for page in grounding.grounding_chunks.iter().flatten().filter_map(page) {
        if known.insert(page.url.clone()) {
            found.push(page);
        }
    }
    let action = Some(SearchAction::Query(queries));
    Some(Search { id: String::new(), action, found: Some(found), failed: false })
}

impl Source {
    /// The bytes of what was said that it supports; `None` while they have not come, and for places inside a character.
    ///
    /// A place counts from the beginning of its part. Where that does not fit the words, it counts from the beginning
    /// of all: so do streams, whose parts are pieces.
    pub(crate) fn place(&self, said: &Said, parts: &[usize]) -> Option<(usize, usize)> {
        let end = self.end?;
        let at = |base: usize| {
            let (from, to) = (base.checked_add(self.start)?, base.checked_add(end)?);
            said.as_str().get(from..to).map(|words| (from, to, self.text.as_deref().is_none_or(|text| text == words)))
        };
        let own = if self.part == 0 { None } else { parts.get(self.part).and_then(|base| at(*base)) };
        let all = at(0);
        let fits = |place: &(usize, usize, bool)| place.2;
        let best = own.filter(fits).or(all.filter(fits)).or(own).or(all)?;
        Some((best.0, best.1))
    }

    /// As the hub has it, for a place in characters of a text.
    pub(crate) fn citation(self, span: Option<(u64, u64)>) -> Citation {
        Citation { url: Some(self.url), title: self.title, cited_text: self.text, span, native: None }
    }
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
        let exact = citation.span.and_then(|(start, end)| {
            let before = said.chars_before(from)?;
            Some((said.byte_at(before.checked_add(start)?)?, said.byte_at(before.checked_add(end)?)?))
        });
        let (from, to) = exact.filter(|(start, end)| start <= end && *end <= to).unwrap_or((from, to));
        Some(Self { citation: citation.clone(), from, to })
    }
}

/// Writes a grounding record.
pub(crate) fn write(supports: &[Support], queries: &[String], said: &Said, out: &mut BytesMut) {
    let mut record = Object::open(out);
    if !queries.is_empty() {
        array(queries, record.key("webSearchQueries"), |query, out| quoted(query, out));
    }
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

    fn sources(json: &str) -> Vec<Source> {
        read(&serde_json::from_str(json).unwrap(), None)
    }

    #[test]
    fn bytes_and_characters_are_converted_both_ways() {
        let mut said = Said::default();
        said.push("Blåbær 🐝 is it.");
        let found = sources(
            r#"{"groundingChunks":[{"web":{"uri":"https://a.example","title":"A"}},{"web":{}},{},{"web":{"uri":""}}],
            "groundingSupports":[{"segment":{"startIndex":9,"endIndex":13,"text":"🐝"},"groundingChunkIndices":[0,1,2,3,7,0]}]}"#,
        );
        assert_eq!(found.len(), 1);
        let (from, to) = found[0].place(&said, &[]).unwrap();
        assert_eq!((said.chars_before(from), said.chars_before(to)), (Some(7), Some(8)));
        let citation = found[0].clone().citation(Some((7, 8)));
        let support = Support::new(&citation, &mut said, 0, 18).unwrap();
        assert_eq!((support.from, support.to), (9, 13));
        let at = |start, end| Source { start, end: Some(end), text: None, ..found[0].clone() }.place(&said, &[]);
        assert_eq!((at(3, 4), at(9, 99)), (None, None), "inside a character, and beyond the end");
    }

    #[test]
    fn places_count_from_their_part_where_the_words_are_there() {
        let mut said = Said::default();
        said.push("one two two");
        let found = sources(
            r#"{"groundingChunks":[{"web":{"uri":"https://a.example"}}],"groundingSupports":[
            {"segment":{"partIndex":1,"startIndex":0,"endIndex":3,"text":"two"},"groundingChunkIndices":[0]},
            {"segment":{"partIndex":1,"startIndex":8,"endIndex":11,"text":"two"},"groundingChunkIndices":[0]},
            {"segment":{"partIndex":7,"endIndex":3},"groundingChunkIndices":[0]}]}"#,
        );
        let places: Vec<_> = found.iter().map(|source| source.place(&said, &[0, 4]).unwrap()).collect();
        assert_eq!(places, [(4, 7), (8, 11), (0, 3)]);
    }

    #[test]
    fn a_search_is_told_by_its_queries() {
        let grounding: Grounding<'_> = serde_json::from_str(
            r#"{"webSearchQueries":["bees",""],"groundingChunks":[{"web":{"uri":"u","title":"T"}},{"web":{"uri":"u"}},{}]}"#,
        )
        .unwrap();
        let found = search(&grounding).unwrap();
        assert_eq!((found.queries(), found.found.as_ref().map(Vec::len)), (&["bees".to_owned()][..], Some(1)));
        assert_eq!(search(&Grounding::default()), None);
    }
}
