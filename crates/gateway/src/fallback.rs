//! Where a request may go when nobody on its first route answers: other providers of the same model, then other models.

use hub::{Blame, Fault, FaultKind};

use dialect::ClientSide;

use crate::scope::Scope;
use crate::snapshot::Snapshot;

/// Whether a fault is one that others may do better. A request's own is not.
pub(crate) fn may_help(fault: &Fault) -> bool {
    fault.blame != Blame::Request && fault.kind != FaultKind::Internal
}

/// The further ways, in order: those of the provider that the request is bound to, then those of the model.
pub(crate) fn ways(
    snapshot: &Snapshot,
    client: &dyn ClientSide,
    scope: Scope,
    model: &str,
) -> impl Iterator<Item = (Scope, String)> {
    let (names, config) = (&snapshot.names, &snapshot.config);
    let anywhere = scope.of_every_provider();
    let bound = |id: &str| scope.is_bound_to(names.providers.find(id));
    let providers = config.provider_fallback.iter().filter(|(id, _)| bound(id)).flat_map(|(_, next)| next);
    let elsewhere = providers.filter_map(|id| Some((names.providers.narrow(anywhere, id)?, model.to_owned())));
    let models = config.fallback.iter().filter(|(name, _)| name == model).flat_map(|(_, next)| next);
    let others = models.map(|name| names.read(client, anywhere, name.clone()));
    elsewhere.chain(others).collect::<Vec<_>>().into_iter()
}
