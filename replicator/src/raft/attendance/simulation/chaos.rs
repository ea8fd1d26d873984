//! What breaks, and how it ends.

use super::clock::{MILLISECOND, SECOND, Time};
use super::messages::Weather;
use super::process::Process;
use super::world::{Event, World};

const NODES: usize = 3;
const MOUNTS: usize = 4;
const PROCESSES: usize = 2;
/// When everything is healed, so much is over at the latest: late calls of a dead mount, its lease at a new leader.
const SETTLE_MAX: Time = 60 * SECOND;

/// Lets a cluster of this seed break and heal.
pub(super) fn run(seed: u64, is_told: bool) -> World {
    let mut world = World::new(seed, NODES, MOUNTS, is_told);
    for mount in &mut world.mounts {
        mount.processes = (0..PROCESSES).map(|_| Process::new(false)).collect();
    }
    world.choose_faults();
    if world.random.chance(800) {
        world.weather = Weather::ROUGH;
    }
    world.start();
    world.at(3 * SECOND, Event::Chaos);
    let end = world.random.between(30, 90) * SECOND;
    if world.run_until(end) {
        world.heal();
        world.settle(SETTLE_MAX);
    }
    world
}

/// What can break.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    FreezeMount,
    CutMount,
    CutMounts,
    FreezeLeader,
    CutLeader,
    FreezeNode,
    Elect,
    Evict,
    Kill,
}

const FAULTS: [Fault; 9] = [
    Fault::FreezeMount,
    Fault::CutMount,
    Fault::CutMounts,
    Fault::FreezeLeader,
    Fault::CutLeader,
    Fault::FreezeNode,
    Fault::Elect,
    Fault::Evict,
    Fault::Kill,
];

impl World {
    /// Each cluster has faults of its own: where everything breaks, nothing is left to see of the rest.
    fn choose_faults(&mut self) {
        for fault in FAULTS {
            if self.random.chance(400) {
                self.faults.push(fault);
            }
        }
    }

    /// Something breaks for a while.
    pub(super) fn chaos(&mut self) {
        if self.is_healed || self.faults.is_empty() {
            return;
        }
        self.within(6 * SECOND, Event::Chaos);
        let fault = self.faults[self.random.index(self.faults.len())];
        let leader = self.raft.leader;
        let mount = self.random.index(self.mounts.len());
        let long = if self.random.chance(400) {
            16_000
        } else {
            2500
        };
        let until = self.now + self.random.between(10, long) * MILLISECOND;
        self.tell(|| format!("{fault:?} until {until}: node {leader}, mount {mount}"));
        match fault {
            Fault::FreezeMount => self.mounts[mount].frozen_until = until,
            Fault::CutMount => self.mounts[mount].cut_until = until,
            Fault::CutMounts => {
                for mount in &mut self.mounts {
                    mount.cut_until = until;
                }
            }
            Fault::FreezeLeader => {
                self.nodes[leader].frozen_until = until;
                self.follow_leader();
            }
            Fault::CutLeader => {
                self.nodes[leader].cut_until = until;
                self.follow_leader();
            }
            Fault::FreezeNode => {
                let node = self.random.index(self.nodes.len());
                self.nodes[node].frozen_until = until;
            }
            Fault::Elect => {
                let node = self.random.index(self.nodes.len());
                self.elect(node);
            }
            Fault::Evict if self.random.chance(300) => self.evict_somebody(),
            // Enough are left to see.
            Fault::Kill if self.mounts.iter().all(|own| !own.is_dead) => {
                self.mounts[mount].is_dead = true;
            }
            Fault::Evict | Fault::Kill => {}
        }
    }

    /// Mostly another is elected, sooner or later.
    fn follow_leader(&mut self) {
        if self.random.chance(700) {
            let other = (self.raft.leader + 1 + self.random.index(self.nodes.len() - 1)) % NODES;
            let delay = self.random.between(300, 6000) * MILLISECOND;
            self.at(self.now + delay, Event::Elect(other));
        }
    }

    fn evict_somebody(&mut self) {
        let leader = self.raft.leader;
        let sessions = self.cluster.sessions();
        if sessions.is_empty() || self.is_out(leader) {
            return;
        }
        let session = sessions[self.random.index(sessions.len())];
        self.tell(|| format!("session {} is evicted", session.0));
        self.evict(leader, session);
    }

    /// Nothing breaks any more.
    pub(super) fn heal(&mut self) {
        self.tell(|| "all is healed");
        self.is_healed = true;
        self.weather = Weather::CALM;
        for node in &mut self.nodes {
            node.frozen_until = node.frozen_until.min(self.now);
            node.cut_until = node.cut_until.min(self.now);
        }
        for mount in &mut self.mounts {
            mount.frozen_until = mount.frozen_until.min(self.now);
            mount.cut_until = mount.cut_until.min(self.now);
        }
        self.commit_soon();
    }
}
