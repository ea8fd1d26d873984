//! Copies of the state on disk that are made while it goes on changing.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::{Batch, Engine, RocksEngine, View};
use super::{Bytes, batch, rocks_engine, small};
use crate::digest::digest;
use crate::fault::Fault;
use crate::keys::{self, BlockId};

/// More than fits beside a key.
const BLOCK_BYTES: usize = 20_000;

fn commit_number(engine: &RocksEngine, number: u64) {
    let mut changes = Batch::default();
    let bytes = Bytes::from(vec![number as u8; BLOCK_BYTES]);
    changes.set(
        keys::volume(),
        Some(Bytes::from(number.to_be_bytes().to_vec())),
    );
    changes.set(keys::block(BlockId(number)), Some(bytes));
    engine.commit(changes).unwrap();
}

/// How many commits the state holds, after checking that it holds all of each.
fn commits(engine: &RocksEngine) -> u64 {
    let view = engine.view();
    let number = view.get(&keys::volume()).unwrap().unwrap();
    let number = u64::from_be_bytes(number[..].try_into().unwrap());
    for block in 1..=number {
        let bytes = view.get(&keys::block(BlockId(block))).unwrap().unwrap();
        assert!(bytes == vec![block as u8; BLOCK_BYTES]);
    }
    assert!(!view.contains(&keys::block(BlockId(number + 1))).unwrap());
    number
}

fn is_there(directory: &Path, extension: &str) -> bool {
    std::fs::read_dir(directory).unwrap().any(|entry| {
        entry
            .unwrap()
            .path()
            .extension()
            .is_some_and(|found| found == extension)
    })
}

#[test]
fn a_checkpoint_is_moved_opened_and_changed_like_any_other_state() {
    let (engine, directory) = rocks_engine();
    (1..=50).for_each(|number| commit_number(&engine, number));
    let before = digest(&engine.view()).unwrap();
    let made = directory.path().join("incoming");
    engine.checkpoint(&made).unwrap();
    // What comes later is not in it, and what is removed later stays in it.
    let gone = keys::block(BlockId(1));
    engine.commit(batch(&[(&gone, None)])).unwrap();
    engine.flush().unwrap();
    assert!(is_there(&made, "blob"));
    let moved = directory.path().join("state");
    std::fs::rename(&made, &moved).unwrap();
    let copy = RocksEngine::open(&moved, &small()).unwrap();
    assert_eq!(digest(&copy.view()), Ok(before));
    // They share files, and neither sees what the other does.
    commit_number(&copy, 51);
    copy.flush().unwrap();
    assert_eq!(commits(&copy), 51);
    drop(copy);
    assert!(!engine.view().contains(&gone).unwrap());
    assert_eq!(commits(&RocksEngine::open(&moved, &small()).unwrap()), 51);
    std::fs::remove_dir_all(&moved).unwrap();
    let last = keys::block(BlockId(50));
    let kept = engine.view().get(&last).unwrap().unwrap();
    assert!(kept == vec![50; BLOCK_BYTES]);
}

#[test]
fn a_checkpoint_beside_commits_is_of_one_moment() {
    let (engine, directory) = rocks_engine();
    commit_number(&engine, 1);
    let done = AtomicBool::new(false);
    let reached = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut number = 1;
            while !done.load(Ordering::Acquire) {
                number += 1;
                commit_number(&engine, number);
            }
            number
        });
        let mut last = 0;
        for round in 0..5 {
            let path = directory.path().join(round.to_string());
            engine.checkpoint(&path).unwrap();
            let held = commits(&RocksEngine::open(&path, &small()).unwrap());
            assert!(held >= last, "{held} after {last}");
            last = held;
        }
        done.store(true, Ordering::Release);
        (last, writer.join().unwrap())
    });
    assert!(reached.0 <= reached.1, "{reached:?}");
    assert_eq!(commits(&engine), reached.1);
}

#[test]
fn a_checkpoint_does_not_take_the_place_of_anything() {
    let (engine, directory) = rocks_engine();
    commit_number(&engine, 1);
    let taken = directory.path().join("taken");
    std::fs::create_dir(&taken).unwrap();
    let fault = engine.checkpoint(&taken).unwrap_err();
    assert!(matches!(fault, Fault::Io(_)), "{fault}");
    // It was not the state that failed.
    commit_number(&engine, 2);
    assert_eq!(commits(&engine), 2);
}

#[test]
fn a_checkpoint_of_an_empty_state_is_an_empty_state() {
    let (engine, directory) = rocks_engine();
    let path = directory.path().join("copy");
    engine.checkpoint(&path).unwrap();
    let copy = RocksEngine::open(&path, &small()).unwrap();
    assert_eq!(digest(&copy.view()), digest(&engine.view()));
}
