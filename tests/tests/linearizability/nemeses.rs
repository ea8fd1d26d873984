//! What is done to the cluster and its mounts while clients work.

use std::env;
use std::time::{Duration, Instant};

use holdfast_tests::cluster::ClusterSetup;
use holdfast_tests::{Cluster, Random};
use nix::sys::signal::Signal;

use crate::round::{Round, last, run};

/// Mounts that are silent for so long lose their locks.
const LEASE: Duration = Duration::from_secs(3);
const SETTINGS: &str = "[timing]\nsession_lease_ms = 3000\n";
/// Longer than elections.
const LONG: Duration = Duration::from_secs(3);
/// The disk of a node that is to be full.
const DISK_MEBIBYTES: u64 = 256;
/// As the tests of mounts mount.
const OPTIONS: &str = "noatime";
/// The nemeses of this file, which share the time that `MINUTES` gives.
const NEMESES: u32 = 7;

fn setup() -> ClusterSetup {
    ClusterSetup::default().settings(SETTINGS)
}

/// Does it once, or until its share of `MINUTES` is over, each time with a new cluster.
#[track_caller]
fn again_and_again(mut once: impl FnMut(&mut Random)) {
    let mut random = Random::announced();
    let minutes = env::var("MINUTES")
        .ok()
        .map(|text| text.parse::<u32>().unwrap());
    let share = Duration::from_mins(minutes.unwrap_or_default().into()) / NEMESES;
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
        let mut cluster = setup().start(3);
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
        let mut cluster = setup().start(3);
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
        let mut cluster = setup().start(3);
        let freeze = |round: &mut Round<'_>| {
            for victim in [round.cluster.leader(), follower(round.cluster)] {
                round.work();
                round.cluster.pause(victim);
                round.work();
                round.cluster.resume(victim);
                round.work();
            }
            // Of all nodes, the last to come back are the followers.
            let mut ids = round.cluster.ids();
            for id in &ids {
                round.cluster.pause(*id);
            }
            last(LONG);
            let leader = ids.iter().position(|id| *id == 1).unwrap_or_default();
            ids.swap(0, leader);
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
        let mut cluster = setup().namespaces().start(3);
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
        cluster.wait_settled();
        cluster.assert_all_replicas_agree();
    });
}

#[test]
fn operations_while_members_change_are_linearizable() {
    again_and_again(|random| {
        let mut cluster = setup().start(3);
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
    again_and_again(|random| {
        let mut cluster = setup().disks(DISK_MEBIBYTES).start(3);
        let fill = |round: &mut Round<'_>| {
            round.work();
            let leader = round.cluster.leader();
            // Less than the reserve, which is an eighth, and enough for all that frees space.
            let left = (DISK_MEBIBYTES << 20) / 16;
            round.fill_disk(leader, left);
            round.work();
            round.work();
            round.cluster.disk(leader).give_back();
            round.work();
        };
        run("disk full", &mut cluster, (random, OPTIONS), fill);
        cluster.assert_all_replicas_agree();
    });
}

#[test]
fn operations_while_mounts_are_frozen_or_killed_are_linearizable() {
    again_and_again(|random| {
        let mut cluster = setup().start(3);
        let harm = |round: &mut Round<'_>| {
            for time in [Duration::from_millis(400), LEASE + LONG] {
                round.work();
                // Its lease was renewed a moment before.
                round.may_expire(1, LEASE / 4);
                round.signal_mount(1, Signal::SIGSTOP);
                last(time);
                round.signal_mount(1, Signal::SIGCONT);
            }
            round.work();
            round.may_expire(2, LEASE / 4);
            round.kill_mount(2);
            last(LEASE + LONG);
            round.work();
        };
        run("mounts harmed", &mut cluster, (random, OPTIONS), harm);
        let harm_with_leader = |round: &mut Round<'_>| {
            round.work();
            round.may_expire(0, LEASE / 4);
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
