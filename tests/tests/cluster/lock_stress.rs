//! Many processes of many mounts want the same locks while leaders are killed: nobody ever has one together with another.

use std::time::{Duration, Instant};

use holdfast_tests::cluster::SETTLED;
use holdfast_tests::counters::Counters;
use holdfast_tests::holds::{self, Hold};
use holdfast_tests::{Cluster, ClusterMount, wait_until};

use crate::crowd::Crowd;

const MOUNTS: u32 = 4;
/// On each mount.
const PROCESSES: u32 = 8;
const LOCKS: u32 = 20;
/// No leader is killed after so long, however few it were on a loaded machine.
const DURATION: Duration = Duration::from_secs(40);
/// A leader is killed every so often, and not before locks go on under the one before.
const PERIOD: Duration = Duration::from_secs(5);
const GOES_ON: u64 = 200;

#[test]
fn numbers_counted_under_locks_are_exact_and_no_two_hold_one_while_leaders_are_killed() {
    let mut cluster = Cluster::start(3);
    let nodes = cluster.ids().into_iter().cycle();
    let mounts: Vec<ClusterMount> = nodes
        .take(MOUNTS as usize)
        .map(|node| cluster.mount(node, "noatime"))
        .collect();
    Counters::create(mounts[0].root(), LOCKS).unwrap();
    let mut crowd = Crowd::new(cluster.scratch(), 0);
    for process in 0..MOUNTS * PROCESSES {
        crowd.join(mounts[(process % MOUNTS) as usize].root(), LOCKS);
    }
    let start = Instant::now();
    while start.elapsed() < DURATION {
        let begin = Instant::now();
        let leader = cluster.leader();
        cluster.kill(leader);
        crowd.wait_for(GOES_ON);
        cluster.restart(leader);
        cluster.wait_caught_up(leader);
        crowd.wait_for(GOES_ON);
        wait_until("the time comes", SETTLED, || begin.elapsed() >= PERIOD);
    }
    let holds = crowd.end();
    check(&holds, &mounts);
    let listed = cluster.ask(&["locks"]);
    assert_eq!(listed.lines().count(), 1, "only the title: {listed}");
    for mount in &mounts {
        let log = mount.log();
        assert!(!log.contains("locks are lost"), "{log}");
    }
    for mount in mounts {
        mount.unmount();
    }
    cluster.wait_settled();
    cluster.assert_all_replicas_agree();
}

fn check(holds: &[Hold], mounts: &[ClusterMount]) {
    println!("{} holds", holds.len());
    holds::check_exclusion(holds).unwrap();
    let numbers = holds::check_numbers(holds).unwrap();
    assert_eq!(numbers.len(), LOCKS as usize, "each lock was held");
    for mount in mounts {
        let counters = Counters::open(mount.root(), LOCKS).unwrap();
        assert!(counters.read().unwrap().iter().eq(numbers.values()));
    }
    // Or nothing of this was tried.
    let shared = holds::count_shared(holds);
    assert!(shared > 0, "no lock was ever shared");
}
