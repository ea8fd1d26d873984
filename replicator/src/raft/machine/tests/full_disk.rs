//! Snapshots on a disk that is full: they wait for space, and nothing stops because of them.
//!
//! Each test has a small disk of its own, a tmpfs. Mounting one needs root.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use openraft::storage::RaftStateMachine;
use tempfile::TempDir;

use super::fixture::{apply_range, build, install, open, receive, tree, whole_index};
use crate::disk_space;
use crate::raft::machine::GroupStore;
use crate::raft::node_disk::reserve;
use crate::raft::snapshot::{Incoming, IncomingError, SnapshotDirectory};
use holdfast_metadata::Fault;

const MIB: u64 = 1024 * 1024;
const DISK_MIB: u64 = 64;

/// A small disk, as long as it lives.
struct Disk {
    mountpoint: TempDir,
}

impl Disk {
    fn new() -> Disk {
        let mountpoint = tempfile::tempdir().unwrap();
        let options = format!("size={DISK_MIB}m");
        mount(
            Some("holdfast-test"),
            mountpoint.path(),
            Some("tmpfs"),
            MsFlags::empty(),
            Some(options.as_str()),
        )
        .unwrap();
        Disk { mountpoint }
    }

    fn path(&self) -> &Path {
        self.mountpoint.path()
    }

    fn available(&self) -> u64 {
        disk_space::look(self.path()).unwrap().available
    }

    /// Takes space until about so much is left; answers what has taken it.
    fn fill(&self, left: u64) -> PathBuf {
        let path = self.path().join("filler");
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .unwrap();
        while self.available() > left {
            file.write_all(&[1; 4096]).unwrap();
        }
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _unmounted = umount2(self.path(), MntFlags::MNT_DETACH);
    }
}

async fn may_build(store: &GroupStore) -> bool {
    let mut machine = store.state_machine();
    machine.try_create_snapshot_builder(false).await.is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_would_not_fit_waits_for_space_and_entries_do_not() {
    let disk = Disk::new();
    let store = open(&disk.path().join("1"));
    apply_range(&store, 1, 8).await;
    assert!(may_build(&store).await);
    let filler = disk.fill(3 * MIB);
    assert!(!may_build(&store).await);
    apply_range(&store, 9, 16).await;
    fs::remove_file(filler).unwrap();
    assert!(may_build(&store).await);
    let built = build(&store).await.unwrap();
    assert_eq!(built.meta.last_log_id.unwrap().index, 16);
    assert_eq!(whole_index(&store), 16);
}

fn offer(incoming: &Incoming, sent: &SnapshotDirectory) -> Result<(usize, u64), IncomingError> {
    incoming.offer(&sent.meta, &sent.files)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_that_would_take_the_reserve_is_not_received_before_there_is_space() {
    let elsewhere = tempfile::tempdir().unwrap();
    let leader = open(&elsewhere.path().join("leader"));
    apply_range(&leader, 1, 8).await;
    let sent = build(&leader).await.unwrap();
    let disk = Disk::new();
    let path = disk.path().join("1");
    let follower = open(&path);
    let incoming = follower.incoming();
    let full = Err(IncomingError::Fault(Fault::NoSpace));
    // With a byte less than the snapshot beside the reserve it does not fit.
    let filler = disk.fill(reserve(DISK_MIB * MIB) + sent.length() - 1);
    assert_eq!(offer(&incoming, &sent), full);
    fs::remove_file(&filler).unwrap();
    assert_eq!(offer(&incoming, &sent), Ok((0, 0)));
    let first = fs::read(sent.path.join(&sent.files[0].0)).unwrap();
    incoming.write(0, 0, &first).unwrap();
    disk.fill(reserve(DISK_MIB * MIB));
    // What came of it is given back.
    assert_eq!(offer(&incoming, &sent), full);
    fs::remove_file(&filler).unwrap();
    assert_eq!(offer(&incoming, &sent), Ok((0, 0)));
    let received = receive(&follower, &sent).unwrap();
    install(&follower, &received).await.unwrap();
    assert_eq!(whole_index(&follower), 8);
    assert!(
        tree(&path)
            .iter()
            .any(|name| name.starts_with("snapshots/"))
    );
}
