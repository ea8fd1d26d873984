//! A cluster as people look at it: its nodes, and its groups with their replicas, from what the nodes say.

mod work;

use holdfast_proto::StatusResponse;
use serde::Serialize;

pub(crate) use self::work::{
    DirectoryPicture, LoadPicture, OperationPicture, SessionPicture, directories, operations,
};
use crate::cluster::Heard;
use crate::group::Group;
use crate::standing::Standings;

/// All of it.
#[derive(Debug, Serialize)]
pub(crate) struct Picture {
    pub(crate) nodes: Vec<NodePicture>,
    pub(crate) groups: Vec<GroupPicture>,
}

/// One node.
#[derive(Debug, Serialize)]
pub(crate) struct NodePicture {
    /// Not known of one that never answered and that nobody knows at this address.
    pub(crate) node: Option<u64>,
    pub(crate) address: String,
    /// What it is to the cluster.
    pub(crate) role: String,
    /// Why it does not answer; the rest is not known then.
    pub(crate) error: Option<String>,
    pub(crate) version: String,
    pub(crate) uptime_seconds: u64,
    pub(crate) disk_total: u64,
    pub(crate) disk_available: u64,
    pub(crate) disk_reserve: u64,
    pub(crate) fault: String,
    /// How many groups it leads.
    pub(crate) leads: usize,
}

/// One group: the catalog, or a volume.
#[derive(Debug, Serialize)]
pub(crate) struct GroupPicture {
    pub(crate) group: u64,
    pub(crate) name: String,
    /// Who says that it leads, in the latest term.
    pub(crate) leader: Option<u64>,
    pub(crate) term: u64,
    pub(crate) committed: u64,
    pub(crate) voters: Vec<u64>,
    pub(crate) learners: Vec<u64>,
    pub(crate) sessions: u64,
    pub(crate) replicas: Vec<ReplicaPicture>,
}

/// A group on one node.
#[derive(Debug, Serialize)]
pub(crate) struct ReplicaPicture {
    pub(crate) node: u64,
    /// `silent` of a node that does not answer.
    pub(crate) role: String,
    pub(crate) applied: Option<u64>,
    /// Entries that its leader has and it does not, as the leader says.
    pub(crate) lag: Option<u64>,
    pub(crate) fault: String,
}

impl Picture {
    pub(crate) fn new(heard: &[Heard]) -> Picture {
        let answering: Vec<&StatusResponse> = heard
            .iter()
            .filter_map(|one| one.status.as_ref().ok())
            .collect();
        let standings = Standings::new(&answering);
        let nodes = heard.iter().map(|one| node(one, &standings));
        let groups = Group::all(&answering);
        let groups = groups.iter().filter_map(|one| group(one, &standings));
        Picture {
            nodes: nodes.collect(),
            groups: groups.collect(),
        }
    }

    /// What a group is called.
    pub(crate) fn group_name(&self, group: u64) -> &str {
        let mut groups = self.groups.iter();
        let found = groups.find(|one| one.group == group);
        found.map_or("?", |found| &found.name)
    }
}

fn node(heard: &Heard, standings: &Standings<'_>) -> NodePicture {
    let known = standings.nodes().into_iter();
    let mut at_address = known.filter(|(_, address)| *address == heard.address);
    let silent = StatusResponse {
        node: at_address.next().map_or(0, |(id, _)| id),
        ..StatusResponse::default()
    };
    let status = heard.status.as_ref().unwrap_or(&silent);
    let space = status.space.unwrap_or_default();
    let leads = status.groups.iter().filter(|group| group.role == "leader");
    NodePicture {
        node: (status.node != 0).then_some(status.node),
        address: heard.address.clone(),
        role: standings.of(status.node).word().to_owned(),
        error: heard.status.as_ref().err().cloned(),
        version: status.version.clone(),
        uptime_seconds: status.uptime_seconds,
        disk_total: space.total,
        disk_available: space.available,
        disk_reserve: space.reserve,
        fault: status.fault.clone(),
        leads: leads.count(),
    }
}

fn group(group: &Group<'_>, standings: &Standings<'_>) -> Option<GroupPicture> {
    let says = group.latest()?;
    let (leader, replicas) = (group.leader(), &group.replicas);
    let lag = |node: u64| {
        let (id, leader) = leader?;
        if id == node {
            return Some(0);
        }
        let peer = leader.peers.iter().find(|peer| peer.node == node)?;
        Some(leader.last_log_index.saturating_sub(peer.matched_index))
    };
    let mut pictures: Vec<ReplicaPicture> = replicas
        .iter()
        .map(|(node, replica)| ReplicaPicture {
            node: *node,
            role: standings.role(*node, replica).to_owned(),
            applied: Some(replica.applied_index),
            lag: lag(*node),
            fault: replica.fault.clone(),
        })
        .collect();
    let members = says.voters.iter().chain(&says.learners);
    let silent = members.filter(|id| replicas.iter().all(|(node, _)| node != *id));
    pictures.extend(silent.map(|id| ReplicaPicture {
        node: *id,
        role: "silent".to_owned(),
        applied: None,
        lag: lag(*id),
        fault: String::new(),
    }));
    pictures.sort_by_key(|replica| replica.node);
    Some(GroupPicture {
        group: group.number,
        name: group.name.to_owned(),
        leader: leader.map(|(node, _)| node),
        term: says.term,
        committed: says.committed_index,
        voters: says.voters.clone(),
        learners: says.learners.clone(),
        sessions: says.sessions,
        replicas: pictures,
    })
}

#[cfg(test)]
mod tests {
    use holdfast_proto::{GroupStatus, NodeRole, NodeStatus, PeerProgress};

    use super::*;

    fn says(node: u64, role: &str, term: u64) -> StatusResponse {
        let is_leader = role == "leader";
        let peer = |node, matched_index| PeerProgress {
            node,
            matched_index,
            silent_milliseconds: 0,
        };
        let record = |id| NodeStatus {
            id,
            address: format!("node{id}:1"),
            role: NodeRole::Voter.into(),
        };
        StatusResponse {
            node,
            groups: vec![GroupStatus {
                name: "catalog".to_owned(),
                role: role.to_owned(),
                term,
                last_log_index: 50,
                applied_index: 45,
                voters: vec![1, 2, 3],
                peers: if is_leader {
                    vec![peer(2, 48), peer(3, 10)]
                } else {
                    Vec::new()
                },
                ..GroupStatus::default()
            }],
            nodes: (1..=3).map(record).collect(),
            ..StatusResponse::default()
        }
    }

    fn heard(id: u64, status: Result<StatusResponse, String>) -> Heard {
        Heard {
            address: format!("node{id}:1"),
            status,
        }
    }

    #[test]
    fn a_replica_on_a_silent_node_is_in_the_picture_with_what_its_leader_says() {
        let all = [
            heard(1, Ok(says(1, "leader", 4))),
            heard(2, Ok(says(2, "follower", 4))),
            heard(3, Err("gone".to_owned())),
        ];
        let picture = Picture::new(&all);
        assert_eq!(picture.nodes[2].node, Some(3));
        assert_eq!(picture.nodes[2].error.as_deref(), Some("gone"));
        assert_eq!(picture.nodes[0].leads, 1);
        let group = &picture.groups[0];
        assert_eq!(group.leader, Some(1));
        let replicas = group.replicas.iter();
        let replicas: Vec<_> = replicas
            .map(|one| (one.node, one.role.as_str(), one.lag))
            .collect();
        assert_eq!(
            replicas,
            [
                (1, "leader", Some(0)),
                (2, "follower", Some(2)),
                (3, "silent", Some(40))
            ]
        );
    }

    #[test]
    fn who_led_in_an_earlier_term_does_not_lead() {
        let all = [
            heard(1, Ok(says(1, "leader", 4))),
            heard(2, Ok(says(2, "leader", 5))),
        ];
        assert_eq!(Picture::new(&all).groups[0].leader, Some(2));
    }

    #[test]
    fn without_a_leader_nobody_knows_who_is_behind() {
        let all = [heard(2, Ok(says(2, "follower", 4)))];
        let picture = Picture::new(&all);
        assert_eq!(picture.groups[0].leader, None);
        assert!(
            picture.groups[0]
                .replicas
                .iter()
                .all(|one| one.lag.is_none())
        );
    }
}
