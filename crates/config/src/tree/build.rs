//! Parser events to a tree, within bounds: depth, nodes and text are counted with aliases written out, so a small file
//! cannot grow into a large tree. No recursion: nesting lives on a stack of our own.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Tag};

use super::{Entry, MAX_DEPTH, MAX_NODES, MAX_TEXT, Node, Value};
use crate::report::Problems;
use crate::source::{Source, Span};
use crate::words;

/// What begins a comment, an anchor, an alias or a tag, unless it stands in a scalar.
const SIGNS: [u8; 4] = [b'#', b'&', b'*', b'!'];
/// Entries of a mapping among which an earlier key is looked for one by one: nearly all are this small.
const FEW: usize = 16;
/// The key that copies another mapping's entries.
const MERGE: &str = "<<";

/// What a text turned out to be.
pub(crate) struct Syntax {
    /// The tree; `None` when the text is no usable YAML (the problems say why).
    pub(crate) root: Option<Node>,
    /// Where scalars stand that could be taken for something else ([`SIGNS`]), keys included.
    pub(crate) scalars: Vec<Range<usize>>,
}

/// Reads the first document of a text.
pub(crate) fn build(text: &str, source: Source, problems: &mut Problems) -> Syntax {
    let mut builder = Builder::new(text, source, problems);
    let root = builder.run().ok().map(|()| builder.root.take().unwrap_or_else(|| builder.nothing()));
    Syntax { root, scalars: builder.scalars }
}

/// The problem was recorded; reading cannot go on.
struct Stop;

struct Builder<'a> {
    text: &'a str,
    source: Source,
    problems: &'a mut Problems,
    frames: Vec<Frame>,
    anchors: HashMap<usize, Anchor>,
    root: Option<Node>,
    nodes: usize,
    bytes: usize,
    scalars: Vec<Range<usize>>,
}

/// A list or mapping that is still open.
struct Frame {
    span: Span,
    anchor: usize,
    height: usize,
    items: Items,
}

enum Items {
    List(Vec<Node>),
    Mapping { entries: Vec<Entry>, seen: Seen, key: Option<(String, Span)> },
}

/// Where keys of a large mapping stood last.
#[derive(Default)]
struct Seen(HashMap<String, Span>);

impl Seen {
    /// Where a key that comes now stood before.
    fn before(&mut self, key: &str, span: Span, entries: &[Entry]) -> Option<Span> {
        if entries.len() < FEW {
            return entries.iter().rev().find(|entry| entry.key == key).map(|entry| entry.key_span);
        }
        if self.0.is_empty() {
            self.0 = entries.iter().map(|entry| (entry.key.clone(), entry.key_span)).collect();
        }
        self.0.insert(key.to_owned(), span)
    }
}

struct Anchor {
    node: Node,
    height: usize,
}

impl<'a> Builder<'a> {
    fn new(text: &'a str, source: Source, problems: &'a mut Problems) -> Self {
        Self {
            text,
            source,
            problems,
            frames: Vec::new(),
            anchors: HashMap::new(),
            root: None,
            nodes: 0,
            bytes: 0,
            scalars: Vec::new(),
        }
    }

    fn nothing(&self) -> Node {
        Node::scalar("", self.span(0..0))
    }

    fn run(&mut self) -> Result<(), Stop> {
        let options = granit_parser::options! {
            emit_comments: false,
            flow_nesting_limit: MAX_DEPTH,
            block_nesting_limit: MAX_DEPTH,
        };
        let mut documents = 0;
        for next in Parser::new_from_str_with_options(self.text, options) {
            let (event, span) = next.map_err(|error| self.syntax_error(&error))?;
            let span = self.span(span.byte_range().unwrap_or(0..0));
            if matches!(event, Event::DocumentStart(..)) {
                documents += 1;
            }
            if documents > 1 {
                self.problems.warn(span, "only the first YAML document of the file is read");
                return Ok(());
            }
            self.event(event, span)?;
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                if self
                    .text
                    .get(span.start..span.end)
                    .is_some_and(|text| text.bytes().any(|byte| SIGNS.contains(&byte)))
                {
                    self.scalars.push(span.start..span.end);
                }
                let tag = self.tag(tag.as_deref(), span)?;
                let plain = style == ScalarStyle::Plain && tag != Tagged::Text;
                let node = Node { span, value: Value::Scalar { text: text.into_owned(), plain } };
                self.finish(node, 0, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.tag(tag.as_deref(), span)?;
                self.open(span, anchor, Items::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, tag) => {
                self.tag(tag.as_deref(), span)?;
                self.open(span, anchor, Items::Mapping { entries: Vec::new(), seen: Seen::default(), key: None })
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Alias(id) => self.alias(id, span),
            _ => Ok(()),
        }
    }

    fn open(&mut self, span: Span, anchor: usize, items: Items) -> Result<(), Stop> {
        if self.wants_key() {
            return Err(self.stop(span, "a key must be plain text, not a list or a mapping"));
        }
        if self.frames.len() >= MAX_DEPTH {
            return Err(self.too_deep(span));
        }
        self.frames.push(Frame { span, anchor, height: 0, items });
        Ok(())
    }

    fn wants_key(&self) -> bool {
        matches!(self.frames.last(), Some(Frame { items: Items::Mapping { key: None, .. }, .. }))
    }

    /// Closes the innermost list or mapping. A block's end is where its last child ends: the parser's own end event
    /// already stands at the next key.
    fn close(&mut self, end: Span) -> Result<(), Stop> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        let Frame { mut span, anchor, height, items } = frame;
        let mut value = match items {
            Items::List(items) => Value::List(items),
            Items::Mapping { entries, .. } => Value::Mapping(self.merged(entries)?),
        };
        // A file of many accounts is many small mappings: room to grow would be most of the tree.
        match &mut value {
            Value::List(items) => items.shrink_to_fit(),
            Value::Mapping(entries) => entries.shrink_to_fit(),
            Value::Scalar { .. } => {}
        }
        let last = match &value {
            Value::List(items) => items.last().map(|node| node.span.end),
            Value::Mapping(entries) => entries.last().map(|entry| entry.value.span.end.max(entry.key_span.end)),
            Value::Scalar { .. } => None,
        };
        span.end = if end.start < end.end { end.end } else { last.unwrap_or(end.end) }.max(span.end);
        self.finish(Node { span, value }, height + 1, anchor)
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<(), Stop> {
        let Some(anchor) = self.anchors.get(&id) else {
            return Err(self.stop(span, "this alias names a value that contains it"));
        };
        let (node, height) = (anchor.node.clone(), anchor.height);
        if self.frames.len() + height > MAX_DEPTH {
            return Err(self.too_deep(span));
        }
        // The copy keeps the place of the original: that is where a wrong value must be mended.
        self.count(&node, span)?;
        self.attach(node, height);
        Ok(())
    }

    /// Counts a finished node, remembers it under its anchor, and hangs it into its parent.
    fn finish(&mut self, node: Node, height: usize, anchor: usize) -> Result<(), Stop> {
        let bytes = if let Value::Scalar { text, .. } = &node.value { text.len() } else { 0 };
        self.spend(1, bytes, node.span)?;
        if anchor != 0 {
            self.count(&node, node.span)?;
            self.anchors.insert(anchor, Anchor { node: node.clone(), height });
        }
        self.attach(node, height);
        Ok(())
    }

    fn attach(&mut self, node: Node, height: usize) {
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(node);
            return;
        };
        frame.height = frame.height.max(height);
        match &mut frame.items {
            Items::List(items) => items.push(node),
            Items::Mapping { entries, seen, key } => match key.take() {
                Some((key, key_span)) => {
                    if let Some(earlier) = seen.before(&key, key_span, entries) {
                        let message = format!("{} is set twice", words::key(&key));
                        self.problems.error(key_span, message).set_before(earlier);
                    }
                    entries.push(Entry { key, key_span, value: node });
                }
                None => *key = Some((key_text(&node), node.span)),
            },
        }
    }

    /// Resolves `<<: *base`: keys that the mapping itself has win, then those of the first base.
    fn merged(&mut self, entries: Vec<Entry>) -> Result<Vec<Entry>, Stop> {
        if !entries.iter().any(|entry| self.merges(entry)) {
            return Ok(entries);
        }
        let (merges, mut own): (Vec<Entry>, Vec<Entry>) = entries.into_iter().partition(|entry| self.merges(entry));
        let mut seen: HashSet<String> = own.iter().map(|entry| entry.key.clone()).collect();
        for merge in merges {
            let bases = match merge.value.value {
                Value::List(items) => items,
                Value::Mapping(_) | Value::Scalar { .. } => vec![merge.value],
            };
            for base in bases {
                let Value::Mapping(more) = base.value else {
                    return Err(self.stop(merge.key_span, "`<<` takes a mapping or a list of mappings"));
                };
                own.extend(more.into_iter().filter(|entry| seen.insert(entry.key.clone())));
            }
        }
        Ok(own)
    }

    /// In quotation marks it is a key like any other.
    fn merges(&self, entry: &Entry) -> bool {
        entry.key == MERGE && self.text.get(entry.key_span.start..entry.key_span.end) == Some(MERGE)
    }

    /// Counts a copy, whole.
    fn count(&mut self, node: &Node, span: Span) -> Result<(), Stop> {
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            match &node.value {
                Value::Scalar { text, .. } => self.spend(1, text.len(), span)?,
                Value::List(items) => {
                    self.spend(1, 0, span)?;
                    open.extend(items);
                }
                Value::Mapping(entries) => {
                    self.spend(1 + entries.len(), 0, span)?;
                    open.extend(entries.iter().map(|entry| &entry.value));
                }
            }
        }
        Ok(())
    }

    fn spend(&mut self, nodes: usize, bytes: usize, span: Span) -> Result<(), Stop> {
        self.nodes += nodes;
        self.bytes += bytes;
        if self.nodes > MAX_NODES {
            return Err(self.stop(span, format!("more than {MAX_NODES} values, with aliases written out")));
        }
        if self.bytes > MAX_TEXT {
            return Err(self.stop(span, format!("more than {} MiB of text, with aliases written out", MAX_TEXT >> 20)));
        }
        Ok(())
    }

    fn tag(&mut self, tag: Option<&Tag>, span: Span) -> Result<Tagged, Stop> {
        match tag {
            None => Ok(Tagged::Plain),
            Some(tag) if tag.is_yaml_core_schema_tag("str") => Ok(Tagged::Text),
            Some(tag) if tag.is_yaml_core_schema() => Ok(Tagged::Plain),
            Some(_) => Err(self.stop(span, "tags of one's own (`!name`) are not supported")),
        }
    }

    fn too_deep(&mut self, span: Span) -> Stop {
        self.stop(span, format!("lists and mappings are nested deeper than {MAX_DEPTH}"))
    }

    fn syntax_error(&mut self, error: &ScanError) -> Stop {
        let at = error.marker().byte_offset().unwrap_or(self.text.len()).min(self.text.len());
        let problem = self.problems.error(self.span(at..at), format!("this is not valid YAML: {}", error.info()));
        if let Some(help) = help(error.kind()) {
            problem.help(help);
        }
        Stop
    }

    fn stop(&mut self, span: Span, message: impl Into<String>) -> Stop {
        self.problems.error(span, message);
        Stop
    }

    fn span(&self, range: Range<usize>) -> Span {
        Span { source: self.source, start: range.start, end: range.end }
    }
}

#[derive(PartialEq)]
enum Tagged {
    Plain,
    Text,
}

/// What people usually did where the parser says something else.
fn help(kind: &ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::UnclosedQuotedScalar | ErrorKind::InvalidQuotedScalarIndent => {
            Some("a quotation mark above may not be closed")
        }
        ErrorKind::TabNotAllowed | ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation => {
            Some("indent with spaces; YAML takes no tabs")
        }
        ErrorKind::MappingValueNotAllowed => Some("look at the indentation; put a value with `: ` inside into quotes"),
        ErrorKind::RecursionLimitExceeded => Some("lists and mappings may be nested 64 deep"),
        _ => None,
    }
}

/// A key as text. Aliased collections as keys have no text and become a key that nobody knows.
fn key_text(node: &Node) -> String {
    match &node.value {
        Value::Scalar { text, .. } => text.clone(),
        Value::List(_) | Value::Mapping(_) => String::new(),
    }
}
