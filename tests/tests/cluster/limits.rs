//! `[limits]` of a node hold.

use std::fs;
use std::path::Path;
use std::thread;

use bytes::Bytes;
use holdfast_metadata::{InodeId, Operation, SetXattr, SetXattrMode};
use holdfast_tests::cluster::{Client, ClusterSetup, SETTLED};
use holdfast_tests::{Cluster, http, wait_until};

/// Each limit as small as it may be.
const LEAST: &str = "[limits]\nmemory_tables_mib = 16\nlog_cache_mib = 1\nconnections = 16\ncalls = 1024\ncalls_mib = 64\n\
                     changes_waiting_mib = 8\nreads_waiting = 64\ncopied_inodes = 1024\nreplication_mib = 1\ndumps = 1\nwatchers = 1\n";
/// Of each of two mounts, and what each thread does.
const THREADS: usize = 24;
const CYCLES: usize = 20;

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

/// Works in one directory with everybody else.
fn work(root: &Path, name: &str) {
    for cycle in 0..CYCLES {
        let (file, moved) = (format!("{name}-{cycle}"), format!("{name}-{cycle}-moved"));
        fs::write(root.join(&file), name).unwrap();
        fs::rename(root.join(&file), root.join(&moved)).unwrap();
        assert_eq!(fs::read(root.join(&moved)).unwrap(), name.as_bytes());
        fs::remove_file(root.join(&moved)).unwrap();
    }
}

#[test]
fn mounts_that_take_from_each_other_go_on_with_the_least_of_all_limits() {
    let cluster = ClusterSetup::default().settings(LEAST).start(3);
    let mounts = [
        cluster.mount(1, ""),
        cluster.mount(2, "calls=16,records=1024"),
    ];
    thread::scope(|scope| {
        for (number, mount) in mounts.iter().enumerate() {
            for worker in 0..THREADS {
                scope.spawn(move || work(mount.root(), &format!("{number}-{worker}")));
            }
        }
    });
    for mount in mounts {
        let log = mount.log();
        assert!(!log.contains("the node ended the stream"), "{log}");
        assert_eq!(fs::read_dir(mount.root()).unwrap().count(), 0);
        mount.unmount();
    }
    cluster.holdfast(&["fsck"]).success();
}
