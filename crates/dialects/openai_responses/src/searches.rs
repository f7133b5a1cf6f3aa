//! Searches of the web: read from the item that tells of one here, and written as it for searches that another vendor
//! ran.

use bytes::BytesMut;
use dialect::{Object, array, quoted};
use hub::{Search, SearchAction, WebPage};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::wire::{Raw, Str, lenient};

/// What such an item is, here.
pub(crate) const KIND: &str = "web_search_call";
/// How ids of such items begin.
pub(crate) const PREFIX: &str = "ws_";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Call<'a> {
    #[serde(borrow)]
    id: Option<Str<'a>>,
    #[serde(borrow)]
    status: Option<Str<'a>>,
    #[serde(borrow)]
    action: Raw<'a>,
    /// Some servers tell what was found beside the action, with titles.
    #[serde(borrow)]
    results: Raw<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Action<'a> {
    #[serde(rename = "type", borrow)]
    kind: Option<Str<'a>>,
    #[serde(borrow)]
    query: Option<Str<'a>>,
    #[serde(borrow)]
    queries: Raw<'a>,
    #[serde(borrow)]
    url: Option<Str<'a>>,
    #[serde(borrow)]
    pattern: Option<Str<'a>>,
    #[serde(borrow)]
    sources: Raw<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Page<'a> {
    #[serde(borrow)]
    url: Option<Str<'a>>,
    #[serde(borrow)]
    title: Option<Str<'a>>,
}

/// The search that an item tells of; `None` for other items.
pub(crate) fn read(kind: &str, raw: &RawValue) -> Option<Search> {
    if kind != KIND {
        return None;
    }
    let call: Call<'_> = lenient(Some(raw));
    let action: Action<'_> = lenient(call.action);
    let mut found: Vec<WebPage> = Vec::new();
    for page in pages(action.sources).into_iter().chain(pages(call.results)) {
        if !found.iter().any(|known| known.url == page.url) {
            found.push(page);
        }
    }
    let text = |text: Option<Str<'_>>| text.map(Str::owned).unwrap_or_default();
    let done = match (action.kind.as_deref(), &action.url) {
        (Some("open_page"), _) => SearchAction::Open(text(action.url)),
        (Some("find_in_page" | "find"), Some(_)) => {
            SearchAction::Find { url: text(action.url), pattern: text(action.pattern) }
        }
        _ => SearchAction::Query(queries(&action)),
    };
    if let (SearchAction::Open(url), true) = (&done, found.is_empty())
        && !url.is_empty()
    {
        found.push(WebPage { url: url.clone(), title: None });
    }
    let failed = call.status.as_deref() == Some("failed");
    Some(Search { id: text(call.id), action: Some(done), found: Some(found), failed })
}

fn queries(action: &Action<'_>) -> Vec<String> {
    let mut all: Vec<String> = lenient::<Vec<Str<'_>>>(action.queries).into_iter().map(Str::owned).collect();
    if let Some(query) = action.query.as_deref().filter(|query| !all.iter().any(|known| known == query)) {
        all.insert(0, query.to_owned());
    }
    all.retain(|query| !query.trim().is_empty());
    all
}

fn pages(list: Raw<'_>) -> Vec<WebPage> {
    let text = |text: Option<Str<'_>>| text.filter(|text| !text.is_empty()).map(Str::owned);
    let page = |page: Page<'_>| Some(WebPage { url: text(page.url)?, title: text(page.title) });
    lenient::<Vec<Page<'_>>>(list).into_iter().filter_map(page).collect()
}

/// Writes what the item of a search holds besides its type and status.
pub(crate) fn write(search: &Search, item: &mut Object<'_>) {
    let mut action = Object::open(item.key("action"));
    match &search.action {
        Some(SearchAction::Open(url) | SearchAction::Fetch(url)) => {
            action.text("type", "open_page");
            action.text("url", url);
        }
        Some(SearchAction::Find { url, pattern }) => {
            action.text("type", "find_in_page");
            action.text("url", url);
            action.text("pattern", pattern);
        }
        Some(SearchAction::Query(_)) | None => {
            action.text("type", "search");
            action.text("query", search.queries().first().map_or("", String::as_str));
            array(search.queries(), action.key("queries"), |query, out| quoted(query, out));
            action.array("sources", search.found.iter().flatten(), source);
        }
    }
    action.close();
}

fn source(page: &WebPage, out: &mut BytesMut) {
    let mut source = Object::open(out);
    source.text("type", "url");
    source.text("url", &page.url);
    source.close();
}
