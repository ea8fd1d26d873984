//! What the log does not do, and what it says then.

use std::fs;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use openraft::storage::{IOFlushed, RaftLogReader, RaftLogStorage};
use rocksdb::{DB, Options, WriteBatch};

use super::fixture::{
    GROUP, OPTIONS, OTHER, Place, all, append, begin_append, entries, entry, open,
};
use crate::raft::log::database::Database;
use crate::raft::log::{LogDatabase, keys};
use crate::raft::poison::Poison;
use crate::raft::type_config::Vote;
use holdfast_metadata::Fault;

#[tokio::test]
async fn another_version_is_refused_by_both_numbers() {
    let place = Place::new();
    drop(place.open());
    let store = DB::open(&Options::default(), place.path().join("store")).unwrap();
    store.put(keys::VERSION, 2_u32.to_be_bytes()).unwrap();
    drop(store);
    let refusal = open(&place.path()).err().unwrap().to_string();
    assert!(refusal.contains("has format version 2"), "{refusal}");
    assert!(refusal.contains("reads version 1"), "{refusal}");
}

#[tokio::test]
async fn a_log_that_lost_a_part_is_not_made_anew() {
    for part in ["SYNCED", "store"] {
        let place = Place::new();
        drop(place.open());
        let path = place.path().join(part);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
        let refusal = open(&place.path()).err().unwrap();
        assert!(matches!(refusal, Fault::Corrupt { .. }), "{refusal}");
    }
}

#[tokio::test]
async fn a_log_that_was_half_made_is_made_anew() {
    let place = Place::new();
    fs::create_dir_all(place.path().with_extension("new").join("store")).unwrap();
    let database = place.open();
    let mut log = database.group(GROUP).unwrap();
    append(&mut log, entries(1, 0..1)).await;
    assert!(!place.path().with_extension("new").exists());
}

#[tokio::test]
async fn a_log_is_opened_once_at_a_time() {
    let place = Place::new();
    let database = place.open();
    assert!(open(&place.path()).is_err());
    drop(database);
    assert!(open(&place.path()).is_ok());
}

#[tokio::test]
async fn nothing_is_acknowledged_after_a_fault_elsewhere() {
    let place = Place::new();
    let poison = Poison::new();
    let database = LogDatabase::open(&place.path(), &OPTIONS, poison.clone()).unwrap();
    let mut log = database.group(GROUP).unwrap();
    append(&mut log, entries(1, 0..1)).await;
    poison.trip(Fault::Io("the state machine failed".to_owned()));
    let flushed = begin_append(&mut log, entries(1, 1..2)).await.await;
    assert!(
        flushed
            .unwrap_err()
            .to_string()
            .contains("the state machine failed")
    );
    assert!(log.save_vote(&Vote::new(1, 1)).await.is_err());
    let flushed = IOFlushed::noop();
    assert!(log.append(entries(1, 2..3), flushed).await.is_err());
    let mut other = database.group(OTHER).unwrap();
    assert!(other.save_vote(&Vote::new(1, 1)).await.is_err());
    database.close();
    let database = place.open();
    let mut log = database.group(GROUP).unwrap();
    assert_eq!(all(&mut log).await, entries(1, 0..1));
}

#[tokio::test]
async fn what_is_asked_of_a_closed_log_fails() {
    let place = Place::new();
    let database = place.open();
    let mut log = database.group(GROUP).unwrap();
    let flushed = begin_append(&mut log, entries(1, 0..1)).await;
    database.close();
    flushed.await.unwrap();
    assert!(log.save_vote(&Vote::new(1, 1)).await.is_err());
    assert!(log.try_get_log_entries(..).await.is_err());
    assert!(database.group(OTHER).is_err());
}

/// A small disk, as long as it lives. Mounting one needs root.
struct Disk {
    place: Place,
}

impl Disk {
    fn new() -> Disk {
        let place = Place::new();
        let disk = Disk { place };
        disk.mount("size=8m", MsFlags::empty());
        disk
    }

    fn mount(&self, options: &str, flags: MsFlags) {
        let target = self.place.path();
        fs::create_dir_all(&target).unwrap();
        let (source, kind) = (Some("holdfast-test"), Some("tmpfs"));
        mount(source, &target, kind, flags, Some(options)).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _unmounted = umount2(&self.place.path(), MntFlags::MNT_DETACH);
    }
}

#[tokio::test]
async fn a_full_disk_stops_the_node_and_loses_nothing_acknowledged() {
    let disk = Disk::new();
    let path = disk.place.path().join("log");
    let poison = Poison::new();
    let database = LogDatabase::open(&path, &OPTIONS, poison.clone()).unwrap();
    let mut log = database.group(GROUP).unwrap();
    let payload = vec![9; 50_000];
    let mut acknowledged = 0;
    let error = loop {
        let next = vec![entry(1, acknowledged, &payload)];
        match begin_append(&mut log, next).await.await {
            Ok(()) => acknowledged += 1,
            Err(error) => break error.to_string(),
        }
    };
    let expected = format!(
        "no space left for the log in {}: free space and start the node again",
        path.display()
    );
    assert!(error.contains(&expected), "{error}");
    assert!(poison.fault().unwrap().to_string().contains(&expected));
    disk.mount("size=64m", MsFlags::MS_REMOUNT);
    assert!(log.save_vote(&Vote::new(1, 1)).await.is_err());
    let mut other = database.group(OTHER).unwrap();
    assert!(
        other
            .append(entries(1, 0..1), IOFlushed::noop())
            .await
            .is_err()
    );
    drop(database);

    let database = open(&path).unwrap();
    let mut log = database.group(GROUP).unwrap();
    let found = all(&mut log).await.len() as u64;
    assert!(
        acknowledged > 10 && found >= acknowledged,
        "{found} of {acknowledged}"
    );
    append(&mut log, vec![entry(1, found, &payload)]).await;
}

#[tokio::test]
async fn a_batch_that_was_not_written_is_not_noted_as_durable() {
    let place = Place::new();
    drop(place.open());
    let (database, mut progress) = Database::open(&place.path(), &OPTIONS).unwrap();
    progress.number(&mut WriteBatch::default());
    progress.advance().unwrap();
    drop((database, progress));
    place.open();
}
