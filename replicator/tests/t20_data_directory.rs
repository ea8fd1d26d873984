//! What opening a data directory refuses, in which words, and that it damages nothing.
#![expect(clippy::unwrap_used, reason = "these functions are tests")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use holdfast_replicator::testing::{block_on, create, lookup};
use holdfast_replicator::{
    DataDirectory, NoOpOptions, NoOpReplicator, OpenError, PosixMetadataReplicator,
};
use tempfile::TempDir;

/// A data directory with one file in it, stopped.
fn made() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let replicator = NoOpReplicator::open(NoOpOptions::new(&data)).unwrap();
    block_on(replicator.start()).unwrap();
    block_on(replicator.replicate(create("kept")))
        .unwrap()
        .unwrap();
    block_on(replicator.stop()).unwrap();
    (directory, data)
}

fn holds_the_file(data: &Path) -> bool {
    let replicator = NoOpReplicator::open(NoOpOptions::new(data)).unwrap();
    block_on(replicator.start()).unwrap();
    block_on(replicator.query(lookup("kept"))).unwrap().is_ok()
}

fn refusal(data: &Path) -> String {
    let before = content(data);
    let error = NoOpReplicator::open(NoOpOptions::new(data)).unwrap_err();
    assert!(
        content(data) == before,
        "{error}: it changed {}",
        data.display()
    );
    let message = error.to_string();
    assert!(!message.contains('\n'), "{message}");
    message
}

/// Every file below, but the lock: that may be made, and says who tried last.
fn content(path: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut content = BTreeMap::new();
    let Ok(entries) = fs::read_dir(path) else {
        return content;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            content.extend(self::content(&path));
        } else if path.file_name().unwrap() != "LOCK" {
            content.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    content
}

#[test]
fn what_was_made_is_opened_again() {
    let (_directory, data) = made();
    for _ in 0..3 {
        assert!(holds_the_file(&data));
    }
    let read_only = DataDirectory::open_read_only(&data).unwrap();
    read_only.check_durable().unwrap();
    assert!(read_only.created() > 0);
    assert!(read_only.store().is_dir());
}

#[test]
fn a_directory_in_use_names_the_process_and_the_mount() {
    let (_directory, data) = made();
    let options = NoOpOptions {
        mountpoint: Some("/mnt/some where".into()),
        ..NoOpOptions::new(&data)
    };
    let holder = NoOpReplicator::open(options).unwrap();
    let message = NoOpReplicator::open(NoOpOptions::new(&data))
        .unwrap_err()
        .to_string();
    let holding = format!(
        "by process {}, mounted at /mnt/some where",
        std::process::id()
    );
    assert!(message.contains(&holding), "{message}");
    let read_only = DataDirectory::open_read_only(&data);
    assert!(
        matches!(read_only, Err(OpenError::InUse { .. })),
        "{read_only:?}"
    );
    drop(holder);
    assert!(holds_the_file(&data));
}

#[test]
fn a_file_called_creating_beside_foreign_files_is_no_leave_to_remove_them() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    fs::write(data.join("CREATING"), "").unwrap();
    fs::write(data.join("notes.txt"), "").unwrap();
    fs::create_dir(data.join("store")).unwrap();
    fs::write(data.join("store/mine"), "mine").unwrap();
    let error = NoOpReplicator::open(NoOpOptions::new(data)).unwrap_err();
    assert!(matches!(error, OpenError::NotADataDirectory(_)), "{error}");
    assert_eq!(fs::read(data.join("store/mine")).unwrap(), b"mine");
}

#[test]
fn one_who_only_reads_is_not_taken_for_the_last_mount() {
    let (_directory, data) = made();
    let readers = [(); 2].map(|()| DataDirectory::open_read_only(&data).unwrap());
    let message = NoOpReplicator::open(NoOpOptions::new(&data))
        .unwrap_err()
        .to_string();
    assert!(message.contains("in use by another process"), "{message}");
    drop(readers);
    assert!(holds_the_file(&data));
}

#[test]
fn a_stopped_replicator_leaves_the_directory_to_others() {
    let (_directory, data) = made();
    let stopped = NoOpReplicator::open(NoOpOptions::new(&data)).unwrap();
    block_on(stopped.start()).unwrap();
    block_on(stopped.stop()).unwrap();
    assert!(holds_the_file(&data));
    drop(stopped);
}

#[test]
fn another_format_version_is_named_with_ours() {
    let (_directory, data) = made();
    let format = fs::read_to_string(data.join("FORMAT")).unwrap();
    fs::write(
        data.join("FORMAT"),
        format.replace("version 1", "version 2"),
    )
    .unwrap();
    let message = refusal(&data);
    assert!(
        message.contains("version 2") && message.contains("version 1"),
        "{message}"
    );
}

#[test]
fn a_foreign_directory_or_file_is_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    let foreign = directory.path().join("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(foreign.join("thesis.txt"), "years of work").unwrap();
    assert!(refusal(&foreign).contains("not empty and not a data directory"));
    assert!(!foreign.join("LOCK").exists());
    fs::write(foreign.join("FORMAT"), "of something else").unwrap();
    assert!(refusal(&foreign).contains("not a data directory"));
    assert!(refusal(&foreign.join("thesis.txt")).contains("is not a directory"));
    assert!(refusal(&foreign.join("thesis.txt/below")).contains("is not a directory"));
}

#[test]
fn reading_only_makes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");
    assert!(matches!(
        DataDirectory::open_read_only(&missing),
        Err(OpenError::NotFound(_))
    ));
    assert!(!missing.exists());
    let empty = DataDirectory::open_read_only(directory.path());
    assert!(
        matches!(empty, Err(OpenError::NotADataDirectory(_))),
        "{empty:?}"
    );
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_lost_format_file_is_no_reason_to_begin_anew() {
    let (_directory, data) = made();
    let format = fs::read(data.join("FORMAT")).unwrap();
    fs::remove_file(data.join("FORMAT")).unwrap();
    assert!(refusal(&data).contains("corrupt: FORMAT: it is missing"));
    fs::write(data.join("FORMAT"), format).unwrap();
    assert!(holds_the_file(&data));
}

#[test]
fn a_making_that_was_interrupted_is_done_again() {
    let (directory, data) = made();
    // What is there after a kill at each step.
    let steps: [&[&str]; 4] = [
        &[],
        &["SYNCED"],
        &["SYNCED", "store"],
        &["SYNCED", "store", "CREATING.format"],
    ];
    for (number, step) in steps.iter().enumerate() {
        let half = directory.path().join(format!("half{number}"));
        fs::create_dir(&half).unwrap();
        for file in ["LOCK", "CREATING"] {
            fs::write(half.join(file), "").unwrap();
        }
        for name in *step {
            if *name == "store" {
                fs::create_dir(half.join(name)).unwrap();
                fs::write(half.join(name).join("CURRENT"), "MANIFEST-000001\n").unwrap();
            } else {
                fs::write(half.join(name), "half").unwrap();
            }
        }
        assert!(!holds_the_file(&half), "it is new");
        assert!(half.join("FORMAT").exists());
        assert!(!half.join("CREATING").exists());
    }
    // And after the last one: it is complete.
    fs::write(data.join("CREATING"), "").unwrap();
    assert!(holds_the_file(&data));
    assert!(!data.join("CREATING").exists());
}

#[test]
fn a_missing_or_spoilt_file_is_named() {
    let (_directory, data) = made();
    let saved = fs::read(data.join("SYNCED")).unwrap();
    for spoilt in [&b""[..], &[0; 1024]] {
        fs::write(data.join("SYNCED"), spoilt).unwrap();
        assert!(refusal(&data).contains("corrupt: SYNCED"));
    }
    fs::remove_file(data.join("SYNCED")).unwrap();
    assert!(refusal(&data).contains("corrupt: SYNCED"));
    fs::write(data.join("SYNCED"), saved).unwrap();
    let current = fs::read(data.join("store/CURRENT")).unwrap();
    fs::remove_file(data.join("store/CURRENT")).unwrap();
    let message = refusal(&data);
    assert!(
        message.contains("corrupt") && message.contains("CURRENT"),
        "{message}"
    );
    fs::write(data.join("store/CURRENT"), current).unwrap();
    assert!(holds_the_file(&data));
}
