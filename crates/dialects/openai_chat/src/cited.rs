//! Sources of what an answer says: whose words they support, by characters of the whole text.

use hub::{Citation, Part, Text};
use serde_json::value::RawValue;

use crate::wire::{Annotation, Raw, Str, UrlCitation, as_count, lenient};

pub(crate) fn citation(cited: UrlCitation<'_>) -> Citation {
    let text = |text: Option<Str<'_>>| text.map(Str::owned);
    Citation {
        url: text(cited.url),
        title: text(cited.title),
        cited_text: text(cited.content),
        span: as_count(cited.start_index).zip(as_count(cited.end_index)),
        native: None,
    }
}

/// A source as it stands in a text that begins after so many characters: what lies before has no place in it.
pub(crate) fn behind(citation: Citation, before: u64) -> Citation {
    let here = |(start, end): (u64, u64)| (start.saturating_sub(before), end.saturating_sub(before));
    Citation { span: citation.span.map(here), ..citation }
}

/// Puts the sources of an earlier answer on the texts that they support. Gives whether there are others: files that an
/// upstream has read, say.
pub(crate) fn place(annotations: Raw<'_>, parts: &mut [Part]) -> bool {
    let list: Vec<&RawValue> = lenient(annotations);
    if list.is_empty() {
        return false;
    }
    let mut others = false;
    let mut texts = texts(parts);
    for raw in list {
        let annotation = serde_json::from_str::<Annotation<'_>>(raw.get()).unwrap_or_default();
        let Some(found) = annotation.url_citation.map(citation) else {
            others = true;
            continue;
        };
        let start = found.span.map_or(0, |(start, _)| start);
        match texts.iter_mut().rfind(|(from, _)| *from <= start) {
            Some((from, text)) => text.citations.push(behind(found, *from)),
            // Without a text there is nothing to support.
            None => others = true,
        }
    }
    others
}

/// The texts, and the character of the whole with which each begins.
fn texts(parts: &mut [Part]) -> Vec<(u64, &mut Text)> {
    let mut before = 0;
    let texts = parts.iter_mut().filter_map(|part| match part {
        Part::Text(text) => Some(text),
        _ => None,
    });
    texts
        .map(|text| {
            let from = before;
            before += text.text.chars().count() as u64;
            (from, text)
        })
        .collect()
}
