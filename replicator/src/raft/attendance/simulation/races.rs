//! The races one by one: what is decisive is kept back, and let go at the worst moment.

mod fencing;
mod leases;
mod orphans;

use holdfast_metadata::{InodeId, Operation, SessionId, Unlink};

use super::clock::{SECOND, Time};
use super::cluster::create;
use super::messages::Body;
use super::process::{Doing, Process, name};
use super::world::{Event, MountStep, NodeStep, World};

/// In a race, the order of what is at the same time is still a matter of chance.
const SEEDS: std::ops::Range<u64> = 0..25;

/// A cluster in which nothing happens by itself.
struct Scene {
    world: World,
}

impl Scene {
    fn new(seed: u64, nodes: usize, mounts: usize) -> Scene {
        let mut world = World::new(seed, nodes, mounts, true);
        for node in &mut world.nodes {
            node.clock.per_mille = 1000;
        }
        for mount in &mut world.mounts {
            mount.clock.per_mille = 1000;
            mount.processes = vec![Process::new(true)];
        }
        world.start();
        let mut scene = Scene { world };
        scene.run(2 * SECOND);
        scene
    }

    /// Lets time pass; nothing may break.
    fn run(&mut self, time: Time) {
        let until = self.world.now + time;
        self.world.run_until(until);
        self.check();
    }

    fn check(&self) {
        if let Some(broken) = &self.world.broken {
            panic!("{}\n{broken}", self.world.story(300));
        }
    }

    /// Runs until something is so.
    fn until(&mut self, what: &str, is_so: impl Fn(&World) -> bool) {
        let end = self.world.now + 60 * SECOND;
        while !is_so(&self.world) {
            self.run(SECOND / 1000);
            let is_late = self.world.now > end;
            assert!(!is_late, "{}\nnever {what}", self.world.story(300));
        }
    }

    /// Keeps back what will happen, until something of it is there.
    fn keep_back(&mut self, holds: fn(&Event) -> bool) {
        self.world.holds = Some(holds);
        self.until("kept back", |world| !world.held.is_empty());
    }

    /// All that was kept back happens.
    fn release(&mut self) {
        self.world.release();
        self.check();
    }

    /// In the end nothing is left over.
    fn settle(mut self) {
        self.world.is_healed = true;
        for mount in 0..self.world.mounts.len() {
            self.world.act_within(mount, 0, SECOND);
        }
        self.world.settle(60 * SECOND);
        self.check();
    }

    fn session(&self, mount: usize) -> SessionId {
        self.world.mounts[mount].session.id
    }

    fn doing(&self, mount: usize) -> Doing {
        self.world.mounts[mount].processes[0].doing
    }

    fn is_idle(&self, mount: usize) -> bool {
        self.doing(mount) == Doing::Nothing
    }

    /// The process of this mount has the file for itself.
    fn holds(&self, mount: usize) -> bool {
        matches!(self.doing(mount), Doing::Holding { .. })
    }

    fn lock(&mut self, mount: usize) {
        self.world.is_healed = true;
        self.world.lock(mount, 0, 0, true);
        self.world.is_healed = false;
    }

    fn create(&mut self, mount: usize) {
        let create = Operation::Create(create("f0"));
        self.world.change(mount, 0, create, Doing::Changing);
        self.until("created", |world| {
            world.mounts[mount].processes[0].doing == Doing::Nothing
        });
    }

    fn unlink(&mut self, mount: usize) {
        let unlink = Operation::Unlink(Unlink {
            parent: InodeId::ROOT,
            name: name(0),
        });
        self.world.change(mount, 0, unlink, Doing::Changing);
    }

    /// Finds the file, and has it open until it is closed by the race.
    fn open(&mut self, mount: usize) -> InodeId {
        self.world.find(mount, 0, 0);
        self.until("open", |world| {
            matches!(world.mounts[mount].processes[0].doing, Doing::Using(_))
        });
        match self.doing(mount) {
            Doing::Using(ino) => ino,
            doing => panic!("{doing:?}"),
        }
    }
}

fn is_attend_of_first(event: &Event) -> bool {
    match event {
        Event::Node(_, NodeStep::Arrives(call)) => {
            call.mount == 0 && matches!(call.body, Body::Attend(_))
        }
        _ => false,
    }
}

fn is_command_of_first(event: &Event) -> bool {
    match event {
        Event::Node(_, NodeStep::Arrives(call)) => {
            call.mount == 0 && matches!(call.body, Body::Command(_))
        }
        _ => false,
    }
}

fn is_decision_of_first(event: &Event) -> bool {
    matches!(event, Event::Mount(0, MountStep::Decided { .. }))
}
