//! What each node is to its cluster: what the catalog wants, and how far the groups have come with it.

use std::collections::BTreeMap;
use std::fmt;

use holdfast_proto::{GroupStatus, NodeRole, StatusResponse};

use crate::group::Group;

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It votes in every group.
    Voter,
    /// It receives everything and is not to vote.
    Learner,
    /// It is to vote, and does not everywhere yet.
    Joining { votes: usize, groups: usize },
    /// It was removed, and some group still has it.
    Leaving,
    /// It was removed, and no group has it any more.
    Removed,
    /// Nobody who answers knows it.
    Unknown,
}

impl Standing {
    /// One word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Standing::Voter => "voter",
            Standing::Learner => "learner",
            Standing::Joining { .. } => "joining",
            Standing::Leaving => "leaving",
            Standing::Removed => "removed",
            Standing::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Standing::Joining { votes, groups } => {
                write!(formatter, "joining (votes in {votes} of {groups} groups)")
            }
            other => formatter.pad(other.word()),
        }
    }
}

/// What the nodes that answer know together.
pub(crate) struct Standings<'a> {
    statuses: &'a [&'a StatusResponse],
    /// Of each group what its leader says; of one without a leader, what the replica of the latest term says.
    groups: BTreeMap<u64, &'a GroupStatus>,
}

impl<'a> Standings<'a> {
    pub(crate) fn new(statuses: &'a [&'a StatusResponse]) -> Standings<'a> {
        let groups = Group::all(statuses).into_iter();
        let groups = groups.filter_map(|group| Some((group.number, group.latest()?)));
        Standings {
            statuses,
            groups: groups.collect(),
        }
    }

    /// All nodes that the cluster has or that some group still has, with their addresses as far as they are known.
    pub(crate) fn nodes(&self) -> BTreeMap<u64, &'a str> {
        let mut nodes = BTreeMap::new();
        let members = self.groups.values();
        for id in members.flat_map(|group| group.voters.iter().chain(&group.learners)) {
            nodes.insert(*id, "");
        }
        if let Some(catalog) = self.catalog() {
            for node in &catalog.nodes {
                nodes.insert(node.id, node.address.as_str());
            }
        }
        nodes
    }

    /// What a node is.
    pub(crate) fn of(&self, node: u64) -> Standing {
        let removed = self.statuses.iter().any(|one| one.removed.contains(&node));
        if removed {
            let held = self.groups.values().any(|group| has(group, node));
            return if held {
                Standing::Leaving
            } else {
                Standing::Removed
            };
        }
        let wanted = self.catalog().and_then(|catalog| {
            let record = catalog.nodes.iter().find(|record| record.id == node)?;
            Some(record.role())
        });
        let groups = self.groups.len();
        let voting = self.groups.values();
        let votes = voting.filter(|group| group.voters.contains(&node)).count();
        match wanted {
            Some(NodeRole::Voter) if votes == groups => Standing::Voter,
            Some(NodeRole::Voter) => Standing::Joining { votes, groups },
            Some(NodeRole::Learner) => Standing::Learner,
            Some(NodeRole::Unspecified) | None => Standing::Unknown,
        }
    }

    /// What a replica is: one that its group does not have any more only does not know it.
    pub(crate) fn role<'b>(&self, node: u64, replica: &'b GroupStatus) -> &'b str {
        let says = self.groups.get(&replica.group);
        let is_out = says.is_some_and(|group| !group.voters.is_empty() && !has(group, node));
        match self.of(node) {
            Standing::Removed | Standing::Leaving if is_out && replica.role != "stopped" => {
                "removed"
            }
            _ => &replica.role,
        }
    }

    /// The node that knows most of the catalog.
    fn catalog(&self) -> Option<&'a StatusResponse> {
        let applied = |status: &&&StatusResponse| {
            let mut groups = status.groups.iter();
            let catalog = groups.find(|group| group.group == 0);
            catalog.map(|group| group.applied_index)
        };
        self.statuses.iter().max_by_key(applied).copied()
    }
}

fn has(group: &GroupStatus, node: u64) -> bool {
    group.voters.contains(&node) || group.learners.contains(&node)
}

#[cfg(test)]
mod tests {
    use holdfast_proto::NodeStatus;

    use super::*;

    fn group(group: u64, role: &str, voters: &[u64], learners: &[u64]) -> GroupStatus {
        GroupStatus {
            group,
            role: role.to_owned(),
            term: 1,
            applied_index: 9,
            voters: voters.to_vec(),
            learners: learners.to_vec(),
            ..GroupStatus::default()
        }
    }

    fn says(node: u64, groups: Vec<GroupStatus>, removed: &[u64]) -> StatusResponse {
        let nodes = (1..=4).filter(|id| !removed.contains(id));
        let record = |id| NodeStatus {
            id,
            address: format!("node{id}:1"),
            role: NodeRole::Voter.into(),
        };
        StatusResponse {
            node,
            groups,
            nodes: nodes.map(record).collect(),
            removed: removed.to_vec(),
            ..StatusResponse::default()
        }
    }

    #[test]
    fn a_node_is_a_voter_when_it_votes_in_every_group() {
        let leads = says(
            1,
            vec![
                group(0, "leader", &[1, 2], &[3]),
                group(1, "leader", &[1, 2, 3], &[]),
            ],
            &[],
        );
        let statuses = [&leads];
        let standings = Standings::new(&statuses);
        assert_eq!(standings.of(1), Standing::Voter);
        let joining = standings.of(3);
        assert_eq!(joining.to_string(), "joining (votes in 1 of 2 groups)");
        assert_eq!(joining.word(), "joining");
        assert_eq!(standings.of(4).word(), "joining");
        assert_eq!(standings.of(9), Standing::Unknown);
        assert_eq!(standings.nodes()[&3], "node3:1");
    }

    #[test]
    fn a_removed_node_leaves_group_by_group_whatever_it_says_itself() {
        let itself = says(3, vec![group(1, "follower", &[1, 2, 3], &[])], &[]);
        let leaving = says(1, vec![group(1, "leader", &[1, 2, 3], &[])], &[3]);
        let statuses = [&itself, &leaving];
        let standings = Standings::new(&statuses);
        assert_eq!(standings.of(3), Standing::Leaving);
        assert_eq!(standings.role(3, &itself.groups[0]), "follower");
        let gone = says(1, vec![group(1, "leader", &[1, 2], &[])], &[3]);
        let statuses = [&itself, &gone];
        let standings = Standings::new(&statuses);
        assert_eq!(standings.of(3), Standing::Removed);
        assert_eq!(standings.role(3, &itself.groups[0]), "removed");
        assert_eq!(standings.role(1, &gone.groups[0]), "leader");
    }
}
