//! What a node does for the sessions of the term in which it leads: the steps of `attendance/duty.rs`.

use std::collections::VecDeque;

use holdfast_metadata::{
    Answer as Answered, ExpireSession, InodeId, Operation, Outcome, Reclaim, SessionId,
};

use super::clock::MILLISECOND;
use super::cluster::command;
use super::messages::{Answer, Refused};
use super::node::{Then, Waiter};
use super::world::{Event, LEASE, NodeStep, World};
use crate::raft::attendance::ledger::Ledger;
use crate::raft::attendance::steps;

/// What is still to be done of `decide_now`.
#[derive(Debug)]
pub(super) struct Duties {
    term: u64,
    pub(super) expired: VecDeque<SessionId>,
}

impl World {
    /// Keeps the ledger that of the term in which the node leads.
    pub(super) fn follow(&mut self, node: usize) {
        let known = self.nodes[node].ledger.as_ref().map(Ledger::term);
        let leads = self.nodes[node].leads;
        if self.nodes[node].is_beginning || leads == known {
            return;
        }
        self.nodes[node].ledger = None;
        self.look_all(node);
        if let Some(term) = leads {
            let behind =
                self.cluster.news.len() - self.random.index(5).min(self.cluster.news.len());
            self.nodes[node].noted = self.nodes[node].noted.max(behind);
            self.nodes[node].is_beginning = true;
            self.start_round(node, Then::Begin(term));
        }
    }

    pub(super) fn begin_sessions(&mut self, node: usize, term: u64, orphans: Vec<InodeId>) {
        let sessions = self.cluster.sessions();
        self.tell(|| format!("node {node} begins term {term}: {sessions:?}, orphans {orphans:?}"));
        let now = self.node_clock(node);
        self.nodes[node].ledger = Some(steps::begin(term, LEASE, orphans, &sessions, now));
        self.nodes[node].is_beginning = false;
        self.follow(node);
        self.note(node);
        self.decide_soon(node);
    }

    pub(super) fn note(&mut self, node: usize) {
        let now = self.node_clock(node);
        let node_of = &mut self.nodes[node];
        if node_of.is_beginning || node_of.ledger.is_none() {
            return;
        }
        let last = self.cluster.news.len();
        let until = if self.random.chance(800) {
            last
        } else {
            last.min(node_of.noted + 1)
        };
        let node_of = &mut self.nodes[node];
        while node_of.noted < until {
            let news = self.cluster.news[node_of.noted];
            node_of.noted += 1;
            if let Some(ledger) = &mut node_of.ledger {
                steps::note(ledger, news, now);
            }
        }
        if until < last {
            self.within(50 * MILLISECOND, Event::Node(node, NodeStep::Note));
        }
        self.look_all(node);
        self.decide_soon(node);
    }

    pub(super) fn tick(&mut self, node: usize) {
        self.wake(node);
        let tick = LEASE / steps::TICKS;
        let due = self.nodes[node].clock.after(self.now, tick);
        self.at(due, Event::Node(node, NodeStep::Tick));
        self.decide_soon(node);
    }

    fn wake(&mut self, node: usize) {
        let now = self.node_clock(node);
        let node = &mut self.nodes[node];
        let before = std::mem::replace(&mut node.awake, now);
        if let Some(ledger) = &mut node.ledger {
            steps::wake(ledger, LEASE, before, now);
        }
    }

    pub(super) fn decide_soon(&mut self, node: usize) {
        if !self.nodes[node].is_decision_due {
            self.nodes[node].is_decision_due = true;
            let due = self.now + 50 * MILLISECOND;
            self.at(due, Event::Node(node, NodeStep::Decide));
        }
    }

    pub(super) fn decide(&mut self, node: usize) {
        self.nodes[node].is_decision_due = false;
        if self.nodes[node].duties.is_some() {
            return;
        }
        self.wake(node);
        let now = self.node_clock(node);
        let Some(ledger) = &self.nodes[node].ledger else {
            return;
        };
        self.nodes[node].duties = Some(Duties {
            term: ledger.term(),
            expired: ledger.expired(now).into(),
        });
        self.look_all(node);
        self.next_duty(node);
    }

    fn next_duty(&mut self, node: usize) {
        let now = self.node_clock(node);
        let own = &mut self.nodes[node];
        let (Some(duties), Some(ledger)) = (&mut own.duties, &mut own.ledger) else {
            own.duties = None;
            return;
        };
        let term = duties.term;
        while let Some(session) = duties.expired.pop_front() {
            if ledger.term() == term && ledger.begin_to_end(session, now) {
                let expire = Operation::ExpireSession(ExpireSession { session, term });
                self.propose(node, command(expire), Waiter::Expire(session));
                return;
            }
        }
        let inodes = if ledger.term() == term {
            ledger.take_reclaimable(64)
        } else {
            Vec::new()
        };
        if inodes.is_empty() {
            own.duties = None;
            return;
        }
        let term = Some(term);
        let reclaim = Operation::Reclaim(Reclaim {
            inodes: inodes.clone(),
            term,
        });
        self.propose(node, command(reclaim), Waiter::Reclaim(inodes));
    }

    /// It is known what became of a proposal; or that nobody knows.
    pub(super) fn applied(&mut self, node: usize, proposal: u64, outcome: Option<Outcome>) {
        let Some(waiter) = self.nodes[node].waiting.remove(&proposal) else {
            return;
        };
        match waiter {
            Waiter::Call(call) => {
                let refused = Answer::Refused(Refused::Unknown);
                self.answer(&call, outcome.map_or(refused, Answer::Outcome));
            }
            Waiter::Expire(session) | Waiter::Evict(session) => {
                if let (Some(Ok(_)), Some(ledger)) = (&outcome, &mut self.nodes[node].ledger) {
                    ledger.ended(session);
                }
                if matches!(waiter, Waiter::Evict(_)) {
                    return;
                }
                if outcome.is_none() {
                    self.nodes[node].duties = None;
                }
                self.next_duty(node);
            }
            Waiter::Reclaim(inodes) => {
                let unfinished = match &outcome {
                    Some(Ok(Answered::Reclaimed { unfinished })) => unfinished.clone(),
                    Some(_) | None => inodes,
                };
                let own = &mut self.nodes[node];
                let term = own.duties.as_ref().map(|duties| duties.term);
                if let Some(ledger) = &mut own.ledger
                    && Some(ledger.term()) == term
                {
                    ledger.put_back(unfinished);
                }
                if !matches!(outcome, Some(Ok(_))) {
                    own.duties = None;
                }
                self.next_duty(node);
            }
        }
    }

    /// Ends a session because an operator says so.
    pub(super) fn evict(&mut self, node: usize, session: SessionId) {
        let Some(ledger) = &self.nodes[node].ledger else {
            return;
        };
        let term = ledger.term();
        let expire = Operation::ExpireSession(ExpireSession { session, term });
        self.doomed.insert(session);
        self.propose(node, command(expire), Waiter::Evict(session));
    }
}
