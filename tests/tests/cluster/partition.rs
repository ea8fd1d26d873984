//! Connections that are cut, in both directions or in one.

use std::time::{Duration, Instant};

use holdfast_metadata::InodeId;
use holdfast_tests::cluster::{SETTLED, Said, VOLUME, command, create, lookup};
use holdfast_tests::{Cluster, Load, wait_until};

/// Longer than several elections.
const LONG: Duration = Duration::from_secs(4);

#[test]
fn a_leader_without_its_quorum_acknowledges_nothing_and_converges_when_healed() {
    let cluster = Cluster::start_in_namespaces(3);
    let client = cluster.client();
    client.create(InodeId::ROOT, "before").unwrap();
    let alone = cluster.leader();
    let address = cluster.node(alone).address();
    let mut calls = cluster.speaker().calls_of_session(address, VOLUME);
    // The same call is acknowledged as long as there is a quorum.
    calls.send_command(VOLUME, &command(create(InodeId::ROOT, "control")), true);
    let answers = calls.answers(cluster.speaker(), LONG).unwrap();
    assert!(
        matches!(answers.values().next(), Some(Said::Outcome(Ok(_)))),
        "{answers:?}"
    );
    cluster.network().isolate(alone);
    // It still believes that it leads: clients reach it, and may not be told anything that is not so.
    let mut proposed = Vec::new();
    for number in 0..20 {
        let name = format!("minority-{number}");
        calls.send_command(VOLUME, &command(create(InodeId::ROOT, &name)), true);
        calls.send_query(VOLUME, &lookup(InodeId::ROOT, "majority"), true);
        proposed.push(name);
    }
    client.create(InodeId::ROOT, "majority").unwrap();
    let others = cluster.ids().into_iter().filter(|id| *id != alone);
    assert!(others.collect::<Vec<u64>>().contains(&cluster.leader()));
    for number in 20..40 {
        let name = format!("minority-{number}");
        calls.send_command(VOLUME, &command(create(InodeId::ROOT, &name)), true);
        calls.send_query(VOLUME, &lookup(InodeId::ROOT, "majority"), true);
        proposed.push(name);
    }
    let answers = calls.answers(cluster.speaker(), LONG).unwrap_or_default();
    let told: Vec<_> = answers
        .values()
        .filter(|said| !matches!(said, Said::Refused(_)))
        .collect();
    assert!(told.is_empty(), "a minority answered: {told:?}");
    assert!(!answers.is_empty(), "it did not even refuse");
    cluster.network().heal();
    cluster.wait_caught_up(alone);
    let names = client.names(InodeId::ROOT);
    assert!(names.contains_key("before") && names.contains_key("majority"));
    let done: Vec<_> = proposed
        .iter()
        .filter(|name| names.contains_key(*name))
        .collect();
    assert!(done.is_empty(), "a minority committed {done:?}");
    cluster.assert_all_replicas_agree();
}

#[test]
fn a_node_that_comes_back_does_not_depose_the_leader() {
    let cluster = Cluster::start_in_namespaces(3);
    let client = cluster.client();
    let leader = cluster.leader();
    let follower = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    let term = cluster.replica(leader, VOLUME).unwrap().term;
    let load = Load::start(&client, InodeId::ROOT, "file", 4);
    cluster.network().isolate(follower);
    load.wait_for(100);
    for_a_while(&load);
    assert_lags(&cluster, follower, &load);
    cluster.network().heal();
    cluster.wait_caught_up(follower);
    for_a_while(&load);
    let worked = load.stop();
    let now = cluster.replica(leader, VOLUME).unwrap();
    assert_eq!((now.role.as_str(), now.term), ("leader", term), "{now:#?}");
    worked.assert_is_all_of(&client.names(InodeId::ROOT));
    cluster.assert_all_replicas_agree();
}

#[test]
fn a_follower_that_hears_nothing_does_not_depose_the_leader() {
    let cluster = Cluster::start_in_namespaces(3);
    let client = cluster.client();
    let leader = cluster.leader();
    let deaf = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    let term = cluster.replica(leader, VOLUME).unwrap().term;
    let load = Load::start(&client, InodeId::ROOT, "file", 4);
    // It hears nobody; what it says arrives.
    for other in cluster.ids().into_iter().filter(|id| *id != deaf) {
        cluster.network().cut(other, deaf);
    }
    for_a_while(&load);
    assert_lags(&cluster, deaf, &load);
    cluster.network().heal();
    cluster.wait_caught_up(deaf);
    let worked = load.stop();
    let now = cluster.replica(leader, VOLUME).unwrap();
    assert_eq!((now.role.as_str(), now.term), ("leader", term), "{now:#?}");
    worked.assert_is_all_of(&client.names(InodeId::ROOT));
    cluster.assert_all_replicas_agree();
}

#[test]
fn a_leader_that_hears_nothing_is_replaced() {
    let cluster = Cluster::start_in_namespaces(3);
    let client = cluster.client();
    let load = Load::start(&client, InodeId::ROOT, "file", 4);
    load.wait_for(50);
    let deaf = cluster.leader();
    for other in cluster.ids().into_iter().filter(|id| *id != deaf) {
        cluster.network().cut(other, deaf);
    }
    wait_until("another node leads", SETTLED, || cluster.leader() != deaf);
    load.wait_for(200);
    cluster.network().heal();
    cluster.wait_caught_up(deaf);
    let worked = load.stop();
    worked.assert_is_all_of(&client.names(InodeId::ROOT));
    cluster.assert_all_replicas_agree();
}

#[test]
fn a_leader_that_nobody_hears_is_replaced() {
    let cluster = Cluster::start_in_namespaces(3);
    let client = cluster.client();
    let load = Load::start(&client, InodeId::ROOT, "file", 4);
    load.wait_for(50);
    let mute = cluster.leader();
    for other in cluster.ids().into_iter().filter(|id| *id != mute) {
        cluster.network().cut(mute, other);
    }
    wait_until("another node leads", SETTLED, || cluster.leader() != mute);
    load.wait_for(200);
    cluster.network().heal();
    cluster.wait_caught_up(mute);
    let worked = load.stop();
    worked.assert_is_all_of(&client.names(InodeId::ROOT));
    cluster.assert_all_replicas_agree();
}

#[test]
fn a_client_that_does_not_reach_the_leader_is_served_by_another_node() {
    let cluster = Cluster::start_in_namespaces(3);
    let client = cluster.client();
    let load = Load::start(&client, InodeId::ROOT, "file", 4);
    load.wait_for(50);
    let leader = cluster.leader();
    cluster.network().hide(leader);
    load.wait_for(200);
    cluster.network().heal();
    load.wait_for(50);
    let worked = load.stop();
    worked.assert_is_all_of(&client.names(InodeId::ROOT));
    cluster.assert_all_replicas_agree();
}

/// Long enough for elections to happen if anybody wanted one, and the load goes on all the time.
#[track_caller]
fn for_a_while(load: &Load) {
    let begin = Instant::now();
    let before = load.acknowledged();
    wait_until("time passes", LONG * 2, || begin.elapsed() > LONG);
    assert!(load.acknowledged() > before, "the load does not go on");
}

/// The cut is a cut: the node does not get what was acknowledged meanwhile.
#[track_caller]
fn assert_lags(cluster: &Cluster, node: u64, load: &Load) {
    let applied = cluster.replica(node, VOLUME).unwrap().applied_index;
    let acknowledged = load.acknowledged();
    assert!(
        applied < acknowledged,
        "it has applied {applied} of {acknowledged}"
    );
}
