//! Which dialect and operation a request line means. Built from the registry; it names no dialect.

use dialect::{ClientSide, Dialect, HttpReply, Operation, Route};
use dialects::ALL;
use http::Method;
use http::request::Parts;
use hub::{Fault, FaultKind};

/// All routes of all dialects, in registry order.
#[derive(Debug)]
pub(crate) struct Routes {
    routes: Vec<Entry>,
    /// First segments of paths that can be nothing but ours: no provider is called so.
    heads: Vec<&'static str>,
    /// Those that need no key.
    greetings: Vec<&'static Route>,
}

/// A route, with its path taken apart once: every request is compared with all of them.
#[derive(Debug)]
struct Entry {
    dialect: &'static Dialect,
    route: &'static Route,
    path: Pattern,
}

#[derive(Clone, Copy, Debug)]
enum Pattern {
    /// The whole path.
    Whole(&'static str),
    /// What stands before `{rest}`.
    Beginning(&'static str),
}

/// A request line that means something.
pub(crate) struct Matched<'a> {
    pub(crate) route: &'static Route,
    /// What `{rest}` stands for.
    pub(crate) rest: &'a str,
}

impl Routes {
    pub(crate) fn new() -> Self {
        let routes = ALL.iter().flat_map(|dialect| dialect.routes.iter().map(move |route| Entry::new(dialect, route)));
        let routes: Vec<_> = routes.collect();
        let mut heads: Vec<_> = routes.iter().filter_map(|entry| entry.route.path.split('/').nth(1)).collect();
        heads.sort_unstable();
        heads.dedup();
        heads.retain(|head| !upstreams::KINDS.iter().any(|kind| kind.id == *head));
        let greets = |route: &&Route| matches!(route.operation, Operation::Greet(_));
        Self { greetings: routes.iter().map(|entry| entry.route).filter(greets).collect(), routes, heads }
    }

    /// What a caller is told who asks whether anybody is there, in the way of a dialect.
    pub(crate) fn greeting(&self, head: &Parts) -> Option<HttpReply> {
        let path = trim(head.uri.path());
        let fits =
            |route: &Route| route.path == path && method_fits(&route.method, &head.method) && (route.accepts)(head);
        let route = self.greetings.iter().find(|route| fits(route))?;
        match route.operation {
            Operation::Greet(answer) => Some(answer()),
            _ => None,
        }
    }

    /// Whether a path's first segment can be nothing but ours.
    pub(crate) fn begins(&self, segment: &str) -> bool {
        self.heads.contains(&segment)
    }

    /// Whether a path is some route's, whatever the method.
    pub(crate) fn knows(&self, path: &str) -> bool {
        let path = trim(path);
        self.routes.iter().any(|entry| entry.path.rest_of(path).is_some())
    }

    /// The route of a request, or a fault to be rendered by [`Routes::caller`].
    pub(crate) fn find<'a>(&self, head: &'a Parts) -> Result<Matched<'a>, Fault> {
        let path = trim(head.uri.path());
        let mut other_method = None;
        for Entry { route, path: pattern, .. } in &self.routes {
            let Some(rest) = pattern.rest_of(path) else { continue };
            if !method_fits(&route.method, &head.method) {
                other_method = Some(&route.method);
            } else if (route.accepts)(head) {
                return Ok(Matched { route, rest });
            }
        }
        Err(match other_method {
            Some(method) => Fault::new(
                FaultKind::MethodNotAllowed,
                format!("{} does not take {}: use {method}", head.uri.path(), head.method),
            )
            .with_code(method.as_str().to_owned()),
            None => Fault::new(
                FaultKind::NotFound,
                format!("there is nothing at {} {}{}", head.method, head.uri.path(), self.hint(path)),
            ),
        })
    }

    /// The dialect in which to answer a request that no route takes.
    pub(crate) fn caller(&self, head: &Parts) -> Option<&'static dyn ClientSide> {
        let path = trim(head.uri.path());
        let by_path =
            self.routes.iter().find(|entry| entry.path.rest_of(path).is_some() && (entry.route.accepts)(head));
        let by_look = || ALL.iter().copied().find(|dialect| (dialect.recognises)(head));
        let fallback = || ALL.iter().rev().copied().find(|dialect| dialect.client.is_some());
        let dialect = by_path.map(|entry| entry.dialect).or_else(by_look).or_else(fallback)?;
        dialect.client
    }

    /// `; did you mean /v1/messages?` for a path whose end belongs to a route.
    fn hint(&self, path: &str) -> String {
        let last = path.rsplit('/').next().unwrap_or_default();
        let alike =
            self.routes.iter().map(|entry| entry.route).find(|route| !last.is_empty() && route.path.ends_with(last));
        alike.map(|route| format!("; did you mean {} {}?", route.method, route.path)).unwrap_or_default()
    }
}

fn trim(path: &str) -> &str {
    match path.strip_suffix('/') {
        Some(shorter) if !shorter.is_empty() => shorter,
        _ => path,
    }
}

/// HEAD is answered wherever GET is.
fn method_fits(route: &Method, method: &Method) -> bool {
    route == method || (*route == Method::GET && *method == Method::HEAD)
}

impl Entry {
    fn new(dialect: &'static Dialect, route: &'static Route) -> Self {
        let path = route.path.strip_suffix("{rest}").map_or(Pattern::Whole(route.path), Pattern::Beginning);
        Self { dialect, route, path }
    }
}

impl Pattern {
    /// What `{rest}` stands for in this path, or nothing at all; `None` when the path is another.
    fn rest_of(self, path: &str) -> Option<&str> {
        match self {
            Self::Whole(whole) => (whole == path).then_some(""),
            Self::Beginning(beginning) => path.strip_prefix(beginning).filter(|rest| !rest.is_empty()),
        }
    }
}
