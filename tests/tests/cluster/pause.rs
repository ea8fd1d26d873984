//! A leader that was stopped and goes on does not answer from the past.

use std::time::Duration;

use holdfast_metadata::{Answer, InodeId, Reply};
use holdfast_tests::cluster::{Calls, ClusterSetup, Said, VOLUME, command, create, lookup};
use holdfast_tests::{Cluster, wait_until};

const ROUNDS: usize = 3;
const READERS: usize = 50;
/// Nothing more comes from a node after so long.
const SILENCE: Duration = Duration::from_secs(3);

#[test]
fn a_paused_leader_never_answers_from_the_past() {
    never_answers_from_the_past(&Cluster::start(3));
}

#[test]
fn a_paused_leader_never_answers_from_the_past_by_its_lease() {
    let setup = ClusterSetup::default().argument("--reads=lease");
    never_answers_from_the_past(&setup.start(3));
}

/// Queries wait in the sockets of the paused leader while others go on; more come as soon as it runs.
#[track_caller]
fn never_answers_from_the_past(cluster: &Cluster) {
    let client = cluster.client();
    for round in 0..ROUNDS {
        let name = format!("file-{round}");
        let leader = cluster.leader();
        let address = cluster.node(leader).address();
        // Opened before: a paused node takes no connection.
        let mut readers: Vec<Calls> = (0..READERS)
            .map(|_| cluster.speaker().calls(address))
            .collect();
        for reader in &mut readers {
            reader.send_query(VOLUME, &lookup(InodeId::ROOT, &name), true);
        }
        for reader in &mut readers {
            let answers = reader.answers(cluster.speaker(), SILENCE).unwrap();
            assert!(matches!(answers[&1], Said::Reply(Err(_))), "{answers:?}");
        }
        cluster.pause(leader);
        let made = client.create(InodeId::ROOT, &name).unwrap();
        for reader in &mut readers {
            // Whether it was passed on already or not.
            for forwarded in [true, false] {
                reader.send_query(VOLUME, &lookup(InodeId::ROOT, &name), forwarded);
            }
        }
        cluster.resume(leader);
        for reader in &mut readers {
            reader.send_query(VOLUME, &lookup(InodeId::ROOT, &name), true);
        }
        let mut answered = 0;
        for mut reader in readers {
            // A stream that broke told nothing.
            let answers = reader
                .answers(cluster.speaker(), SILENCE)
                .unwrap_or_default();
            answered += answers.len();
            for said in answers.values() {
                match said {
                    Said::Refused(_) => {}
                    Said::Reply(Ok(Reply::Attributes(found))) => assert_eq!(found.ino, made),
                    other => panic!("an answer from the past: {other:?}"),
                }
            }
        }
        assert!(answered > 0, "nobody heard anything of the paused leader");
        wait_until("the old leader follows", SILENCE * 5, || {
            cluster
                .replica(leader, VOLUME)
                .is_some_and(|replica| replica.leader != 0)
        });
    }
    cluster.assert_all_replicas_agree();
}

#[test]
fn a_command_that_waited_in_a_paused_leader_is_refused_or_acknowledged_for_good() {
    let cluster = Cluster::start(3);
    let client = cluster.client();
    let leader = cluster.leader();
    let address = cluster.node(leader).address();
    let mut calls = cluster.speaker().calls_of_session(address, VOLUME);
    cluster.pause(leader);
    client.create(InodeId::ROOT, "by-the-others").unwrap();
    let late = command(create(InodeId::ROOT, "late"));
    calls.send_command(VOLUME, &late, true);
    cluster.resume(leader);
    let answers = calls
        .answers(cluster.speaker(), SILENCE)
        .unwrap_or_default();
    cluster.wait_caught_up(leader);
    let found = client.lookup(InodeId::ROOT, "late");
    match answers.get(&2) {
        Some(Said::Outcome(Ok(Answer::Entry { attributes, .. }))) => {
            assert_eq!(found.unwrap().ino, attributes.ino);
        }
        None | Some(Said::Refused(_)) => {}
        other => panic!("{other:?}"),
    }
    cluster.assert_all_replicas_agree();
}
