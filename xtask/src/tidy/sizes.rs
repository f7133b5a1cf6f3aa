//! Sizes of functions and files, and the paragraph at the top of each file.
//!
//! A function is counted from its signature to its closing brace. Of a file only logic counts: no blank lines, no
//! comments, no `mod tests`.

use syn::visit::{self, Visit};

use super::{Exception, Findings, Source, Tree, check_exceptions};

const FUNCTION_WARN: usize = 60;
const FUNCTION_FAIL: usize = 100;
const FILE_WARN: usize = 500;
const FILE_FAIL: usize = 800;

/// `file::function`.
const LONG_FUNCTIONS: &[Exception] = &[];
const LONG_FILES: &[Exception] = &[];

pub(crate) fn check(tree: &Tree, findings: &mut Findings) {
    let mut excused = Vec::new();
    for file in tree.rust() {
        match syn::parse_file(&file.text) {
            Ok(parsed) => check_file(file, &parsed, &mut excused, findings),
            Err(error) => findings.problem(&file.path, format!("is no Rust: {error}")),
        }
    }
    check_exceptions(LONG_FUNCTIONS, &excused, findings);
    check_exceptions(LONG_FILES, &excused, findings);
}

fn check_file(file: &Source, parsed: &syn::File, excused: &mut Vec<&'static str>, findings: &mut Findings) {
    let starts_with_doc = parsed.attrs.first().is_some_and(|attr| attr.path().is_ident("doc"));
    if !starts_with_doc && !is_unit_tests(&file.path) {
        findings.problem(&file.path, "does not begin with a paragraph (//!) on what it is for");
    }
    let logic = lines_of_logic(&file.text, parsed);
    match LONG_FILES.iter().find(|exception| exception.place == file.path) {
        Some(exception) if logic > FILE_FAIL => excused.push(exception.place),
        _ if logic > FILE_FAIL => {
            findings.problem(&file.path, format!("{logic} lines of logic, more than {FILE_FAIL}"));
        }
        _ if logic > FILE_WARN => findings.warn(&file.path, format!("{logic} lines of logic")),
        _ => (),
    }
    let mut functions = Functions::default();
    functions.visit_file(parsed);
    for (name, lines) in functions.found {
        let place = format!("{}::{name}", file.path);
        match LONG_FUNCTIONS.iter().find(|exception| exception.place == place) {
            Some(exception) if lines > FUNCTION_FAIL => excused.push(exception.place),
            _ if lines > FUNCTION_FAIL => findings.problem(place, format!("{lines} lines, more than {FUNCTION_FAIL}")),
            _ if lines > FUNCTION_WARN => findings.warn(place, format!("{lines} lines")),
            _ => (),
        }
    }
}

/// What a file of unit tests is for, its place beside the code says.
fn is_unit_tests(path: &str) -> bool {
    path.ends_with("/tests.rs") || (path.contains("/src/") && path.contains("/tests/"))
}

fn lines_of_logic(text: &str, parsed: &syn::File) -> usize {
    let tests: Vec<_> = parsed.items.iter().filter_map(test_module).collect();
    let is_logic = |number: usize, line: &str| {
        let line = line.trim_start();
        !line.is_empty() && !line.starts_with("//") && !tests.iter().any(|lines| lines.contains(&number))
    };
    text.lines().enumerate().filter(|(number, line)| is_logic(number + 1, line)).count()
}

fn test_module(item: &syn::Item) -> Option<std::ops::RangeInclusive<usize>> {
    let syn::Item::Mod(module) = item else { return None };
    let (braces, _) = module.content.as_ref()?;
    let is_test = |attr: &&syn::Attribute| {
        attr.path().is_ident("cfg") && attr.parse_args::<syn::Ident>().is_ok_and(|word| word == "test")
    };
    let mark = module.attrs.iter().find(is_test)?;
    Some(mark.pound_token.span.start().line..=braces.span.close().end().line)
}

/// Collects every function with its length, whatever it stands in.
#[derive(Default)]
struct Functions {
    found: Vec<(String, usize)>,
}

impl Functions {
    fn add(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let length = block.brace_token.span.close().end().line + 1 - signature.fn_token.span.start().line;
        self.found.push((signature.ident.to_string(), length));
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(block) = &item.default {
            self.add(&item.sig, block);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Findings {
        let tree = Tree { files: vec![Source { path: path.into(), text: text.into() }] };
        let mut findings = Findings::default();
        check(&tree, &mut findings);
        findings
    }

    fn function(lines: usize) -> String {
        format!("//! Doc.\n\nimpl X {{\n    fn long() {{\n{}    }}\n}}\n", "        x();\n".repeat(lines - 2))
    }

    #[test]
    fn long_functions_are_found_wherever_they_stand() {
        assert!(findings("a.rs", &function(60)).warnings.is_empty());
        assert_eq!(findings("a.rs", &function(61)).warnings, ["a.rs::long: 61 lines"]);
        assert!(findings("a.rs", &function(100)).problems.is_empty());
        assert_eq!(findings("a.rs", &function(101)).problems, ["a.rs::long: 101 lines, more than 100"]);
    }

    #[test]
    fn only_logic_counts_in_a_file() {
        let logic = "static A: u8 = 0;\n".repeat(800);
        let rest = "// why\n\n".repeat(500);
        let tests = "#[cfg(test)]\nmod tests {\n    fn a() {}\n}\n";
        assert!(findings("a.rs", &format!("//! Doc.\n{logic}{rest}{tests}")).problems.is_empty());
        assert_eq!(findings("a.rs", &format!("//! Doc.\n{logic}static B: u8 = 1;\n")).problems.len(), 1);
    }

    #[test]
    fn a_file_says_what_it_is_for() {
        assert_eq!(findings("a.rs", "fn a() {}\n").problems.len(), 1);
        assert_eq!(findings("a.rs", "//! Doc.\nfn a() {}\n").problems.len(), 0);
    }
}
