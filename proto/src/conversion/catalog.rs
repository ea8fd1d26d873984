//! Commands of the catalog.

use bytes::Bytes;
use holdfast_metadata::Format;
use holdfast_metadata::catalog::CatalogCommand;
use prost::Message;

use super::values::{
    decode_mode, decode_replication, decode_role, decode_time, encode_mode, encode_replication,
    encode_role,
};
use crate::generated as wire;
use crate::generated::catalog_command::Operation;
use crate::malformed::Malformed;

/// The bytes of a command of the catalog.
pub fn encode_catalog_command(command: &CatalogCommand) -> Bytes {
    encode_catalog_message(command).encode_to_vec().into()
}

/// A command of the catalog from its bytes.
pub fn decode_catalog_command(bytes: Bytes) -> Result<CatalogCommand, Malformed> {
    decode_catalog_message(wire::CatalogCommand::decode(bytes)?)
}

/// The message of a command of the catalog, as a part of others.
pub fn encode_catalog_message(command: &CatalogCommand) -> wire::CatalogCommand {
    let operation = match command {
        CatalogCommand::CreateCluster { cluster_id } => {
            Operation::CreateCluster(wire::CreateCluster {
                cluster_id: Bytes::copy_from_slice(cluster_id),
            })
        }
        CatalogCommand::AddNode {
            id,
            address,
            incarnation,
        } => Operation::AddNode(wire::AddNode {
            id: *id,
            address: address.clone(),
            incarnation: Bytes::copy_from_slice(incarnation),
        }),
        CatalogCommand::SetNodeRole { id, role } => Operation::SetNodeRole(wire::SetNodeRole {
            id: *id,
            role: encode_role(*role),
        }),
        CatalogCommand::RemoveNode { id } => Operation::RemoveNode(wire::RemoveNode { id: *id }),
        CatalogCommand::CreateVolume {
            name,
            replication,
            format,
        } => Operation::CreateVolume(wire::CreateVolume {
            name: name.clone(),
            replication: encode_replication(*replication),
            generation: format.generation,
            created_seconds: format.now.seconds,
            created_nanoseconds: format.now.nanoseconds,
            uid: format.uid,
            gid: format.gid,
            mode: encode_mode(format.mode),
            awaits_load: format.awaits_load,
        }),
        CatalogCommand::DeleteVolume { name, request } => {
            let request = request.map_or_else(Bytes::new, |id| Bytes::copy_from_slice(&id));
            Operation::DeleteVolume(wire::DeleteVolume {
                name: name.clone(),
                request,
            })
        }
        CatalogCommand::ForceNewCluster { cluster_id, node } => {
            Operation::ForceNewCluster(wire::ForceNewCluster {
                cluster_id: Bytes::copy_from_slice(cluster_id),
                node: *node,
            })
        }
    };
    wire::CatalogCommand {
        operation: Some(operation),
    }
}

/// A command of the catalog from its message.
pub fn decode_catalog_message(message: wire::CatalogCommand) -> Result<CatalogCommand, Malformed> {
    let operation = message.operation;
    let missing = Malformed::missing("the operation of a command of the catalog");
    Ok(match operation.ok_or(missing)? {
        Operation::CreateCluster(create) => CatalogCommand::CreateCluster {
            cluster_id: decode_16("the id of a cluster", &create.cluster_id)?,
        },
        Operation::AddNode(add) => CatalogCommand::AddNode {
            id: add.id,
            address: add.address,
            incarnation: decode_16("the incarnation of a node", &add.incarnation)?,
        },
        Operation::SetNodeRole(set) => CatalogCommand::SetNodeRole {
            id: set.id,
            role: decode_role(set.role)?,
        },
        Operation::RemoveNode(remove) => CatalogCommand::RemoveNode { id: remove.id },
        Operation::CreateVolume(create) => decode_create_volume(create)?,
        Operation::DeleteVolume(delete) => CatalogCommand::DeleteVolume {
            name: delete.name,
            request: match delete.request.as_ref() {
                [] => None,
                bytes => Some(decode_16("the request of a deletion", bytes)?),
            },
        },
        Operation::ForceNewCluster(force) => CatalogCommand::ForceNewCluster {
            cluster_id: decode_16("the id of a cluster", &force.cluster_id)?,
            node: force.node,
        },
    })
}

fn decode_create_volume(create: wire::CreateVolume) -> Result<CatalogCommand, Malformed> {
    Ok(CatalogCommand::CreateVolume {
        replication: decode_replication(create.replication)?,
        format: Format {
            generation: create.generation,
            now: decode_time(wire::Timestamp {
                seconds: create.created_seconds,
                nanoseconds: create.created_nanoseconds,
            })?,
            uid: create.uid,
            gid: create.gid,
            mode: decode_mode(create.mode)?,
            awaits_load: create.awaits_load,
        },
        name: create.name,
    })
}

fn decode_16(what: &'static str, bytes: &[u8]) -> Result<[u8; 16], Malformed> {
    let length = bytes.len();
    let bytes = bytes.try_into();
    bytes.map_err(|_| Malformed::invalid(what, &format!("{length} bytes long")))
}
