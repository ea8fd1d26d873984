//! What services about volumes have in common.

use tonic::Status;

use super::registry::Registry;
use super::volume::Volume;
use crate::refusal::Refusal;

/// The volume of this name, if it is on this node.
pub(super) fn find_volume(registry: &Registry, name: &str) -> Result<Volume, Status> {
    let state = registry.catalog_state().map_err(refused)?;
    let record = state.volumes.iter().find(|record| record.name == name);
    let record = record.ok_or_else(|| Status::not_found(format!("there is no volume {name:?}")))?;
    let volume = registry.volume(record.id);
    volume.ok_or_else(|| refused(registry.missing(record.id)))
}

/// Whoever asks tries the next node, if that may help.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it is the end of an error, as map_err wants it"
)]
pub(super) fn refused(refusal: Refusal) -> Status {
    let message = refusal.to_string();
    match refusal {
        Refusal::NoSuchVolume => Status::not_found(message),
        Refusal::Malformed { .. } => Status::invalid_argument(message),
        Refusal::NotLeader { .. }
        | Refusal::Unavailable { .. }
        | Refusal::Overloaded
        | Refusal::OutcomeUnknown
        | Refusal::Fault(_) => Status::unavailable(message),
    }
}
