//! The nodes of a cluster as a mount knows them, and how each of them did.

use std::time::{Duration, Instant};

use super::connect_error::{FailureReason, NodeFailure};
use crate::refusal::Endpoint;

/// First those that were given, then those that were learned.
#[derive(Debug)]
pub(super) struct Nodes {
    list: Vec<Node>,
    /// A node that failed is not believed to lead for so long.
    distrust: Duration,
}

#[derive(Debug)]
struct Node {
    address: String,
    is_given: bool,
    failed: Option<(Instant, FailureReason)>,
    says_missing: bool,
}

impl Node {
    fn new(address: &str, is_given: bool) -> Node {
        Node {
            address: address.to_owned(),
            is_given,
            failed: None,
            says_missing: false,
        }
    }
}

impl Nodes {
    pub(super) fn new(given: &[String], distrust: Duration) -> Nodes {
        let mut list: Vec<Node> = Vec::new();
        for address in given {
            if !list.iter().any(|node| node.address == *address) {
                list.push(Node::new(address, true));
            }
        }
        Nodes { list, distrust }
    }

    /// Takes the list that a node sent; those that were given stay, in case the list is wrong.
    pub(super) fn learn(&mut self, nodes: &[Endpoint]) {
        self.list
            .retain(|known| known.is_given || nodes.iter().any(|n| n.address == known.address));
        for node in nodes {
            if !self.list.iter().any(|known| known.address == node.address) {
                self.list.push(Node::new(&node.address, false));
            }
        }
    }

    /// In which order to try them: the one that is said to lead, then those that have not failed, then
    /// those that failed longest ago.
    pub(super) fn order(&self, first: Option<&str>) -> Vec<String> {
        let mut nodes: Vec<&Node> = self.list.iter().collect();
        nodes.sort_by_key(|node| node.failed.as_ref().map(|(when, _)| *when));
        let rest = nodes.into_iter().map(|node| node.address.as_str());
        let rest = rest.filter(|address| Some(*address) != first);
        first.into_iter().chain(rest).map(str::to_owned).collect()
    }

    /// Whether it is worth a try to follow a hint there.
    pub(super) fn is_trusted(&self, address: &str) -> bool {
        let node = self.list.iter().find(|node| node.address == address);
        let failed = node.and_then(|node| node.failed.as_ref());
        failed.is_none_or(|(when, _)| when.elapsed() >= self.distrust)
    }

    /// It did not do, this time.
    pub(super) fn fail(&mut self, failure: NodeFailure) {
        if let Some(node) = self
            .list
            .iter_mut()
            .find(|node| node.address == failure.address)
        {
            node.says_missing = matches!(failure.reason, FailureReason::NoSuchVolume(_));
            node.failed = Some((Instant::now(), failure.reason));
        }
    }

    /// It answered: the volume exists, whatever the others say.
    pub(super) fn succeed(&mut self, address: &str) {
        for node in &mut self.list {
            node.says_missing = false;
            if node.address == address {
                node.failed = None;
            }
        }
    }

    /// Whether the volume is gone for good: one node may know less than the others, most may not.
    pub(super) fn most_miss_the_volume(&self) -> bool {
        let missing = self.list.iter().filter(|node| node.says_missing).count();
        missing * 2 > self.list.len()
    }

    /// For a line of the log.
    pub(super) fn describe(&self, current: Option<&str>) -> String {
        let line = |node: &Node| match &node.failed {
            _ if Some(node.address.as_str()) == current => {
                format!("{}: connected, no answer", node.address)
            }
            Some((_, reason)) => format!("{}: {reason}", node.address),
            None => format!("{}: not tried", node.address),
        };
        let lines: Vec<String> = self.list.iter().map(line).collect();
        lines.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(id: u64, address: &str) -> Endpoint {
        Endpoint {
            id,
            address: address.to_owned(),
        }
    }

    fn failure(address: &str, reason: FailureReason) -> NodeFailure {
        NodeFailure {
            address: address.to_owned(),
            reason,
        }
    }

    fn given() -> Nodes {
        Nodes::new(
            &["a:1".to_owned(), "b:1".to_owned(), "a:1".to_owned()],
            Duration::from_mins(1),
        )
    }

    #[test]
    fn those_that_failed_are_tried_last_and_a_leader_first() {
        let mut nodes = given();
        nodes.learn(&[endpoint(3, "c:1"), endpoint(1, "a:1")]);
        assert_eq!(nodes.order(None), ["a:1", "b:1", "c:1"]);
        nodes.fail(failure("a:1", FailureReason::Refused));
        nodes.fail(failure("b:1", FailureReason::Refused));
        assert_eq!(nodes.order(None), ["c:1", "a:1", "b:1"]);
        assert_eq!(nodes.order(Some("b:1")), ["b:1", "c:1", "a:1"]);
        assert_eq!(nodes.order(Some("d:1")), ["d:1", "c:1", "a:1", "b:1"]);
        nodes.succeed("a:1");
        assert_eq!(nodes.order(None), ["a:1", "c:1", "b:1"]);
    }

    #[test]
    fn a_node_that_left_the_cluster_is_forgotten_unless_it_was_given() {
        let mut nodes = given();
        nodes.learn(&[endpoint(3, "c:1"), endpoint(4, "d:1")]);
        nodes.learn(&[endpoint(4, "d:1")]);
        assert_eq!(nodes.order(None), ["a:1", "b:1", "d:1"]);
    }

    #[test]
    fn a_node_that_just_failed_is_not_believed_to_lead() {
        let mut nodes = given();
        assert!(nodes.is_trusted("a:1") && nodes.is_trusted("unknown:1"));
        nodes.fail(failure("a:1", FailureReason::Refused));
        assert!(!nodes.is_trusted("a:1"));
        nodes.distrust = Duration::ZERO;
        assert!(nodes.is_trusted("a:1"));
    }

    #[test]
    fn a_volume_is_gone_when_most_nodes_say_so_and_none_answers() {
        let missing = || FailureReason::NoSuchVolume("there is no volume".to_owned());
        let mut nodes = given();
        nodes.learn(&[endpoint(3, "c:1")]);
        nodes.fail(failure("a:1", missing()));
        assert!(!nodes.most_miss_the_volume());
        nodes.fail(failure("b:1", missing()));
        assert!(nodes.most_miss_the_volume());
        nodes.succeed("c:1");
        assert!(!nodes.most_miss_the_volume());
    }
}
