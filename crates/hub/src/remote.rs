//! What a request only points at: pictures and documents by address, wherever they stand.

use crate::{Part, Request, Source};

/// What is at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RemoteKind {
    /// A picture.
    Picture,
    /// A document.
    Document,
}

/// Content by address, to be put in its place.
#[derive(Debug)]
pub struct Remote<'a> {
    /// What it is said to be.
    pub kind: RemoteKind,
    /// Where the content stands; an address now.
    pub source: &'a mut Source,
    /// Its media type, where one was said.
    pub media_type: &'a mut Option<String>,
}

impl Remote<'_> {
    /// The address.
    pub fn address(&self) -> &str {
        match &*self.source {
            Source::Url(url) => url,
            Source::Base64(_) | Source::FileId(_) | Source::Text(_) => "",
        }
    }
}

/// All content by address, results of tools included.
pub fn remotes(request: &mut Request) -> Vec<Remote<'_>> {
    let mut found = Vec::new();
    for turn in &mut request.turns {
        collect(&mut turn.parts, &mut found);
    }
    found
}

fn collect<'a>(parts: &'a mut [Part], found: &mut Vec<Remote<'a>>) {
    for part in parts {
        let (kind, source, media_type) = match part {
            Part::Image(media) => (RemoteKind::Picture, &mut media.source, &mut media.media_type),
            Part::File(file) => (RemoteKind::Document, &mut file.source, &mut file.media_type),
            Part::ToolResult(result) => {
                collect(&mut result.parts, found);
                continue;
            }
            Part::Text(_)
            | Part::Refusal(_)
            | Part::Audio(_)
            | Part::Video(_)
            | Part::Thinking(_)
            | Part::ToolCall(_)
            | Part::Foreign(_) => continue,
        };
        if matches!(source, Source::Url(_)) {
            found.push(Remote { kind, source, media_type });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Media, Role, Text, ToolResult, Turn};

    fn picture(url: &str) -> Part {
        Part::Image(Media { source: Source::Url(url.to_owned()), media_type: None, detail: None, cache: None })
    }

    #[test]
    fn pictures_are_found_in_results_of_tools_too() {
        let result = ToolResult {
            call_id: "1".to_owned(),
            name: None,
            parts: vec![Part::Text(Text::plain("see")), picture("b")],
            is_error: false,
            cache: None,
        };
        let turns = vec![Turn { role: Role::User, parts: vec![picture("a"), Part::ToolResult(result)] }];
        let mut request = Request { turns, ..Request::default() };
        let mut found = remotes(&mut request);
        assert_eq!(found.iter().map(Remote::address).collect::<Vec<_>>(), ["a", "b"]);
        *found[1].source = Source::Base64("QUJD".to_owned());
        assert_eq!(remotes(&mut request).len(), 1);
    }
}
