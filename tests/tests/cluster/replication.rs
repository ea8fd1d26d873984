//! Three nodes elect a leader and end up with the same bytes.

use holdfast_metadata::InodeId;
use holdfast_tests::{Cluster, Load};

#[test]
fn three_nodes_elect_a_leader_and_replicate_what_16_clients_create() {
    let cluster = Cluster::start(3);
    let client = cluster.client();
    let load = Load::start_up_to(&client, InodeId::ROOT, "file", 16, 2_000);
    let worked = load.finish();
    assert!(worked.names.len() >= 2_000);
    worked.assert_is_all_of(&client.names(InodeId::ROOT));
    cluster.assert_all_replicas_agree();
}

#[test]
fn a_client_that_knows_only_a_follower_is_served() {
    let cluster = Cluster::start(3);
    let leader = cluster.leader();
    let follower = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    let address = cluster.node(follower).address().to_owned();
    let client = cluster.client_of("default", &[address]);
    let ino = client.create(InodeId::ROOT, "through-a-follower").unwrap();
    let found = cluster.client().lookup(InodeId::ROOT, "through-a-follower");
    assert_eq!(found.unwrap().ino, ino);
}

#[test]
fn status_tells_who_leads_and_whether_all_is_well() {
    let mut cluster = Cluster::start(3);
    let leader = cluster.leader();
    let finished = cluster.holdfast(&["status", "--json"]);
    assert_eq!(finished.status.code(), Some(0), "{finished:#?}");
    assert!(finished.stdout.contains("\"health\": \"healthy\""));
    let follower = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    cluster.kill(follower);
    let degraded = cluster.holdfast(&["status"]);
    assert_eq!(degraded.status.code(), Some(1), "{degraded:#?}");
    cluster.kill(leader);
    holdfast_tests::wait_until(
        "the last node knows no leader",
        holdfast_tests::cluster::SETTLED,
        || cluster.holdfast(&["status"]).status.code() == Some(2),
    );
}
