//! What a node is good for when the others are gone for ever.

use std::fs;
use std::path::Path;
use std::process::Command;

use holdfast_metadata::InodeId;
use holdfast_tests::cluster::{SETTLED, VOLUME, VOLUME_NAME};
use holdfast_tests::{Cluster, Setup, place, run};

use super::{holdfast, load_data};

const FILES: usize = 50;

fn dump(cluster: &Cluster, node: u64, file: &Path) -> Command {
    let mut command = holdfast(&["dump", "--data"]);
    command
        .arg(cluster.node(node).data())
        .arg(VOLUME_NAME)
        .arg(file);
    command
}

#[test]
fn a_killed_node_that_ran_alone_once_more_gives_what_its_log_has() {
    let mut cluster = Cluster::start(3);
    let client = cluster.client();
    for number in 0..FILES {
        client.create(InodeId::ROOT, &number.to_string()).unwrap();
    }
    let leader = cluster.leader();
    let applied = cluster.replica(leader, VOLUME).unwrap().applied_index;
    // That this was committed, the log hears with the one that comes next.
    client.create(InodeId::ROOT, "next").unwrap();
    drop(client);
    for id in 1..=3 {
        cluster.kill(id);
    }
    let scratch = place::scratch();
    let (file, copy) = (scratch.path().join("dump"), scratch.path().join("copy"));
    let told = run(&mut dump(&cluster, leader, &file));
    assert!(!told.status.success(), "{told:?}");
    let told = told.stderr;
    assert!(
        told.contains("changes are only in the log of the node"),
        "{told}"
    );
    assert!(!file.exists());
    cluster.restart(leader);
    cluster.wait_replica("its log is applied", SETTLED, leader, |replica| {
        replica.applied_index >= applied
    });
    cluster.stop(leader);
    // Of the last of them nobody knows whether a majority had it.
    run(dump(&cluster, leader, &file).arg("--without-log")).success();
    load_data(&copy, &file).success();
    let mounted = Setup::default().data(&copy).mount();
    let names = fs::read_dir(mounted.root()).unwrap().count();
    assert!(names >= FILES, "{names} of {FILES}");
}
