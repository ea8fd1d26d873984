//! A full disk is an answer: nothing is damaged, removing works, and writing does again after it.
//!
//! Each test has a small disk of its own, a tmpfs. Mounting one needs root.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "these functions are tests"
)]

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use holdfast_metadata::{
    Answer, InodeId, Operation, PosixError, Query, Reclaim, Reply, Write, WritePosition,
};
use holdfast_replicator::testing::{block_on, command, create, entry, lookup, mkdir, unlink};
use holdfast_replicator::{NoOpOptions, NoOpReplicator, OpenError, PosixMetadataReplicator};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use tempfile::TempDir;

const MIB: usize = 1024 * 1024;
const WRITE_BYTES: usize = 128 * 1024;

/// A small disk, as long as it lives.
struct Disk {
    mountpoint: TempDir,
}

impl Disk {
    fn new(mib: usize) -> Disk {
        let mountpoint = tempfile::tempdir().unwrap();
        let options = format!("size={mib}m");
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

    fn data(&self) -> PathBuf {
        self.mountpoint.path().join("data")
    }

    fn make_read_only(&self) {
        let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
        mount(
            None::<&str>,
            self.mountpoint.path(),
            None::<&str>,
            flags,
            None::<&str>,
        )
        .unwrap();
    }

    /// Takes all that is free.
    fn fill(&self) -> PathBuf {
        let path = self.mountpoint.path().join("filler");
        let mut file = File::create(&path).unwrap();
        for chunk in [MIB, 4096, 1] {
            while file
                .write(&vec![1; chunk])
                .is_ok_and(|written| written == chunk)
            {}
        }
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _unmounted = umount2(self.mountpoint.path(), MntFlags::MNT_DETACH);
    }
}

fn open(data: &Path) -> NoOpReplicator {
    let replicator = NoOpReplicator::open(NoOpOptions::new(data)).unwrap();
    block_on(replicator.start()).unwrap();
    replicator
}

fn make_file(replicator: &NoOpReplicator, name: &str) -> Result<InodeId, PosixError> {
    let outcome = block_on(replicator.replicate(create(name))).unwrap();
    outcome.map(|answer| entry(&Ok(answer)).ino)
}

fn write(replicator: &NoOpReplicator, ino: InodeId, chunk: u64) -> Result<Answer, PosixError> {
    let write = Write {
        ino,
        position: WritePosition::At(chunk * WRITE_BYTES as u64),
        data: pattern(ino, chunk).into(),
        clear_privileges: false,
    };
    block_on(replicator.replicate(command(Operation::Write(write)))).unwrap()
}

/// Bytes that do not compress, told apart by file and place.
fn pattern(ino: InodeId, chunk: u64) -> Vec<u8> {
    let mut state = ino.get() << 32 | chunk | 1 << 63;
    let mut bytes = Vec::with_capacity(WRITE_BYTES);
    while bytes.len() < WRITE_BYTES {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        bytes.extend_from_slice(&state.to_be_bytes());
    }
    bytes
}

fn check_content(replicator: &NoOpReplicator, ino: InodeId, chunks: u64) {
    for chunk in 0..chunks {
        let query = Query::Read {
            ino,
            offset: chunk * WRITE_BYTES as u64,
            length: WRITE_BYTES as u32,
        };
        let Ok(Reply::Data { bytes, .. }) = block_on(replicator.query(query)).unwrap() else {
            panic!("chunk {chunk} is not there");
        };
        assert!(bytes == pattern(ino, chunk), "chunk {chunk}");
    }
}

fn remove(replicator: &NoOpReplicator, name: &str, ino: InodeId) {
    let removed = block_on(replicator.replicate(unlink(name))).unwrap();
    assert_eq!(
        removed,
        Ok(Answer::Removed {
            ino,
            orphaned: true
        })
    );
    let mut inodes = vec![ino];
    while !inodes.is_empty() {
        let reclaim = command(Operation::Reclaim(Reclaim { inodes, term: None }));
        match block_on(replicator.replicate(reclaim)).unwrap() {
            Ok(Answer::Reclaimed { unfinished }) => inodes = unfinished,
            other => panic!("{other:?}"),
        }
    }
}

fn poll_until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

#[test]
fn a_disk_that_we_fill_is_usable_again_after_removing() {
    let disk = Disk::new(256);
    let replicator = open(&disk.data());
    let at_start = replicator.status().space.available;
    let kept = make_file(&replicator, "kept").unwrap();
    for chunk in 0..40 {
        write(&replicator, kept, chunk).unwrap();
    }
    for round in 0..3 {
        let name = format!("large{round}");
        let large = make_file(&replicator, &name).unwrap();
        let mut chunks = 0;
        let full = loop {
            match write(&replicator, large, chunks) {
                Ok(_) => chunks += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(full, PosixError::NoSpace);
        assert!(
            chunks as usize * WRITE_BYTES > 32 * MIB,
            "round {round}: only {chunks} chunks"
        );
        let refused = block_on(replicator.replicate(mkdir("refused"))).unwrap();
        assert_eq!(refused, Err(PosixError::NoSpace));
        assert_eq!(replicator.status().fault, None);
        check_content(&replicator, large, chunks);
        check_content(&replicator, kept, 40);
        remove(&replicator, &name, large);
        poll_until("the space did not come back", || {
            replicator.status().space.available > at_start / 2
        });
    }
    let more = make_file(&replicator, "more").unwrap();
    write(&replicator, more, 0).unwrap();
    block_on(replicator.stop()).unwrap();
    drop(replicator);
    let replicator = open(&disk.data());
    check_content(&replicator, kept, 40);
    check_content(&replicator, more, 1);
    let gone = block_on(replicator.query(lookup("large0"))).unwrap();
    assert_eq!(gone, Err(PosixError::NotFound));
}

#[test]
fn a_disk_that_others_fill_is_usable_again_when_they_remove() {
    let disk = Disk::new(128);
    let replicator = open(&disk.data());
    let ino = make_file(&replicator, "file").unwrap();
    let mut chunks = 0;
    for _ in 0..20 {
        write(&replicator, ino, chunks).unwrap();
        chunks += 1;
    }
    let filler = disk.fill();
    // The first of these may still be admitted, and then it is RocksDB that finds no space.
    let mut refusals = 0;
    for number in 0..400 {
        match write(&replicator, ino, chunks) {
            Ok(_) => chunks += 1,
            Err(error) => {
                assert_eq!(error, PosixError::NoSpace);
                refusals += 1;
            }
        }
        // Removing names is always admitted by the guard, so this always reaches RocksDB.
        let touch = command(Operation::Unlink(holdfast_metadata::Unlink {
            parent: InodeId::ROOT,
            name: holdfast_metadata::FileName::new(format!("missing{number}").as_bytes()).unwrap(),
        }));
        let answer = block_on(replicator.replicate(touch)).unwrap();
        assert!(
            matches!(answer, Err(PosixError::NotFound | PosixError::NoSpace)),
            "{answer:?}"
        );
    }
    assert!(refusals > 0);
    let synced = block_on(replicator.replicate(command(Operation::Sync))).unwrap();
    assert!(
        matches!(synced, Ok(Answer::Done) | Err(PosixError::NoSpace)),
        "{synced:?}"
    );
    check_content(&replicator, ino, chunks);
    fs::remove_file(filler).unwrap();
    poll_until("it does not write again", || {
        write(&replicator, ino, chunks).is_ok()
    });
    chunks += 1;
    let synced = block_on(replicator.replicate(command(Operation::Sync))).unwrap();
    assert_eq!(synced, Ok(Answer::Done));
    assert_eq!(replicator.status().fault, None);
    // As after a kill.
    drop(replicator);
    let replicator = open(&disk.data());
    check_content(&replicator, ino, chunks);
    block_on(replicator.stop()).unwrap();
    check_content(&open(&disk.data()), ino, chunks);
}

#[test]
fn a_kill_on_a_full_disk_loses_nothing() {
    let disk = Disk::new(128);
    let replicator = open(&disk.data());
    let ino = make_file(&replicator, "file").unwrap();
    let filler = disk.fill();
    let mut chunks = 0;
    for _ in 0..400 {
        chunks += u64::from(write(&replicator, ino, chunks).is_ok());
    }
    drop(replicator);
    // There is no space to recover into: refused, and nothing is lost by trying.
    for _ in 0..3 {
        match NoOpReplicator::open(NoOpOptions::new(disk.data())) {
            Err(error) => assert!(matches!(error, OpenError::NoSpace(_)), "{error}"),
            Ok(opened) => drop(opened),
        }
    }
    fs::remove_file(filler).unwrap();
    check_content(&open(&disk.data()), ino, chunks);
}

#[test]
fn a_disk_that_is_full_or_read_only_at_open_is_named_so() {
    let disk = Disk::new(64);
    let filler = disk.fill();
    let full = NoOpReplicator::open(NoOpOptions::new(disk.data())).unwrap_err();
    assert!(matches!(full, OpenError::NoSpace(_)), "{full}");
    fs::remove_file(filler).unwrap();
    let replicator = open(&disk.data());
    make_file(&replicator, "file").unwrap();
    block_on(replicator.stop()).unwrap();
    disk.make_read_only();
    let read_only = NoOpReplicator::open(NoOpOptions::new(disk.data())).unwrap_err();
    assert!(matches!(read_only, OpenError::ReadOnly(_)), "{read_only}");
    let directory = holdfast_replicator::DataDirectory::open_read_only(&disk.data()).unwrap();
    directory.check_durable().unwrap();
}
