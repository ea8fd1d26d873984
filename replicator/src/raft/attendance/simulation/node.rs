//! A node, as far as it attends to sessions: the steps of `attendance.rs` and `duty.rs`, one at a time.

use std::collections::BTreeMap;

use holdfast_metadata::{InodeId, SessionId};
use holdfast_proto::{Attend, News};
use tokio::time::Instant;

use super::clock::{Clock, MILLISECOND, SECOND, Time};
use super::duties::Duties;
use super::messages::{Answer, Body, Call, Refused};
use super::raft::Entry;
use super::world::{Event, LEASE, MountStep, NodeStep, World};
use crate::raft::attendance::ledger::Ledger;
use crate::raft::attendance::steps::{self, Arrival, Finding};

pub(super) struct Node {
    pub(super) clock: Clock,
    pub(super) frozen_until: Time,
    /// Until when the other nodes are out of reach.
    pub(super) cut_until: Time,
    /// The term in which it believes to lead.
    pub(super) leads: Option<u64>,
    pub(super) ledger: Option<Ledger>,
    pub(super) is_beginning: bool,
    /// The news it has heard.
    pub(super) noted: usize,
    pub(super) awake: Instant,
    parked: BTreeMap<u64, Parked>,
    pub(super) duties: Option<Duties>,
    pub(super) is_decision_due: bool,
    pub(super) waiting: BTreeMap<u64, Waiter>,
    pub(super) tail: Vec<Entry>,
    /// Another leader has committed something that it does not have.
    pub(super) is_forked: bool,
}

#[derive(Debug, Clone)]
struct Parked {
    call: Call,
    attend: Attend,
    term: u64,
    until: Instant,
}

/// Who waits for what becomes of a proposal.
#[derive(Debug, Clone)]
pub(super) enum Waiter {
    Call(Box<Call>),
    Expire(SessionId),
    Evict(SessionId),
    Reclaim(Vec<InodeId>),
}

/// What goes on when a round has confirmed that the node leads.
#[derive(Debug, Clone)]
pub(super) enum Then {
    Meet(Call, Attend),
    Tell {
        call: Call,
        session: SessionId,
        term: u64,
        news: Vec<News>,
    },
    Reply(Call),
    Begin(u64),
}

impl Node {
    pub(super) fn new(clock: Clock) -> Node {
        Node {
            clock,
            frozen_until: 0,
            cut_until: 0,
            leads: None,
            ledger: None,
            is_beginning: false,
            noted: 0,
            awake: clock.began.into(),
            parked: BTreeMap::new(),
            duties: None,
            is_decision_due: false,
            waiting: BTreeMap::new(),
            tail: Vec::new(),
            is_forked: false,
        }
    }
}

impl World {
    pub(super) fn node_step(&mut self, node: usize, step: NodeStep) {
        match step {
            NodeStep::Arrives(call) => self.arrives(node, call),
            NodeStep::Confirmed { confirmed, then } => {
                self.confirmed(node, confirmed.as_deref(), then);
            }
            NodeStep::Look { place } => self.look(node, place),
            NodeStep::Follow => self.follow(node),
            NodeStep::BeginSessions { term, orphans } => self.begin_sessions(node, term, orphans),
            NodeStep::Note => self.note(node),
            NodeStep::Tick => self.tick(node),
            NodeStep::Decide => self.decide(node),
            NodeStep::Applied { proposal, outcome } => self.applied(node, proposal, outcome),
            NodeStep::GiveUp { proposal } => self.give_up(node, proposal),
            NodeStep::Learn { term } => self.learn(node, term),
        }
    }

    pub(super) fn node_clock(&self, node: usize) -> Instant {
        self.nodes[node].clock.at(self.now).into()
    }

    pub(super) fn answer(&mut self, call: &Call, answer: Answer) {
        self.tell(|| format!("mount {} is answered {}: {answer:?}", call.mount, call.id));
        let answered = MountStep::Answered {
            call: call.id,
            answer,
        };
        self.send(call.mount, &Event::Mount(call.mount, answered));
    }

    pub(super) fn refuse(&mut self, node: usize, call: &Call) {
        let refused = match self.nodes[node].leads {
            Some(_) => Refused::Overloaded,
            None if self.random.chance(500) => Refused::NotLeader(Some(self.raft.leader)),
            None => Refused::NotLeader(None),
        };
        self.answer(call, Answer::Refused(refused));
    }

    fn arrives(&mut self, node: usize, call: Call) {
        self.tell(|| {
            format!(
                "node {node} gets {} of mount {}: {}",
                call.id, call.mount, call.body
            )
        });
        match call.body.clone() {
            Body::Command(_) | Body::Query(_) if self.nodes[node].leads.is_none() => {
                self.refuse(node, &call);
            }
            Body::Command(command) => {
                self.propose(node, command, Waiter::Call(Box::new(call)));
            }
            Body::Query(_) => self.start_round(node, Then::Reply(call)),
            Body::Attend(attend) => self.attended(node, call, attend),
        }
    }

    fn attended(&mut self, node: usize, call: Call, attend: Attend) {
        let now = self.node_clock(node);
        let Some(ledger) = &mut self.nodes[node].ledger else {
            return self.refuse(node, &call);
        };
        let arrival = steps::arrive(ledger, &attend, now);
        self.decide_soon(node);
        match arrival {
            Arrival::Heard => self.park(node, call, attend),
            Arrival::Ending => self.answer(&call, Answer::Refused(Refused::Overloaded)),
            Arrival::Unknown => self.start_round(node, Then::Meet(call, attend)),
        }
    }

    fn park(&mut self, node: usize, call: Call, attend: Attend) {
        let now = self.node_clock(node);
        let Some(term) = self.nodes[node].ledger.as_ref().map(Ledger::term) else {
            return self.refuse(node, &call);
        };
        let place = self.fresh();
        let parked = Parked {
            call,
            attend,
            term,
            until: now + steps::parked(LEASE),
        };
        let due = self.nodes[node].clock.when(self.now, parked.until.into());
        self.nodes[node].parked.insert(place, parked);
        self.at(due, Event::Node(node, NodeStep::Look { place }));
        self.look(node, place);
    }

    fn look(&mut self, node: usize, place: u64) {
        let now = self.node_clock(node);
        let Some(parked) = self.nodes[node].parked.get(&place).cloned() else {
            return;
        };
        let is_over = now >= parked.until;
        let Parked {
            call, attend, term, ..
        } = parked;
        let finding = self.nodes[node].ledger.as_ref();
        let finding = finding.map(|ledger| steps::look(ledger, &attend, term, is_over));
        if finding == Some(Finding::Wait) {
            return;
        }
        self.nodes[node].parked.remove(&place);
        let Some(Finding::Tell(news)) = finding else {
            return self.refuse(node, &call);
        };
        let session = SessionId(attend.session);
        let tell = Then::Tell {
            call,
            session,
            term,
            news,
        };
        self.start_round(node, tell);
    }

    pub(super) fn look_all(&mut self, node: usize) {
        let places: Vec<u64> = self.nodes[node].parked.keys().copied().collect();
        for place in places {
            self.look(node, place);
        }
    }

    /// Asks the other nodes whether this one leads.
    pub(super) fn start_round(&mut self, node: usize, then: Then) {
        let was_open = self.cluster.open.keys().map(|session| session.0).collect();
        let round = Event::Round {
            node,
            patience: self.now + 2 * SECOND,
            was_open,
            then,
        };
        self.within(4 * MILLISECOND, round);
    }

    /// They answer. The node then reads a state that is as old as the beginning of the round, or newer.
    pub(super) fn round(&mut self, node: usize, patience: Time, was_open: Vec<u64>, then: Then) {
        let confirms = self.confirms(node);
        if confirms.is_none() && self.now < patience {
            let again = Event::Round {
                node,
                patience,
                was_open,
                then,
            };
            return self.at(self.now + 20 * MILLISECOND, again);
        }
        let open = if self.random.chance(500) {
            was_open
        } else {
            self.cluster.open.keys().map(|session| session.0).collect()
        };
        let confirmed = (confirms == Some(true)).then_some(open);
        let step = NodeStep::Confirmed { confirmed, then };
        self.within(2 * MILLISECOND, Event::Node(node, step));
    }

    fn confirmed(&mut self, node: usize, confirmed: Option<&[u64]>, then: Then) {
        let is_open = |session: u64| confirmed.map(|open| open.contains(&session));
        match then {
            Then::Meet(call, attend) => match is_open(attend.session) {
                None => self.answer(&call, Answer::Refused(Refused::Unavailable)),
                Some(false) => self.answer(&call, Answer::Attended(steps::gone())),
                Some(true) => {
                    let now = self.node_clock(node);
                    if let Some(ledger) = &mut self.nodes[node].ledger {
                        steps::meet(ledger, &attend, now);
                    }
                    self.park(node, call, attend);
                }
            },
            Then::Tell {
                call,
                session,
                term,
                news,
            } => {
                let answer = match is_open(session.0) {
                    None => Answer::Refused(Refused::Unavailable),
                    Some(false) => Answer::Attended(steps::gone()),
                    Some(true) => Answer::Attended(steps::alive(term, LEASE, news)),
                };
                self.answer(&call, answer);
            }
            Then::Reply(call) => {
                let Body::Query(query) = &call.body else {
                    return;
                };
                let answer = match confirmed {
                    None => Answer::Refused(Refused::Unavailable),
                    Some(_) => Answer::Reply(self.cluster.query(query)),
                };
                self.answer(&call, answer);
            }
            Then::Begin(term) => {
                if confirmed.is_none() {
                    self.nodes[node].is_beginning = false;
                    return self.at(
                        self.now + 50 * MILLISECOND,
                        Event::Node(node, NodeStep::Follow),
                    );
                }
                let orphans = self.cluster.orphans();
                let step = NodeStep::BeginSessions { term, orphans };
                self.within(10 * MILLISECOND, Event::Node(node, step));
            }
        }
    }
}
