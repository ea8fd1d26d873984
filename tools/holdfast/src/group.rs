//! The replicas of a group, as the nodes that answer tell of them, and which of them leads.

use std::collections::BTreeMap;

use holdfast_proto::{GroupStatus, StatusResponse};

/// A group: the catalog, or a volume.
pub(crate) struct Group<'a> {
    pub(crate) number: u64,
    pub(crate) name: &'a str,
    /// Each with its node; there is at least one.
    pub(crate) replicas: Vec<(u64, &'a GroupStatus)>,
}

impl<'a> Group<'a> {
    /// All groups, in the order of their numbers.
    pub(crate) fn all(answering: &[&'a StatusResponse]) -> Vec<Group<'a>> {
        let mut groups: BTreeMap<u64, Group<'a>> = BTreeMap::new();
        for status in answering {
            for replica in &status.groups {
                let group = groups.entry(replica.group).or_insert_with(|| Group {
                    number: replica.group,
                    name: &replica.name,
                    replicas: Vec::new(),
                });
                group.replicas.push((status.node, replica));
            }
        }
        groups.into_values().collect()
    }

    /// Who leads: of those who say so the one in the latest term, for whoever was cut off says it still.
    pub(crate) fn leader(&self) -> Option<(u64, &'a GroupStatus)> {
        let replicas = self.replicas.iter().copied();
        let leaders = replicas.filter(|(_, replica)| replica.role == "leader");
        leaders.max_by_key(|(_, replica)| replica.term)
    }

    /// The replica that knows most of the group: its leader, or else that of the latest term.
    pub(crate) fn latest(&self) -> Option<&'a GroupStatus> {
        let latest = || {
            let replicas = self.replicas.iter().copied();
            replicas.max_by_key(|(_, replica)| replica.term)
        };
        let (_, replica) = self.leader().or_else(latest)?;
        Some(replica)
    }
}
