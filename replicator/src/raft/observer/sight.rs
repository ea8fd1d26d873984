//! What a node sees of its cluster, and what is new since it last looked.

use std::collections::BTreeMap;

use holdfast_proto::{NodeRole, StatusResponse};

/// What can change.
#[derive(Debug, Default)]
pub(super) struct Sight {
    groups: BTreeMap<u64, GroupSight>,
    volumes: BTreeMap<u64, String>,
    nodes: BTreeMap<u64, (String, NodeRole)>,
}

#[derive(Debug)]
struct GroupSight {
    name: String,
    leader: u64,
    term: u64,
    voters: Vec<u64>,
    learners: Vec<u64>,
}

/// A kind, and a line.
type News = (&'static str, String);

impl Sight {
    pub(super) fn of(own: &StatusResponse) -> Sight {
        let groups = own.groups.iter().map(|group| {
            let sight = GroupSight {
                name: group.name.clone(),
                leader: group.leader,
                term: group.term,
                voters: group.voters.clone(),
                learners: group.learners.clone(),
            };
            (group.group, sight)
        });
        let volumes = own.volumes.iter();
        let nodes = own.nodes.iter();
        Sight {
            groups: groups.collect(),
            volumes: volumes.map(|one| (one.volume, one.name.clone())).collect(),
            nodes: nodes
                .map(|one| (one.id, (one.address.clone(), one.role())))
                .collect(),
        }
    }

    /// What happened between two looks, as far as both show it.
    pub(super) fn news_since(&self, before: &Sight) -> Vec<News> {
        let mut news = Vec::new();
        news.extend(self.news_of_nodes(before));
        news.extend(self.news_of_volumes(before));
        for (id, group) in &self.groups {
            if let Some(before) = before.groups.get(id) {
                news.extend(group.news_since(before));
            }
        }
        news
    }

    fn news_of_nodes(&self, before: &Sight) -> Vec<News> {
        let mut news = Vec::new();
        for (id, (address, role)) in &self.nodes {
            match before.nodes.get(id) {
                None => news.push(format!("node {id} has joined at {address}")),
                Some((old, _)) if old != address => {
                    news.push(format!("node {id} has moved to {address}"));
                }
                Some((_, old)) if old != role && *role == NodeRole::Voter => {
                    news.push(format!("node {id} is to vote"));
                }
                Some(_) => {}
            }
        }
        let gone = before.nodes.keys();
        let gone = gone.filter(|id| !self.nodes.contains_key(id));
        news.extend(gone.map(|id| format!("node {id} was removed")));
        news.into_iter().map(|text| ("node", text)).collect()
    }

    fn news_of_volumes(&self, before: &Sight) -> Vec<News> {
        let new = |(id, _): &(&u64, &String)| !before.volumes.contains_key(id);
        let gone = |(id, _): &(&u64, &String)| !self.volumes.contains_key(id);
        let made = self.volumes.iter().filter(new);
        let made = made.map(|(_, name)| format!("volume {name} was made"));
        let deleted = before.volumes.iter().filter(gone);
        let deleted = deleted.map(|(_, name)| format!("volume {name} was deleted"));
        made.chain(deleted).map(|text| ("volume", text)).collect()
    }
}

impl GroupSight {
    fn news_since(&self, before: &GroupSight) -> Vec<News> {
        let mut news = Vec::new();
        let GroupSight { name, leader, .. } = self;
        // A leader that was elected again is a change, too: its term says so.
        let is_elected = (leader, self.term) != (&before.leader, before.term);
        if *leader == 0 && before.leader != 0 {
            news.push(("leader", format!("{name}: nobody leads")));
        } else if *leader != 0 && is_elected {
            let text = format!("{name}: node {leader} leads, term {}", self.term);
            news.push(("leader", text));
        }
        if (&self.voters, &self.learners) != (&before.voters, &before.learners) {
            let learners = if self.learners.is_empty() {
                String::new()
            } else {
                format!(", learning: {}", list(&self.learners))
            };
            let text = format!("{name}: voting: {}{learners}", list(&self.voters));
            news.push(("members", text));
        }
        news
    }
}

fn list(ids: &[u64]) -> String {
    let ids: Vec<String> = ids.iter().map(u64::to_string).collect();
    ids.join(" ")
}

#[cfg(test)]
mod tests {
    use holdfast_proto::{GroupStatus, NodeStatus, VolumeStatus};

    use super::*;

    fn sees(leader: u64, term: u64, voters: &[u64], learners: &[u64]) -> StatusResponse {
        StatusResponse {
            groups: vec![GroupStatus {
                group: 1,
                name: "home".to_owned(),
                leader,
                term,
                voters: voters.to_vec(),
                learners: learners.to_vec(),
                ..GroupStatus::default()
            }],
            ..StatusResponse::default()
        }
    }

    fn news(before: &StatusResponse, now: &StatusResponse) -> Vec<String> {
        let news = Sight::of(now).news_since(&Sight::of(before));
        news.into_iter()
            .map(|(kind, text)| format!("{kind}: {text}"))
            .collect()
    }

    #[test]
    fn who_leads_is_news_and_so_is_that_nobody_does() {
        let first = sees(1, 3, &[1, 2, 3], &[]);
        let nobody = sees(0, 4, &[1, 2, 3], &[]);
        let second = sees(2, 4, &[1, 2, 3], &[]);
        assert_eq!(news(&first, &first), [""; 0]);
        assert_eq!(news(&first, &nobody), ["leader: home: nobody leads"]);
        assert_eq!(
            news(&nobody, &second),
            ["leader: home: node 2 leads, term 4"]
        );
        assert_eq!(
            news(&first, &second),
            ["leader: home: node 2 leads, term 4"]
        );
        assert_eq!(
            news(&first, &sees(1, 5, &[1, 2, 3], &[])),
            ["leader: home: node 1 leads, term 5"]
        );
    }

    #[test]
    fn who_votes_and_who_learns_is_news() {
        let before = sees(1, 3, &[1, 2, 3], &[]);
        let now = sees(1, 3, &[1, 2, 3], &[4]);
        assert_eq!(
            news(&before, &now),
            ["members: home: voting: 1 2 3, learning: 4"]
        );
        assert_eq!(news(&now, &before), ["members: home: voting: 1 2 3"]);
    }

    #[test]
    fn nodes_and_volumes_that_come_and_go_are_news() {
        let node = |id, address: &str, role: NodeRole| NodeStatus {
            id,
            address: address.to_owned(),
            role: role.into(),
        };
        let volume = |volume, name: &str| VolumeStatus {
            name: name.to_owned(),
            volume,
            ..VolumeStatus::default()
        };
        let before = StatusResponse {
            nodes: vec![
                node(1, "a:1", NodeRole::Voter),
                node(2, "b:1", NodeRole::Learner),
                node(3, "c:1", NodeRole::Voter),
            ],
            volumes: vec![volume(1, "default"), volume(2, "home")],
            ..StatusResponse::default()
        };
        let now = StatusResponse {
            nodes: vec![
                node(1, "z:1", NodeRole::Voter),
                node(2, "b:1", NodeRole::Voter),
                node(4, "d:1", NodeRole::Learner),
            ],
            volumes: vec![volume(1, "default"), volume(3, "home")],
            ..StatusResponse::default()
        };
        assert_eq!(
            news(&before, &now),
            [
                "node: node 1 has moved to z:1",
                "node: node 2 is to vote",
                "node: node 4 has joined at d:1",
                "node: node 3 was removed",
                "volume: volume home was made",
                "volume: volume home was deleted",
            ]
        );
    }
}
