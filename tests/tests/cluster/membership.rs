//! Nodes that leave a cluster.

use std::collections::BTreeSet;
use std::process::Command;

use holdfast_metadata::InodeId;
use holdfast_tests::cluster::{SETTLED, VOLUME};
use holdfast_tests::{Cluster, Load, place, run_within, wait_until};

#[test]
fn a_follower_is_removed_under_load() {
    let cluster = Cluster::start(3);
    let leader = cluster.leader();
    let leaving = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    remove_under_load(cluster, leaving);
}

#[test]
fn the_leader_is_removed_under_load() {
    let cluster = Cluster::start(3);
    let leaving = cluster.leader();
    remove_under_load(cluster, leaving);
}

#[track_caller]
fn remove_under_load(mut cluster: Cluster, leaving: u64) {
    let client = cluster.client();
    let load = Load::start(&client, InodeId::ROOT, "file", 4);
    load.wait_for(100);
    cluster
        .holdfast(&["node", "remove", &leaving.to_string()])
        .success();
    let staying: BTreeSet<u64> = cluster
        .ids()
        .into_iter()
        .filter(|id| *id != leaving)
        .collect();
    cluster.forget(leaving);
    cluster.wait_members(&staying);
    load.wait_for(100);
    let worked = load.stop();
    worked.assert_is_all_of(&client.names(InodeId::ROOT));
    cluster.assert_all_replicas_agree();
}

#[test]
fn removing_a_node_that_the_quorum_needs_is_refused_with_the_reason() {
    let mut cluster = Cluster::start(3);
    let leader = cluster.leader();
    let followers: Vec<u64> = cluster
        .ids()
        .into_iter()
        .filter(|id| *id != leader)
        .collect();
    cluster.kill(followers[0]);
    let refused = cluster.holdfast(&["node", "remove", &followers[1].to_string()]);
    assert!(!refused.status.success(), "{refused:#?}");
    assert!(
        refused.stderr.contains("a quorum would be lost"),
        "{refused:#?}"
    );
    // The dead one may go.
    cluster
        .holdfast(&["node", "remove", &followers[0].to_string()])
        .success();
    cluster.forget(followers[0]);
    cluster.wait_members(&BTreeSet::from([leader, followers[1]]));
    cluster.client().create(InodeId::ROOT, "file").unwrap();
}

#[test]
fn the_last_voter_cannot_be_removed() {
    let cluster = Cluster::start(1);
    let refused = cluster.holdfast(&["node", "remove", "1"]);
    assert!(!refused.status.success());
    assert!(refused.stderr.contains("the only voter"), "{refused:#?}");
}

#[test]
fn a_dead_node_is_replaced_under_load() {
    let mut cluster = Cluster::start(3);
    let client = cluster.client();
    let load = Load::start(&client, InodeId::ROOT, "file", 4);
    load.wait_for(100);
    let dead = cluster.leader();
    cluster.kill(dead);
    cluster.add_node(4);
    load.wait_for(100);
    cluster
        .holdfast(&["node", "remove", &dead.to_string()])
        .success();
    cluster.forget(dead);
    cluster.wait_settled();
    let worked = load.stop();
    worked.assert_is_all_of(&client.names(InodeId::ROOT));
    cluster.assert_all_replicas_agree();
}

#[test]
fn the_number_of_a_removed_node_is_never_used_again() {
    let mut cluster = Cluster::start(3);
    let leader = cluster.leader();
    let removed = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    let number = removed.to_string();
    let old = cluster.node(removed).data().display().to_string();
    cluster.kill(removed);
    cluster.holdfast(&["node", "remove", &number]).success();
    cluster.forget(removed);
    let reason =
        format!("node {removed} was removed; ids are never used again: choose another --id");
    let listen = ["--listen", "127.0.0.1:0"];
    let mut serve = Command::new(place::holdfast());
    serve
        .args(["serve", "--id", &number, "--data", &old])
        .args(listen);
    let unwanted = run_within(&mut serve, SETTLED);
    assert!(!unwanted.status.success(), "{unwanted:#?}");
    assert!(unwanted.stderr.contains(&reason), "{unwanted:#?}");
    // With an empty directory it would have forgotten what it voted.
    let data = cluster.scratch().join("another").display().to_string();
    let join = cluster.node(leader).address().to_owned();
    let mut serve = Command::new(place::holdfast());
    serve.args(["serve", "--id", &number, "--data", &data]);
    serve.args(listen).args(["--join", &join]);
    let refused = run_within(&mut serve, SETTLED);
    assert!(!refused.status.success(), "{refused:#?}");
    assert!(refused.stderr.contains(&reason), "{refused:#?}");
    // What it is, is said by the others.
    let listed = cluster.holdfast(&["node", "list"]).success();
    assert_eq!(listed.matches("voter").count(), 2, "{listed}");
    // Whoever did not see how the removal ended may ask again.
    cluster.holdfast(&["node", "remove", &number]).success();
    let unknown = cluster.holdfast(&["node", "remove", "99"]);
    assert!(
        unknown.stderr.contains("there is no node 99"),
        "{unknown:#?}"
    );
}

#[test]
fn leadership_moves_when_it_is_asked_to() {
    let cluster = Cluster::start(3);
    let client = cluster.client();
    let load = Load::start(&client, InodeId::ROOT, "file", 4);
    load.wait_for(100);
    let leader = cluster.leader();
    let next = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    cluster
        .holdfast(&["node", "transfer-leader", "--to", &next.to_string()])
        .success();
    wait_until("it leads", SETTLED, || cluster.leader() == next);
    load.wait_for(100);
    load.stop().assert_is_all_of(&client.names(InodeId::ROOT));
}

#[test]
fn leadership_stays_when_the_other_node_does_not_answer() {
    let cluster = Cluster::start(3);
    let leader = cluster.leader();
    let other = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    let term = cluster.replica(leader, VOLUME).unwrap().term;
    cluster.pause(other);
    let (to, group) = (other.to_string(), VOLUME.to_string());
    let transfer = ["node", "transfer-leader", "--to", &to, "--group", &group];
    let refused = cluster.holdfast(&transfer);
    assert!(!refused.status.success(), "{refused:?}");
    let reason = "is the other node a voter that answers?";
    assert!(refused.stderr.contains(reason), "{refused:?}");
    let still = cluster.replica(leader, VOLUME).unwrap();
    assert_eq!((still.leader, still.term), (leader, term), "{still:?}");
    cluster.resume(other);
    cluster.holdfast(&transfer).success();
    wait_until("it leads", SETTLED, || cluster.leader() == other);
}
