//! Tools that the client runs and knows by types of their own: shells, patches, a search among its tools.
//!
//! Elsewhere each is a function with the arguments that OpenAI documents for its calls (types of openai-python, August
//! 2026), so that any model can call it; a call of that function is the typed item again. What the provider would run by
//! itself, such as a shell in its own container, is none of these.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::LazyLock;

use hub::{Extra, Json, Tool, ToolKind};
use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::ID;
use crate::wire::{self, Raw, Str, lenient};

/// Their types as JSON texts. Searches are made once: to make one costs more than to search a small request.
static WORDS: LazyLock<[Finder<'static>; 4]> =
    LazyLock::new(|| Typed::ALL.map(|typed| Finder::new(&format!("\"{}\"", typed.word())).into_owned()));

/// A tool with a type of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    LocalShell,
    Shell,
    ApplyPatch,
    ToolSearch,
}

/// Which of a tool's items one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Call,
    Output,
}

impl Typed {
    const ALL: [Self; 4] = [Self::LocalShell, Self::Shell, Self::ApplyPatch, Self::ToolSearch];

    /// Its type.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::LocalShell => "local_shell",
            Self::Shell => "shell",
            Self::ApplyPatch => "apply_patch",
            Self::ToolSearch => "tool_search",
        }
    }

    /// The types of its items.
    pub(crate) fn items(self) -> (&'static str, &'static str) {
        match self {
            Self::LocalShell => ("local_shell_call", "local_shell_call_output"),
            Self::Shell => ("shell_call", "shell_call_output"),
            Self::ApplyPatch => ("apply_patch_call", "apply_patch_call_output"),
            Self::ToolSearch => ("tool_search_call", "tool_search_output"),
        }
    }

    /// How ids of its calls begin.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::LocalShell => "lsh_",
            Self::Shell => "sh_",
            Self::ApplyPatch => "apc_",
            Self::ToolSearch => "tsc_",
        }
    }

    pub(crate) fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|typed| typed.word() == word)
    }

    pub(crate) fn of_item(kind: &str) -> Option<(Self, Side)> {
        let side = |typed: Self| match typed.items() {
            (call, _) if call == kind => Some((typed, Side::Call)),
            (_, output) if output == kind => Some((typed, Side::Output)),
            _ => None,
        };
        Self::ALL.into_iter().find_map(side)
    }

    /// What a declaration declares; `None` for what is no such tool, or is run by the provider.
    pub(crate) fn of_tool(kind: &str, tool: &wire::Tool<'_>) -> Option<Self> {
        let typed = Self::of_word(kind)?;
        let is_ours = match typed {
            Self::LocalShell | Self::ApplyPatch => true,
            Self::Shell => is_local(tool.environment),
            Self::ToolSearch => tool.execution.as_deref() == Some("client"),
        };
        is_ours.then_some(typed)
    }

    /// The function that stands for it, under its type as a name for now ([`settle_names`]).
    pub(crate) fn function(self, tool: wire::Tool<'_>, raw: &RawValue) -> Tool {
        let told = tool.parameters.filter(|_| self == Self::ToolSearch);
        let schema = told.map_or(self.schema(), RawValue::get);
        let mut description = match tool.description.filter(|_| self == Self::ToolSearch) {
            Some(told) => Cow::Owned(told.owned()),
            None => Cow::Borrowed(self.description()),
        };
        if let Some(skills) = skills(tool.environment) {
            description.to_mut().push_str(&skills);
        }
        Tool {
            name: self.word().to_owned(),
            description: Some(description.into_owned()),
            kind: ToolKind::Function(Some(Json::trusted(schema))),
            strict: None,
            cache: None,
            extras: vec![Extra { origin: ID, field: self.word().to_owned(), json: Json::trusted(raw.get()) }],
        }
    }

    fn description(self) -> &'static str {
        match self {
            Self::LocalShell => {
                "Runs a program on the user's machine and returns its output. `command` is the program and its \
                 arguments, one entry each. No shell reads them: for pipes and redirections name one, as in \
                 [\"bash\", \"-lc\", \"ls | wc -l\"]."
            }
            Self::Shell => {
                "Runs commands in a shell on the user's machine. Returns for each what it wrote to stdout and stderr, \
                 and its exit code or that it took too long. Commands of one call may run at the same time: put what \
                 depends on another into one command."
            }
            Self::ApplyPatch => {
                "Changes one file in the user's workspace. `type` says how: `create_file` and `update_file` take a \
                 `diff`, `delete_file` takes none. The diff has no file headers. For a new file every line of it begins \
                 with `+`. For an update it is one or more hunks: a line `@@`, which may be followed by a line of the \
                 file to find the place by (such as the head of a function), then some unchanged lines with a space in \
                 front for context, removed lines with `-` and added lines with `+`. There are no line numbers. Call it \
                 once for each file."
            }
            Self::ToolSearch => {
                "Finds tools for a task among those that are not offered yet. What it finds can be called from then on."
            }
        }
    }

    fn schema(self) -> &'static str {
        match self {
            Self::LocalShell => {
                r#"{"type":"object","properties":{"command":{"type":"array","items":{"type":"string"},"description":"The program and its arguments."},"working_directory":{"type":"string","description":"Where to run it."},"env":{"type":"object","description":"Environment variables, by name."},"timeout_ms":{"type":"integer","description":"The longest it may take, in milliseconds."},"user":{"type":"string","description":"The user to run it as."}},"required":["command"]}"#
            }
            Self::Shell => {
                r#"{"type":"object","properties":{"commands":{"type":"array","items":{"type":"string"},"description":"The commands."},"timeout_ms":{"type":"integer","description":"The longest they may take, in milliseconds."},"max_output_length":{"type":"integer","description":"The most characters of output to return."}},"required":["commands"]}"#
            }
            Self::ApplyPatch => {
                r#"{"type":"object","properties":{"type":{"type":"string","enum":["create_file","update_file","delete_file"],"description":"What to do."},"path":{"type":"string","description":"The file, relative to the workspace."},"diff":{"type":"string","description":"The change; left out to delete a file."}},"required":["type","path"]}"#
            }
            Self::ToolSearch => {
                r#"{"type":"object","properties":{"query":{"type":"string","description":"What the tool should do."}},"required":["query"]}"#
            }
        }
    }
}

/// Whether a shell is the client's: containers are the provider's.
pub(crate) fn is_local(environment: Raw<'_>) -> bool {
    let Some(raw) = environment else { return true };
    let environment: wire::Choice<'_> = lenient(Some(raw));
    environment.kind.as_deref().is_none_or(|kind| kind == "local")
}

/// What a shell's surroundings offer, in words.
fn skills(environment: Raw<'_>) -> Option<String> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Skills<'a> {
        #[serde(borrow)]
        skills: Option<Vec<Skill<'a>>>,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Skill<'a> {
        #[serde(borrow)]
        name: Option<Str<'a>>,
        #[serde(borrow)]
        description: Option<Str<'a>>,
        #[serde(borrow)]
        path: Option<Str<'a>>,
    }
    let list = lenient::<Skills<'_>>(environment).skills.filter(|list| !list.is_empty())?;
    let mut words = "\n\nSkills are described in folders there; read the one that fits before you begin:".to_owned();
    for skill in list {
        let [name, what, path] = [skill.name, skill.description, skill.path].map(|text| text.map(Str::owned));
        let (name, what, path) = (name.unwrap_or_default(), what.unwrap_or_default(), path.unwrap_or_default());
        // Writing into a string cannot fail.
        let _ = write!(words, "\n- {name} ({path}): {what}");
    }
    Some(words)
}

/// The tool that a function stands for, and how it was declared.
pub(crate) fn declared(tool: &Tool) -> Option<(Typed, &Json)> {
    let own = tool.extras.iter().filter(|extra| extra.origin == ID);
    own.filter_map(|extra| Some((Typed::of_word(&extra.field)?, &extra.json))).next()
}

/// What the tool of this name stands for.
pub(crate) fn of_name(name: &str, tools: &[Tool]) -> Option<Typed> {
    tools.iter().find(|tool| tool.name == name).and_then(declared).map(|(typed, _)| typed)
}

/// By which name a tool is known elsewhere, whether this request declares it or only has calls of it.
pub(crate) fn name_among(typed: Typed, tools: &[Tool]) -> Cow<'_, str> {
    let known = tools.iter().find(|tool| declared(tool).is_some_and(|(found, _)| found == typed));
    known.map_or_else(|| free_name(typed, tools).into(), |tool| tool.name.as_str().into())
}

/// Gives each of these functions a name that no tool of the client's has.
pub(crate) fn settle_names(tools: &mut [Tool]) {
    for at in 0..tools.len() {
        if let Some((typed, _)) = declared(&tools[at]) {
            tools[at].name = free_name(typed, tools);
        }
    }
}

fn free_name(typed: Typed, tools: &[Tool]) -> String {
    let taken = |name: &str| tools.iter().any(|tool| tool.name == name && declared(tool).is_none());
    let word = typed.word();
    if !taken(word) {
        return word.to_owned();
    }
    let numbered = |n: usize| if n == 1 { format!("{word}_tool") } else { format!("{word}_tool_{n}") };
    // One more name than there are tools: one of them is free.
    (1..=tools.len() + 1).map(numbered).find(|name| !taken(name)).unwrap_or_else(|| word.to_owned())
}

/// The names of these functions with their types, to travel beside the request.
pub(crate) fn pairs(tools: &[Tool]) -> Vec<(String, &'static str)> {
    let pair = |tool: &Tool| declared(tool).map(|(typed, _)| (tool.name.clone(), typed.word()));
    tools.iter().filter_map(pair).collect()
}

/// Whether declarations may hold such a tool.
pub(crate) fn may_be_in(json: &str) -> bool {
    WORDS.iter().any(|word| word.find(json.as_bytes()).is_some())
}
