//! Whole answers: read through the stream decoder and written through the stream encoder, so that both ways give the
//! same.

use bytes::{Bytes, BytesMut};
use dialect::{Memo, Reply, StreamEncoder as _};
use hub::{Assembler, Event, Fault, Part, Response, StopReason, replay};

use crate::stream_decode::Decoder;
use crate::stream_encode::Encoder;
use crate::wire::Answer;
use crate::{fault, summary};

/// Reads a whole answer.
pub(crate) fn decode(body: &[u8], memo: &Memo) -> Result<Response, Fault> {
    let answer = parse(body)?;
    let mut events = Vec::with_capacity(8);
    Decoder::new(memo.clone()).whole(&answer, &mut events)?;
    // The body is bounded where it is read; what it decodes to is not longer.
    let mut assembler = Assembler::new(usize::MAX);
    events.into_iter().try_for_each(|event| assembler.push(event))?;
    assembler.finish()
}

/// Reads the response object; an error in its place is a fault.
pub(crate) fn parse(body: &[u8]) -> Result<Answer<'_>, Fault> {
    let answer: Answer<'_> = dialect::read::json(body)
        .map_err(|error| Fault::garbled(format!("the upstream's answer is not a response: {error}")))?;
    if let Some(error) = answer.error {
        return Err(fault::in_stream(error.get()));
    }
    if answer.output.is_none() && answer.status.is_none() {
        return Err(fault::in_stream(std::str::from_utf8(body).unwrap_or_default()));
    }
    Ok(answer)
}

/// The events of an answer that is a summary; without any words it ends as what cannot be used.
fn summarised(response: &Response, seed: u64, events: &mut Vec<Event>) {
    let words = summary::words(&response.parts);
    let stop = if words.is_some() { StopReason::End } else { StopReason::MalformedCall };
    let parts = words.map(|text| Part::Foreign(summary::block(&text, &response.stop, seed))).into_iter().collect();
    replay(Response { parts, stop: stop.into(), ..response.clone() }, events);
}

/// Writes a whole answer.
pub(crate) fn encode(response: &Response, reply: &Reply) -> Bytes {
    let mut encoder = Encoder::new(reply.clone(), true);
    let mut events = Vec::with_capacity(8);
    match reply.echo.summary {
        true => summarised(response, reply.seed, &mut events),
        false => replay(response.clone(), &mut events),
    }
    let mut out = BytesMut::with_capacity(1_024);
    for event in &events {
        match event {
            Event::Stop(stop) => {
                let outcome = encoder.settle(stop, &mut out);
                encoder.object(&outcome, &mut out);
            }
            event => encoder.push(event, &mut out),
        }
    }
    out.freeze()
}
