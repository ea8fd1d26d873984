//! What a node is good for when the others are gone for ever.

use std::fs;

use holdfast_metadata::InodeId;
use holdfast_tests::cluster::{SETTLED, VOLUME, VOLUME_NAME};
use holdfast_tests::{Cluster, Setup, place, run};

use super::{holdfast, load_data};

const FILES: usize = 50;

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
    cluster.restart(leader);
    cluster.wait_replica("its log is applied", SETTLED, leader, |replica| {
        replica.applied_index >= applied
    });
    cluster.stop(leader);
    let scratch = place::scratch();
    let (file, copy) = (scratch.path().join("dump"), scratch.path().join("copy"));
    run(holdfast(&["dump", "--data"])
        .arg(cluster.node(leader).data())
        .arg(VOLUME_NAME)
        .arg(&file))
    .success();
    load_data(&copy, &file).success();
    let mounted = Setup::default().data(&copy).mount();
    let names = fs::read_dir(mounted.root()).unwrap().count();
    assert!(names >= FILES, "{names} of {FILES}");
}
