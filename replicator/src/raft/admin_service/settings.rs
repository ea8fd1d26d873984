//! What an operator says of a volume, to the node that leads it.

use holdfast_metadata::PosixError;
use holdfast_proto::{SetTrashRequest, SetTrashResponse, ShowVolumeResponse};
use tonic::Status;

use crate::raft::machine::Machine;
use crate::raft::registry::Registry;
use crate::raft::volume_service::{find_volume, refused};

/// As of now.
pub(super) async fn show(registry: &Registry, name: &str) -> Result<ShowVolumeResponse, Status> {
    let volume = find_volume(registry, name)?;
    let machine = volume.group().read().await.map_err(refused)?;
    let trash = match machine.as_ref() {
        Machine::Volume(machine) => machine.trash(),
        Machine::Catalog(_) => None,
    };
    Ok(ShowVolumeResponse {
        trash_seconds: trash.map(|trash| trash.keep_seconds),
    })
}

/// For how long what is removed is kept from now on.
pub(super) async fn set_trash(
    registry: &Registry,
    asked: SetTrashRequest,
) -> Result<SetTrashResponse, Status> {
    let SetTrashRequest {
        name,
        trash_seconds,
    } = asked;
    let volume = find_volume(registry, &name)?;
    match volume.set_trash(trash_seconds).await.map_err(refused)? {
        Ok(_) => Ok(SetTrashResponse {}),
        Err(PosixError::Exists) => Err(Status::failed_precondition(format!(
            "/.trash of volume {name:?} is something else than a directory of root: rename it, or chown it to root, and try again"
        ))),
        Err(PosixError::NotPermitted) => Err(Status::failed_precondition(format!(
            "volume {name:?} is being loaded, or chattr forbids to change its root directory"
        ))),
        Err(error) => Err(Status::internal(error.to_string())),
    }
}
