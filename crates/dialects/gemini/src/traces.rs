//! What tools did that the provider ran: programs, which are parts of what was said, and what was looked up, which is told
//! beside it.

use bytes::BytesMut;
use dialect::Object;
use hub::{Code, Printed, Program, Search, SearchAction, WebPage};
use serde::Deserialize;

use crate::wire::{self, Raw, Str, lenient};

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Pages<'a> {
    #[serde(borrow, alias = "url_metadata")]
    url_metadata: Raw<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Page<'a> {
    #[serde(borrow, alias = "retrieved_url")]
    retrieved_url: Option<Str<'a>>,
    #[serde(borrow, alias = "url_retrieval_status")]
    url_retrieval_status: Option<Str<'a>>,
}

/// The pages that were read by their addresses.
pub(crate) fn pages(record: Raw<'_>) -> Vec<Search> {
    if record.is_none() {
        return Vec::new();
    }
    let list: Vec<Page<'_>> = lenient(lenient::<Pages<'_>>(record).url_metadata);
    list.into_iter().filter_map(page).collect()
}

fn page(page: Page<'_>) -> Option<Search> {
    let url = wire::filled(page.retrieved_url)?;
    let status = page.url_retrieval_status.as_deref().unwrap_or_default();
    let failed = ["ERROR", "PAYWALL", "UNSAFE"].iter().any(|word| status.ends_with(word));
    let found = Some(WebPage { url: url.clone(), title: None }).filter(|_| !failed);
    let found = Some(found.into_iter().collect());
    Some(Search { id: String::new(), action: Some(SearchAction::Fetch(url)), found, failed })
}

/// The half of a program that a part tells; `None` for other parts. Halves are joined by their numbers.
pub(crate) fn program(part: &wire::Part<'_>, number: u32) -> Option<Code> {
    let id = number.to_string();
    if let Some(code) = &part.executable_code {
        let text = code.code.as_deref().unwrap_or_default().to_owned();
        return Some(Code { id, program: Some(Program { text, shell: false }), printed: None });
    }
    let result = part.code_execution_result.as_ref()?;
    let out = result.output.as_deref().unwrap_or_default().to_owned();
    let failed = matches!(result.outcome.as_deref(), Some("OUTCOME_FAILED" | "OUTCOME_DEADLINE_EXCEEDED"));
    Some(Code { id, program: None, printed: Some(Printed { out, err: String::new(), failed }) })
}

/// Writes the parts of a program that another vendor ran, as far as it has their halves.
pub(crate) fn parts(code: &Code) -> Vec<BytesMut> {
    let program = code.program.as_ref().map(|program| {
        part("executableCode", |object| {
            // Google runs nothing but Python, and has no word for a shell.
            object.text("language", if program.shell { "LANGUAGE_UNSPECIFIED" } else { "PYTHON" });
            object.text("code", &program.text);
        })
    });
    let printed = code.printed.as_ref().map(|printed| {
        part("codeExecutionResult", |object| {
            object.text("outcome", if printed.failed { "OUTCOME_FAILED" } else { "OUTCOME_OK" });
            object.text("output", &printed.all());
        })
    });
    program.into_iter().chain(printed).collect()
}

fn part(key: &str, fields: impl FnOnce(&mut Object<'_>)) -> BytesMut {
    let mut out = BytesMut::with_capacity(128);
    let mut part = Object::open(&mut out);
    let mut object = Object::open(part.key(key));
    fields(&mut object);
    object.close();
    part.close();
    out
}

/// What was looked up, as the end of an answer tells it.
#[derive(Debug, Default)]
pub(crate) struct Lookups {
    /// What the model asked the web.
    pub(crate) queries: Vec<String>,
    /// The pages that it read: the id of the trace, the address, and whether that failed.
    pages: Vec<(String, String, bool)>,
}

impl Lookups {
    /// Notes a trace, or half of it.
    pub(crate) fn note(&mut self, search: &Search) {
        self.queries.extend_from_slice(search.queries());
        match &search.action {
            Some(SearchAction::Fetch(url)) if !url.is_empty() => {
                self.pages.push((search.id.clone(), url.clone(), search.failed));
            }
            Some(_) => (),
            None => {
                for (_, _, failed) in self.pages.iter_mut().filter(|(id, ..)| *id == search.id) {
                    *failed = search.failed;
                }
            }
        }
    }

    /// Whether pages were read.
    pub(crate) fn has_pages(&self) -> bool {
        !self.pages.is_empty()
    }

    /// Writes the record of the pages.
    pub(crate) fn write_pages(&self, out: &mut BytesMut) {
        let mut record = Object::open(out);
        record.array("urlMetadata", &self.pages, |(_, url, failed), out| {
            let mut page = Object::open(out);
            page.text("retrievedUrl", url);
            let status = if *failed { "URL_RETRIEVAL_STATUS_ERROR" } else { "URL_RETRIEVAL_STATUS_SUCCESS" };
            page.text("urlRetrievalStatus", status);
            page.close();
        });
        record.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read_and_written_with_what_became_of_them() {
        let json = r#"{"urlMetadata":[{"retrievedUrl":"https://a.example","urlRetrievalStatus":"URL_RETRIEVAL_STATUS_SUCCESS"},{"retrievedUrl":"https://b.example","urlRetrievalStatus":"URL_RETRIEVAL_STATUS_ERROR"}]}"#;
        let raw: &serde_json::value::RawValue = serde_json::from_str(json).unwrap();
        let found = pages(Some(raw));
        assert_eq!(found.iter().map(|page| page.failed).collect::<Vec<_>>(), [false, true]);
        let (mut lookups, mut out) = (Lookups::default(), BytesMut::new());
        found.iter().for_each(|page| lookups.note(page));
        assert!(lookups.has_pages());
        lookups.write_pages(&mut out);
        assert_eq!(out, json);
        let mut halves = Lookups::default();
        let url = "https://a.example".to_owned();
        halves.note(&Search { id: "s".into(), action: Some(SearchAction::Fetch(url)), ..Search::default() });
        halves.note(&Search { id: "s".into(), found: Some(Vec::new()), failed: true, ..Search::default() });
        assert!(halves.pages[0].2);
    }

    #[test]
    fn programs_are_read_and_written_in_halves() {
        let json = [
            r#"{"executableCode":{"language":"PYTHON","code":"print(1)"}}"#,
            r#"{"codeExecutionResult":{"outcome":"OUTCOME_FAILED","output":"1"}}"#,
        ];
        for text in json {
            let part: wire::Part<'_> = serde_json::from_str(text).unwrap();
            let code = program(&part, 3).unwrap();
            assert_eq!((code.id.as_str(), parts(&code)), ("3", vec![BytesMut::from(text)]));
        }
        assert_eq!(program(&wire::Part::default(), 0), None);
    }
}
