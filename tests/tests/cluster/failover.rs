//! How long a program waits when the leader goes.

use std::time::{Duration, Instant};

use holdfast_metadata::InodeId;
use holdfast_tests::cluster::SETTLED;
use holdfast_tests::poll::wait_until;
use holdfast_tests::{Cluster, Load, Metronome, Stall};

const KILLS: usize = 10;
const STOPS: usize = 3;
const KILL_PAUSE_MAX: Duration = Duration::from_secs(2);
const STOP_PAUSE_MAX: Duration = Duration::from_millis(300);
/// `election_max`: a process that leads acknowledges nothing before it is so old (decision 0010).
const YOUTH: Duration = Duration::from_millis(500);

#[test]
fn a_killed_leader_is_replaced_within_two_seconds() {
    let mut cluster = Cluster::start(3);
    let client = cluster.client();
    let load = Load::start(&client, InodeId::ROOT, "file", 1);
    let metronome = Metronome::start();
    let mut pauses = Vec::new();
    for _ in 0..KILLS {
        load.wait_for(50);
        let leader = cluster.leader();
        load.longest_pause();
        metronome.stalled();
        cluster.kill(leader);
        load.wait_for(50);
        pauses.push(Pause::of(&load, &metronome));
        cluster.restart(leader);
        cluster.wait_settled();
    }
    load.stop().assert_is_all_of(&client.names(InodeId::ROOT));
    assert_pauses("kill", pauses, KILL_PAUSE_MAX);
}

#[test]
fn a_leader_that_is_told_to_end_is_hardly_missed() {
    let mut cluster = Cluster::start(3);
    let client = cluster.client();
    let load = Load::start(&client, InodeId::ROOT, "file", 1);
    let metronome = Metronome::start();
    let mut pauses = Vec::new();
    let mut youngest = Instant::now();
    for _ in 0..STOPS {
        load.wait_for(50);
        wait_until("no node is young", SETTLED, || youngest.elapsed() > YOUTH);
        let leader = cluster.leader();
        load.longest_pause();
        metronome.stalled();
        cluster.stop(leader);
        load.wait_for(50);
        pauses.push(Pause::of(&load, &metronome));
        cluster.restart(leader);
        youngest = Instant::now();
        cluster.wait_settled();
    }
    load.stop().assert_is_all_of(&client.names(InodeId::ROOT));
    assert_pauses("stop", pauses, STOP_PAUSE_MAX);
}

/// How long a create took, and how long of that the machine let nobody get on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Pause {
    pause: Duration,
    stall: Stall,
}

impl Pause {
    fn of(load: &Load, metronome: &Metronome) -> Pause {
        Pause {
            pause: load.longest_pause(),
            stall: metronome.stalled(),
        }
    }
}

#[track_caller]
fn assert_pauses(what: &str, mut pauses: Vec<Pause>, most: Duration) {
    pauses.sort();
    println!("pauses of a create loop after each {what}, sorted: {pauses:?}");
    for pause in &pauses {
        assert!(
            pause.pause < most + pause.stall.excuses(most),
            "after a {what} a create took {pause:?}: {pauses:?}"
        );
    }
}
