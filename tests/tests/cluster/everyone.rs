//! `replication = all`: nothing is acknowledged before every voter has applied it.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use holdfast_metadata::InodeId;
use holdfast_replicator::RemoteOptions;
use holdfast_tests::cluster::{SETTLED, Said, Standpoint, command, create};
use holdfast_tests::{Client, Cluster, wait_until};

const STRICT: &str = "strict";
/// The second volume of a cluster.
const GROUP: u64 = 2;
/// Nothing more comes from a node after so long.
const SILENCE: Duration = Duration::from_secs(10);

fn cluster_and_client() -> (Cluster, Client) {
    let cluster = Cluster::start(3);
    let create = ["volume", "create", STRICT, "--replication", "all"];
    cluster.holdfast(&create).success();
    let mut client = None;
    wait_until("the volume is there", SETTLED, || {
        let options = RemoteOptions::new(cluster.addresses(), STRICT);
        client = Client::try_connect(&Standpoint::default(), options).ok();
        client.is_some()
    });
    (cluster, client.unwrap())
}

/// How far each node that answers has applied the volume.
fn applied(cluster: &Cluster) -> BTreeMap<u64, u64> {
    let index = |id: &u64| Some((*id, cluster.replica(*id, GROUP)?.applied_index));
    cluster.ids().iter().filter_map(index).collect()
}

#[test]
fn what_is_acknowledged_is_applied_by_every_voter() {
    let (cluster, client) = cluster_and_client();
    for number in 0..50 {
        let most = applied(&cluster).into_values().max();
        client
            .create(InodeId::ROOT, &format!("file-{number}"))
            .unwrap();
        // It is a later entry than any before. The leader may add one of its own (the end of a silent session), which
        // nobody waits for.
        let applied = applied(&cluster);
        assert_eq!(applied.len(), 3);
        assert!(applied.values().min().copied() > most, "{applied:?}");
    }
    cluster.assert_replicas_agree(GROUP);
}

#[test]
fn while_a_voter_is_away_changes_wait_and_say_why_and_go_on_when_it_is_back() {
    let (mut cluster, client) = cluster_and_client();
    client.create(InodeId::ROOT, "before").unwrap();
    let leader = cluster.leader_of(GROUP);
    let address = cluster.node(leader).address().to_owned();
    let mut calls = cluster.speaker().calls_of_session(&address, GROUP);
    let away = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    cluster.kill(away);
    let reason = format!("node {away} does not answer, and the volume is replicated to all");
    wait_until("the leader refuses and says why", SETTLED, || {
        // One that came before the leader has missed it is neither acknowledged.
        let refused = command(create(InodeId::ROOT, "refused"));
        let call = calls.send_command(GROUP, &refused, true);
        let answers = calls.answers(cluster.speaker(), SILENCE).unwrap();
        match answers.get(&call) {
            Some(Said::Refused(refusal)) => refusal.message.contains(&reason),
            other => panic!("without a voter: {other:?}"),
        }
    });
    // What is there can be read, and other volumes have nothing to do with it.
    client.lookup(InodeId::ROOT, "before").unwrap();
    cluster.client().create(InodeId::ROOT, "elsewhere").unwrap();
    let status = cluster.holdfast(&["status"]);
    assert_eq!(status.status.code(), Some(2), "{status:#?}");
    let complaint = format!("nothing can be changed while node {away} is away");
    assert!(status.stdout.contains(&complaint), "{status:#?}");
    thread::scope(|scope| {
        let waiting = scope.spawn(|| client.create(InodeId::ROOT, "waited"));
        // It is under way: a command of the same session that came later is refused like it.
        client.lookup(InodeId::ROOT, "before").unwrap();
        assert!(
            !waiting.is_finished(),
            "it was acknowledged without a voter"
        );
        cluster.restart(away);
        waiting.join().unwrap().unwrap();
    });
    let names = client.names(InodeId::ROOT);
    assert_eq!(names.get("waited"), Some(&1), "{names:?}");
    wait_until("the cluster is well", SETTLED, || {
        cluster.holdfast(&["status"]).status.success()
    });
    cluster.assert_replicas_agree(GROUP);
}

#[test]
fn a_soft_client_is_told_after_its_time() {
    let (mut cluster, client) = cluster_and_client();
    let leader = cluster.leader_of(GROUP);
    let away = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    drop(client);
    let options = RemoteOptions {
        soft: Some(Duration::from_secs(2)),
        ..RemoteOptions::new(cluster.addresses(), STRICT)
    };
    let client = Client::try_connect(&Standpoint::default(), options).unwrap();
    client.create(InodeId::ROOT, "before").unwrap();
    cluster.kill(away);
    let refused = client.replicate(create(InodeId::ROOT, "file"));
    assert!(refused.is_err(), "{refused:?}");
}
