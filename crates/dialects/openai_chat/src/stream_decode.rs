//! stub
#[derive(Debug)]
pub(crate) struct Decoder;
impl Decoder {
    pub(crate) fn new(_: dialect::Memo) -> Self {
        Self
    }
}
impl dialect::StreamDecoder for Decoder {
    fn feed(&mut self, _: dialect::Frame<'_>, _: &mut Vec<hub::Event>) -> Result<(), hub::Fault> {
        Ok(())
    }
    fn end(&mut self, _: &mut Vec<hub::Event>) -> Result<(), hub::Fault> {
        Ok(())
    }
}
