//! stub
pub(crate) fn encode(_: &hub::Request, _: &dialect::Target<'_>) -> Result<dialect::Encoded, hub::Fault> {
    Err(hub::Fault::new(hub::FaultKind::Internal, "not built yet"))
}
