//! Commands of operators that only the leader can answer, while there is none.

use holdfast_tests::Cluster;
use holdfast_tests::cluster::VOLUME_NAME;

const SHOW: [&str; 3] = ["volume", "show", VOLUME_NAME];

#[test]
fn a_command_waits_until_a_leader_is_elected() {
    let mut cluster = Cluster::start(3);
    for _ in 0..3 {
        let killed = cluster.leader_of(1);
        cluster.kill(killed);
        assert_eq!(cluster.holdfast(&SHOW).success(), "trash=off\n");
        cluster.restart(killed);
        cluster.wait_settled();
    }
}

#[test]
fn a_command_gives_up_where_nobody_can_be_elected() {
    let mut cluster = Cluster::start(3);
    cluster.kill(1);
    cluster.kill(2);
    let finished = cluster.holdfast(&SHOW);
    assert!(!finished.status.success(), "{finished:?}");
    let reason = format!("no node leads volume {VOLUME_NAME} now: ");
    assert!(finished.stderr.contains(&reason), "{}", finished.stderr);
}
