//! What is left of the engine on disk after kills, copies, cuts and flipped bits.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tempfile::TempDir;

use super::super::{Batch, Engine, ManifestMark, RocksEngine, View};
use super::{batch, rocks_engine, scan, small};
use crate::fault::Fault;

const BLOCK_BYTES: usize = 20_000;

fn commit_number(engine: &RocksEngine, number: u64) {
    let mut changes = Batch::default();
    changes.set(
        b"V".to_vec(),
        Some(Bytes::copy_from_slice(&number.to_be_bytes())),
    );
    let mut key = b"B".to_vec();
    key.extend_from_slice(&number.to_be_bytes());
    changes.set(key, Some(Bytes::from(vec![number as u8; BLOCK_BYTES])));
    engine.commit(changes).unwrap();
}

/// The number of commits in the state, after checking that it is exactly that prefix.
fn commits(engine: &RocksEngine) -> u64 {
    let view = engine.view();
    let Some(number) = view.get(b"V").unwrap() else {
        assert_eq!(scan(&view, b"", b"\xff"), Vec::new());
        return 0;
    };
    let number = u64::from_be_bytes(number[..].try_into().unwrap());
    let blocks = scan(&view, b"B", b"C");
    assert_eq!(blocks.len() as u64, number);
    for (index, (_, value)) in blocks.iter().enumerate() {
        assert!(*value == vec![index as u8 + 1; BLOCK_BYTES]);
    }
    number
}

/// The directory as a crash at one moment would leave it to the next open.
fn copy(store: &Path, to: &Path) -> PathBuf {
    let list = || -> Vec<(PathBuf, u64)> {
        let mut list: Vec<_> = fs::read_dir(store)
            .unwrap()
            .filter_map(|entry| {
                let path = entry.unwrap().path();
                let length = fs::metadata(&path).ok()?.len();
                Some((path, length))
            })
            .collect();
        list.sort();
        list
    };
    // RocksDB works in the background: only a copy during which nothing changed is of one moment.
    loop {
        let before = list();
        fs::create_dir(to).unwrap();
        for (path, _) in &before {
            // A file that is gone by now shows in the second listing.
            let _copied = fs::copy(path, to.join(path.file_name().unwrap()));
        }
        if list() == before {
            return to.to_owned();
        }
        fs::remove_dir_all(to).unwrap();
    }
}

fn files(store: &Path, extension: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(store)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}

fn flip(path: &Path, position: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[position] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

fn cut(path: &Path, length: u64) {
    fs::File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_len(length)
        .unwrap();
}

fn flushed(commits: u64) -> (TempDir, PathBuf) {
    let (engine, directory) = rocks_engine();
    for number in 1..=commits {
        commit_number(&engine, number);
    }
    engine.flush().unwrap();
    drop(engine);
    let store = directory.path().join("store");
    (directory, store)
}

#[test]
fn a_copy_of_the_directory_at_any_moment_is_a_prefix_of_the_commits() {
    let (engine, directory) = rocks_engine();
    let store = directory.path().join("store");
    for number in 1..=40 {
        commit_number(&engine, number);
        let image = copy(&store, &directory.path().join(format!("copy{number}")));
        let copied = RocksEngine::open(&image, &small()).unwrap();
        assert_eq!(commits(&copied), number);
    }
}

#[test]
fn a_log_cut_anywhere_is_a_prefix_of_the_commits() {
    let (engine, directory) = rocks_engine();
    for number in 1..=5 {
        commit_number(&engine, number);
    }
    let store = directory.path().join("store");
    let log = files(&store, "log").pop().unwrap();
    let length = fs::metadata(&log).unwrap().len();
    let mut last = 0;
    for step in 0..=20 {
        let image = copy(&store, &directory.path().join(format!("copy{step}")));
        cut(&image.join(log.file_name().unwrap()), length * step / 20);
        let read_only = commits(&RocksEngine::open_read_only(&image).unwrap());
        let found = commits(&RocksEngine::open(&image, &small()).unwrap());
        assert_eq!(read_only, found);
        assert!(
            found >= last,
            "{found} commits in a log longer than one of {last}"
        );
        last = found;
    }
    assert_eq!(last, 5);
}

#[test]
fn opening_read_only_changes_no_file() {
    let (engine, directory) = rocks_engine();
    commit_number(&engine, 1);
    let image = copy(
        &directory.path().join("store"),
        &directory.path().join("copy"),
    );
    let list = |store: &Path| {
        let mut list: Vec<(PathBuf, Vec<u8>)> = fs::read_dir(store)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect();
        list.sort();
        list
    };
    let before = list(&image);
    assert_eq!(commits(&RocksEngine::open_read_only(&image).unwrap()), 1);
    assert!(list(&image) == before);
}

#[test]
fn a_missing_or_shortened_file_is_refused() {
    for extension in ["sst", "blob"] {
        let (_directory, store) = flushed(6);
        let file = files(&store, extension).remove(0);
        let length = fs::metadata(&file).unwrap().len();
        cut(&file, length - 1);
        refused(&store);
        cut(&file, 0);
        refused(&store);
        fs::remove_file(&file).unwrap();
        refused(&store);
    }
}

fn refused(store: &Path) {
    let opened = RocksEngine::open(store, &small());
    assert!(matches!(opened, Err(Fault::Corrupt { .. })), "{opened:?}");
}

fn read_everything(engine: &RocksEngine) -> Result<(), Fault> {
    engine.view().scan(b"", b"\xff", &mut |_, _| {
        Ok(std::ops::ControlFlow::Continue(()))
    })
}

#[test]
fn a_missing_current_file_is_refused_and_not_made_anew() {
    let (_directory, store) = flushed(3);
    fs::remove_file(store.join("CURRENT")).unwrap();
    for _ in 0..2 {
        refused(&store);
    }
    assert!(!store.join("CURRENT").exists());
}

#[test]
fn a_flipped_bit_is_refused_or_harmless() {
    for extension in ["sst", "blob"] {
        let (directory, store) = flushed(6);
        let length = fs::metadata(&files(&store, extension)[0]).unwrap().len() as usize;
        for step in 0..20 {
            let image = copy(&store, &directory.path().join(format!("{extension}{step}")));
            flip(&files(&image, extension)[0], length * step / 20);
            let opened = RocksEngine::open(&image, &small());
            let read = opened.and_then(|engine| {
                read_everything(&engine)?;
                Ok(commits(&engine))
            });
            match read {
                Ok(commits) => assert_eq!(commits, 6),
                Err(Fault::Corrupt { .. }) => {}
                Err(fault) => panic!("{extension} {step}: {fault}"),
            }
        }
    }
}

#[test]
fn a_manifest_that_lost_anything_marked_is_refused_by_its_mark() {
    let (directory, store) = flushed(4);
    let mut mark = ManifestMark::default();
    {
        let engine = RocksEngine::open(&store, &small()).unwrap();
        for number in 5..=6 {
            mark = mark.advance(&store).unwrap();
            commit_number(&engine, number);
            engine.flush().unwrap();
        }
    }
    assert_eq!(mark.check(&store), Ok(()));
    let advanced = mark.advance(&store).unwrap();
    assert_eq!(advanced, ManifestMark::default().advance(&store).unwrap());
    assert_ne!(advanced, mark);
    let name = fs::read_to_string(store.join("CURRENT")).unwrap();
    for step in 0..20 {
        let image = copy(&store, &directory.path().join(format!("copy{step}")));
        let manifest = image.join(name.trim_end());
        flip(&manifest, (advanced.length * step / 20) as usize);
        assert!(matches!(advanced.check(&image), Err(Fault::Corrupt { .. })));
        cut(&manifest, advanced.length * step / 20);
        assert!(matches!(advanced.check(&image), Err(Fault::Corrupt { .. })));
    }
    // A later open writes a manifest of its own, which holds what the marked one held.
    drop(RocksEngine::open(&store, &small()).unwrap());
    assert_eq!(advanced.check(&store), Ok(()));
}

fn blob_bytes(directory: &TempDir) -> u64 {
    let blobs = files(&directory.path().join("store"), "blob");
    // RocksDB removes files while we look.
    let bytes = blobs
        .iter()
        .filter_map(|file| Some(fs::metadata(file).ok()?.len()));
    bytes.sum()
}

/// 400 blocks were written, and then 360 of them removed; answers what all of them took.
fn mostly_removed() -> (RocksEngine, TempDir, u64) {
    let (engine, directory) = rocks_engine();
    engine.collect_only_when_asked().unwrap();
    let key = |number: u32| [&b"B"[..], &number.to_be_bytes()].concat();
    for number in 0..400_u32 {
        engine
            .commit(batch(&[(&key(number), Some(&vec![7; BLOCK_BYTES]))]))
            .unwrap();
    }
    engine.flush().unwrap();
    let full = blob_bytes(&directory);
    for number in (0..400_u32).filter(|number| number % 10 != 0) {
        engine.commit(batch(&[(&key(number), None)])).unwrap();
    }
    (engine, directory, full)
}

#[test]
fn space_of_removed_blocks_comes_back_when_it_is_asked_for() {
    let (engine, directory, full) = mostly_removed();
    engine.compact(&|| true, &|_| true).unwrap();
    let left = blob_bytes(&directory);
    assert!(left < full / 4, "{left} of {full} bytes left");
    assert_eq!(scan(&engine.view(), b"B", b"C").len(), 40);
}

#[test]
fn live_blocks_are_not_rewritten_without_room_for_them() {
    let (engine, directory, full) = mostly_removed();
    let asked = Cell::new(0);
    let no_room = |bytes| {
        asked.set(bytes);
        false
    };
    engine.compact(&|| true, &no_room).unwrap();
    let left = blob_bytes(&directory);
    assert!(left > full / 4, "{left} of {full} bytes left");
    assert!(asked.get() >= 40 * BLOCK_BYTES as u64, "{}", asked.get());
}
