//! Several volumes on the same nodes.

use holdfast_metadata::{InodeId, PosixError};
use holdfast_replicator::RemoteOptions;
use holdfast_tests::cluster::{SETTLED, Standpoint, VOLUME_NAME};
use holdfast_tests::{Client, Cluster, Load, wait_until};

fn client_of(cluster: &Cluster, volume: &str) -> Client {
    let connect = || {
        let options = RemoteOptions::new(cluster.addresses(), volume);
        Client::try_connect(&Standpoint::default(), options)
    };
    let mut client = connect();
    // Each node makes its replica when it hears of the volume.
    wait_until("the volume is there", SETTLED, || {
        if client.is_err() {
            client = connect();
        }
        client.is_ok()
    });
    client.unwrap()
}

#[test]
fn two_volumes_do_not_see_each_other() {
    let cluster = Cluster::start(3);
    cluster.holdfast(&["volume", "create", "other"]).success();
    let (one, other) = (cluster.client(), client_of(&cluster, "other"));
    one.create(InodeId::ROOT, "both").unwrap();
    other.mkdir(InodeId::ROOT, "both").unwrap();
    let load = Load::start_up_to(&one, InodeId::ROOT, "one", 4, 200);
    Load::start_up_to(&other, InodeId::ROOT, "other", 4, 200).finish();
    load.finish();
    let (in_one, in_other) = (one.names(InodeId::ROOT), other.names(InodeId::ROOT));
    assert!(
        in_one
            .keys()
            .all(|name| name == "both" || name.starts_with("one-"))
    );
    assert!(
        in_other
            .keys()
            .all(|name| name == "both" || name.starts_with("other-"))
    );
    one.unlink(InodeId::ROOT, "both").unwrap();
    other.lookup(InodeId::ROOT, "both").unwrap();
    for group in [1, 2] {
        cluster.assert_replicas_agree(group);
    }
}

#[test]
fn a_volume_is_deleted_and_made_anew_while_another_is_used() {
    let cluster = Cluster::start(3);
    let first = cluster.client();
    let load = Load::start(&first, InodeId::ROOT, "file", 2);
    for round in 0..3 {
        cluster.holdfast(&["volume", "create", "other"]).success();
        let client = client_of(&cluster, "other");
        let found = client.lookup(InodeId::ROOT, "file").map(|_| ());
        assert_eq!(found, Err(PosixError::NotFound), "round {round}");
        client.create(InodeId::ROOT, "file").unwrap();
        drop(client);
        cluster
            .holdfast(&["volume", "delete", "other", "--yes"])
            .success();
        // A node that follows hears of it a moment later.
        wait_until("no node has it", SETTLED, || {
            let options = RemoteOptions::new(cluster.addresses(), "other");
            let gone = Client::try_connect(&Standpoint::default(), options);
            gone.is_err_and(|error| error.contains("other"))
        });
        load.wait_for(20);
    }
    load.stop().assert_is_all_of(&first.names(InodeId::ROOT));
    let listed = cluster.holdfast(&["volume", "list"]).success();
    assert!(
        listed.contains(VOLUME_NAME) && !listed.contains("other"),
        "{listed}"
    );
}

#[test]
fn a_node_that_was_away_learns_of_volumes_when_it_is_back() {
    let mut cluster = Cluster::start(3);
    cluster.holdfast(&["volume", "create", "doomed"]).success();
    let away = cluster
        .ids()
        .into_iter()
        .find(|id| *id != cluster.leader())
        .unwrap();
    cluster.kill(away);
    cluster
        .holdfast(&["volume", "delete", "doomed", "--yes"])
        .success();
    cluster.holdfast(&["volume", "create", "newer"]).success();
    client_of(&cluster, "newer")
        .create(InodeId::ROOT, "file")
        .unwrap();
    cluster.restart(away);
    wait_until("it has the new volume only", SETTLED, || {
        let status = cluster.speaker().status(cluster.node(away).address());
        status.is_some_and(|status| {
            let names: Vec<&str> = status
                .groups
                .iter()
                .map(|group| group.name.as_str())
                .collect();
            names.contains(&"newer") && !names.contains(&"doomed")
        })
    });
    cluster.assert_replicas_agree(3);
}
