//! `kill -9` under load: nothing that was acknowledged is lost, nothing is done twice.

use holdfast_metadata::InodeId;
use holdfast_tests::{Cluster, Load};

const ROUNDS: usize = 3;

#[test]
fn killing_the_leader_loses_nothing() {
    let mut cluster = Cluster::start(3);
    let client = cluster.client();
    let load = Load::start(&client, InodeId::ROOT, "file", 8);
    for _ in 0..ROUNDS {
        load.wait_for(200);
        let leader = cluster.leader();
        cluster.kill(leader);
        load.wait_for(200);
        cluster.restart(leader);
        cluster.wait_caught_up(leader);
    }
    let worked = load.stop();
    cluster.wait_settled();
    worked.assert_is_all_of(&client.names(InodeId::ROOT));
    cluster.assert_all_replicas_agree();
}

#[test]
fn killing_a_follower_loses_nothing_and_stops_nothing() {
    let mut cluster = Cluster::start(3);
    let client = cluster.client();
    let load = Load::start(&client, InodeId::ROOT, "file", 8);
    for round in 0..ROUNDS {
        load.wait_for(200);
        let leader = cluster.leader();
        let followers: Vec<u64> = cluster
            .ids()
            .into_iter()
            .filter(|id| *id != leader)
            .collect();
        let follower = followers[round % followers.len()];
        cluster.kill(follower);
        load.wait_for(500);
        cluster.restart(follower);
        cluster.wait_caught_up(follower);
    }
    let worked = load.stop();
    cluster.wait_settled();
    worked.assert_is_all_of(&client.names(InodeId::ROOT));
    cluster.assert_all_replicas_agree();
}

#[test]
fn killing_all_nodes_at_once_loses_nothing() {
    let mut cluster = Cluster::start(3);
    let client = cluster.client();
    let load = Load::start(&client, InodeId::ROOT, "file", 8);
    for _ in 0..ROUNDS {
        load.wait_for(300);
        for id in cluster.ids() {
            cluster.kill(id);
        }
        for id in cluster.ids() {
            cluster.restart(id);
        }
        load.wait_for(100);
    }
    let worked = load.stop();
    cluster.wait_settled();
    worked.assert_is_all_of(&client.names(InodeId::ROOT));
    cluster.assert_all_replicas_agree();
}
