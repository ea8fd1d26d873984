//! What is wrong is found, and whose it is.

use bytes::Bytes;
use holdfast_metadata::record::Inode;
use holdfast_metadata::{InodeId, keys};
use holdfast_tests::cluster::StateOnDisk;
use holdfast_tests::{Cluster, Finished};

/// A cluster with two files, and the inode of the first.
fn cluster_with_files() -> (Cluster, InodeId) {
    let cluster = Cluster::start(3);
    let client = cluster.client();
    let ino = client.create(InodeId::ROOT, "one").unwrap();
    client.create(InodeId::ROOT, "two").unwrap();
    for id in cluster.ids() {
        cluster.wait_caught_up(id);
    }
    (cluster, ino)
}

fn stop(cluster: &mut Cluster, nodes: &[u64]) {
    for id in nodes {
        cluster.stop(*id);
    }
}

fn restart(cluster: &mut Cluster, nodes: &[u64]) {
    for id in nodes {
        cluster.restart(*id);
    }
    cluster.wait_settled();
}

#[track_caller]
fn violations(found: Finished) -> String {
    assert_eq!(found.status.code(), Some(1), "{found:?}");
    found.stdout
}

#[test]
fn a_damage_that_every_replica_has_is_told_once() {
    let (mut cluster, _) = cluster_with_files();
    stop(&mut cluster, &[1, 2, 3]);
    for id in [1, 2, 3] {
        let name = keys::dentry(InodeId::ROOT, b"one");
        StateOnDisk::spoil(cluster.node(id), name, None);
    }
    restart(&mut cluster, &[1, 2, 3]);
    let told = violations(cluster.holdfast(&["fsck"]));
    assert!(
        told.contains("dentries: default on nodes 1, 2, 3: "),
        "{told}"
    );
    assert!(!told.contains("replicas"), "they are alike:\n{told}");
    let json = violations(cluster.holdfast(&["fsck", "--json"]));
    assert!(
        json.contains("\"clean\":false") && json.contains("\"rule\":\"dentries\""),
        "{json}"
    );
}

#[test]
fn a_replica_that_breaks_no_rule_and_differs_is_named() {
    let (mut cluster, ino) = cluster_with_files();
    let odd = cluster
        .ids()
        .into_iter()
        .find(|id| *id != cluster.leader())
        .unwrap();
    stop(&mut cluster, &[odd]);
    let key = keys::inode(ino);
    let value = StateOnDisk::of(cluster.node(odd)).value(&key);
    let mut inode = Inode::decode(&value).unwrap();
    inode.mtime.seconds += 1;
    let spoilt: Bytes = inode.encode();
    StateOnDisk::spoil(cluster.node(odd), key, Some(spoilt));
    restart(&mut cluster, &[odd]);
    let told = violations(cluster.holdfast(&["fsck"]));
    let line = format!("node {odd} has digest");
    let (_, differ) = told
        .split_once("replicas: default: the replicas differ at log index ")
        .unwrap();
    let first = differ.split_once(": ").unwrap().1;
    assert!(first.starts_with(&line), "{told}");
    assert!(told.contains("1 violation"), "{told}");
}
