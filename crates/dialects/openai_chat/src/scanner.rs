//! stub
#[derive(Debug, Default)]
pub(crate) struct Watch {
    observed: dialect::Observed,
}
impl dialect::Scanner for Watch {
    fn frame(&mut self, _: dialect::Frame<'_>) -> dialect::Signal {
        dialect::Signal::Content
    }
    fn whole(&mut self, _: &[u8]) -> dialect::Signal {
        dialect::Signal::Content
    }
    fn observed(&self) -> &dialect::Observed {
        &self.observed
    }
}
