//! A follower that cannot keep up: the others go on at their own pace, and it gets there when it can.

use std::time::Duration;

use holdfast_metadata::InodeId;
use holdfast_tests::cluster::{ClusterSetup, VOLUME};
use holdfast_tests::{Cluster, Load, wait_until};

/// So small that the log is soon purged behind snapshots.
const SETTINGS: &str = "[snapshots]\nentries = 200\nspacing_seconds = 1\nkeep = 50\n";
const LIMIT: Duration = Duration::from_mins(1);
/// Entries that the others purge meanwhile: more than the log keeps.
const AHEAD: u64 = 300;
/// Creates that are acknowledged while the follower stands still, and before it stops again.
const WHILE_STOPPED: u64 = 60;
const WHILE_RUNNING: u64 = 5;
/// How often it is stopped at least, and at most until the others have purged their logs.
const STOPS_MIN: usize = 20;
const STOPS_MAX: usize = 500;

fn follower(cluster: &Cluster) -> u64 {
    let leader = cluster.leader();
    cluster.ids().into_iter().find(|id| *id != leader).unwrap()
}

/// What the leader has purged, and what of the log it knows to be on the other node.
fn purged_and_matched(cluster: &Cluster, other: u64) -> (u64, u64) {
    let leader = cluster.leader();
    let replica = cluster.replica(leader, VOLUME).unwrap_or_default();
    let peer = replica.peers.iter().find(|peer| peer.node == other);
    (
        replica.purged_index,
        peer.map_or(u64::MAX, |peer| peer.matched_index),
    )
}

#[test]
fn a_follower_behind_a_narrow_road_slows_nobody_down_and_gets_there() {
    let setup = ClusterSetup::default().settings(SETTINGS).namespaces();
    let mut cluster = setup.start(3);
    let client = cluster.client();
    let slow = follower(&cluster);
    // A create is some 200 bytes in the log: no more than a few dozen a second come through.
    cluster.network().narrow(slow, "64kbit");
    let load = Load::start(&client, InodeId::ROOT, "file", 4);
    let mut seen = (0, 0);
    wait_until("the others purge what it does not have", LIMIT, || {
        let (purged, matched) = purged_and_matched(&cluster, slow);
        seen = (purged, matched);
        purged > matched.saturating_add(AHEAD)
    });
    load.wait_for(AHEAD);
    let (_, matched) = purged_and_matched(&cluster, slow);
    assert!(
        load.acknowledged() > matched,
        "{} creates went at the pace of a node that has {matched} entries ({seen:?} before)",
        load.acknowledged()
    );
    let worked = load.stop();
    worked.assert_is_all_of(&client.names(InodeId::ROOT));
    cluster.network().widen(slow);
    cluster.wait_caught_up(slow);
    cluster.wait_settled();
    cluster.assert_all_replicas_agree();
}

#[test]
fn a_follower_that_stands_still_most_of_the_time_slows_nobody_down_and_gets_there() {
    let mut cluster = ClusterSetup::default().settings(SETTINGS).start(3);
    let client = cluster.client();
    let slow = follower(&cluster);
    let load = Load::start(&client, InodeId::ROOT, "file", 4);
    let (begin, _) = purged_and_matched(&cluster, slow);
    let mut purged = begin;
    let mut stops = 0;
    while stops < STOPS_MIN || purged <= begin + AHEAD {
        assert!(
            stops < STOPS_MAX,
            "the log is not purged: {begin}, then {purged}"
        );
        cluster.pause(slow);
        // It acknowledges nothing now, so this is the pace of the others.
        load.wait_for(WHILE_STOPPED);
        (purged, _) = purged_and_matched(&cluster, slow);
        cluster.resume(slow);
        load.wait_for(WHILE_RUNNING);
        stops += 1;
    }
    let worked = load.stop();
    worked.assert_is_all_of(&client.names(InodeId::ROOT));
    cluster.wait_caught_up(slow);
    cluster.wait_settled();
    cluster.assert_all_replicas_agree();
}
