//! Nodes that are stopped and started in turn, as an update does.

use std::time::{Duration, Instant};

use holdfast_metadata::InodeId;
use holdfast_tests::cluster::SETTLED;
use holdfast_tests::{Cluster, Load, wait_until};

#[test]
fn a_rolling_restart_under_load_loses_nothing() {
    let mut cluster = Cluster::start(3);
    let client = cluster.client();
    let load = Load::start(&client, InodeId::ROOT, "file", 8);
    for id in cluster.ids() {
        load.wait_for(200);
        cluster.stop(id);
        load.wait_for(200);
        cluster.restart(id);
        cluster.wait_settled();
    }
    let worked = load.stop();
    worked.assert_is_all_of(&client.names(InodeId::ROOT));
    cluster.assert_all_replicas_agree();
}

#[test]
fn a_cluster_that_was_stopped_as_a_whole_goes_on_where_it_was() {
    let mut cluster = Cluster::start(3);
    let client = cluster.client();
    let worked = Load::start_up_to(&client, InodeId::ROOT, "file", 8, 500).finish();
    client.close();
    for id in cluster.ids() {
        cluster.stop(id);
    }
    for id in cluster.ids() {
        cluster.restart(id);
    }
    cluster.wait_settled();
    worked.assert_is_all_of(&cluster.client().names(InodeId::ROOT));
    cluster.assert_all_replicas_agree();
}

#[test]
fn a_node_that_starts_at_another_address_is_found_there() {
    let mut cluster = Cluster::start(3);
    let client = cluster.client();
    let load = Load::start(&client, InodeId::ROOT, "file", 4);
    load.wait_for(100);
    let leader = cluster.leader();
    // A follower moves while the leader stays, and then the leader moves.
    for id in cluster.ids().into_iter().rev() {
        if id != leader {
            cluster.stop(id);
            start_elsewhere(&mut cluster, id);
        }
    }
    load.wait_for(100);
    // Of all the addresses that its clients were given none is left, and it can tell them nothing any more.
    cluster.kill(leader);
    start_elsewhere(&mut cluster, leader);
    load.wait_for(100);
    let worked = load.stop();
    worked.assert_is_all_of(&client.names(InodeId::ROOT));
    let listed = cluster.holdfast(&["node", "list"]).success();
    for address in cluster.addresses() {
        assert!(listed.contains(&address), "{address} in {listed}");
    }
    cluster.assert_all_replicas_agree();
}

#[test]
fn a_node_alone_may_move() {
    let mut cluster = Cluster::start(1);
    cluster.client().create(InodeId::ROOT, "file").unwrap();
    cluster.stop(1);
    start_elsewhere(&mut cluster, 1);
    cluster.client().lookup(InodeId::ROOT, "file").unwrap();
}

/// Waits until the node votes and has everything, and the catalog knows where it is.
#[track_caller]
fn start_elsewhere(cluster: &mut Cluster, id: u64) {
    cluster.node_mut(id).move_away();
    cluster.restart(id);
    cluster.wait_settled();
    let address = cluster.node(id).address().to_owned();
    wait_until("all know where it is", SETTLED, || {
        let statuses = cluster.statuses();
        statuses.len() == cluster.ids().len()
            && statuses.values().all(|status| {
                let mut nodes = status.nodes.iter();
                nodes.any(|node| node.id == id && node.address == address)
            })
    });
}

#[test]
fn a_node_that_is_told_to_end_does_not_wait_for_its_peers() {
    let mut cluster = Cluster::start(3);
    cluster.client().create(InodeId::ROOT, "file").unwrap();
    // A busy machine may delay one; what waits for peers delays each.
    let mut fastest = Duration::MAX;
    for id in cluster.ids() {
        let began = Instant::now();
        cluster.stop(id);
        fastest = fastest.min(began.elapsed());
        cluster.restart(id);
        cluster.wait_settled();
    }
    println!("the fastest of three stops took {fastest:?}");
    assert!(fastest < Duration::from_millis(1500), "{fastest:?}");
}
