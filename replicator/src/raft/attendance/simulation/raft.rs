//! Who leads, and what of the log is committed: as much of Raft as the sessions rest upon.
//!
//! An entry is in the tail of the node that proposed it until it is committed, in the term in which it was proposed, or lost
//! because another node has committed something else. A node that is elected may have some of what the leader before it
//! had, or what it has itself from when it led earlier.

use holdfast_metadata::Command;

use super::clock::{MILLISECOND, SECOND};
use super::node::Waiter;
use super::world::{Event, NodeStep, World};

/// Who leads in truth.
#[derive(Debug, Default)]
pub(super) struct Raft {
    pub(super) term: u64,
    pub(super) leader: usize,
    /// The leader has committed something in its term.
    is_ready: bool,
    is_commit_due: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) proposal: u64,
    node: usize,
    term: u64,
    command: Command,
}

impl World {
    /// The node is elected, if it can be.
    pub(super) fn elect(&mut self, node: usize) {
        let old = self.raft.leader;
        if self.is_out(node) || !self.has_quorum(node) || (old == node && self.raft.term > 0) {
            return;
        }
        self.raft.term += 1 + self.random.below(2);
        let term = self.raft.term;
        if self.nodes[node].tail.is_empty() || self.random.chance(500) {
            let theirs = self.nodes[old].tail.len();
            let kept = self.random.index(theirs + 1);
            self.nodes[node].tail = self.nodes[old].tail[..kept].to_vec();
        }
        let kept = self.nodes[node].tail.len();
        self.tell(|| format!("node {node} is elected in term {term}, with {kept} entries"));
        self.learn(node, term);
        self.raft.leader = node;
        self.raft.is_ready = false;
        self.nodes[node].leads = Some(term);
        self.nodes[node].is_forked = false;
        // The task that follows may be far behind.
        let late = if self.random.chance(800) { 50 } else { 2000 };
        self.within(late * MILLISECOND, Event::Node(node, NodeStep::Follow));
        for other in (0..self.nodes.len()).filter(|other| *other != node) {
            let late = if self.random.chance(500) { 5 } else { 2000 };
            let from = self.nodes[other].cut_until.max(self.now);
            let delay = self.random.below(late) * MILLISECOND;
            let learn = Event::Node(other, NodeStep::Learn { term });
            self.at(from + delay, learn);
        }
        self.commit_soon();
    }

    /// A node hears of a term.
    pub(super) fn learn(&mut self, node: usize, term: u64) {
        let has_led = self.nodes[node].leads.is_some_and(|led| led < term);
        if !has_led {
            return;
        }
        self.tell(|| format!("node {node} learns that it does not lead: term {term}"));
        self.nodes[node].leads = None;
        let late = if self.random.chance(800) { 50 } else { 2000 };
        self.within(late * MILLISECOND, Event::Node(node, NodeStep::Follow));
        let waiting: Vec<u64> = self.nodes[node].waiting.keys().copied().collect();
        for proposal in waiting {
            self.applied(node, proposal, None);
        }
    }

    /// Adds an entry to the log of a node that believes that it leads.
    pub(super) fn propose(&mut self, node: usize, command: Command, waiter: Waiter) -> u64 {
        let proposal = self.fresh();
        self.tell(|| {
            let request = command.request.map(|id| (id.session.0, id.sequence));
            format!(
                "node {node} proposes {proposal}: {:?} {request:?}",
                command.operation
            )
        });
        self.nodes[node].waiting.insert(proposal, waiter);
        let is_overloaded = self.weather.lost > 0 && self.random.chance(10);
        let leads = self.nodes[node].leads.filter(|_| !is_overloaded);
        let Some(term) = leads else {
            let outcome = None;
            self.at(
                self.now,
                Event::Node(node, NodeStep::Applied { proposal, outcome }),
            );
            return proposal;
        };
        // What another leader has committed since is in the way of all that follows.
        if !self.nodes[node].is_forked {
            self.nodes[node].tail.push(Entry {
                proposal,
                node,
                term,
                command,
            });
        }
        let patience = SECOND + self.random.below(SECOND);
        let give_up = Event::Node(node, NodeStep::GiveUp { proposal });
        self.at(self.now + patience, give_up);
        self.commit_soon();
        proposal
    }

    /// A leader that hears nothing of the others does not wait for ever; the entry stays in its log.
    pub(super) fn give_up(&mut self, node: usize, proposal: u64) {
        if !self.nodes[node].waiting.contains_key(&proposal) {
            return;
        }
        if self.has_quorum(node) {
            let event = Event::Node(node, NodeStep::GiveUp { proposal });
            return self.at(self.now + SECOND, event);
        }
        self.tell(|| format!("node {node} gives up to wait for {proposal}"));
        self.applied(node, proposal, None);
    }

    pub(super) fn commit(&mut self) {
        self.raft.is_commit_due = false;
        let leader = self.raft.leader;
        let knows = self.nodes[leader].leads == Some(self.raft.term);
        if !knows || self.nodes[leader].frozen_until > self.now || !self.has_quorum(leader) {
            return self.commit_soon();
        }
        self.raft.is_ready = true;
        let tail = std::mem::take(&mut self.nodes[leader].tail);
        for (place, node) in self.nodes.iter_mut().enumerate() {
            node.tail.clear();
            node.is_forked = place != leader;
        }
        for Entry {
            proposal,
            node,
            term,
            command,
        } in tail
        {
            let done = self.cluster.apply(command.clone(), term);
            let outcome = done.outcome;
            self.tell(|| {
                format!(
                    "committed {proposal} of term {term}: {outcome:?} {:?}",
                    done.news
                )
            });
            for broken in done.broken {
                self.fail(broken);
            }
            self.check_applied(&command, &done.news);
            // A node that does not lead any more is told what became of its entry, or that nobody knows.
            let outcome = (node == leader).then_some(outcome);
            let applied = Event::Node(node, NodeStep::Applied { proposal, outcome });
            self.within(5 * MILLISECOND, applied);
        }
        for node in 0..self.nodes.len() {
            self.within(20 * MILLISECOND, Event::Node(node, NodeStep::Note));
        }
    }

    pub(super) fn commit_soon(&mut self) {
        let leader = &self.nodes[self.raft.leader];
        let has_work = !self.raft.is_ready || !leader.tail.is_empty();
        if has_work && !self.raft.is_commit_due {
            self.raft.is_commit_due = true;
            let delay = MILLISECOND + self.random.below(10 * MILLISECOND);
            self.at(self.now + delay, Event::Commit);
        }
    }

    /// Whether the others would say now that the node leads; nothing while they cannot say anything.
    pub(super) fn confirms(&self, node: usize) -> Option<bool> {
        if !self.has_quorum(node) {
            return None;
        }
        if self.raft.leader != node || self.nodes[node].leads != Some(self.raft.term) {
            return Some(false);
        }
        self.raft.is_ready.then_some(true)
    }

    /// Frozen, or cut off from the other nodes.
    pub(super) fn is_out(&self, node: usize) -> bool {
        let node = &self.nodes[node];
        node.frozen_until > self.now || node.cut_until > self.now
    }

    /// Whether the node reaches enough of the others.
    pub(super) fn has_quorum(&self, node: usize) -> bool {
        if self.nodes.len() == 1 {
            return true;
        }
        let others = (0..self.nodes.len()).filter(|other| *other != node && !self.is_out(*other));
        self.nodes[node].cut_until <= self.now && others.count() >= self.nodes.len() / 2
    }
}
