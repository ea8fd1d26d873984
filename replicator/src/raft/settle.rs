//! How a node comes to its cluster: it has one, joins one or makes one.

use std::collections::BTreeMap;

use bytes::Bytes;
use holdfast_metadata::catalog::{CatalogCommand, NodeRole, ReplicationMode};
use holdfast_proto::JoinRequest;
use holdfast_proto::identity::Identity;

use super::admin_service::create_volume;
use super::announce;
use super::catalog_client::{CatalogClient, CatalogRefusal};
use super::network::Peers;
use super::node_directory::{NodeDirectory, NodeFile, random_id};
use super::node_error::NodeError;
use super::options::{NodeOptions, Start};
use super::registry::Registry;
use super::type_config::Peer;
use crate::fault_point::{FaultPoint, reach};
use crate::refusal::Refusal;

/// The volume that a new cluster has.
pub const FIRST_VOLUME: &str = "default";

/// Finds out which cluster the node belongs to, and notes it.
pub(super) async fn settle(
    directory: &mut NodeDirectory,
    options: &NodeOptions,
) -> Result<[u8; 16], NodeError> {
    if let Some(cluster) = directory.file.and_then(|file| file.cluster) {
        return Ok(cluster);
    }
    let random = || random_id().map_err(|error| NodeError::io(&options.data, error));
    let mut file = match directory.file {
        Some(file) => file,
        None => NodeFile {
            node: options.id,
            cluster: None,
            incarnation: random()?,
        },
    };
    match &options.start {
        Start::Existing => return Err(NodeError::Empty(directory.path().to_owned())),
        Start::Bootstrap => {
            // Before the cluster has a name: what is there without this was made, or joined, long ago.
            directory.begin_bootstrap()?;
            reach(FaultPoint::BootstrapBegun);
            file.cluster = Some(random()?);
        }
        Start::Join {
            addresses,
            as_learner,
        } => {
            // Before it asks: asking again after a crash must come from the same node.
            directory.write(file)?;
            reach(FaultPoint::JoinUnasked);
            let request = JoinRequest {
                id: options.id,
                address: options.advertise.clone(),
                incarnation: Bytes::copy_from_slice(&file.incarnation),
                as_learner: *as_learner,
            };
            file.cluster = Some(announce::join(addresses, request, options).await?);
            reach(FaultPoint::JoinUnnoted);
        }
    }
    directory.write(file)?;
    file.cluster
        .ok_or_else(|| NodeError::Empty(directory.path().to_owned()))
}

/// What a new cluster begins with; each step can be repeated after a crash.
pub(super) async fn bootstrap(
    registry: &Registry,
    file: Option<NodeFile>,
    options: &NodeOptions,
    identity: &Identity,
) -> Result<(), NodeError> {
    let catalog = registry.catalog().map_err(failed)?;
    let peer = Peer {
        address: options.advertise.clone(),
    };
    let first = BTreeMap::from([(options.id, peer)]);
    // It is refused when the group has begun already, and then there is nothing to do.
    let _begun = catalog.raft().initialize(first).await.err();
    reach(FaultPoint::BootstrapInitialized);
    let incarnation = file.map_or([0; 16], |file| file.incarnation);
    let peers = Peers::new(identity.clone(), options.tls.clone());
    let client = CatalogClient::new(registry.clone(), peers, identity.clone());
    let id = options.id;
    let address = options.advertise.clone();
    let commands = [
        CatalogCommand::CreateCluster {
            cluster_id: identity.cluster.unwrap_or_default(),
        },
        CatalogCommand::AddNode {
            id,
            address,
            incarnation,
        },
        CatalogCommand::SetNodeRole {
            id,
            role: NodeRole::Voter,
        },
    ];
    let refused = |refusal| match refusal {
        CatalogRefusal::Refused(reason) => NodeError::Options(reason),
        CatalogRefusal::Unavailable(refusal) => failed(refusal),
    };
    for command in commands {
        client.change(command).await.map_err(refused)?;
    }
    // Only now the state has all that was committed before a crash.
    let state = registry.catalog_state().map_err(failed)?;
    if state.volumes.is_empty() {
        reach(FaultPoint::BootstrapWithoutVolume);
        let volume = create_volume(FIRST_VOLUME.to_owned(), ReplicationMode::Quorum, false)
            .map_err(|error| NodeError::io(&options.data, error))?;
        client.change(volume).await.map_err(refused)?;
    }
    Ok(())
}

pub(super) fn failed(refusal: Refusal) -> NodeError {
    match refusal {
        Refusal::Fault(fault) => NodeError::Fault(fault),
        other => NodeError::Options(other.to_string()),
    }
}
