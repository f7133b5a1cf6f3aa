//! What holds for the registry as a whole.

use std::collections::{HashMap, HashSet};

use http::Method;

use crate::ALL;

#[test]
fn names_are_unique() {
    let names: HashSet<_> = ALL.iter().map(|dialect| dialect.id).collect();
    assert_eq!(names.len(), ALL.len());
}

#[test]
fn routes_that_meet_are_told_apart() {
    let owner = |headers: &[&str]| {
        let builder = headers.iter().fold(http::Request::get("/v1/models"), |builder, name| builder.header(*name, "x"));
        let head = builder.body(()).unwrap().into_parts().0;
        let mut routes = ALL.iter().flat_map(|dialect| dialect.routes.iter().map(move |route| (dialect.id.0, route)));
        let found = routes
            .find(|(_, route)| route.path == "/v1/models" && route.method == Method::GET && (route.accepts)(&head));
        found.map(|(id, _)| id)
    };
    assert_eq!(owner(&["anthropic-version"]), Some("anthropic"));
    assert_eq!(owner(&["x-goog-api-key"]), Some("gemini"));
    assert_eq!(owner(&[]), Some("openai_chat"));
}

#[test]
fn a_route_without_a_condition_belongs_to_one_dialect() {
    let mut owners = HashMap::new();
    for dialect in ALL {
        for route in dialect.routes.iter().filter(|route| !route.path.starts_with("/v1/models")) {
            let owner = owners.entry((&route.method, route.path)).or_insert(dialect.id);
            assert_eq!(*owner, dialect.id, "{} {}", route.method, route.path);
        }
    }
}
