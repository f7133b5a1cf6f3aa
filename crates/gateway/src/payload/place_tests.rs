//! What paths change, and what they leave alone.

use proptest::prelude::*;

use super::*;

fn path_of(text: &str) -> Path {
    Path::parse(text).unwrap()
}

const BODY: &str = r#"{ "model":"m", "tools":[{"type":"a","n":1.0},{"type":"b"}, {"type":"b","deep":{"x":3}}],"o":{"p":{"q":1}}, "e":[], "z":null}"#;

fn set(path: &str, json: &str) -> String {
    super::set(&path_of(path), BODY, json).unwrap_or_else(|| BODY.to_owned())
}

fn removed(path: &str) -> String {
    remove(&path_of(path), BODY).unwrap_or_else(|| BODY.to_owned())
}

fn with(from: &str, to: &str) -> String {
    assert!(BODY.contains(from), "{from}");
    BODY.replacen(from, to, 1)
}

#[test]
fn values_are_set_where_they_stand() {
    assert_eq!(set("model", "\"x\""), with("\"m\"", "\"x\""));
    assert_eq!(set("o.p.q", "2"), with("\"q\":1", "\"q\":2"));
    assert_eq!(set("tools.1.type", "\"c\""), with("{\"type\":\"b\"}", "{\"type\":\"c\"}"));
    assert_eq!(set("tools.#(type==\"a\").n", "2"), with("1.0", "2"));
    assert_eq!(set("tools.#(type==\"b\").m", "2"), with("{\"type\":\"b\"}", "{\"m\":2,\"type\":\"b\"}"));
    assert_eq!(set("tools.#(deep.x>2).type", "1"), with("\"b\",\"deep\"", "1,\"deep\""));
    assert_eq!(set("tools.#(type%\"*a*\").type", "1"), with("\"a\"", "1"));
    assert_eq!(set("z", "{}"), with("null", "{}"));
    assert_eq!(set("z.y", "1"), with("null", "{\"y\":1}"));
}

#[test]
fn places_are_made_on_the_way() {
    assert_eq!(set("new.a.b", "true"), with("{ \"model\"", "{\"new\":{\"a\":{\"b\":true}}, \"model\""));
    assert_eq!(set("o.r", "0"), with("{\"p\"", "{\"r\":0,\"p\""));
    assert_eq!(set("e.-1", "7"), with("[]", "[7]"));
    assert_eq!(set("e.0.k", "7"), with("[]", "[{\"k\":7}]"));
    assert_eq!(set("tools.-1", "7"), with("3}}]", "3}},7]"));
    assert_eq!(set("tools.3", "7"), with("3}}]", "3}},7]"));
    assert_eq!(set("stop.-1", "\"x\""), with("{ \"model\"", "{\"stop\":[\"x\"], \"model\""));
}

#[test]
fn all_that_fit_are_set() {
    let out = set("tools.#(type==\"b\")#.k", "1");
    assert_eq!(out.matches("{\"k\":1,\"type\":\"b\"").count(), 2, "{out}");
    assert_eq!(set("tools.#.k", "1").matches("{\"k\":1,").count(), 3);
}

#[test]
fn a_query_that_nothing_fits_changes_nothing() {
    for path in ["tools.#(type==\"c\").k", "tools.9.k", "model.#.k", "o.-1", "e.#.x", "e.5", "nothing.#(a==1).b"] {
        assert_eq!(super::set(&path_of(path), BODY, "1"), None, "{path}");
    }
    assert_eq!(super::set(&path_of("model"), BODY, "\"m\""), None, "the same is no change");
}

#[test]
fn what_is_removed_takes_its_comma_with_it() {
    assert_eq!(removed("model"), with("\"model\":\"m\", ", ""));
    assert_eq!(removed("z"), with(", \"z\":null", ""));
    assert_eq!(removed("o.p.q"), with("{\"q\":1}", "{}"));
    assert_eq!(removed("tools.0"), with("{\"type\":\"a\",\"n\":1.0},", ""));
    assert_eq!(removed("tools.#(type==\"b\")"), with("{\"type\":\"b\"}, ", ""));
    let both = removed("tools.#(type==\"b\")#");
    assert!(both.contains("\"tools\":[{\"type\":\"a\",\"n\":1.0}],"), "{both}");
    assert_eq!(removed("tools.#.type").matches("type").count(), 0);
    assert_eq!(removed("nothing.at.all"), BODY);
}

#[test]
fn presence_and_values_are_told() {
    let path = path_of;
    assert!(exists(&path("o.p"), BODY) && !exists(&path("z"), BODY) && !exists(&path("o.x"), BODY));
    assert_eq!(values(&path("tools.#.type"), BODY), ["\"a\"", "\"b\"", "\"b\""]);
    assert_eq!(values(&path("a\\.b"), r#"{"a.b":1,"a":{"b":2}}"#), ["1"]);
}

proptest! {
    #[test]
    fn no_path_breaks_a_body(path in "([ab#\\.\\-10\\\\é]|#\\(a==1\\)|#\\(b%\"*\"\\)#|\\.){1,12}", json in "(1|\"x\"|\\[1\\]|\\{\\})") {
        let body = r#"{"a":[{"a":1,"b":"é"},[],{"b":{}}],"b":{"1":[0],"a":2},"é":0}"#;
        if let Ok(path) = Path::parse(&path) {
            for out in [super::set(&path, body, &json), remove(&path, body)].into_iter().flatten() {
                prop_assert!(scan::object(out.as_bytes()).is_ok(), "{}", out);
            }
            if let Some(out) = remove(&path, body) {
                // A first match may give way to a second; what a plain path names is gone.
                if !format!("{path:?}").contains("Where") && !format!("{path:?}").contains("Key(\"1\")") && !format!("{path:?}").contains("Key(\"0\")") && !format!("{path:?}").contains("Append") {
                    prop_assert!(!exists(&path, &out), "{}", out);
                }
            }
        }
    }

    #[test]
    fn what_is_set_is_found(keys in prop::collection::vec("[a-d]", 1..4)) {
        let path = path_of(&keys.join("."));
        let body = r#"{"a":{"b":{"c":1},"d":[]},"c":"x"}"#;
        // A list has no keys.
        prop_assume!(!keys.join(".").starts_with("a.d."));
        let out = super::set(&path, body, "77").unwrap();
        prop_assert_eq!(values(&path, &out), ["77"], "{}", out);
    }
}
