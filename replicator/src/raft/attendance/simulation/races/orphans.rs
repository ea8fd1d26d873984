//! Who has an orphan open, said too early, too late, twice, or to another leader.

use super::super::clock::{MILLISECOND, SECOND};
use super::super::messages::{Answer, Body};
use super::super::world::{Event, MountStep, NodeStep};
use super::{SEEDS, Scene, is_decision_of_first};

fn says_held(event: &Event) -> bool {
    match event {
        Event::Node(_, NodeStep::Arrives(call)) => {
            matches!(&call.body, Body::Attend(attend) if !attend.held.is_empty())
        }
        _ => false,
    }
}

#[test]
fn a_late_word_that_it_is_open_does_not_outlive_the_word_that_it_is_closed() {
    for seed in SEEDS {
        let mut scene = Scene::new(seed, 1, 3);
        scene.create(1);
        let ino = scene.open(0);
        // The third is asked, and takes its time.
        scene.world.mounts[2].frozen_until = scene.world.now + 9 * SECOND;
        scene.unlink(1);
        scene.keep_back(says_held);
        let late = std::mem::take(&mut scene.world.held);
        scene.world.holds = None;
        scene.run(6 * SECOND);
        scene.world.close(0, 0, ino);
        scene.run(SECOND);
        for event in late {
            scene.world.step(event);
        }
        scene.run(5 * SECOND);
        assert!(
            !scene.world.cluster.has_inode(ino),
            "{}",
            scene.world.story(100)
        );
        scene.settle();
    }
}

#[test]
fn an_orphan_that_an_answer_under_way_brings_is_not_said_to_be_closed() {
    for seed in SEEDS {
        let mut scene = Scene::new(seed, 3, 2);
        scene.create(1);
        scene.world.find(0, 0, 0);
        scene.keep_back(|event| {
            let Event::Mount(0, MountStep::Answered { answer, .. }) = event else {
                return false;
            };
            matches!(answer, Answer::Reply(_))
        });
        let late = std::mem::take(&mut scene.world.held);
        scene.world.holds = None;
        scene.unlink(1);
        scene.run(SECOND);
        let orphans = scene.world.cluster.orphans();
        assert_eq!(orphans.len(), 1, "the first has not said that it is closed");
        for event in late {
            scene.world.step(event);
        }
        scene.run(SECOND);
        assert_eq!(scene.world.cluster.orphans(), orphans);
        assert!(scene.world.mounts[0].open.contains_key(&orphans[0]));
        scene.settle();
    }
}

#[test]
fn an_orphan_that_is_closed_while_the_question_is_decided_is_reclaimed() {
    for seed in SEEDS {
        let mut scene = Scene::new(seed, 1, 2);
        scene.create(1);
        let ino = scene.open(0);
        scene.unlink(1);
        scene.keep_back(is_decision_of_first);
        scene.world.close(0, 0, ino);
        scene.release();
        scene.run(3 * SECOND);
        assert!(!scene.world.cluster.has_inode(ino));
        scene.settle();
    }
}

#[test]
fn an_orphan_that_is_open_stays_from_one_leader_to_the_next_until_it_is_closed() {
    for seed in SEEDS {
        let mut scene = Scene::new(seed, 3, 3);
        scene.create(1);
        let ino = scene.open(0);
        scene.unlink(1);
        for leader in [1, 2, 0, 1] {
            // At any moment of asking and telling.
            scene.run(seed * 5 * MILLISECOND);
            scene.world.elect(leader);
        }
        scene.run(20 * SECOND);
        assert!(scene.world.cluster.has_inode(ino));
        scene.world.close(0, 0, ino);
        scene.run(3 * SECOND);
        assert!(!scene.world.cluster.has_inode(ino));
        scene.settle();
    }
}

#[test]
fn what_was_said_to_the_last_leader_counts_for_nothing_at_the_next() {
    for seed in SEEDS {
        let mut scene = Scene::new(seed, 3, 2);
        scene.create(1);
        // Asked by the first leader about nothing that is open; then about an orphan that is.
        scene.unlink(1);
        scene.run(SECOND);
        scene.create(1);
        let ino = scene.open(0);
        scene.world.holds = Some(|event| {
            let Event::Node(_, NodeStep::Arrives(call)) = event else {
                return false;
            };
            call.mount == 0 && matches!(call.body, Body::Attend(_))
        });
        scene.run(4 * SECOND);
        scene.world.elect(1);
        scene.unlink(1);
        scene.run(SECOND);
        // Calls of the first term arrive, which say of its numbers that all is closed.
        scene.release();
        scene.run(5 * SECOND);
        assert!(scene.world.cluster.has_inode(ino));
        scene.settle();
    }
}

#[test]
fn a_session_that_opens_while_a_leader_begins_keeps_what_it_has_open() {
    for seed in SEEDS {
        let mut scene = Scene::new(seed, 3, 2);
        scene.create(1);
        let lost = scene.session(0);
        scene.world.evict(0, lost);
        scene.world.holds =
            Some(|event| matches!(event, Event::Node(1, NodeStep::BeginSessions { .. })));
        scene.until("evicted", |world| !world.cluster.has(lost));
        scene.run(seed * MILLISECOND);
        scene.world.elect(1);
        // The next session is opened between the two readings of the new leader.
        scene.until("reading", |world| !world.held.is_empty());
        scene.create(0);
        scene.until("opened", |world| world.mounts[0].is_opened);
        assert_ne!(scene.session(0), lost);
        let ino = scene.open(0);
        scene.unlink(1);
        scene.run(SECOND);
        scene.release();
        scene.run(15 * SECOND);
        assert!(scene.world.cluster.has_inode(ino));
        scene.world.close(0, 0, ino);
        scene.run(5 * SECOND);
        assert!(!scene.world.cluster.has_inode(ino));
        scene.settle();
    }
}
