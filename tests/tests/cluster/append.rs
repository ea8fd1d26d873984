//! `O_APPEND` from several processes on several mounts.

use std::fs;
use std::process::{Child, Command};
use std::time::Duration;

use holdfast_tests::cluster::assert_records;
use holdfast_tests::{Cluster, wait_until};

const WRITERS: u8 = 4;
const RECORDS: u32 = 150;
const LIMIT: Duration = Duration::from_secs(90);

#[test]
fn records_appended_on_two_mounts_are_neither_lost_nor_torn() {
    let cluster = Cluster::start(3);
    let leader = cluster.leader();
    let follower = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    let mounts = [
        cluster.mount(leader, "noatime"),
        cluster.mount(follower, "noatime"),
    ];
    fs::write(mounts[0].path("log"), "").unwrap();
    let mut writers: Vec<Child> = (0..WRITERS)
        .map(|writer| {
            Command::new(env!("CARGO_BIN_EXE_append-records"))
                .arg(mounts[usize::from(writer) % mounts.len()].path("log"))
                .args([writer.to_string(), RECORDS.to_string()])
                .spawn()
                .unwrap()
        })
        .collect();
    wait_until("all records are written", LIMIT, || {
        writers
            .iter_mut()
            .all(|writer| writer.try_wait().unwrap().is_some())
    });
    for mut writer in writers {
        assert!(writer.wait().unwrap().success());
    }
    for mount in &mounts {
        assert_records(&fs::read(mount.path("log")).unwrap(), WRITERS, RECORDS);
    }
    for mount in mounts {
        mount.unmount();
    }
    cluster.assert_all_replicas_agree();
}
