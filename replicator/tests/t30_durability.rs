//! What is left of a volume after kills, lost files and flipped bits: all of it, or a refusal.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "these functions are tests"
)]

use std::fs;
use std::path::{Path, PathBuf};

use holdfast_metadata::{Answer, InodeId, Operation, Query, Reply, Write, WritePosition};
use holdfast_replicator::testing::{block_on, command, create, entry, lookup, poll_once};
use holdfast_replicator::{
    Durability, NoOpOptions, NoOpReplicator, OpenError, PosixMetadataReplicator, ReplicateError,
};
use tempfile::TempDir;

const FILES: u64 = 12;
const FILE_BYTES: usize = 10_000;

fn open(data: &Path) -> Result<NoOpReplicator, OpenError> {
    let replicator = NoOpReplicator::open(NoOpOptions::new(data))?;
    block_on(replicator.start()).unwrap();
    Ok(replicator)
}

fn write_file(replicator: &NoOpReplicator, number: u64) {
    let outcome = block_on(replicator.replicate(create(&format!("file{number}")))).unwrap();
    let write = Write {
        ino: entry(&outcome).ino,
        position: WritePosition::At(0),
        data: vec![number as u8 + 1; FILE_BYTES].into(),
        clear_privileges: false,
    };
    block_on(replicator.replicate(command(Operation::Write(write))))
        .unwrap()
        .unwrap();
}

fn sync(replicator: &NoOpReplicator) {
    let synced = block_on(replicator.replicate(command(Operation::Sync)));
    assert_eq!(synced, Ok(Ok(Answer::Done)));
}

/// How many files are there, each with its content and with all before it.
fn files(replicator: &NoOpReplicator) -> Result<u64, ReplicateError> {
    let mut whole = 0;
    for number in 0..FILES {
        let Ok(Reply::Attributes(attributes)) =
            block_on(replicator.query(lookup(&format!("file{number}"))))?
        else {
            break;
        };
        if attributes.size == 0 {
            break;
        }
        assert!(read(replicator, attributes.ino)? == vec![number as u8 + 1; FILE_BYTES]);
        whole = number + 1;
    }
    for number in whole + 1..FILES {
        let later = block_on(replicator.query(lookup(&format!("file{number}"))))?;
        assert!(
            later.is_err(),
            "file {number} is there, but not file {whole}"
        );
    }
    Ok(whole)
}

fn read(replicator: &NoOpReplicator, ino: InodeId) -> Result<Vec<u8>, ReplicateError> {
    let query = Query::Read {
        ino,
        offset: 0,
        length: FILE_BYTES as u32 * 2,
    };
    match block_on(replicator.query(query))? {
        Ok(Reply::Data { bytes, .. }) => Ok(bytes),
        other => panic!("{other:?}"),
    }
}

/// The data directory as it is now, as a kill at this moment leaves it.
fn image(data: &Path, to: &Path) -> PathBuf {
    let list = || -> Vec<(PathBuf, u64)> {
        let mut list = Vec::new();
        for folder in [data.to_owned(), data.join("store")] {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if let Ok(metadata) = fs::metadata(&path)
                    && metadata.is_file()
                {
                    list.push((path, metadata.len()));
                }
            }
        }
        list.sort();
        list
    };
    // RocksDB works in the background: only a copy during which nothing changed is of one moment.
    loop {
        let before = list();
        fs::create_dir_all(to.join("store")).unwrap();
        for (path, _) in &before {
            // A file that is gone by now shows in the second listing.
            let _copied = fs::copy(path, to.join(path.strip_prefix(data).unwrap()));
        }
        if list() == before {
            return to.to_owned();
        }
        fs::remove_dir_all(to).unwrap();
    }
}

/// A data directory with all files; some in tables, some only in the log.
fn filled(stopped: bool) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    for half in [0..FILES / 2, FILES / 2..FILES] {
        let replicator = open(&data).unwrap();
        let last = half.end == FILES;
        for number in half {
            write_file(&replicator, number);
        }
        if last {
            sync(&replicator);
        }
        if !last || stopped {
            block_on(replicator.stop()).unwrap();
        }
    }
    (directory, data)
}

fn folder_files(data: &Path) -> Vec<PathBuf> {
    let folders = [data.to_owned(), data.join("store")];
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

#[test]
fn a_kill_at_any_moment_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let replicator = open(&data).unwrap();
    for number in 0..FILES {
        write_file(&replicator, number);
        let image = image(&data, &directory.path().join(format!("image{number}")));
        assert_eq!(files(&open(&image).unwrap()), Ok(number + 1));
    }
}

#[test]
fn a_stop_leaves_no_log_to_replay() {
    let (_directory, data) = filled(true);
    let logs = folder_files(&data)
        .into_iter()
        .filter(|file| file.extension() == Some("log".as_ref()));
    for log in logs {
        assert_eq!(fs::metadata(&log).unwrap().len(), 0, "{}", log.display());
    }
    assert_eq!(files(&open(&data).unwrap()), Ok(FILES));
}

#[test]
fn a_log_that_lost_what_was_synced_is_refused() {
    let (directory, data) = filled(false);
    let log = folder_files(&data)
        .into_iter()
        .rfind(|file| file.extension() == Some("log".as_ref()))
        .unwrap();
    let length = fs::metadata(&log).unwrap().len();
    for step in 0..10 {
        let image = image(&data, &directory.path().join(format!("image{step}")));
        let log = image.join("store").join(log.file_name().unwrap());
        fs::File::options()
            .write(true)
            .open(&log)
            .unwrap()
            .set_len(length * step / 10)
            .unwrap();
        let before = fs::read_dir(image.join("store")).unwrap().count();
        for _ in 0..2 {
            let message = open(&image).unwrap_err().to_string();
            assert!(message.contains("corrupt: store"), "{message}");
        }
        assert_eq!(
            fs::read_dir(image.join("store")).unwrap().count(),
            before,
            "nothing is touched"
        );
    }
    assert_eq!(files(&open(&data).unwrap()), Ok(FILES));
}

#[test]
fn a_log_that_lost_what_was_not_synced_is_a_prefix() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let replicator = open(&data).unwrap();
    write_file(&replicator, 0);
    sync(&replicator);
    // Taken now, so that the syncer's next mark is not in it.
    let mark = fs::read(data.join("SYNCED")).unwrap();
    for number in 1..FILES {
        write_file(&replicator, number);
    }
    let image = image(&data, &directory.path().join("image"));
    fs::write(image.join("SYNCED"), mark).unwrap();
    let log = folder_files(&image)
        .into_iter()
        .rfind(|file| file.extension() == Some("log".as_ref()))
        .unwrap();
    let length = fs::metadata(&log).unwrap().len();
    fs::File::options()
        .write(true)
        .open(&log)
        .unwrap()
        .set_len(length / 2)
        .unwrap();
    let whole = files(&open(&image).unwrap()).unwrap();
    assert!((1..FILES).contains(&whole), "{whole} files");
}

#[test]
fn a_flipped_bit_in_any_file_is_harmless_or_refused() {
    for stopped in [true, false] {
        let (directory, data) = filled(stopped);
        let mut refusals = 0;
        for (number, file) in folder_files(&data).into_iter().enumerate() {
            let length = fs::metadata(&file).unwrap().len();
            for step in 0..8 {
                let to = directory.path().join(format!("image{number}.{step}"));
                let image = image(&data, &to);
                let flipped = image.join(file.strip_prefix(&data).unwrap());
                let mut bytes = fs::read(&flipped).unwrap();
                if let Some(byte) = bytes.get_mut((length * step / 8) as usize) {
                    *byte ^= 4;
                }
                fs::write(&flipped, bytes).unwrap();
                match open(&image) {
                    Err(OpenError::Corrupt { .. } | OpenError::OtherFormat { .. }) => refusals += 1,
                    Err(OpenError::NotADataDirectory(_)) => assert!(flipped.ends_with("FORMAT")),
                    Err(other) => panic!("{}: {other}", flipped.display()),
                    Ok(replicator) => match files(&replicator) {
                        Ok(whole) => assert_eq!(whole, FILES, "{} at {step}", flipped.display()),
                        Err(ReplicateError::Fault(_)) => refusals += 1,
                        Err(other) => panic!("{}: {other}", flipped.display()),
                    },
                }
                fs::remove_dir_all(&to).unwrap();
            }
        }
        assert!(refusals > 10, "only {refusals}");
    }
}

#[test]
fn a_missing_file_is_harmless_or_refused() {
    for stopped in [true, false] {
        let (directory, data) = filled(stopped);
        for (number, file) in folder_files(&data).into_iter().enumerate() {
            let image = image(&data, &directory.path().join(format!("image{number}")));
            fs::remove_file(image.join(file.strip_prefix(&data).unwrap())).unwrap();
            match open(&image) {
                Err(OpenError::Corrupt { .. }) => {}
                Err(other) => panic!("{}: {other}", file.display()),
                Ok(replicator) => assert_eq!(files(&replicator), Ok(FILES), "{}", file.display()),
            }
        }
    }
}

#[test]
fn only_what_waits_for_the_disk_is_not_ready_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let replicator = open(&data).unwrap();
    assert!(poll_once(replicator.replicate(create("a"))).is_some());
    assert!(poll_once(replicator.query(lookup("a"))).is_some());
    assert!(poll_once(replicator.replicate(command(Operation::Sync))).is_none());
    sync(&replicator);
    assert!(
        poll_once(replicator.replicate(command(Operation::Sync))).is_some(),
        "nothing changed since the last sync"
    );
}

#[test]
fn what_commit_durability_acknowledged_is_in_the_mark() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let options = NoOpOptions {
        durability: Durability::Commit,
        ..NoOpOptions::new(&data)
    };
    let replicator = NoOpReplicator::open(options).unwrap();
    block_on(replicator.start()).unwrap();
    for number in 0..FILES {
        write_file(&replicator, number);
    }
    let image = image(&data, &directory.path().join("image"));
    let log = folder_files(&image)
        .into_iter()
        .rfind(|file| file.extension() == Some("log".as_ref()))
        .unwrap();
    let length = fs::metadata(&log).unwrap().len();
    fs::File::options()
        .write(true)
        .open(&log)
        .unwrap()
        .set_len(length - 1)
        .unwrap();
    let message = open(&image).unwrap_err().to_string();
    assert!(
        message.contains("writes that were made durable are missing"),
        "{message}"
    );
}

#[test]
fn what_nobody_waits_for_is_synced_soon() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let replicator = open(&data).unwrap();
    let mark = fs::read(data.join("SYNCED")).unwrap();
    write_file(&replicator, 0);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while fs::read(data.join("SYNCED")).unwrap() == mark {
        assert!(std::time::Instant::now() < deadline, "nothing was synced");
        std::thread::yield_now();
    }
}
