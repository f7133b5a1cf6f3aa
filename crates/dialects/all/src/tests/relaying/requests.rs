//! A relayed request against the same request on its way through the hub.

use std::collections::HashSet;

use bytes::Bytes;
use dialect::{Body, Dialect, ModelTraits, Target, splice};
use hub::{Fault, FaultKind, Losses, Request};

use super::super::matrix::{draw_fault, draw_losses, golden, head, root};
use super::corpus::{self, Sample};
use crate::ALL;

/// What the hub makes of a request: its bytes, what they mean, and what was lost.
struct Way {
    bytes: Bytes,
    meant: Request,
    losses: Losses,
}

fn read(dialect: &Dialect, bytes: Bytes) -> Result<(Request, Losses), Fault> {
    let body = Body::parse(bytes)?;
    let decoded = dialect.client.unwrap().decode_request(&head(dialect), &body)?;
    let (mut request, mut losses) = (decoded.request, decoded.losses);
    hub::mend(&mut request, &mut losses);
    Ok((request, losses))
}

fn relayed(dialect: &Dialect, bytes: &Bytes, target: &Target<'_>) -> Result<Request, Fault> {
    let body = Body::parse(bytes.clone())?;
    let relay = dialect.wire.unwrap().relay(&head(dialect), &body, target);
    let bytes = splice::apply(body.bytes(), body.index(), &relay.edits);
    read(dialect, bytes).map(|(meant, _)| meant)
}

fn translated(dialect: &Dialect, bytes: &Bytes, target: &Target<'_>) -> Result<Way, Fault> {
    let (request, mut losses) = read(dialect, bytes.clone())?;
    let encoded = dialect.wire.unwrap().encode_request(&request, target)?;
    losses.extend(encoded.losses);
    let (meant, _) = read(dialect, encoded.body.clone())?;
    Ok(Way { bytes: encoded.body, meant, losses })
}

/// The lines of one text that the other has not, in order.
fn missing<'a>(from: &'a str, other: &str) -> impl Iterator<Item = &'a str> {
    let known: HashSet<String> = other.lines().map(str::to_owned).collect();
    from.lines().filter(move |line| !known.contains(*line))
}

/// What the way through the hub changes, and what it says of that.
fn differences(relayed: &Request, translated: &Way) -> String {
    let (left, right) = (format!("{relayed:#?}"), format!("{:#?}", translated.meant));
    if left == right {
        return String::new();
    }
    let gone = missing(&left, &right).map(|line| format!("  - {}\n", line.trim()));
    let new = missing(&right, &left).map(|line| format!("  + {}\n", line.trim()));
    gone.chain(new).collect::<String>() + &draw_losses(&translated.losses)
}

#[test]
fn recorded_requests_mean_the_same_on_both_ways() {
    for dialect in ALL.iter().filter(|dialect| dialect.wire.is_some() && dialect.client.is_some()) {
        let mut found = String::new();
        let samples = corpus::requests(dialect.id.0);
        assert!(samples.len() > 7, "{}: {} requests", dialect.id, samples.len());
        for Sample { name, bytes } in samples {
            let told = compared(dialect, &name, &Bytes::from(minified(&bytes)));
            if !told.is_empty() {
                let short = name.rsplit("fixtures/").next().unwrap();
                found += &format!("=== {short}\n{told}");
            }
        }
        golden(&root().join("relaying").join(format!("{}.txt", dialect.id)), &found);
    }
}

/// Compares the two ways of one request; where only the hub refuses it, its words are the difference.
fn compared(dialect: &Dialect, name: &str, bytes: &Bytes) -> String {
    let traits = ModelTraits::default();
    let target = Target { model: "m", stream: false, traits: &traits };
    match (relayed(dialect, bytes, &target), translated(dialect, bytes, &target)) {
        (Ok(left), Ok(right)) => {
            let again = translated(dialect, &right.bytes, &target).unwrap();
            assert_eq!(again.bytes, right.bytes, "{name}: a second way through the hub changes more");
            differences(&left, &right)
        }
        (Ok(_), Err(fault)) => {
            assert_eq!(fault.kind, FaultKind::Unsupported, "{name}");
            draw_fault(&fault)
        }
        (Err(left), Err(right)) => {
            assert_eq!((left.kind, &left.message), (right.kind, &right.message), "{name}");
            String::new()
        }
        (Err(fault), Ok(_)) => panic!("{name}: what the hub wrote is read, what is relayed is not: {fault:?}"),
    }
}

/// JSON without the blanks between its tokens.
fn minified(json: &[u8]) -> Vec<u8> {
    let (mut out, mut inside, mut escaped) = (Vec::with_capacity(json.len()), false, false);
    for byte in json {
        if inside || !byte.is_ascii_whitespace() {
            out.push(*byte);
        }
        inside ^= *byte == b'"' && !escaped;
        escaped = inside && *byte == b'\\' && !escaped;
    }
    out
}
