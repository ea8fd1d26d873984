//! What each command of the catalog does: everything is checked first and changed after.

use super::Known;
use super::command::{
    CatalogAnswer, CatalogCommand, CatalogError, CatalogOutcome, NodeRole, ReplicationMode,
};
use super::state::{CatalogState, NodeRecord, VolumeRecord};
use crate::state_machine::Format;

/// Longest name of a volume.
const NAME_BYTES_MAX: usize = 64;
/// Longest address: a name of 253 bytes and a port.
const ADDRESS_BYTES_MAX: usize = 259;

impl Known {
    /// Runs one command; a refused one changes nothing.
    pub(super) fn apply(&mut self, command: &CatalogCommand) -> CatalogOutcome {
        match command {
            CatalogCommand::CreateCluster { cluster_id } => self.create_cluster(*cluster_id),
            CatalogCommand::AddNode {
                id,
                address,
                incarnation,
            } => self.add_node(*id, address, *incarnation),
            CatalogCommand::SetNodeRole { id, role } => self.set_node_role(*id, *role),
            CatalogCommand::RemoveNode { id } => self.remove_node(*id),
            CatalogCommand::CreateVolume {
                name,
                replication,
                format,
            } => self.create_volume(name, *replication, *format),
            CatalogCommand::DeleteVolume { name, request } => self.delete_volume(name, *request),
            CatalogCommand::ForceNewCluster { cluster_id, node } => {
                self.force_new_cluster(*cluster_id, *node)
            }
        }
    }

    fn create_cluster(&mut self, cluster_id: [u8; 16]) -> CatalogOutcome {
        match self.state.cluster_id {
            Some(other) if other != cluster_id => {
                return Err(CatalogError::ClusterExists { cluster_id: other });
            }
            Some(_) => {}
            None => {
                self.record.cluster_id = Some(cluster_id);
                self.state.cluster_id = Some(cluster_id);
            }
        }
        Ok(CatalogAnswer::Done)
    }

    fn add_node(&mut self, id: u64, address: &str, incarnation: [u8; 16]) -> CatalogOutcome {
        self.check_cluster()?;
        if id == 0 {
            return Err(CatalogError::InvalidNodeId { id });
        }
        self.check_not_removed(id)?;
        check_address(address)?;
        let nodes = &mut self.state.nodes;
        if let Some(other) = nodes.iter().find(|node| node.address == address)
            && other.id != id
        {
            return Err(CatalogError::AddressTaken {
                address: address.to_owned(),
                id: other.id,
            });
        }
        match nodes.binary_search_by_key(&id, |node| node.id) {
            Ok(place) => {
                let node = &mut nodes[place];
                if node.incarnation != incarnation {
                    return Err(CatalogError::NodeExists {
                        id,
                        address: node.address.clone(),
                    });
                }
                address.clone_into(&mut node.address);
            }
            Err(place) => nodes.insert(
                place,
                NodeRecord {
                    id,
                    address: address.to_owned(),
                    incarnation,
                    role: NodeRole::Learner,
                },
            ),
        }
        Ok(CatalogAnswer::Done)
    }

    fn set_node_role(&mut self, id: u64, role: NodeRole) -> CatalogOutcome {
        self.check_cluster()?;
        self.check_not_removed(id)?;
        if role == NodeRole::Learner {
            self.check_not_last_voter(id)?;
        }
        let node = self.state.nodes.iter_mut().find(|node| node.id == id);
        node.ok_or(CatalogError::UnknownNode { id })?.role = role;
        Ok(CatalogAnswer::Done)
    }

    fn remove_node(&mut self, id: u64) -> CatalogOutcome {
        self.check_cluster()?;
        let removed = &self.state.removed;
        let Err(place) = removed.binary_search(&id) else {
            // It is asked for again: the first answer got lost.
            return Ok(CatalogAnswer::Done);
        };
        if self.state.node(id).is_none() {
            return Err(CatalogError::UnknownNode { id });
        }
        self.check_not_last_voter(id)?;
        self.state.nodes.retain(|node| node.id != id);
        self.state.removed.insert(place, id);
        Ok(CatalogAnswer::Done)
    }

    fn create_volume(
        &mut self,
        name: &str,
        replication: ReplicationMode,
        format: Format,
    ) -> CatalogOutcome {
        self.check_cluster()?;
        check_name(name)?;
        if let Some(volume) = self.state.volume(name) {
            // The generation is random: whoever has the same proposed this volume.
            let same = volume.format == format && volume.replication == replication;
            return if same {
                Ok(CatalogAnswer::Volume { id: volume.id })
            } else {
                Err(CatalogError::VolumeExists {
                    name: name.to_owned(),
                    id: volume.id,
                })
            };
        }
        let initial_voters: Vec<u64> = self.state.voters().map(|node| node.id).collect();
        if initial_voters.is_empty() {
            return Err(CatalogError::NoVoter);
        }
        let id = self.record.next_volume;
        self.record.next_volume += 1;
        self.state.volumes.push(VolumeRecord {
            id,
            name: name.to_owned(),
            replication,
            format,
            initial_voters,
        });
        Ok(CatalogAnswer::Volume { id })
    }

    fn delete_volume(&mut self, name: &str, request: Option<[u8; 16]>) -> CatalogOutcome {
        self.check_cluster()?;
        check_name(name)?;
        if request.is_some_and(|request| self.deletions.requests.contains(&request)) {
            return Ok(CatalogAnswer::Done);
        }
        let Some(id) = self.state.volume(name).map(|volume| volume.id) else {
            return Err(CatalogError::NoSuchVolume {
                name: name.to_owned(),
            });
        };
        self.state.volumes.retain(|volume| volume.id != id);
        if let Some(request) = request {
            self.deletions.remember(request);
        }
        Ok(CatalogAnswer::Done)
    }

    fn force_new_cluster(&mut self, cluster_id: [u8; 16], id: u64) -> CatalogOutcome {
        self.check_cluster()?;
        self.check_not_removed(id)?;
        let Some(node) = self.state.node(id) else {
            return Err(CatalogError::UnknownNode { id });
        };
        let alone = NodeRecord {
            role: NodeRole::Voter,
            ..node.clone()
        };
        let lost = self.state.nodes.iter().map(|node| node.id);
        let lost = lost.filter(|other| *other != id);
        self.state.removed.extend(lost);
        self.state.removed.sort_unstable();
        self.state.nodes = vec![alone];
        self.record.cluster_id = Some(cluster_id);
        self.state.cluster_id = Some(cluster_id);
        Ok(CatalogAnswer::Done)
    }

    fn check_cluster(&self) -> Result<(), CatalogError> {
        match self.state.cluster_id {
            Some(_) => Ok(()),
            None => Err(CatalogError::NoCluster),
        }
    }

    fn check_not_removed(&self, id: u64) -> Result<(), CatalogError> {
        match self.state.removed.binary_search(&id) {
            Ok(_) => Err(CatalogError::NodeRemoved { id }),
            Err(_) => Ok(()),
        }
    }

    fn check_not_last_voter(&self, id: u64) -> Result<(), CatalogError> {
        let mut voters = self.state.voters();
        match (voters.next(), voters.next()) {
            (Some(only), None) if only.id == id => Err(CatalogError::LastVoter { id }),
            _ => Ok(()),
        }
    }
}

impl CatalogState {
    /// The node with this id.
    pub fn node(&self, id: u64) -> Option<&NodeRecord> {
        self.nodes.iter().find(|node| node.id == id)
    }

    /// The volume with this name.
    pub fn volume(&self, name: &str) -> Option<&VolumeRecord> {
        self.volumes.iter().find(|volume| volume.name == name)
    }

    /// The nodes that vote, in the order of their ids.
    pub fn voters(&self) -> impl Iterator<Item = &NodeRecord> {
        let votes = |node: &&NodeRecord| node.role == NodeRole::Voter;
        self.nodes.iter().filter(votes)
    }
}

fn check_name(name: &str) -> Result<(), CatalogError> {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let allowed = |byte: u8| alphanumeric(byte) || matches!(byte, b'.' | b'_' | b'-');
    let begins_well = name.bytes().next().is_some_and(alphanumeric);
    if begins_well && name.len() <= NAME_BYTES_MAX && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(CatalogError::InvalidName {
        name: name.to_owned(),
    })
}

fn check_address(address: &str) -> Result<(), CatalogError> {
    let well_formed = address.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty()
            && host.bytes().all(|byte| byte.is_ascii_graphic())
            && port.bytes().all(|byte| byte.is_ascii_digit())
            && port.parse::<u16>().is_ok_and(|port| port != 0)
    });
    if well_formed && address.len() <= ADDRESS_BYTES_MAX {
        return Ok(());
    }
    Err(CatalogError::InvalidAddress {
        address: address.to_owned(),
    })
}
