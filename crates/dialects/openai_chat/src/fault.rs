//! Errors of Chat Completions: in the shape that OpenAI's languages share, and with a tail of their own in a stream.

use bytes::BytesMut;
use dialect::openai::fault;
use hub::{Fault, RawFault};

pub(crate) use dialect::openai::fault::{render, tells};

/// Writes the error tail of a stream, end mark included: SDKs raise on the first and stop at the second.
pub(crate) fn tail(fault: &Fault, out: &mut BytesMut) {
    out.extend_from_slice(b"data: ");
    fault::write(fault, out);
    out.extend_from_slice(b"\n\ndata: [DONE]\n\n");
}

/// Reads an error answer of a Chat upstream.
pub(crate) fn read(raw: RawFault) -> Fault {
    fault::read(raw, |_, _, _| None)
}

/// Reads an error that came inside a 200: the `error` field of a chunk or a body, or the whole of an error object.
pub(crate) fn in_stream(json: &str) -> Fault {
    fault::in_stream(json, |_, _, _| None)
}
