//! Puts relayed answers into the envelope that some programs want around them. Nothing inside is touched.

use bytes::{BufMut, Bytes, BytesMut};
use dialect::Envelope;

/// A whole answer in its envelope.
pub(crate) fn whole(envelope: Envelope, body: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(body.len() + envelope.before.len() + envelope.after.len());
    out.put_slice(envelope.before.as_bytes());
    out.put_slice(body);
    out.put_slice(envelope.after.as_bytes());
    out.freeze()
}

/// A server-sent event with its data in the envelope, however many lines that has. An event without a JSON object in
/// its data (comments, end marks) stays as it is.
pub(crate) fn event(envelope: Envelope, event: BytesMut) -> BytesMut {
    let Some((start, end)) = data(&event) else { return event };
    let mut out = BytesMut::with_capacity(event.len() + envelope.before.len() + envelope.after.len());
    out.put_slice(&event[..start]);
    out.put_slice(envelope.before.as_bytes());
    out.put_slice(&event[start..end]);
    out.put_slice(envelope.after.as_bytes());
    out.put_slice(&event[end..]);
    out
}

/// Where the data of an event begins and ends, if it is an object.
fn data(event: &[u8]) -> Option<(usize, usize)> {
    let (mut found, mut at) = (None, 0);
    for line in event.split_inclusive(|byte| *byte == b'\n') {
        if let Some(value) = line.strip_prefix(b"data:") {
            let start = at + line.len() - value.trim_ascii_start().len();
            let end = at + line.trim_ascii_end().len();
            found = Some((found.map_or(start, |(first, _)| first), end.max(start)));
        }
        at += line.len();
    }
    found.filter(|(start, _)| event.get(*start) == Some(&b'{'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AROUND: Envelope = Envelope { before: "{\"response\":", after: "}" };

    #[test]
    fn only_data_is_wrapped() {
        for (from, to) in [
            ("data: {\"a\": 1.10}\n\n", "data: {\"response\":{\"a\": 1.10}}\n\n"),
            ("data:{}\r\n\r\n", "data:{\"response\":{}}\r\n\r\n"),
            (
                "event: x\ndata: {\"a\":\ndata: 1}\nid: 7\n\n",
                "event: x\ndata: {\"response\":{\"a\":\ndata: 1}}\nid: 7\n\n",
            ),
            (": ping\n\n", ": ping\n\n"),
            ("data: [DONE]\n\n", "data: [DONE]\n\n"),
            ("data: {}", "data: {\"response\":{}}"),
            ("data:\n\n", "data:\n\n"),
            ("\n", "\n"),
            ("", ""),
        ] {
            assert_eq!(event(AROUND, BytesMut::from(from)), to, "{from:?}");
        }
        assert_eq!(whole(AROUND, b"{\"a\" : 1}"), "{\"response\":{\"a\" : 1}}");
    }
}
