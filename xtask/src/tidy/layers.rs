//! Who may depend on whom. Tests may use more; only what the product needs is looked at.

use std::collections::BTreeSet;

use super::metadata::Package;
use super::{Findings, Metadata};

/// A crate of ours and which others of ours it may use.
struct Layer {
    name: &'static str,
    may_use: &'static [&'static str],
    /// It may wait, open sockets and speak HTTP.
    does_io: bool,
}

/// Any language. All have one place, so that a new one needs no line.
const LANGUAGE: &str = "bosporus-dialect-*";

const fn pure(name: &'static str, may_use: &'static [&'static str]) -> Layer {
    Layer { name, may_use, does_io: false }
}

const fn active(name: &'static str, may_use: &'static [&'static str]) -> Layer {
    Layer { name, may_use, does_io: true }
}

/// From the inside out. A new crate needs a line here, so that its place is decided and not drifted into.
const LAYERS: &[Layer] = &[
    pure("bosporus-hub", &[]),
    pure("bosporus-dialect", &["bosporus-hub"]),
    pure(LANGUAGE, &["bosporus-hub", "bosporus-dialect"]),
    pure("bosporus-dialects", &["bosporus-hub", "bosporus-dialect", LANGUAGE]),
    pure("bosporus-pool", &["bosporus-hub"]),
    pure("bosporus-config", &[]),
    pure("bosporus-import", &["bosporus-config"]),
    pure(
        "bosporus-upstreams",
        &["bosporus-hub", "bosporus-dialect", LANGUAGE, "bosporus-dialects", "bosporus-pool", "bosporus-config"],
    ),
    active("bosporus-transport", &[]),
    active(
        "bosporus-gateway",
        &[
            "bosporus-hub",
            "bosporus-dialect",
            "bosporus-dialects",
            "bosporus-pool",
            "bosporus-config",
            "bosporus-upstreams",
            "bosporus-transport",
        ],
    ),
    active("bosporus", &["bosporus-config", "bosporus-import", "bosporus-gateway", "bosporus-transport"]),
    active("bosporus-testkit", &[]),
    pure("xtask", &[]),
    active(
        "bosporus-fuzz",
        &[
            "bosporus-hub",
            "bosporus-dialect",
            "bosporus-dialect-gemini",
            "bosporus-dialects",
            "bosporus-pool",
            "bosporus-config",
            "bosporus-import",
            "bosporus-upstreams",
            "bosporus-gateway",
        ],
    ),
];

/// Runtimes, sockets, HTTP engines and clients: nothing pure may have one below it.
const IO: [&str; 14] = [
    "tokio",
    "hyper",
    "hyper-util",
    "mio",
    "socket2",
    "rustls",
    "tokio-rustls",
    "reqwest",
    "ureq",
    "axum",
    "tower",
    "async-std",
    "smol",
    "futures-executor",
];
/// Only the engine may serve with it.
const ENGINE_ONLY: [&str; 1] = ["axum"];

pub(crate) fn check(metadata: &Metadata, findings: &mut Findings) {
    let members: BTreeSet<&str> = metadata.members().map(|package| package.name.as_str()).collect();
    for package in metadata.members() {
        match LAYERS.iter().find(|layer| names(layer.name, &package.name)) {
            Some(layer) => check_layer(metadata, package, layer, &members, findings),
            None => findings.problem(&package.name, "has no place among the layers (xtask/src/tidy/layers.rs)"),
        }
    }
}

fn check_layer(
    metadata: &Metadata,
    package: &Package,
    layer: &Layer,
    members: &BTreeSet<&str>,
    findings: &mut Findings,
) {
    let direct = metadata.direct(package);
    for used in direct.intersection(members).filter(|used| !layer.may_use.iter().any(|name| names(name, used))) {
        findings.problem(&package.name, format!("may not depend on {used}"));
    }
    for used in direct.iter().filter(|used| ENGINE_ONLY.contains(used) && layer.name != "bosporus-gateway") {
        findings.problem(&package.name, format!("may not depend on {used}, only the engine does"));
    }
    if !layer.does_io {
        for used in metadata.below(package).iter().filter(|used| IO.contains(used)) {
            findings.problem(&package.name, format!("does no I/O, and has {used} below it"));
        }
    }
}

/// Whether a name of the table means a crate: the whole name, or its beginning before a star.
fn names(name: &str, package: &str) -> bool {
    name.strip_suffix('*').map_or(name == package, |beginning| package.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_point_one_way() {
        for (at, layer) in LAYERS.iter().enumerate() {
            for used in layer.may_use {
                let below = LAYERS[..at].iter().any(|earlier| earlier.name == *used);
                assert!(
                    below || layer.name == "bosporus-fuzz",
                    "{} may use {used}, which is not further in",
                    layer.name
                );
            }
        }
    }

    /// The graph that a mistake would make: a pure crate with a runtime far below it, and two dialects in a row.
    fn wrong() -> Metadata {
        let package = |name: &str| serde_json::json!({"id": name, "name": name, "version": "1.0.0", "license": null});
        let node = |name: &str, deps: &[(&str, Option<&str>)]| {
            let deps: Vec<_> =
                deps.iter().map(|(pkg, kind)| serde_json::json!({"pkg": pkg, "dep_kinds": [{"kind": kind}]})).collect();
            serde_json::json!({"id": name, "deps": deps})
        };
        let names = ["bosporus-hub", "bosporus-dialect-anthropic", "bosporus-dialect-openai-chat", "helper", "tokio"];
        serde_json::from_value(serde_json::json!({
            "packages": names.map(package),
            "workspace_members": &names[..3],
            "resolve": {"nodes": [
                node("bosporus-hub", &[("helper", None)]),
                node("helper", &[("tokio", None)]),
                node("bosporus-dialect-anthropic", &[("bosporus-dialect-openai-chat", None), ("tokio", Some("dev"))]),
                node("bosporus-dialect-openai-chat", &[]),
                node("tokio", &[]),
            ]},
        }))
        .unwrap()
    }

    #[test]
    fn both_mistakes_are_found_and_tests_may_use_a_runtime() {
        let mut findings = Findings::default();
        check(&wrong(), &mut findings);
        findings.problems.sort();
        assert_eq!(
            findings.problems,
            [
                "bosporus-dialect-anthropic: may not depend on bosporus-dialect-openai-chat",
                "bosporus-hub: does no I/O, and has tokio below it",
            ]
        );
    }
}
