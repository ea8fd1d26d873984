//! Everything there is, and the queue of what happens next.
//!
//! A step belongs to a process (a node or a mount) or to nobody: messages under way, what a quorum agrees about. A process
//! that is frozen makes its steps when it goes on; one that is dead makes none.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::time::{Duration, Instant};

use holdfast_metadata::{InodeId, Outcome, SessionId};

use super::chaos::Fault;
use super::clock::{Clock, MILLISECOND, SECOND, Time};
use super::cluster::Cluster;
use super::messages::{Answer, Call, Weather};
use super::mount::Mount;
use super::node::{Node, Then};
use super::raft::Raft;
use super::random::Random;

pub(super) const LEASE: Duration = Duration::from_secs(10);

/// What happens next.
#[derive(Debug, Clone)]
pub(super) enum Event {
    Node(usize, NodeStep),
    Mount(usize, MountStep),
    /// The other nodes have heard a leader that wants to know whether it leads.
    Round {
        node: usize,
        patience: Time,
        was_open: Vec<u64>,
        then: Then,
    },
    /// The quorum has what the leader has.
    Commit,
    Elect(usize),
    Chaos,
}

/// A step of a node.
#[derive(Debug, Clone)]
pub(super) enum NodeStep {
    Arrives(Call),
    Confirmed {
        confirmed: Option<Vec<u64>>,
        then: Then,
    },
    Look {
        place: u64,
    },
    Follow,
    BeginSessions {
        term: u64,
        orphans: Vec<InodeId>,
    },
    Note,
    Tick,
    Decide,
    Applied {
        proposal: u64,
        outcome: Option<Outcome>,
    },
    GiveUp {
        proposal: u64,
    },
    Learn {
        term: u64,
    },
}

/// A step of a mount.
#[derive(Debug, Clone)]
pub(super) enum MountStep {
    Answered { call: u64, answer: Answer },
    Impatient { call: u64 },
    Again { call: u64 },
    Lapse,
    Say,
    Decide,
    Decided { question: u64, kept: Vec<InodeId> },
    Act { process: usize, turn: u64 },
}

pub(super) struct World {
    pub(super) now: Time,
    pub(super) random: Random,
    pub(super) weather: Weather,
    pub(super) faults: Vec<Fault>,
    pub(super) cluster: Cluster,
    pub(super) raft: Raft,
    pub(super) nodes: Vec<Node>,
    pub(super) mounts: Vec<Mount>,
    /// Nothing new is begun, and nothing breaks any more.
    pub(super) is_healed: bool,
    pub(super) steps: u64,
    /// The sessions that were ended on purpose.
    pub(super) doomed: BTreeSet<SessionId>,
    /// Writes that were sent, and those that were answered.
    pub(super) written: u64,
    pub(super) acknowledged: u64,
    /// The first thing that must not be.
    pub(super) broken: Option<String>,
    story: Option<Vec<String>>,
    queue: BTreeMap<(Time, u64), Event>,
    last: u64,
    /// What is kept back for a race, and which events are.
    pub(super) held: Vec<Event>,
    pub(super) holds: Option<fn(&Event) -> bool>,
}

impl World {
    /// Clocks go at rates between these: the slowest mount loses a ninth of what the fastest node counts.
    pub(super) fn new(seed: u64, nodes: usize, mounts: usize, is_told: bool) -> World {
        let mut random = Random::new(seed);
        let real = Instant::now();
        let mut clock = || {
            let offset = Duration::from_millis(random.below(1_000_000));
            let per_mille = match random.below(4) {
                0 => 900,
                1 => 1000,
                _ => 900 + random.below(101),
            };
            let began = real + offset;
            Clock { began, per_mille }
        };
        let nodes = (0..nodes).map(|_| Node::new(clock())).collect();
        let mounts = (0..mounts).map(|place| Mount::new(place, clock()));
        let mounts = mounts.collect();
        World {
            now: 0,
            random,
            weather: Weather::CALM,
            faults: Vec::new(),
            cluster: Cluster::new(),
            raft: Raft::default(),
            nodes,
            mounts,
            is_healed: false,
            steps: 0,
            doomed: BTreeSet::new(),
            written: 0,
            acknowledged: 0,
            broken: None,
            story: is_told.then(Vec::new),
            queue: BTreeMap::new(),
            last: 0,
            held: Vec::new(),
            holds: None,
        }
    }

    /// Begins what goes on by itself.
    pub(super) fn start(&mut self) {
        self.elect(0);
        for node in 0..self.nodes.len() {
            let time = self.random.below(500) * MILLISECOND;
            self.at(time, Event::Node(node, NodeStep::Tick));
        }
        for mount in 0..self.mounts.len() {
            self.start_mount(mount);
        }
    }

    pub(super) fn fresh(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(super) fn at(&mut self, time: Time, event: Event) {
        let number = self.fresh();
        self.queue.insert((time.max(self.now), number), event);
    }

    pub(super) fn within(&mut self, time: Time, event: Event) {
        let delay = self.random.below(time + 1);
        self.at(self.now + delay, event);
    }

    /// Lets everything happen until then; false when something happened that must not.
    pub(super) fn run_until(&mut self, time: Time) -> bool {
        while self.broken.is_none() {
            let Some(((due, number), event)) = self.queue.pop_first() else {
                break;
            };
            if due > time {
                self.queue.insert((due, number), event);
                break;
            }
            self.now = due;
            if self.holds.is_some_and(|holds| holds(&event)) {
                self.tell(|| format!("kept back: {event:?}"));
                self.held.push(event);
                continue;
            }
            self.step(event);
        }
        self.now = self.now.max(time);
        self.broken.is_none()
    }

    /// Something happens now.
    pub(super) fn step(&mut self, event: Event) {
        self.steps += 1;
        let process = match event {
            Event::Node(node, _) => Some((self.nodes[node].frozen_until, false)),
            Event::Mount(mount, _) => {
                let mount = &self.mounts[mount];
                Some((mount.frozen_until, mount.is_dead))
            }
            Event::Round { .. } | Event::Commit | Event::Elect(_) | Event::Chaos => None,
        };
        match process {
            Some((_, true)) => return,
            Some((until, false)) if until > self.now => {
                // It finds much to do at once, in hardly any order.
                let jitter = self.random.below(3) * MILLISECOND;
                return self.at(until + jitter, event);
            }
            Some(_) | None => {}
        }
        match event {
            Event::Node(node, step) => self.node_step(node, step),
            Event::Mount(mount, step) => self.mount_step(mount, step),
            Event::Round {
                node,
                patience,
                was_open,
                then,
            } => self.round(node, patience, was_open, then),
            Event::Commit => self.commit(),
            Event::Elect(node) => self.elect(node),
            Event::Chaos => self.chaos(),
        }
        self.check_beliefs();
    }

    /// What was kept back happens.
    pub(super) fn release(&mut self) {
        self.holds = None;
        for event in std::mem::take(&mut self.held) {
            self.step(event);
        }
    }

    /// A message leaves; it may be lost, late, or come twice.
    pub(super) fn send(&mut self, mount: usize, event: &Event) {
        let copies = 1 + usize::from(self.random.chance(self.weather.doubled));
        for _ in 0..copies {
            let is_cut = self.mounts[mount].cut_until > self.now;
            if self.random.chance(self.weather.lost) || (is_cut && self.random.chance(700)) {
                self.tell(|| format!("lost: {event:?}"));
                continue;
            }
            let mut delay = self.random.below(self.weather.latency_max);
            if self.random.chance(self.weather.slow) {
                delay = self.random.below(12 * SECOND);
            }
            let from = self.now.max(self.mounts[mount].cut_until);
            self.at(from + delay, event.clone());
        }
    }

    pub(super) fn tell<T: Display>(&mut self, line: impl FnOnce() -> T) {
        if let Some(story) = &mut self.story {
            let (seconds, micros) = (self.now / SECOND, self.now % SECOND);
            story.push(format!("{seconds:4}.{micros:06} {}", line()));
        }
    }

    pub(super) fn fail(&mut self, what: String) {
        self.tell(|| format!("BROKEN: {what}"));
        self.broken.get_or_insert(what);
    }

    /// The end of the story.
    pub(super) fn story(&self, lines_max: usize) -> String {
        let story = self.story.as_deref().unwrap_or_default();
        story[story.len().saturating_sub(lines_max)..].join("\n")
    }
}
