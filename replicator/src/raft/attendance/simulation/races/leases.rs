//! Who may believe what of a lease, when leaders, calls and clocks disagree.

use super::super::clock::{MILLISECOND, SECOND};
use super::super::world::{Event, NodeStep};
use super::{SEEDS, Scene, is_attend_of_first};

#[test]
fn a_renewal_that_arrives_after_the_end_was_proposed_is_not_promised_anything() {
    for seed in SEEDS {
        let mut scene = Scene::new(seed, 3, 2);
        let session = scene.session(0);
        scene.keep_back(is_attend_of_first);
        scene.run(6 * SECOND);
        // The end is proposed, and nobody agrees yet.
        scene.world.nodes[0].cut_until = scene.world.now + 8 * SECOND;
        scene.until("proposed", |world| {
            let ledger = world.nodes[0].ledger.as_ref();
            ledger.is_some_and(|ledger| ledger.is_ending(session))
        });
        scene.run(seed * 150 * MILLISECOND);
        scene.release();
        scene.until("ended", |world| !world.cluster.has(session));
        scene.run(20 * SECOND);
        assert_ne!(scene.session(0), session);
        scene.settle();
    }
}

#[test]
fn an_end_that_a_deposed_leader_proposed_comes_before_all_promises_or_never() {
    for (seed, is_adopted) in SEEDS.flat_map(|seed| [(seed, false), (seed, true)]) {
        let mut scene = Scene::new(seed, 3, 2);
        let session = scene.session(0);
        scene.keep_back(is_attend_of_first);
        scene.run(6 * SECOND);
        scene.world.nodes[0].cut_until = scene.world.now + 8 * SECOND;
        scene.until("proposed", |world| !world.nodes[0].tail.is_empty());
        scene.world.elect(1);
        scene.world.nodes[1].tail = if is_adopted {
            scene.world.nodes[0].tail.clone()
        } else {
            Vec::new()
        };
        scene.release();
        scene.run(20 * SECOND);
        assert_eq!(scene.world.cluster.has(session), !is_adopted);
        assert_eq!(scene.session(0) == session, !is_adopted);
        scene.settle();
    }
}

/// It leads in term 1, is cut off while another leads, and leads again before it has noticed.
#[test]
fn a_leader_that_leads_again_decides_nothing_from_its_old_memory() {
    for seed in SEEDS {
        let mut scene = Scene::new(seed, 3, 2);
        let sessions = [scene.session(0), scene.session(1)];
        scene.world.nodes[0].cut_until = scene.world.now + 14 * SECOND;
        scene.world.holds = Some(|event| {
            matches!(
                event,
                Event::Node(
                    0,
                    NodeStep::Follow | NodeStep::Learn { .. } | NodeStep::Arrives(_)
                )
            )
        });
        scene.world.elect(1);
        scene.until("silent", |world| {
            let ledger = world.nodes[0].ledger.as_ref();
            ledger.is_some_and(|ledger| sessions.iter().any(|own| ledger.is_ending(*own)))
        });
        scene.world.nodes[0].cut_until = scene.world.now;
        scene.world.elect(0);
        scene.run(3 * SECOND);
        scene.release();
        scene.run(20 * SECOND);
        assert_eq!([scene.session(0), scene.session(1)], sessions);
        scene.settle();
    }
}

#[test]
fn a_new_leader_gives_everybody_a_full_lease() {
    for seed in SEEDS {
        let mut scene = Scene::new(seed, 3, 2);
        let session = scene.session(0);
        scene.keep_back(is_attend_of_first);
        scene.run(6 * SECOND);
        scene.world.elect(1);
        scene.run(9 * SECOND);
        assert!(scene.world.cluster.has(session), "it has a second left");
        scene.release();
        scene.run(10 * SECOND);
        assert_eq!(scene.session(0), session);
        scene.settle();
    }
}

#[test]
fn a_mount_stops_to_believe_before_the_leader_ends_its_session_at_all_rates() {
    // The rate of the leader, that of the mount, and whether they are as promised.
    let rates = [
        (1000, 1000, true),
        (1000, 900, true),
        (900, 1000, true),
        (1111, 1000, true),
        (1000, 850, false),
    ];
    for (leader, mount, is_promised) in rates {
        let mut broken = false;
        for seed in SEEDS {
            let mut scene = Scene::new(seed, 1, 1);
            scene.world.nodes[0].clock.per_mille = leader;
            scene.world.mounts[0].clock.per_mille = mount;
            scene.run(20 * SECOND);
            let session = scene.session(0);
            scene.world.holds = Some(is_attend_of_first);
            let now = scene.world.now;
            scene.world.run_until(now + 16 * SECOND);
            assert!(!scene.world.cluster.has(session), "it has ended");
            broken |= scene.world.broken.is_some();
        }
        assert_eq!(broken, !is_promised, "{leader} {mount}");
    }
}

#[test]
fn a_leader_that_was_stopped_ends_nobody_when_it_goes_on() {
    for seed in SEEDS {
        let mut scene = Scene::new(seed, 1, 3);
        let sessions = [scene.session(0), scene.session(1), scene.session(2)];
        scene.world.nodes[0].frozen_until = scene.world.now + 60 * SECOND;
        scene.run(59 * SECOND);
        // Their calls do not come at once.
        scene.keep_back(|event| matches!(event, Event::Node(_, NodeStep::Arrives(_))));
        scene.run(2 * SECOND);
        scene.release();
        scene.run(15 * SECOND);
        let now = [scene.session(0), scene.session(1), scene.session(2)];
        assert_eq!(now, sessions);
        assert!(
            sessions
                .iter()
                .all(|session| scene.world.cluster.has(*session))
        );
        scene.settle();
    }
}

#[test]
fn a_session_that_is_heard_while_others_are_ended_is_not_ended() {
    let mut seen = 0;
    for seed in SEEDS {
        let mut scene = Scene::new(seed, 3, 3);
        let last = scene.session(2);
        scene.world.holds = Some(|event| matches!(event, Event::Node(_, NodeStep::Arrives(_))));
        scene.run(6 * SECOND);
        // The first end takes its time, and the last mount is heard meanwhile.
        scene.world.nodes[0].cut_until = scene.world.now + 20 * SECOND;
        scene.until("all silent", |world| {
            let duties = world.nodes[0].duties.as_ref();
            duties.is_some_and(|duties| duties.expired.len() == 2)
        });
        let ledger = scene.world.nodes[0].ledger.as_ref();
        if ledger.is_some_and(|ledger| ledger.is_ending(last)) {
            // It was the first by chance.
            continue;
        }
        seen += 1;
        let late = std::mem::take(&mut scene.world.held);
        scene.world.holds = None;
        for event in late.into_iter().filter(is_of_last) {
            scene.world.step(event);
        }
        scene.world.nodes[0].cut_until = scene.world.now;
        scene.run(30 * SECOND);
        assert_eq!(scene.session(2), last);
        scene.settle();
    }
    assert!(seen > 0);
}

fn is_of_last(event: &Event) -> bool {
    matches!(event, Event::Node(_, NodeStep::Arrives(call)) if call.mount == 2)
}
