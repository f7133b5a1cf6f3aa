//! Searches of the web: read from the two blocks that tell of one here, and written as them for searches that another
//! vendor ran.
//!
//! What stands for Anthropic's own proofs in blocks of others bears our mark, and so do their ids: the relay cuts such
//! blocks out of what goes to Anthropic itself, which would refuse them.

use std::borrow::Cow;

use bytes::BytesMut;
use dialect::{Reply, mint};
use hub::{Search, SearchAction, WebPage};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::json::Open;

/// How the ids of searches begin that Anthropic did not run.
pub(crate) const FOREIGN_ID: &str = "ws_";
/// Stands where Anthropic puts text that only itself can read.
pub(crate) const NO_PROOF: &str = "bos1:none";
/// The tool of both blocks.
const NAME: &str = "web_search";

#[derive(Deserialize)]
struct Block<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    tool_use_id: Option<String>,
    #[serde(default, borrow)]
    name: Option<Cow<'a, str>>,
    #[serde(default, borrow)]
    input: Option<&'a RawValue>,
    #[serde(default, borrow)]
    content: Option<&'a RawValue>,
}

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

/// The half of a search that a block tells; `None` for other blocks.
pub(crate) fn read(json: &str) -> Option<Box<Search>> {
    let block: Block<'_> = serde_json::from_str(json).ok()?;
    let search = match (&*block.kind, block.name.as_deref()) {
        ("server_tool_use", Some(name @ (NAME | "web_fetch"))) => {
            let input: Input = block.input.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default();
            let action = match (name, input.url) {
                ("web_fetch", Some(url)) => SearchAction::Open(url),
                _ => SearchAction::Query(input.query.into_iter().collect()),
            };
            Search { id: block.id.unwrap_or_default(), action: Some(action), found: None, failed: false }
        }
        ("web_search_tool_result" | "web_fetch_tool_result", _) => {
            let found = block.content.and_then(pages);
            let failed = found.is_none();
            let found = Some(found.unwrap_or_default());
            Search { id: block.tool_use_id.unwrap_or_default(), action: None, found, failed }
        }
        _ => return None,
    };
    Some(Box::new(search))
}

/// The pages of a result; `None` for an error.
fn pages(content: &RawValue) -> Option<Vec<WebPage>> {
    let page = |page: Page| {
        let title = page.title.or(page.content.and_then(|document| document.title));
        Some(WebPage { url: page.url.filter(|url| !url.is_empty())?, title: title.filter(|title| !title.is_empty()) })
    };
    if let Ok(list) = serde_json::from_str::<Vec<Page>>(content.get()) {
        return Some(list.into_iter().filter_map(page).collect());
    }
    let fetched: Page = serde_json::from_str(content.get()).ok()?;
    page(fetched).map(|page| vec![page])
}

/// The two blocks of a search that another vendor ran, as far as it has their halves. `number` numbers the block of the
/// answer, for an id of ours.
pub(crate) fn blocks(search: &Search, reply: &Reply, number: u32) -> Vec<Asked> {
    let id = match search.id.as_str() {
        "" => mint(FOREIGN_ID, reply.seed, number),
        id if id.starts_with(FOREIGN_ID) => id.to_owned(),
        id => format!("{FOREIGN_ID}{id}"),
    };
    let asked = search.action.as_ref().and_then(|action| {
        let query = match action {
            SearchAction::Query(queries) if queries.is_empty() && search.found.iter().flatten().next().is_none() => {
                return None;
            }
            SearchAction::Query(queries) => queries.join("; "),
            SearchAction::Open(url) if url.is_empty() => return None,
            SearchAction::Open(url) => url.clone(),
            SearchAction::Find { pattern, url } => format!("{pattern} in {url}"),
        };
        Some(Asked::Use { id: id.clone(), query })
    });
    let nothing = search.action.is_some() && asked.is_none();
    let result = search.found.as_ref().filter(|_| !nothing);
    let result = result.map(|pages| Asked::Result { id, pages: pages.clone(), failed: search.failed });
    asked.into_iter().chain(result).collect()
}

/// One of the two blocks.
#[derive(Debug)]
pub(crate) enum Asked {
    Use { id: String, query: String },
    Result { id: String, pages: Vec<WebPage>, failed: bool },
}

impl Asked {
    /// The input of the call, which a stream tells in a piece of its own.
    pub(crate) fn input(&self) -> Option<String> {
        let Self::Use { query, .. } = self else { return None };
        let mut out = BytesMut::with_capacity(query.len() + 16);
        let mut input = Open::object(&mut out);
        input.text("query", query);
        input.end();
        Some(dialect::into_text(out))
    }

    /// Writes the block; with `input` instead of its own.
    pub(crate) fn write(&self, input: &str, out: &mut BytesMut) {
        match self {
            Self::Use { id, .. } => {
                let mut block = Open::typed(out, "server_tool_use");
                block.text("id", id);
                block.text("name", NAME);
                block.raw("input", input);
                block.end();
            }
            Self::Result { id, pages, failed } => {
                let mut block = Open::typed(out, "web_search_tool_result");
                block.text("tool_use_id", id);
                match failed {
                    true => {
                        block.raw("content", r#"{"type":"web_search_tool_result_error","error_code":"unavailable"}"#);
                    }
                    false => write_pages(pages, &mut block),
                }
                block.end();
            }
        }
    }
}

fn write_pages(pages: &[WebPage], block: &mut Open<'_>) {
    let mut list = Open::array(block.key("content"));
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
        let read = |json: &str| *read(json).unwrap();
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
        assert!(super::read(r#"{"type":"server_tool_use","id":"s","name":"code_execution","input":{}}"#).is_none());
        assert!(super::read(r#"{"type":"server_tool_use","id":"s","name":"web_search"}"#).is_some());
    }

    #[test]
    fn a_page_that_nobody_names_is_no_block() {
        let reply = Reply::new("m", false);
        let of = |action| {
            blocks(&Search { action: Some(action), found: Some(Vec::new()), ..Search::default() }, &reply, 1).len()
        };
        assert_eq!(of(SearchAction::Open(String::new())), 0);
        assert_eq!(of(SearchAction::Query(Vec::new())), 0);
        assert_eq!(of(SearchAction::Open("https://a.example".into())), 2);
        assert_eq!(of(SearchAction::Query(vec!["q".into()])), 2);
    }
}
