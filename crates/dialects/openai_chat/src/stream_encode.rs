//! stub
#[derive(Debug)]
pub(crate) struct Encoder;
impl Encoder {
    pub(crate) fn new(_: dialect::Reply) -> Self {
        Self
    }
}
impl dialect::StreamEncoder for Encoder {
    fn push(&mut self, _: &hub::Event, _: &mut bytes::BytesMut) {}
    fn fail(&mut self, fault: &hub::Fault, out: &mut bytes::BytesMut) {
        crate::fault::tail(fault, out);
    }
    fn end(&mut self, _: &mut bytes::BytesMut) {}
    fn keep_alive(&mut self, out: &mut bytes::BytesMut) {
        out.extend_from_slice(b": keep-alive\n\n");
    }
}
