//! stub
pub(crate) fn decode(_: &dialect::Body) -> Result<dialect::Decoded, hub::Fault> {
    Err(hub::Fault::new(hub::FaultKind::Internal, "not built yet"))
}
