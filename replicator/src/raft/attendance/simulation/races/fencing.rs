//! What is on its way when a session ends, and who gets its locks.

use holdfast_metadata::SessionId;

use super::super::clock::SECOND;
use super::super::cluster::Cluster;
use super::super::process::Doing;
use super::super::world::{Event, NodeStep};
use super::{SEEDS, Scene, is_command_of_first};

/// What a frozen mount has sent.
#[derive(Debug, Clone, Copy)]
enum InFlight {
    Write,
    Unlock,
    Lock,
}

#[test]
fn what_a_frozen_mount_has_sent_changes_nothing_after_its_session() {
    let kinds = [InFlight::Write, InFlight::Unlock, InFlight::Lock];
    for (seed, kind) in SEEDS.flat_map(|seed| kinds.map(|kind| (seed, kind))) {
        let mut scene = Scene::new(seed, 3, 2);
        let session = scene.session(0);
        if !matches!(kind, InFlight::Lock) {
            scene.lock(0);
            scene.run(SECOND);
            assert!(scene.holds(0));
        }
        match kind {
            InFlight::Write => scene.world.write(0, 0, 0, 2),
            InFlight::Unlock => scene.world.unlock(0, 0, 0),
            InFlight::Lock => scene.lock(0),
        }
        scene.keep_back(is_command_of_first);
        scene.world.mounts[0].frozen_until = scene.world.now + 20 * SECOND;
        scene.lock(1);
        scene.run(15 * SECOND);
        assert!(!scene.world.cluster.has(session));
        assert!(scene.holds(1), "{kind:?}");
        let file = Cluster::locked_file(0);
        let before = scene.world.cluster.size(file);
        scene.release();
        scene.run(15 * SECOND);
        assert!(scene.is_idle(0) || matches!(kind, InFlight::Lock));
        assert_eq!(scene.session(0), SessionId(session.0 + 1));
        assert_eq!(scene.world.cluster.size(file), before);
        assert!(scene.world.cluster.has_locked(scene.session(1), file));
        scene.settle();
    }
}

#[test]
fn a_grant_that_is_lost_with_its_leader_is_found_at_the_next() {
    for seed in SEEDS {
        let mut scene = Scene::new(seed, 3, 2);
        scene.lock(0);
        scene.run(SECOND);
        scene.lock(1);
        scene.run(SECOND);
        assert!(matches!(scene.doing(1), Doing::Waiting { .. }));
        scene.world.holds = Some(|event| matches!(event, Event::Node(0, NodeStep::Note)));
        scene.world.unlock(0, 0, 0);
        scene.run(SECOND);
        assert!(matches!(scene.doing(1), Doing::Waiting { .. }));
        scene.world.elect(1);
        scene.world.nodes[0].frozen_until = scene.world.now + 5 * SECOND;
        scene.until("granted", |world| {
            world.mounts[1].processes[0].believes().is_some()
        });
        scene.settle();
    }
}

#[test]
fn a_session_that_is_evicted_while_it_waits_leaves_no_wait_behind() {
    for seed in SEEDS {
        let mut scene = Scene::new(seed, 3, 3);
        scene.lock(0);
        scene.run(SECOND);
        scene.lock(1);
        scene.run(SECOND);
        scene.lock(2);
        scene.run(SECOND);
        let waiting = scene.session(1);
        scene.world.evict(0, waiting);
        scene.run(10 * SECOND);
        assert!(scene.is_idle(1));
        assert_ne!(scene.session(1), waiting);
        scene.world.unlock(0, 0, 0);
        scene.run(2 * SECOND);
        assert!(scene.holds(2));
        scene.settle();
    }
}

/// It has the lock by its own account, thaws, and goes on writing before it has heard anything.
#[test]
fn a_mount_that_thaws_and_writes_under_a_lock_it_has_lost_is_refused() {
    for seed in SEEDS {
        let mut scene = Scene::new(seed, 3, 2);
        scene.lock(0);
        scene.run(SECOND);
        scene.world.mounts[0].frozen_until = scene.world.now + 15 * SECOND;
        scene.lock(1);
        scene.run(15 * SECOND);
        assert!(scene.holds(0) && scene.holds(1));
        scene.world.write(0, 0, 0, 2);
        scene.run(5 * SECOND);
        assert!(scene.is_idle(0));
        assert_eq!(scene.world.cluster.size(Cluster::locked_file(0)), 0);
        scene.settle();
    }
}
