//! stub
pub(crate) fn encode(_: &hub::Response, _: &dialect::Reply) -> bytes::Bytes {
    bytes::Bytes::new()
}
pub(crate) fn decode(_: &[u8], _: &dialect::Memo) -> Result<hub::Response, hub::Fault> {
    Err(hub::Fault::new(hub::FaultKind::Internal, "not built yet"))
}
