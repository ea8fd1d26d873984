//! What one mount replaces or removes all the time another one opens without an error that nobody caused.

use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use holdfast_tests::{Cluster, ClusterMount};

const ROUNDS: u32 = 200;

#[test]
fn a_name_that_another_mount_replaces_or_removes_meanwhile_is_opened_without_an_error() {
    let cluster = Cluster::start(3);
    let mounts = [1, 2].map(|node| cluster.mount(node, "noatime"));
    let [here, there] = &mounts;
    fs::write(here.path("replaced"), "0").unwrap();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers = [0, 1].map(|_| scope.spawn(|| read(&there.path("replaced"), &over)));
        let makers = [0, 1].map(|_| scope.spawn(|| make(&there.path("removed"), &over)));
        let remover = scope.spawn(|| remove(&here.path("removed"), &over));
        replace(here);
        over.store(true, Ordering::Release);
        let read = readers.map(|thread| thread.join().unwrap());
        let made = makers.map(|thread| thread.join().unwrap());
        let removed = remover.join().unwrap();
        println!("replaced {ROUNDS}, read {read:?}, made {made:?}, removed {removed} times");
        assert!(removed > 0);
    });
    for mount in mounts {
        mount.unmount();
    }
    cluster.assert_all_replicas_agree();
}

/// As programs replace their files: written beside it, then renamed.
fn replace(mount: &ClusterMount) {
    for round in 1..=ROUNDS {
        fs::write(mount.path("new"), round.to_string()).unwrap();
        fs::rename(mount.path("new"), mount.path("replaced")).unwrap();
    }
}

/// Each time the file is whole, and not older than before.
fn read(path: &Path, over: &AtomicBool) -> u32 {
    let (mut times, mut last) = (0, 0);
    while !over.load(Ordering::Acquire) {
        let mut text = String::new();
        File::open(path).unwrap().read_to_string(&mut text).unwrap();
        let round: u32 = text.parse().unwrap();
        assert!(round >= last, "{round} after {last}");
        (times, last) = (times + 1, round);
    }
    times
}

/// Opens it if it is there, and makes it if not.
fn make(path: &Path, over: &AtomicBool) -> u32 {
    let mut times = 0;
    while !over.load(Ordering::Acquire) {
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        options.open(path).unwrap();
        times += 1;
    }
    times
}

fn remove(path: &Path, over: &AtomicBool) -> u32 {
    let mut times = 0;
    while !over.load(Ordering::Acquire) {
        match fs::remove_file(path) {
            Ok(()) => times += 1,
            Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{error}"),
        }
    }
    times
}
