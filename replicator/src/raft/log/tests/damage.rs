//! Damage is noticed: what is read is what was written, or nothing is read.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use openraft::storage::{RaftLogReader, RaftLogStorage};
use tempfile::TempDir;

use super::fixture::{GROUP, OTHER, Place, append, entries, log_id, open, wait_until_written};
use crate::raft::type_config::{Entry, Vote};

const ENTRIES: u64 = 300;

/// A log that has entries in tables and in RocksDB's own log.
async fn filled() -> Place {
    let place = Place::new();
    for half in [0..ENTRIES / 2, ENTRIES / 2..ENTRIES] {
        let database = place.open();
        for group in [GROUP, OTHER] {
            let mut log = database.group(group).unwrap();
            log.save_vote(&Vote::new(half.end, 1)).await.unwrap();
            append(&mut log, entries(1, half.clone())).await;
        }
    }
    place
}

/// Whether everything is there (`Ok`), or how it was refused; anything else is a failure.
async fn read_all(path: &Path) -> Result<(), String> {
    let database = open(path).map_err(|fault| fault.to_string())?;
    for group in [GROUP, OTHER] {
        let mut log = database.group(group).map_err(|fault| fault.to_string())?;
        let read = log.try_get_log_entries(..).await;
        assert_eq!(
            read.map_err(|error| error.to_string())?,
            entries(1, 0..ENTRIES)
        );
        let vote = log.read_vote().await.unwrap();
        assert_eq!(vote, Some(Vote::new(ENTRIES, 1)));
    }
    Ok(())
}

fn copy(from: &Path) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let to = directory.path().join("log");
    fs::create_dir_all(to.join("store")).unwrap();
    for path in files(from) {
        fs::copy(&path, to.join(path.strip_prefix(from).unwrap())).unwrap();
    }
    (directory, to)
}

fn files(path: &Path) -> Vec<PathBuf> {
    let folders = [path.to_owned(), path.join("store")];
    let entries = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap());
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}

/// Whether RocksDB cannot do without a file.
fn is_vital(name: &str) -> bool {
    let names = [".sst", ".log", "MANIFEST", "CURRENT"];
    names.iter().any(|part| name.contains(part))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_flipped_byte_is_refused_or_without_effect() {
    let place = filled().await;
    let mut refused = 0;
    for path in files(&place.path()) {
        let length = fs::metadata(&path).unwrap().len();
        for part in 0..12_u64.min(length) {
            let (_guard, log) = copy(&place.path());
            let damaged = log.join(path.strip_prefix(place.path()).unwrap());
            let mut bytes = fs::read(&damaged).unwrap();
            let position = (length - 1) * part / 12;
            bytes[position as usize] ^= 0x10;
            fs::write(&damaged, bytes).unwrap();
            let result = read_all(&log).await;
            println!("{} at {position} of {length}: {result:?}", name(&path));
            let vital = [".log", "MANIFEST", "CURRENT"];
            if vital.iter().any(|vital| name(&path).contains(vital)) {
                assert!(result.is_err());
            }
            refused += usize::from(result.is_err());
        }
    }
    assert!(refused > 30, "{refused}");
}

#[tokio::test]
async fn a_cut_or_lost_file_is_refused_or_without_effect() {
    let place = filled().await;
    for path in files(&place.path()) {
        let length = fs::metadata(&path).unwrap().len();
        for rest in [
            None,
            Some(0),
            Some(length / 2),
            Some(length.saturating_sub(1)),
        ] {
            let (_guard, log) = copy(&place.path());
            let damaged = log.join(path.strip_prefix(place.path()).unwrap());
            match rest {
                None => fs::remove_file(&damaged).unwrap(),
                Some(rest) => {
                    let file = File::options().write(true).open(&damaged).unwrap();
                    file.set_len(rest).unwrap();
                }
            }
            let before = listing(&log);
            let result = read_all(&log).await;
            println!("{} cut to {rest:?} of {length}: {result:?}", name(&path));
            if is_vital(&name(&path)) && length > 0 {
                assert!(result.is_err());
                assert_eq!(listing(&log), before, "evidence was changed");
            }
        }
    }
}

fn listing(path: &Path) -> Vec<(PathBuf, u64)> {
    let files = files(path).into_iter();
    let sized = files.map(|path| (path.clone(), fs::metadata(path).unwrap().len()));
    // RocksDB's own messages are no part of the log.
    sized
        .filter(|(path, _)| !name(path).starts_with("LOG") && name(path) != "LOCK")
        .collect()
}

#[tokio::test]
async fn only_an_end_that_was_never_acknowledged_is_cut() {
    let place = Place::new();
    let database = place.open();
    let mut log = database.group(GROUP).unwrap();
    append(&mut log, entries(1, 0..10)).await;
    let synced = wal(&place.path());
    log.purge(log_id(1, 4)).await.unwrap();
    wait_until_written(&database, 2);
    let (_guard, torn) = copy(&place.path());
    let (_guard, cut) = copy(&place.path());
    database.close();

    let whole = wal(&torn);
    assert!(whole.1 > synced.1);
    for length in [whole.1 - 1, synced.1] {
        File::options()
            .write(true)
            .open(&whole.0)
            .unwrap()
            .set_len(length)
            .unwrap();
        let (_guard, torn) = copy(&torn);
        assert_eq!(read(&torn).await.unwrap(), entries(1, 0..10));
    }
    let file = File::options().write(true).open(wal(&cut).0).unwrap();
    file.set_len(synced.1 - 1).unwrap();
    let refusal = read(&cut).await.unwrap_err();
    assert!(refusal.contains("1 of 1"), "{refusal}");
}

async fn read(path: &Path) -> Result<Vec<Entry>, String> {
    let database = open(path).map_err(|fault| fault.to_string())?;
    let mut log = database.group(GROUP).map_err(|fault| fault.to_string())?;
    let read = log.try_get_log_entries(..).await;
    read.map_err(|error| error.to_string())
}

/// The newest of RocksDB's own logs, and its length.
fn wal(path: &Path) -> (PathBuf, u64) {
    let mut wals = files(path);
    wals.retain(|path| name(path).contains(".log"));
    let newest = wals.pop().unwrap();
    let length = fs::metadata(&newest).unwrap().len();
    (newest, length)
}
