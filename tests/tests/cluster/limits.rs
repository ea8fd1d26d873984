//! `[limits]` of a node hold.

use bytes::Bytes;
use holdfast_metadata::{InodeId, Operation, SetXattr, SetXattrMode};
use holdfast_tests::cluster::{Client, ClusterSetup, SETTLED};
use holdfast_tests::{Cluster, http, wait_until};

const MIB: u64 = 1 << 20;
const VOLUMES: [&str; 3] = ["one", "two", "three"];
/// Of each volume; all of them together are too much, and none is alone.
const WRITTEN: u64 = 12 * MIB;
const VALUE_BYTES: usize = 60 * 1024;

fn fill(client: &Client) {
    let ino = client.create(InodeId::ROOT, "file").unwrap();
    for number in 0..WRITTEN / VALUE_BYTES as u64 {
        let set = Operation::SetXattr(SetXattr {
            ino,
            name: format!("user.{number}").into_bytes().into(),
            value: Bytes::from(vec![number as u8; VALUE_BYTES]),
            mode: SetXattrMode::Create,
        });
        client.replicate(set).unwrap().unwrap();
    }
}

fn gauge(address: &str, name: &str) -> u64 {
    let page = http::get(address, "/metrics").unwrap().text;
    let line = page.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().trim().parse().unwrap()
}

/// A node whose three volumes were written to.
fn written(settings: &str) -> (Cluster, String) {
    let mut cluster = ClusterSetup::default().settings(settings).start(1);
    let address = cluster.serve_pages(1);
    for volume in VOLUMES {
        cluster.holdfast(&["volume", "create", volume]).success();
        fill(&cluster.client_of(volume, &cluster.addresses()));
    }
    (cluster, address)
}

#[test]
fn memory_tables_of_all_volumes_together_stay_within_what_was_set() {
    let (cluster, address) = written("[limits]\nmemory_tables_mib = 16\n");
    let most = gauge(&address, "holdfast_memory_tables_max_bytes ");
    assert_eq!(most, 16 * MIB);
    wait_until("they fit", SETTLED, || {
        gauge(&address, "holdfast_memory_tables_bytes ") <= most
    });
    cluster.holdfast(&["fsck"]).success();
    drop(cluster);
    // Without the limit they would not have been written.
    let (_cluster, address) = written("");
    let taken = gauge(&address, "holdfast_memory_tables_bytes ");
    assert!(taken > VOLUMES.len() as u64 * WRITTEN, "{taken}");
}
