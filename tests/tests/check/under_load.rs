//! A sound cluster is clean, whatever it does meanwhile.

use std::time::Duration;

use holdfast_metadata::InodeId;
use holdfast_tests::cluster::ClusterSetup;
use holdfast_tests::{Cluster, Load, Metronome};

/// So small that snapshots are taken and the log is purged meanwhile.
const SNAPSHOTS: &str = "[snapshots]\nentries = 500\nspacing_seconds = 0\nkeep = 10\n";
/// Nobody who writes is held up for so long.
const PAUSE_MAX: Duration = Duration::from_secs(2);

#[test]
fn a_cluster_that_is_written_to_is_clean() {
    let mut cluster = ClusterSetup::default().settings(SNAPSHOTS).start(3);
    cluster.holdfast(&["volume", "create", "second"]).success();
    cluster.wait_settled();
    let client = cluster.client();
    let load = Load::start(&client, InodeId::ROOT, "file", 4);
    load.wait_for(300);
    let metronome = Metronome::start();
    let mut longest = load.longest_pause();
    for _ in 0..5 {
        metronome.stalled();
        let told = cluster.ask(&["fsck"]);
        assert!(told.contains("the cluster is clean"), "{told}");
        for group in ["catalog", "default", "second"] {
            let line = format!("checked {group} on nodes 1, 2, 3 at log index");
            assert!(told.contains(&line), "{line:?} is not in:\n{told}");
        }
        load.wait_for(100);
        longest = load.longest_pause();
        let stall = metronome.stalled();
        assert!(
            longest < PAUSE_MAX + stall.excuses(PAUSE_MAX),
            "a create took {longest:?} meanwhile, with a machine that had a {stall:?}"
        );
    }
    println!("the longest create while it was checked: {longest:?}");
    load.stop().assert_is_all_of(&client.names(InodeId::ROOT));
    // Nobody writes: the replicas stand still.
    cluster.ask(&["fsck", "--volume", "default"]);
    let json = cluster.ask(&["fsck", "--json"]);
    assert!(json.contains("\"clean\":true"), "{json}");
    cluster.assert_all_replicas_agree();
}

#[test]
fn what_does_not_answer_is_not_known_to_be_sound() {
    let mut cluster = Cluster::start(3);
    cluster.client().create(InodeId::ROOT, "file").unwrap();
    let leader = cluster.leader();
    let away = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    cluster.stop(away);
    let told = cluster.holdfast(&["fsck"]);
    assert_eq!(told.status.code(), Some(2), "{told:?}");
    assert!(told.stdout.contains("not checked"), "{told:?}");
    let unknown = cluster.holdfast(&["fsck", "--volume", "absent"]);
    assert_eq!(unknown.status.code(), Some(2), "{unknown:?}");
    assert!(
        unknown.stderr.contains("no volume \"absent\""),
        "{unknown:?}"
    );
    // A cluster that cannot write is checked as well.
    cluster.kill(leader);
    let told = cluster.holdfast(&["fsck"]);
    assert_eq!(told.status.code(), Some(2), "{told:?}");
    assert!(told.stdout.contains("checked default on node"), "{told:?}");
}
