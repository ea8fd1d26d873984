//! Waiting for a state of a cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use holdfast_proto::{GroupStatus, StatusResponse};

use super::{CATALOG, Cluster, SETTLED, VOLUME};
use crate::poll::becomes_true;

impl Cluster {
    /// How the nodes are that run and say so in time.
    pub fn statuses(&self) -> BTreeMap<u64, StatusResponse> {
        let running = self.nodes.iter().filter(|(_, node)| node.is_running());
        let addresses = running.map(|(id, node)| (*id, node.address().to_owned()));
        self.speaker.statuses(&addresses.collect())
    }

    /// How a node is; waits until it says so.
    #[track_caller]
    pub fn status(&self, id: u64) -> StatusResponse {
        let address = self.node(id).address();
        let mut status = None;
        let answered = becomes_true(SETTLED, || {
            status = self.speaker.status(address);
            status.is_some()
        });
        assert!(answered, "node {id} does not say how it is");
        status.unwrap_or_default()
    }

    /// How a replica is, by what its node says.
    pub fn replica(&self, node: u64, group: u64) -> Option<GroupStatus> {
        let status = self.speaker.status(self.node(node).address())?;
        status.groups.into_iter().find(|one| one.group == group)
    }

    /// Who leads the first volume; waits until somebody does.
    #[track_caller]
    pub fn leader(&self) -> u64 {
        self.leader_of(VOLUME)
    }

    /// Who leads a group; waits until somebody does, and all who answer agree.
    #[track_caller]
    pub fn leader_of(&self, group: u64) -> u64 {
        let mut leader = None;
        let mut seen = BTreeMap::new();
        let found = becomes_true(SETTLED, || {
            seen = self.statuses();
            leader = agreed_leader(&seen, group);
            leader.is_some()
        });
        assert!(found, "nobody leads group {group}: {seen:#?}");
        leader.unwrap_or_default()
    }

    /// Waits until every node of the test runs, votes in every group, and knows the leader.
    #[track_caller]
    pub fn wait_settled(&mut self) {
        self.wait_members(&self.ids().into_iter().collect());
    }

    /// Waits until exactly these nodes vote in every group, know the leader, and have applied everything.
    #[track_caller]
    pub fn wait_members(&mut self, members: &BTreeSet<u64>) {
        let mut seen = BTreeMap::new();
        let mut ended = None;
        let settled = becomes_true(SETTLED, || {
            ended = self.nodes.iter_mut().find_map(|(id, node)| {
                let status = node.ended()?;
                Some((*id, status))
            });
            seen = self.statuses();
            ended.is_some() || is_settled(&seen, members)
        });
        if let Some((id, status)) = ended {
            panic!("node {id} has ended: {status}");
        }
        assert!(settled, "the nodes do not agree: {seen:#?}");
    }

    /// Waits until these replicas of a group have applied the same entries, and then compares their states.
    #[track_caller]
    pub fn assert_replicas_agree(&self, group: u64) {
        let mut seen = BTreeMap::new();
        let equal = becomes_true(SETTLED, || {
            seen.clear();
            for (id, node) in self.nodes.iter().filter(|(_, node)| node.is_running()) {
                match self.speaker.digest(node.address(), group) {
                    Ok(digest) => seen.insert(*id, digest),
                    Err(_) => return false,
                };
            }
            check_equal(&seen);
            let indexes: BTreeSet<u64> = seen.values().map(|(index, _)| *index).collect();
            indexes.len() == 1
        });
        assert!(
            equal,
            "group {group}: the replicas do not come to one index: {seen:?}"
        );
    }

    /// As `assert_replicas_agree`, for the catalog and the first volume.
    #[track_caller]
    pub fn assert_all_replicas_agree(&self) {
        self.assert_replicas_agree(CATALOG);
        self.assert_replicas_agree(VOLUME);
    }

    /// Waits until a node has applied what the leader has committed when this is called.
    #[track_caller]
    pub fn wait_caught_up(&self, node: u64) {
        let leader = self.leader();
        let aim = self
            .replica(leader, VOLUME)
            .unwrap_or_default()
            .committed_index;
        let mut seen = None;
        let reached = becomes_true(SETTLED, || {
            seen = self.replica(node, VOLUME);
            seen.as_ref()
                .is_some_and(|replica| replica.applied_index >= aim)
        });
        assert!(reached, "node {node} does not reach {aim}: {seen:#?}");
    }

    /// Waits until a replica is in a state.
    #[track_caller]
    pub fn wait_replica(
        &self,
        what: &str,
        limit: Duration,
        node: u64,
        mut is_there: impl FnMut(&GroupStatus) -> bool,
    ) -> GroupStatus {
        let mut seen = None;
        let reached = becomes_true(limit, || {
            seen = self.replica(node, VOLUME);
            seen.as_ref().is_some_and(&mut is_there)
        });
        assert!(
            reached,
            "not within {limit:?}: {what}: node {node}: {seen:#?}"
        );
        seen.unwrap_or_default()
    }
}

/// Different states after the same entries are wrong at any time.
#[track_caller]
fn check_equal(seen: &BTreeMap<u64, (u64, Vec<u8>)>) {
    for (one, (index, digest)) in seen {
        for (other, (other_index, other_digest)) in seen {
            assert!(
                index != other_index || digest == other_digest,
                "nodes {one} and {other} differ after entry {index}"
            );
        }
    }
}

fn replicas(
    seen: &BTreeMap<u64, StatusResponse>,
    group: u64,
) -> impl Iterator<Item = (u64, &GroupStatus)> {
    seen.iter().filter_map(move |(id, status)| {
        let group = status.groups.iter().find(|one| one.group == group)?;
        Some((*id, group))
    })
}

/// The node that leads, if most nodes that answer follow it in the latest term.
fn agreed_leader(seen: &BTreeMap<u64, StatusResponse>, group: u64) -> Option<u64> {
    let term = replicas(seen, group)
        .map(|(_, replica)| replica.term)
        .max()?;
    let (leader, replica) = replicas(seen, group)
        .find(|(_, replica)| replica.role == "leader" && replica.term == term)?;
    let follows = |replica: &GroupStatus| replica.leader == leader && replica.term == term;
    let following = replicas(seen, group).filter(|(_, replica)| follows(replica));
    (following.count() * 2 > replica.voters.len()).then_some(leader)
}

fn is_settled(seen: &BTreeMap<u64, StatusResponse>, members: &BTreeSet<u64>) -> bool {
    let are_there = members.iter().all(|id| seen.contains_key(id));
    let volumes = seen.values().flat_map(|status| &status.volumes);
    let mut groups: BTreeSet<u64> = volumes.map(|volume| volume.volume).collect();
    groups.extend([CATALOG, VOLUME]);
    are_there
        && groups.iter().all(|group| {
            let leader = agreed_leader(seen, *group);
            let applied = leader.and_then(|leader| {
                let (_, replica) = replicas(seen, *group).find(|(id, _)| *id == leader)?;
                Some(replica.committed_index)
            });
            let settled = |id: &u64| {
                let mut replicas = replicas(seen, *group);
                replicas.any(|(node, replica)| {
                    node == *id
                        && replica.fault.is_empty()
                        && Some(replica.leader) == leader
                        && replica.voters.iter().copied().collect::<BTreeSet<u64>>() == *members
                        && replica.learners.is_empty()
                        && Some(replica.applied_index) >= applied
                })
            };
            leader.is_some() && members.iter().all(settled)
        })
}
