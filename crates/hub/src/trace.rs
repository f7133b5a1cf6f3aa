//! What a tool did that the provider ran, as far as dialects agree on it: a search of the web.
//!
//! One dialect tells a search as one item, another as two blocks, a third at the end of the answer. Whoever writes for a
//! client puts it into that client's form or leaves it out; it is never a call that the client would have to answer.

/// A search of the web, or half of one: what was asked and what was found may come in blocks of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Joins the halves; may be empty where both are here.
    pub id: String,
    /// What was done; `None` in the half that tells what was found.
    pub action: Option<SearchAction>,
    /// The pages that were found; `None` in the half that tells what was asked.
    pub found: Option<Vec<WebPage>>,
    /// It failed.
    pub failed: bool,
}

/// What a search did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchAction {
    /// Asked the web; there may be no words, where the provider hides them.
    Query(Vec<String>),
    /// Opened a page.
    Open(String),
    /// Looked for words in a page.
    Find {
        /// The page.
        url: String,
        /// The words.
        pattern: String,
    },
}

/// A page on the web.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WebPage {
    /// Its address.
    pub url: String,
    /// Its title, where known.
    pub title: Option<String>,
}

/// Pages that are told in words, at most.
const MAX_TOLD: usize = 20;

impl Search {
    /// What was found, in words for a model that has no such block in its history; what found nothing says nothing.
    pub fn words(&self) -> Option<String> {
        let asked = self.action.as_ref().and_then(SearchAction::words);
        let pages = self.found.iter().flatten().take(MAX_TOLD).map(|page| match page.title.as_deref() {
            Some(title) if !title.is_empty() => format!("- {title}: {}", page.url),
            _ => format!("- {}", page.url),
        });
        let pages = pages.collect::<Vec<_>>().join("\n");
        (!pages.is_empty()).then(|| format!("{}[Found on the web]\n{pages}\n", asked.unwrap_or_default()))
    }

    /// The words that the web was asked.
    pub fn queries(&self) -> &[String] {
        match &self.action {
            Some(SearchAction::Query(queries)) => queries,
            Some(SearchAction::Open(_) | SearchAction::Find { .. }) | None => &[],
        }
    }
}

impl SearchAction {
    fn words(&self) -> Option<String> {
        match self {
            Self::Query(queries) if queries.is_empty() => None,
            Self::Query(queries) => Some(format!("[Searched the web for: {}]\n", queries.join("; "))),
            Self::Open(url) => Some(format!("[Opened {url}]\n")),
            Self::Find { url, pattern } => Some(format!("[Looked for {pattern:?} in {url}]\n")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_and_addresses_are_told_and_nothing_of_nothing() {
        let page = |url: &str, title: Option<&str>| WebPage { url: url.into(), title: title.map(Into::into) };
        let search = Search {
            action: Some(SearchAction::Query(vec!["bees".into(), "wasps".into()])),
            found: Some(vec![page("https://a.example", Some("A")), page("https://b.example", None)]),
            ..Search::default()
        };
        let expect =
            "[Searched the web for: bees; wasps]\n[Found on the web]\n- A: https://a.example\n- https://b.example\n";
        assert_eq!(search.words().as_deref(), Some(expect));
        assert_eq!(Search { found: Some(Vec::new()), ..search.clone() }.words(), None);
        assert_eq!(Search { found: None, ..search }.words(), None);
    }
}
