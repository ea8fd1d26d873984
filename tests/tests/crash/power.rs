//! What a power failure leaves: everything that was synced, and of the rest a prefix.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use holdfast_tests::{Random, Setup, run};

use crate::workload::{Step, Tree, prefix_that_made, read};

const ROUNDS: u32 = 12;
const STEPS: u64 = 250;

/// The log of the store that is being written: the last one.
fn last_log(data: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(data.join("store"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let logs = entries.filter(|path| path.extension().is_some_and(|ending| ending == "log"));
    logs.max()
}

/// A log cut anywhere is what a power failure leaves when nothing after the cut was synced.
#[test]
fn after_a_cut_of_the_log_a_prefix_is_there_or_the_mount_says_that_synced_data_is_lost() {
    let mut random = Random::announced();
    let (mut recovered, mut refused) = (0, 0);
    for _ in 0..ROUNDS {
        let mut mounted = Setup::default().limit(Duration::from_mins(2)).mount();
        let (mut tree, mut steps, mut synced) = (Tree::new(), Vec::new(), 0);
        for number in 0..STEPS {
            let step = Step::choose(&mut random, &tree, number);
            step.perform(mounted.root()).unwrap();
            step.apply(&mut tree);
            synced = if step.is_sync() {
                steps.len() + 1
            } else {
                synced
            };
            steps.push(step);
        }
        mounted.kill();
        let log = last_log(mounted.data()).unwrap();
        let length = fs::metadata(&log).unwrap().len();
        // The last quarter, so that some cuts are after the last sync.
        let cut = length - random.below(length / 4 + 1);
        File::options()
            .write(true)
            .open(&log)
            .unwrap()
            .set_len(cut)
            .unwrap();
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
