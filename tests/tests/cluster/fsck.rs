//! `holdfast fsck` looks at what a node has on its disk.

use std::fs;

use holdfast_metadata::InodeId;
use holdfast_tests::Cluster;
use holdfast_tests::cluster::VOLUME;

#[test]
fn the_volumes_of_a_node_that_does_not_run_are_checked() {
    let mut cluster = Cluster::start(3);
    let client = cluster.client();
    for name in ["a", "b", "c"] {
        client.mkdir(InodeId::ROOT, name).unwrap();
    }
    cluster.holdfast(&["volume", "create", "second"]).success();
    let leader = cluster.leader();
    let node = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    let data = cluster.node(node).data().to_owned();
    let check = ["fsck", "--data", data.to_str().unwrap()];
    let running = cluster.holdfast(&check);
    assert_eq!(running.status.code(), Some(2), "{running:?}");
    assert!(running.stderr.contains("in use"), "{running:?}");
    cluster.stop(node);
    let clean = cluster.holdfast(&check).success();
    assert!(clean.contains("is clean"), "{clean}");
    let repair = cluster.holdfast(&["fsck", "--repair", check[1], check[2]]);
    assert_eq!(repair.status.code(), Some(2), "{repair:?}");
    assert!(repair.stderr.contains("is replaced by"), "{repair:?}");

    let current = data.join("groups").join(VOLUME.to_string()).join("CURRENT");
    let state = fs::read_to_string(&current).unwrap();
    fs::write(&current, "state-4711\n").unwrap();
    let damaged = cluster.holdfast(&check);
    assert_eq!(damaged.status.code(), Some(1), "{damaged:?}");
    assert!(damaged.stdout.contains("CURRENT"), "{damaged:?}");
    fs::write(&current, &state).unwrap();

    // A table of the state whose bytes are not what was written.
    let store = current.with_file_name(state.trim_end());
    let tables = fs::read_dir(&store)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let table = tables
        .filter(|path| path.extension().is_some_and(|extension| extension == "sst"))
        .min()
        .unwrap();
    let bytes = fs::read(&table).unwrap();
    let mut changed = bytes.clone();
    changed[10] ^= 1;
    fs::write(&table, changed).unwrap();
    let damaged = cluster.holdfast(&check);
    assert_eq!(damaged.status.code(), Some(1), "{damaged:?}");
    let volume = format!("volume {VOLUME}");
    assert!(damaged.stdout.contains(&volume), "{damaged:?}");
    fs::write(&table, bytes).unwrap();
    cluster.holdfast(&check).success();
    cluster.restart(node);
    cluster.wait_settled();
    cluster.assert_all_replicas_agree();
}
