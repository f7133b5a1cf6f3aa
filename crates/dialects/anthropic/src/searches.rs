//! Searches of the web and pages that were read: from the two blocks that tell of one here, and as them for those of
//! another vendor.

use bytes::BytesMut;
use hub::{Search, SearchAction, WebPage};
use serde::Deserialize;

use crate::json::Open;
use crate::traces::{Asked, Block, NO_PROOF};

/// The tools that look things up.
const SEARCH: &str = "web_search";
const FETCH: &str = "web_fetch";

#[derive(Default, Deserialize)]
#[serde(default)]
struct Input {
    query: Option<String>,
    url: Option<String>,
}

/// A page in a list, or the one that was fetched.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Page {
    url: Option<String>,
    title: Option<String>,
    content: Option<Document>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Document {
    title: Option<String>,
}

/// What came of it: a list of pages, or the one that was fetched.
#[derive(Deserialize)]
#[serde(untagged)]
enum Content {
    Pages(Vec<Page>),
    Page(Page),
}

/// The half of a search that a block tells; `None` for other blocks.
pub(crate) fn read(block: &Block<'_>) -> Option<Search> {
    if let Some(name @ (SEARCH | FETCH)) = block.asks() {
        let input: Input = block.input();
        let action = match (name, input.url) {
            (FETCH, url) => SearchAction::Fetch(url.unwrap_or_default()),
            _ => SearchAction::Query(input.query.into_iter().collect()),
        };
        return Some(Search { id: block.id(), action: Some(action), found: None, failed: false });
    }
    matches!(&*block.kind, "web_search_tool_result" | "web_fetch_tool_result").then(|| {
        let found = block.content().and_then(pages);
        let failed = found.is_none();
        Search { id: block.id(), action: None, found: Some(found.unwrap_or_default()), failed }
    })
}

/// The pages of a result; `None` for an error.
fn pages(content: Content) -> Option<Vec<WebPage>> {
    let page = |page: Page| {
        let title = page.title.or(page.content.and_then(|document| document.title));
        Some(WebPage { url: page.url.filter(|url| !url.is_empty())?, title: title.filter(|title| !title.is_empty()) })
    };
    match content {
        Content::Pages(list) => Some(list.into_iter().filter_map(page).collect()),
        Content::Page(fetched) => page(fetched).map(|page| vec![page]),
    }
}

/// The two blocks of a search that another vendor ran, as far as it has their halves.
pub(crate) fn blocks(search: &Search, id: &str) -> Vec<Asked> {
    let asked = search.action.as_ref().and_then(|action| {
        let (name, field, words) = match action {
            SearchAction::Query(queries) if queries.is_empty() && search.found.iter().flatten().next().is_none() => {
                return None;
            }
            SearchAction::Query(queries) => (SEARCH, "query", queries.join("; ")),
            SearchAction::Open(url) | SearchAction::Fetch(url) if url.is_empty() => return None,
            SearchAction::Open(url) => (SEARCH, "query", url.clone()),
            SearchAction::Fetch(url) => (FETCH, "url", url.clone()),
            SearchAction::Find { pattern, url } => (SEARCH, "query", format!("{pattern} in {url}")),
        };
        Some(Asked::Use { id: id.to_owned(), name, field, words })
    });
    let nothing = search.action.is_some() && asked.is_none();
    let result = search.found.as_ref().filter(|_| !nothing).map(|pages| {
        let (kind, content) = match &search.action {
            Some(SearchAction::Fetch(url)) => ("web_fetch_tool_result", written(|out| write_page(search, url, out))),
            _ => ("web_search_tool_result", written(|out| write_pages(search.failed, pages, out))),
        };
        Asked::Result { id: id.to_owned(), kind, content }
    });
    asked.into_iter().chain(result).collect()
}

fn written(write: impl FnOnce(&mut BytesMut)) -> String {
    let mut out = BytesMut::with_capacity(128);
    write(&mut out);
    dialect::into_text(out)
}

/// The page that was read. What it says only the model knows that read it.
fn write_page(search: &Search, url: &str, out: &mut BytesMut) {
    if search.failed {
        return out.extend_from_slice(br#"{"type":"web_fetch_tool_result_error","error_code":"url_not_accessible"}"#);
    }
    let title = search.found.iter().flatten().find_map(|page| page.title.as_deref());
    let mut result = Open::typed(out, "web_fetch_result");
    result.text("url", url);
    let mut document = Open::typed(result.key("content"), "document");
    document.raw("source", r#"{"type":"text","media_type":"text/plain","data":""}"#);
    document.text_or_null("title", title);
    document.end();
    result.raw("retrieved_at", "null");
    result.end();
}

fn write_pages(failed: bool, pages: &[WebPage], out: &mut BytesMut) {
    if failed {
        return out.extend_from_slice(br#"{"type":"web_search_tool_result_error","error_code":"unavailable"}"#);
    }
    let mut list = Open::array(out);
    for page in pages {
        let mut result = Open::typed(list.item(), "web_search_result");
        result.text("title", page.title.as_deref().unwrap_or(&page.url));
        result.text("url", &page.url);
        result.text("encrypted_content", NO_PROOF);
        result.raw("page_age", "null");
        result.end();
    }
    list.end();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_are_read_and_errors_are_told_apart() {
        let read = |json: &str| read(&serde_json::from_str(json).unwrap()).unwrap();
        let asked =
            read(r#"{"type":"server_tool_use","id":"srvtoolu_1","name":"web_search","input":{"query":"bees"}}"#);
        assert_eq!((asked.id.as_str(), asked.queries(), &asked.found), ("srvtoolu_1", &["bees".to_owned()][..], &None));
        let found = read(
            r#"{"type":"web_search_tool_result","tool_use_id":"srvtoolu_1","content":[{"type":"web_search_result","url":"https://a.example","title":"A","encrypted_content":"E"},{"url":""}]}"#,
        );
        let page = WebPage { url: "https://a.example".into(), title: Some("A".into()) };
        assert_eq!((found.found, found.failed), (Some(vec![page]), false));
        let failed = read(
            r#"{"type":"web_search_tool_result","tool_use_id":"s","content":{"type":"web_search_tool_result_error","error_code":"max_uses_exceeded"}}"#,
        );
        assert!(failed.failed && failed.found.unwrap().is_empty());
        let fetched = read(
            r#"{"type":"web_fetch_tool_result","tool_use_id":"s","content":{"type":"web_fetch_result","url":"https://b.example","content":{"type":"document","title":"B"}}}"#,
        );
        assert_eq!(fetched.found.unwrap()[0].title.as_deref(), Some("B"));
    }

    #[test]
    fn a_page_that_nobody_names_is_no_block() {
        let of = |action| {
            blocks(&Search { action: Some(action), found: Some(Vec::new()), ..Search::default() }, "ws_1").len()
        };
        assert_eq!(of(SearchAction::Open(String::new())), 0);
        assert_eq!(of(SearchAction::Query(Vec::new())), 0);
        assert_eq!(of(SearchAction::Open("https://a.example".into())), 2);
        assert_eq!(of(SearchAction::Query(vec!["q".into()])), 2);
    }
}
