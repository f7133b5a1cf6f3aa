//! What a tool did that the provider ran, as far as dialects agree on it: a search of the web, or a program.
//!
//! One dialect tells it as one item, another as two blocks, a third at the end of the answer. Whoever writes for a client
//! puts it into that client's form or leaves it out; it is never a call that the client would have to answer.

/// What a tool did, or half of it: what was asked and what came of it may stand in blocks of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trace {
    /// Looked something up.
    Search(Search),
    /// Ran a program.
    Code(Code),
}

impl Trace {
    /// Joins the halves.
    pub fn id(&self) -> &str {
        match self {
            Self::Search(search) => &search.id,
            Self::Code(code) => &code.id,
        }
    }

    /// Whether it tells what was asked.
    pub fn asks(&self) -> bool {
        match self {
            Self::Search(search) => search.action.is_some(),
            Self::Code(code) => code.program.is_some(),
        }
    }

    /// Whether it tells what came of it.
    pub fn tells(&self) -> bool {
        match self {
            Self::Search(search) => search.found.is_some(),
            Self::Code(code) => code.printed.is_some(),
        }
    }

    /// Takes what came of it from its other half.
    pub fn learn(&mut self, later: &Self) {
        match (self, later) {
            (Self::Search(search), Self::Search(later)) => {
                search.found.clone_from(&later.found);
                search.failed = later.failed;
            }
            (Self::Code(code), Self::Code(later)) => code.printed.clone_from(&later.printed),
            (Self::Search(_), Self::Code(_)) | (Self::Code(_), Self::Search(_)) => (),
        }
    }

    /// What it says in words, for a history that has no such block.
    pub fn words(&self) -> Option<String> {
        match self {
            Self::Search(search) => search.words(),
            Self::Code(code) => code.words(),
        }
    }
}

/// A program that the provider ran, or half of that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Code {
    /// Joins the halves.
    pub id: String,
    /// The program; `None` in the half that tells what it printed.
    pub program: Option<Program>,
    /// What it printed; `None` in the half that tells the program.
    pub printed: Option<Printed>,
}

/// A program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// Its text.
    pub text: String,
    /// It is a command of a shell, and not Python.
    pub shell: bool,
}

/// What a program printed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Printed {
    /// What it printed.
    pub out: String,
    /// What it printed as errors.
    pub err: String,
    /// It failed.
    pub failed: bool,
}

impl Code {
    /// The program and what it printed, fenced; nothing of nothing.
    pub fn words(&self) -> Option<String> {
        let program = self.program.as_ref().filter(|program| !program.text.is_empty());
        let program = program.map(|program| fenced(if program.shell { "bash" } else { "python" }, &program.text));
        let printed = self.printed.as_ref().map(Printed::all).filter(|text| !text.is_empty());
        let words: String = program.into_iter().chain(printed.map(|text| fenced("", &text))).collect();
        (!words.is_empty()).then_some(words)
    }
}

impl Printed {
    /// Both texts.
    pub fn all(&self) -> String {
        format!("{}{}", self.out, self.err)
    }
}

fn fenced(tongue: &str, text: &str) -> String {
    format!("```{tongue}\n{}\n```\n", text.trim_end_matches('\n'))
}

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
    /// Read a page that the conversation names.
    Fetch(String),
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
            Some(SearchAction::Open(_) | SearchAction::Fetch(_) | SearchAction::Find { .. }) | None => &[],
        }
    }
}

impl SearchAction {
    fn words(&self) -> Option<String> {
        match self {
            Self::Query(queries) if queries.is_empty() => None,
            Self::Query(queries) => Some(format!("[Searched the web for: {}]\n", queries.join("; "))),
            Self::Open(url) | Self::Fetch(url) => Some(format!("[Opened {url}]\n")),
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

    #[test]
    fn programs_are_fenced_with_what_they_printed() {
        let program = Some(Program { text: "ls\n".into(), shell: true });
        let printed = Some(Printed { out: "a\n".into(), err: "b".into(), failed: true });
        let whole = Code { id: "1".into(), program: program.clone(), printed };
        assert_eq!(whole.words().as_deref(), Some("```bash\nls\n```\n```\na\nb\n```\n"));
        let mut half = Trace::Code(Code { program, printed: None, ..whole.clone() });
        assert!(half.asks() && !half.tells());
        half.learn(&Trace::Code(Code { program: None, ..whole.clone() }));
        assert_eq!(half, Trace::Code(whole));
        assert_eq!(Code::default().words(), None);
    }
}
