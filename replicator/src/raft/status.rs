//! What a node says about itself and its groups.

use std::collections::BTreeSet;

use holdfast_metadata::catalog::{CatalogState, NodeRole, ReplicationMode};
use holdfast_metadata::{SessionId, SessionInfo};
use holdfast_proto::{GroupStatus, NodeStatus, PeerProgress, Space, VolumeStatus};
use openraft::async_runtime::WatchReceiver;
use openraft::{Instant, Membership, ServerState};

use super::group::Group;
use super::registry::Registry;
use super::session_service::sessions;
use super::type_config::{GroupId, Peer};

/// The groups of this node that may be told, those that did not start included.
pub(crate) fn groups(
    registry: &Registry,
    state: &CatalogState,
    knows: impl Fn(GroupId) -> bool,
) -> Vec<GroupStatus> {
    let running = registry.groups().into_iter();
    let told = running.filter(|group| knows(group.id()));
    let mut statuses: Vec<GroupStatus> = told.map(|group| of(&group, state)).collect();
    let failed = failed(registry, state).into_iter();
    statuses.extend(failed.filter(|status| knows(GroupId(status.group))));
    statuses
}

/// The same of all, without what mounts do.
pub(crate) fn groups_at_a_glance(registry: &Registry, state: &CatalogState) -> Vec<GroupStatus> {
    let running = registry.groups().into_iter();
    let mut statuses: Vec<GroupStatus> = running.map(|group| replica(&group, state)).collect();
    statuses.extend(failed(registry, state));
    statuses
}

fn failed(registry: &Registry, state: &CatalogState) -> Vec<GroupStatus> {
    let failed = registry
        .failed()
        .into_iter()
        .map(|(id, fault)| GroupStatus {
            group: id.0,
            name: name(id, state),
            role: "stopped".to_owned(),
            fault,
            ..GroupStatus::default()
        });
    failed.collect()
}

fn of(group: &Group, state: &CatalogState) -> GroupStatus {
    let sessions = open_sessions(group);
    let open: BTreeSet<SessionId> = sessions.iter().map(|session| session.session).collect();
    let is_open = |session| open.contains(&session);
    GroupStatus {
        sessions: sessions.len() as u64,
        activity: Some(group.counters().activity.report(is_open)),
        ..replica(group, state)
    }
}

/// What Raft says of it.
fn replica(group: &Group, state: &CatalogState) -> GroupStatus {
    let metrics = group.raft().metrics();
    let metrics = metrics.borrow_watched();
    let index = |id: &Option<super::type_config::LogId>| id.as_ref().map_or(0, |id| id.index);
    let membership = metrics.membership_config.membership();
    let voters = settled_voters(membership);
    let nodes = membership.nodes().map(|(id, _)| *id);
    let others = nodes.filter(|id| !voters.contains(id));
    let progress = metrics.replication.iter().flatten();
    let silent = |id: &u64| {
        let heard = metrics.heartbeat.as_ref()?.get(id)?.as_ref()?;
        Some(heard.elapsed().as_millis() as u64)
    };
    let peers = progress
        .filter(|(id, _)| **id != metrics.id)
        .map(|(id, matched)| PeerProgress {
            node: *id,
            matched_index: index(matched),
            silent_milliseconds: silent(id).unwrap_or(u64::MAX),
        });
    // Raft's own numbers come a moment after what they count, and whoever was answered knows what was applied for it.
    let applied = group.store().on_applied().borrow().0;
    let committed = index(&metrics.cluster_committed).max(applied);
    let fault = metrics.running_state.as_ref().err();
    GroupStatus {
        group: group.id().0,
        name: name(group.id(), state),
        role: match (fault, metrics.state) {
            (Some(_), _) | (None, ServerState::Shutdown) => "stopped",
            (None, ServerState::Leader) => "leader",
            (None, ServerState::Follower) => "follower",
            (None, ServerState::Candidate) => "candidate",
            (None, ServerState::Learner) => "learner",
        }
        .to_owned(),
        leader: metrics.current_leader.unwrap_or(0),
        term: metrics.current_term,
        last_log_index: metrics.last_log_index.unwrap_or(0).max(committed),
        committed_index: committed,
        applied_index: applied,
        snapshot_index: index(&metrics.snapshot),
        purged_index: index(&metrics.purged),
        voters: voters.iter().copied().collect(),
        learners: others.collect(),
        peers: peers.collect(),
        fault: fault.map(ToString::to_string).unwrap_or_default(),
        ..GroupStatus::default()
    }
}

/// Those that vote before and after a change that is under way: whoever has only begun to vote, or has not ended, is not counted on.
fn settled_voters(membership: &Membership<u64, Peer>) -> BTreeSet<u64> {
    let mut configurations = membership.get_joint_config().iter();
    let first = configurations.next().cloned().unwrap_or_default();
    configurations.fold(first, |both, next| &both & next)
}

/// The mounts of a volume, as this replica knows them.
pub(crate) fn open_sessions(group: &Group) -> Vec<SessionInfo> {
    // The catalog has none; what cannot be read is told of elsewhere.
    sessions(&group.store().machine()).unwrap_or_default()
}

pub(crate) fn name(id: GroupId, state: &CatalogState) -> String {
    if id == GroupId::CATALOG {
        return "catalog".to_owned();
    }
    let volume = state.volumes.iter().find(|volume| volume.id == id.0);
    volume.map_or_else(|| id.to_string(), |volume| volume.name.clone())
}

/// The nodes of the cluster.
pub(crate) fn nodes(state: &CatalogState) -> Vec<NodeStatus> {
    let status = |node: &holdfast_metadata::catalog::NodeRecord| NodeStatus {
        id: node.id,
        address: node.address.clone(),
        role: match node.role {
            NodeRole::Learner => holdfast_proto::NodeRole::Learner,
            NodeRole::Voter => holdfast_proto::NodeRole::Voter,
        }
        .into(),
    };
    state.nodes.iter().map(status).collect()
}

/// The volumes of the cluster.
pub(crate) fn volumes(state: &CatalogState) -> Vec<VolumeStatus> {
    let status = |volume: &holdfast_metadata::catalog::VolumeRecord| VolumeStatus {
        name: volume.name.clone(),
        volume: volume.id,
        replication: match volume.replication {
            ReplicationMode::Quorum => holdfast_proto::ReplicationMode::Quorum,
            ReplicationMode::All => holdfast_proto::ReplicationMode::All,
        }
        .into(),
    };
    state.volumes.iter().map(status).collect()
}

/// The space of this node's disk, with the reserve.
pub(crate) fn space(registry: &Registry) -> Space {
    let disk = registry.disk().whole();
    Space {
        total: disk.total,
        available: disk.available,
        reserve: registry.disk().reserve(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_votes_only_before_or_after_a_change_is_not_counted_on() {
        let voters = |configurations: &[&[u64]]| {
            let configurations = configurations
                .iter()
                .map(|ids| ids.iter().copied().collect());
            let nodes: BTreeSet<u64> = (1..=4).collect();
            let membership = Membership::new_with_defaults(configurations.collect(), nodes);
            settled_voters(&membership).into_iter().collect::<Vec<_>>()
        };
        assert_eq!(voters(&[&[1, 2], &[1, 2, 3]]), [1, 2]);
        assert_eq!(voters(&[&[1, 2, 3], &[1, 3]]), [1, 3]);
        assert_eq!(voters(&[&[1, 2, 3]]), [1, 2, 3]);
        assert_eq!(voters(&[]), [0; 0]);
    }
}
