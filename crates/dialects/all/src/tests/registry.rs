//! What holds for the registry as a whole.

use std::collections::HashSet;

use http::Method;

use crate::ALL;

#[test]
fn names_are_unique() {
    let names: HashSet<_> = ALL.iter().map(|dialect| dialect.id).collect();
    assert_eq!(names.len(), ALL.len());
}

#[test]
fn routes_that_meet_are_told_apart() {
    let head = |path: &str, version: bool| {
        let builder = http::Request::get(path);
        let builder = if version { builder.header("anthropic-version", "2023-06-01") } else { builder };
        builder.body(()).unwrap().into_parts().0
    };
    let owner = |version: bool| {
        let head = head("/v1/models", version);
        let mut routes = ALL.iter().flat_map(|dialect| dialect.routes.iter().map(move |route| (dialect.id.0, route)));
        let found = routes
            .find(|(_, route)| route.path == "/v1/models" && route.method == Method::GET && (route.accepts)(&head));
        found.map(|(id, _)| id)
    };
    assert_eq!(owner(true), Some("anthropic"));
    assert_eq!(owner(false), Some("openai_chat"));
}

#[test]
fn a_route_without_a_condition_belongs_to_one_dialect() {
    let mut seen = HashSet::new();
    for dialect in ALL {
        for route in dialect.routes.iter().filter(|route| !route.path.starts_with("/v1/models")) {
            assert!(seen.insert((&route.method, route.path)), "{} {}", route.method, route.path);
        }
    }
}
