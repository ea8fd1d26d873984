//! A log of the store that is cut: what was synced is there, or the mount says that it is lost, and only then is it refused.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use holdfast_tests::{Random, Setup, run};

use crate::workload::{Step, Tree, prefix_that_made, read};

const ROUNDS: u32 = 12;
const STEPS: u64 = 250;

/// The log of the store that is being written: the last one.
fn last_log(data: &Path) -> PathBuf {
    let entries = fs::read_dir(data.join("store"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let logs = entries.filter(|path| path.extension().is_some_and(|ending| ending == "log"));
    logs.max().unwrap()
}

/// How much of which log may have been synced, by `fsync` or because a second had passed.
struct Synced {
    mark: Vec<u8>,
    log: PathBuf,
    length: u64,
}

impl Synced {
    fn of(data: &Path) -> Synced {
        // In this order: what is marked is in the log already.
        let mark = fs::read(data.join("SYNCED")).unwrap();
        let log = last_log(data);
        let length = fs::metadata(&log).unwrap().len();
        Synced { mark, log, length }
    }

    /// Looks again, whether something was synced since.
    fn look(&mut self, data: &Path) {
        let now = Synced::of(data);
        if now.mark != self.mark {
            *self = now;
        }
    }
}

/// A log cut anywhere is what a power failure leaves when nothing after the cut was synced.
#[test]
fn after_a_cut_of_the_log_a_prefix_is_there_and_only_lost_synced_bytes_are_refused() {
    let mut random = Random::announced();
    let (mut recovered, mut refused) = (0, 0);
    for _ in 0..ROUNDS {
        let mut mounted = Setup::default().mount();
        let (mut tree, mut steps, mut synced) = (Tree::new(), Vec::new(), 0);
        let mut synced_bytes = Synced::of(mounted.data());
        for number in 0..STEPS {
            let step = Step::choose(&mut random, &tree, number);
            step.perform(mounted.root()).unwrap();
            step.apply(&mut tree);
            if step.is_sync() {
                synced = steps.len() + 1;
            }
            synced_bytes.look(mounted.data());
            steps.push(step);
        }
        mounted.kill();
        synced_bytes.look(mounted.data());
        let log = last_log(mounted.data());
        let length = fs::metadata(&log).unwrap().len();
        // The last quarter, so that some cuts are after the last sync.
        let cut = length - random.below(length / 4 + 1);
        let file = File::options().write(true).open(&log).unwrap();
        file.set_len(cut).unwrap();
        match mounted.try_start() {
            Ok(()) => {
                let found = read(mounted.root()).unwrap();
                let prefix = prefix_that_made(&Tree::new(), &steps, &found);
                let prefix = prefix.expect("what is there is not a prefix of what was done");
                assert!(
                    prefix >= synced,
                    "{synced} steps were synced, {prefix} are there"
                );
                recovered += 1;
            }
            Err(message) => {
                assert!(
                    message.contains(mounted.data().to_str().unwrap()),
                    "{message}"
                );
                assert!(
                    log == synced_bytes.log && cut < synced_bytes.length,
                    "cut from {length} to {cut}, of which at most {} of {} were synced: {message}",
                    synced_bytes.length,
                    synced_bytes.log.display()
                );
                refused += 1;
            }
        }
    }
    println!("{recovered} mounted with a prefix, {refused} refused");
    assert!(recovered > 0, "every cut was refused");
}

/// A copy of a live data directory has its files at different moments, but a snapshot of the disk, which
/// a power failure is, does not: RocksDB's files only grow, so copying the log last is such a snapshot.
#[test]
fn what_was_synced_is_in_a_copy_of_the_data_directory() {
    let mounted = Setup::default().mount();
    let path = mounted.path("file");
    fs::write(&path, "synced").unwrap();
    File::open(&path).unwrap().sync_all().unwrap();
    let copy = mounted.scratch().join("copy");
    run(Command::new("cp").arg("-a").arg(mounted.data()).arg(&copy)).success();
    let other = Setup::default().data(&copy).mount();
    assert_eq!(fs::read_to_string(other.path("file")).unwrap(), "synced");
}
