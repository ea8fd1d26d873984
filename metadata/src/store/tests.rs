//! The contract of an engine, run over every engine; and what only the one on disk can break.

#[cfg(feature = "rocksdb")]
mod checkpoint;
#[cfg(feature = "rocksdb")]
mod cold;
#[cfg(feature = "rocksdb")]
mod damage;
#[cfg(feature = "rocksdb")]
mod no_log;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use bytes::Bytes;

use super::{Batch, Engine, MemoryEngine, View};
use crate::fault::Fault;

type Entries = Vec<(Vec<u8>, Vec<u8>)>;

/// A test a line, for an engine that starts empty.
macro_rules! contract {
    ($module:ident, $make:expr) => {
        mod $module {
            #[test]
            fn a_batch_is_seen_as_a_whole_or_not_at_all() {
                super::a_batch_is_seen_as_a_whole_or_not_at_all($make);
            }
            #[test]
            fn a_view_does_not_change() {
                super::a_view_does_not_change($make);
            }
            #[test]
            fn a_view_shows_every_commit_that_returned() {
                super::a_view_shows_every_commit_that_returned($make);
            }
            #[test]
            fn scans_are_in_order_and_bounded_both_ways() {
                super::scans_are_in_order_and_bounded_both_ways($make);
            }
            #[test]
            fn a_scan_stops_when_told_and_passes_faults_on() {
                super::a_scan_stops_when_told_and_passes_faults_on($make);
            }
            #[test]
            fn it_agrees_with_a_sorted_map() {
                super::it_agrees_with_a_sorted_map($make);
            }
        }
    };
}

contract!(memory, (super::MemoryEngine::new(), ()));
#[cfg(feature = "rocksdb")]
contract!(rocks, super::rocks_engine());

#[cfg(feature = "rocksdb")]
fn rocks_engine() -> (super::RocksEngine, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let engine = super::RocksEngine::create(&directory.path().join("store"), &small()).unwrap();
    (engine, directory)
}

#[cfg(feature = "rocksdb")]
fn small() -> super::RocksOptions {
    super::RocksOptions {
        cache: super::TableCache::new(1024 * 1024),
        write_buffer_bytes: 256 * 1024,
        ..super::RocksOptions::default()
    }
}

fn batch(changes: &[(&[u8], Option<&[u8]>)]) -> Batch {
    let mut batch = Batch::default();
    for (key, value) in changes {
        batch.set(key.to_vec(), value.map(Bytes::copy_from_slice));
    }
    batch
}

fn scan(view: &dyn View, start: &[u8], end: &[u8]) -> Entries {
    let mut entries = Entries::new();
    view.scan(start, end, &mut |key, value| {
        entries.push((key.to_vec(), value.to_vec()));
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    entries
}

fn scan_back(view: &dyn View, start: &[u8], end: &[u8]) -> Entries {
    let mut entries = Entries::new();
    view.scan_back(start, end, &mut |key, value| {
        entries.push((key.to_vec(), value.to_vec()));
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    entries
}

fn a_batch_is_seen_as_a_whole_or_not_at_all<E: Engine, G>((engine, _guard): (E, G)) {
    let rounds = 500_u32;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..rounds {
                let number = round.to_be_bytes();
                // One key in each column family of the engine on disk.
                engine
                    .commit(batch(&[(b"B1", Some(&number)), (b"I1", Some(&number))]))
                    .unwrap();
            }
        });
        let mut seen = None;
        while seen != Some(Bytes::copy_from_slice(&(rounds - 1).to_be_bytes())) {
            let view = engine.view();
            let block = view.get(b"B1").unwrap();
            assert_eq!(block, view.get(b"I1").unwrap());
            assert!(block >= seen, "{seen:?} was seen before {block:?}");
            seen = block;
        }
    });
}

fn a_view_does_not_change<E: Engine, G>((engine, _guard): (E, G)) {
    engine
        .commit(batch(&[(b"B1", Some(b"old")), (b"D1", Some(b"old"))]))
        .unwrap();
    // The engine in memory makes a commit wait for the view, the one on disk must not.
    std::thread::scope(|scope| {
        let view = engine.view();
        let before = scan(&view, b"", b"\xff");
        let writer = scope.spawn(|| {
            engine
                .commit(batch(&[
                    (b"B1", None),
                    (b"D1", Some(b"new")),
                    (b"D2", Some(b"new")),
                ]))
                .unwrap();
        });
        assert_eq!(scan(&view, b"", b"\xff"), before);
        assert_eq!(view.get(b"D1").unwrap().as_deref(), Some(&b"old"[..]));
        drop(view);
        writer.join().unwrap();
        let after = vec![
            (b"D1".to_vec(), b"new".to_vec()),
            (b"D2".to_vec(), b"new".to_vec()),
        ];
        assert_eq!(scan(&engine.view(), b"", b"\xff"), after);
    });
}

fn a_view_shows_every_commit_that_returned<E: Engine, G>((engine, _guard): (E, G)) {
    for round in 0_u64..200 {
        let number = round.to_be_bytes();
        engine.commit(batch(&[(b"V", Some(&number))])).unwrap();
        assert_eq!(
            engine.view().get(b"V").unwrap().as_deref(),
            Some(&number[..])
        );
    }
    engine.commit(batch(&[(b"V", None)])).unwrap();
    assert_eq!(engine.view().get(b"V").unwrap(), None);
    assert!(!engine.view().contains(b"V").unwrap());
    engine.sync().unwrap();
}

fn scans_are_in_order_and_bounded_both_ways<E: Engine, G>((engine, _guard): (E, G)) {
    let keys: [&[u8]; 8] = [
        b"A",
        b"B",
        b"B\x00",
        b"B\xff\xff",
        b"C",
        b"D1",
        b"D10",
        b"X",
    ];
    let changes: Vec<_> = keys.iter().map(|key| (*key, Some(*key))).collect();
    engine.commit(batch(&changes)).unwrap();
    let view = engine.view();
    let bounds: [&[u8]; 9] = [
        b"", b"A", b"A\x00", b"B", b"B\x00", b"C", b"D1\x00", b"X", b"\xff",
    ];
    for start in bounds {
        for end in bounds {
            let mut expected: Entries = keys
                .iter()
                .filter(|key| start <= **key && **key < end)
                .map(|key| (key.to_vec(), key.to_vec()))
                .collect();
            assert_eq!(scan(&view, start, end), expected, "{start:?}..{end:?}");
            expected.reverse();
            assert_eq!(scan_back(&view, start, end), expected, "{start:?}..{end:?}");
        }
    }
}

fn a_scan_stops_when_told_and_passes_faults_on<E: Engine, G>((engine, _guard): (E, G)) {
    engine
        .commit(batch(&[
            (b"B1", Some(b"1")),
            (b"D1", Some(b"2")),
            (b"D2", Some(b"3")),
        ]))
        .unwrap();
    let view = engine.view();
    let mut visited = Vec::new();
    view.scan(b"", b"\xff", &mut |key, _| {
        visited.push(key.to_vec());
        Ok(ControlFlow::Break(()))
    })
    .unwrap();
    view.scan_back(b"", b"D2", &mut |key, _| {
        visited.push(key.to_vec());
        Ok(ControlFlow::Break(()))
    })
    .unwrap();
    assert_eq!(visited, [b"B1".to_vec(), b"D1".to_vec()]);
    let fault = Fault::corrupt("entry", "for the test");
    let result = view.scan(b"", b"\xff", &mut |_, _| Err(fault.clone()));
    assert_eq!(result, Err(fault));
}

fn it_agrees_with_a_sorted_map<E: Engine, G>((engine, _guard): (E, G)) {
    let mut model: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
    // A fixed sequence: multiply and add as Knuth's MMIX does.
    let mut state = 1_u64;
    let mut next = |bound: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    for _ in 0..300 {
        let mut changes = Batch::default();
        for _ in 0..next(8) {
            let key = vec![b'A' + next(6) as u8, next(40) as u8];
            if next(3) == 0 {
                model.remove(&key);
                changes.set(key, None);
            } else {
                // Long enough for some to go to blob files.
                let value = vec![next(256) as u8; next(9000) as usize];
                model.insert(key.clone(), value.clone());
                changes.set(key, Some(Bytes::from(value)));
            }
        }
        engine.commit(changes).unwrap();
    }
    let expected: Entries = model.into_iter().collect();
    let view = engine.view();
    assert!(scan(&view, b"", b"\xff") == expected);
    let backwards: Entries = expected.iter().rev().cloned().collect();
    assert!(scan_back(&view, b"", b"\xff") == backwards);
    for (key, value) in expected {
        assert!(view.get(&key).unwrap().as_deref() == Some(&value[..]));
    }
}
