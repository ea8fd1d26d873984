//! Nodes that need more than the log still has.

use std::fs;
use std::time::Duration;

use holdfast_metadata::InodeId;
use holdfast_tests::cluster::{ClusterSetup, VOLUME};
use holdfast_tests::{Cluster, Load};

/// So small that the log is soon purged behind snapshots.
const SETTINGS: &str = "[snapshots]\nentries = 200\nspacing_seconds = 1\nkeep = 50\n";
const LIMIT: Duration = Duration::from_mins(1);

fn start() -> Cluster {
    ClusterSetup::default().settings(SETTINGS).start(3)
}

#[test]
fn a_node_that_was_away_for_longer_than_the_log_catches_up_by_snapshot_under_load() {
    let mut cluster = start();
    let client = cluster.client();
    let leader = cluster.leader();
    let away = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    let had = cluster.replica(away, VOLUME).unwrap().last_log_index;
    cluster.kill(away);
    let load = Load::start(&client, InodeId::ROOT, "file", 4);
    // A peer that is dead does not keep the others from purging.
    let leader = cluster.leader();
    cluster.wait_replica("the log is purged", LIMIT, leader, |replica| {
        replica.purged_index > had + 300
    });
    cluster.restart(away);
    cluster.wait_replica("it has a snapshot of the leader", LIMIT, away, |replica| {
        replica.snapshot_index > had
    });
    cluster.wait_caught_up(away);
    let worked = load.stop();
    cluster.wait_settled();
    worked.assert_is_all_of(&client.names(InodeId::ROOT));
    cluster.assert_all_replicas_agree();
}

#[test]
fn the_log_is_purged_on_every_node_while_it_grows() {
    let cluster = start();
    let client = cluster.client();
    let load = Load::start(&client, InodeId::ROOT, "file", 4);
    for id in cluster.ids() {
        let first = cluster.wait_replica("purged", LIMIT, id, |replica| replica.purged_index > 0);
        let begin = first.purged_index;
        cluster.wait_replica("purged again", LIMIT, id, |replica| {
            replica.purged_index > begin
        });
    }
    load.stop().assert_is_all_of(&client.names(InodeId::ROOT));
    cluster.assert_all_replicas_agree();
}

#[test]
fn an_empty_fourth_node_joins_and_votes_under_load() {
    let mut cluster = start();
    let client = cluster.client();
    let load = Load::start(&client, InodeId::ROOT, "file", 4);
    let leader = cluster.leader();
    cluster.wait_replica("the log is purged", LIMIT, leader, |replica| {
        replica.purged_index > 300
    });
    cluster.add_node(4);
    cluster.wait_replica("it votes", LIMIT, 4, |replica| replica.voters.contains(&4));
    load.wait_for(200);
    let worked = load.stop();
    cluster.wait_settled();
    worked.assert_is_all_of(&client.names(InodeId::ROOT));
    cluster.assert_all_replicas_agree();
}

#[test]
fn a_node_that_is_killed_while_it_receives_a_snapshot_gets_there() {
    let mut cluster = start();
    let client = cluster.client();
    let load = Load::start(&client, InodeId::ROOT, "file", 4);
    let leader = cluster.leader();
    cluster.wait_replica("the log is purged", LIMIT, leader, |replica| {
        replica.purged_index > 300
    });
    cluster.add_node(4);
    for _ in 0..5 {
        // Wherever it is: receiving, installing or replaying.
        load.wait_for(20);
        cluster.kill(4);
        cluster.restart(4);
    }
    cluster.wait_replica("it votes", LIMIT, 4, |replica| replica.voters.contains(&4));
    let worked = load.stop();
    cluster.wait_settled();
    worked.assert_is_all_of(&client.names(InodeId::ROOT));
    cluster.assert_all_replicas_agree();
}

#[test]
fn a_volume_whose_state_is_missing_behind_a_purged_log_is_refused_on_that_node() {
    let mut cluster = start();
    let client = cluster.client();
    let leader = cluster.leader();
    let damaged = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    let load = Load::start(&client, InodeId::ROOT, "file", 4);
    cluster.wait_replica("purged", LIMIT, damaged, |replica| replica.purged_index > 0);
    let worked = load.stop();
    cluster.stop(damaged);
    let group = cluster
        .node(damaged)
        .data()
        .join(format!("groups/{VOLUME}"));
    fs::remove_dir_all(group).unwrap();
    cluster.restart(damaged);
    let replica = cluster.wait_replica("it says why", LIMIT, damaged, |replica| {
        !replica.fault.is_empty()
    });
    assert_eq!(replica.role, "stopped");
    let said = &replica.fault;
    assert!(said.contains("state of group 1"), "{said}");
    assert!(said.contains("the log begins after entry"), "{said}");
    // The others have nothing to do with it.
    worked.assert_is_all_of(&client.names(InodeId::ROOT));
    client.create(InodeId::ROOT, "afterwards").unwrap();
}
