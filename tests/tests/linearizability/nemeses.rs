//! What is done to the cluster and its mounts while clients work.

use std::env;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use holdfast_tests::cluster::ClusterSetup;
use holdfast_tests::{Cluster, Random};
use nix::sys::signal::Signal;

use crate::round::{APART, Round, last, run};

/// Mounts that are silent for three seconds lose their locks; others after ten.
const SOON_LOST: &str = "[timing]\nsession_lease_ms = 3000\n";
/// A quarter of that: whoever falls silent now has renewed its lease, and has so much of it left at least.
const RENEWED: Duration = Duration::from_millis(750);
/// Longer than elections.
const LONG: Duration = Duration::from_secs(3);
/// The disk of a node that is to be full.
const DISK_MEBIBYTES: u64 = 256;
/// As the tests of mounts mount.
const OPTIONS: &str = "noatime";
/// The nemeses of this file, which share the time that `MINUTES` gives.
const NEMESES: u32 = 7;
/// What each has without it.
const SHARE: Duration = Duration::from_secs(20);

/// One nemesis at a time: who waits for another does not use its time.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does it until its time is over, each time with a new cluster: long histories take longest to judge.
#[track_caller]
fn again_and_again(mut once: impl FnMut(&mut Random)) {
    let _turn = turn();
    let mut random = Random::announced();
    let minutes = env::var("MINUTES").ok();
    let all = minutes.map(|text| Duration::from_mins(text.parse().unwrap()));
    let share = all.map_or(SHARE, |all| all / NEMESES);
    let began = Instant::now();
    loop {
        once(&mut random);
        if began.elapsed() >= share {
            return;
        }
    }
}

fn follower(cluster: &Cluster) -> u64 {
    let leader = cluster.leader();
    cluster.ids().into_iter().find(|id| *id != leader).unwrap()
}

#[test]
fn operations_without_faults_are_linearizable() {
    again_and_again(|random| {
        let mut cluster = Cluster::start(3);
        for _ in 0..2 {
            let calm = |round: &mut Round<'_>| {
                for _ in 0..5 {
                    round.work();
                }
            };
            run("no faults", &mut cluster, (random, OPTIONS), calm);
        }
        cluster.assert_all_replicas_agree();
    });
}

#[test]
fn operations_while_nodes_are_killed_are_linearizable() {
    again_and_again(|random| {
        let mut cluster = Cluster::start(3);
        let kill = |round: &mut Round<'_>| {
            for victim in [round.cluster.leader(), follower(round.cluster)] {
                round.work();
                round.cluster.kill(victim);
                round.work();
                round.cluster.restart(victim);
                round.cluster.wait_settled();
            }
            round.work();
        };
        run("nodes killed", &mut cluster, (random, OPTIONS), kill);
        let kill_all = |round: &mut Round<'_>| {
            round.work();
            for id in round.cluster.ids() {
                round.cluster.kill(id);
            }
            for id in round.cluster.ids() {
                round.cluster.restart(id);
            }
            round.cluster.wait_settled();
            round.work();
        };
        run(
            "all nodes killed",
            &mut cluster,
            (random, OPTIONS),
            kill_all,
        );
        cluster.assert_all_replicas_agree();
    });
}

#[test]
fn operations_while_nodes_are_frozen_are_linearizable() {
    again_and_again(|random| {
        let mut cluster = Cluster::start(3);
        let freeze = |round: &mut Round<'_>| {
            for victim in [round.cluster.leader(), follower(round.cluster)] {
                round.work();
                round.cluster.pause(victim);
                round.work();
                round.cluster.resume(victim);
                round.work();
            }
            // Of all nodes, the last to come back are the followers.
            let (mut ids, leader) = (round.cluster.ids(), round.cluster.leader());
            for id in &ids {
                round.cluster.pause(*id);
            }
            last(LONG);
            ids.sort_by_key(|id| *id != leader);
            for id in ids {
                round.cluster.resume(id);
            }
            round.work();
        };
        run("nodes frozen", &mut cluster, (random, OPTIONS), freeze);
        cluster.wait_settled();
        cluster.assert_all_replicas_agree();
    });
}

#[test]
fn operations_while_nodes_are_cut_off_are_linearizable() {
    again_and_again(|random| {
        let mut cluster = ClusterSetup::default()
            .settings(SOON_LOST)
            .namespaces()
            .start(3);
        let cut = |round: &mut Round<'_>| {
            for way in 0..4 {
                round.work();
                let leader = round.cluster.leader();
                let others = round.cluster.ids().into_iter().filter(|id| *id != leader);
                let network = round.cluster.network();
                match way {
                    0 => network.isolate(leader),
                    1 => network.hide(leader),
                    2 => others.for_each(|other| network.cut(other, leader)),
                    _ => others.for_each(|other| network.cut(leader, other)),
                }
                round.work();
                round.cluster.network().heal();
            }
            round.work();
        };
        run("nodes cut off", &mut cluster, (random, OPTIONS), cut);
        let cut_mount = |round: &mut Round<'_>| {
            round.work();
            round.lose_session((APART, RENEWED), |round| {
                round.cluster.network().isolate_client();
            });
            round.work();
            round.cluster.network().heal();
            round.work();
        };
        run("mount cut off", &mut cluster, (random, OPTIONS), cut_mount);
        cluster.wait_settled();
        cluster.assert_all_replicas_agree();
    });
}

#[test]
fn operations_while_members_change_are_linearizable() {
    again_and_again(|random| {
        let mut cluster = Cluster::start(3);
        let change = |round: &mut Round<'_>| {
            round.work();
            let next = follower(round.cluster).to_string();
            let transfer = ["node", "transfer-leader", "--to", &next];
            round.cluster.holdfast(&transfer).success();
            round.work();
            round.cluster.add_node(4);
            round.cluster.wait_settled();
            round.work();
            let leaving = round.cluster.leader();
            let remove = ["node", "remove", &leaving.to_string()];
            round.cluster.holdfast(&remove).success();
            round.cluster.forget(leaving);
            round.cluster.wait_settled();
            round.work();
        };
        run("members changed", &mut cluster, (random, OPTIONS), change);
        cluster.assert_all_replicas_agree();
    });
}

#[test]
fn operations_while_the_disk_of_the_leader_is_full_are_linearizable() {
    let mut refused = 0;
    again_and_again(|random| {
        let mut cluster = ClusterSetup::default().disks(DISK_MEBIBYTES).start(3);
        let fill = |round: &mut Round<'_>| {
            round.work();
            let leader = round.cluster.leader();
            // Less than the reserve, which is an eighth, and enough for all that frees space.
            let left = (DISK_MEBIBYTES << 20) / 16;
            round.fill_disk(leader, left);
            refused += round.work_without_space();
            round.work();
            round.cluster.disk(leader).give_back();
            round.work();
        };
        run("disk full", &mut cluster, (random, OPTIONS), fill);
        cluster.assert_all_replicas_agree();
    });
    assert!(refused > 0, "nobody ever met the full disk");
}

#[test]
fn operations_while_mounts_are_frozen_or_killed_are_linearizable() {
    again_and_again(|random| {
        let mut cluster = ClusterSetup::default().settings(SOON_LOST).start(3);
        let harm = |round: &mut Round<'_>| {
            round.work();
            round.may_expire(1, RENEWED);
            round.signal_mount(1, Signal::SIGSTOP);
            last(Duration::from_millis(400));
            round.signal_mount(1, Signal::SIGCONT);
            round.work();
            round.lose_session((1, RENEWED), |round| {
                round.signal_mount(1, Signal::SIGSTOP);
            });
            round.signal_mount(1, Signal::SIGCONT);
            round.work();
            round.lose_session((2, RENEWED), |round| round.kill_mount(2));
            round.work();
        };
        run("mounts harmed", &mut cluster, (random, OPTIONS), harm);
        let harm_with_leader = |round: &mut Round<'_>| {
            round.work();
            round.may_expire(0, RENEWED);
            round.signal_mount(0, Signal::SIGSTOP);
            let leader = round.cluster.leader();
            round.cluster.kill(leader);
            last(LONG);
            round.cluster.restart(leader);
            round.signal_mount(0, Signal::SIGCONT);
            round.cluster.wait_settled();
            round.work();
        };
        let what = "a mount frozen, a node killed";
        run(what, &mut cluster, (random, OPTIONS), harm_with_leader);
        cluster.assert_all_replicas_agree();
    });
}
