//! While another mount exchanges two directories, this one removes or replaces one of them: the kernel must not take the
//! other for removed.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use holdfast_tests::cluster::SETTLED;
use holdfast_tests::{Cluster, ClusterMount, wait_until};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

const ROUNDS: u32 = 40;

#[test]
fn a_directory_that_another_mount_exchanges_for_a_removed_one_stays_usable() {
    race(|mount| fs::remove_dir(mount.path("a")));
}

#[test]
fn a_directory_that_another_mount_exchanges_for_a_replaced_one_stays_usable() {
    race(|mount| fs::rename(mount.path("new"), mount.path("a")));
}

/// It looks them up again before it removes one.
#[test]
fn a_kernel_that_remembers_names_removes_the_directory_that_has_the_name() {
    let cluster = Cluster::start(3);
    let here = cluster.mount(1, "noatime,entry_timeout=60");
    let there = cluster.mount(2, "noatime");
    for name in ["a", "b", "new"] {
        fs::create_dir(here.path(name)).unwrap();
    }
    let numbers = || ["a", "b"].map(|name| fs::metadata(there.path(name)).unwrap().ino());
    let [first, _] = numbers();
    let used = ["a", "b"].map(|name| File::open(here.path(name)).unwrap());
    let flags = RenameFlags::RENAME_EXCHANGE;
    renameat2(
        AT_FDCWD,
        &there.path("a"),
        AT_FDCWD,
        &there.path("b"),
        flags,
    )
    .unwrap();
    assert_eq!(numbers()[1], first);
    fs::remove_dir(here.path("a")).unwrap();
    fs::create_dir(here.path("b/inside")).unwrap();
    assert_eq!(fs::read_dir(there.path("b")).unwrap().count(), 1);
    assert_eq!(fs::metadata(here.path("b")).unwrap().ino(), first);
    drop(used);
    here.unmount();
    there.unmount();
}

fn race(change: impl Fn(&ClusterMount) -> io::Result<()>) {
    let cluster = Cluster::start(3);
    let mounts = [1, 2].map(|node| cluster.mount(node, "noatime"));
    let [here, there] = &mounts;
    let mut exchanges = 0;
    let mut refused = 0;
    for _ in 0..ROUNDS {
        for name in ["a", "b", "new"] {
            fs::create_dir(here.path(name)).unwrap();
        }
        // Nobody has the kernel forget what it takes for removed.
        let _used = directories(here).iter().map(File::open).collect::<Vec<_>>();
        let (over, times) = (AtomicBool::new(false), AtomicU32::new(0));
        thread::scope(|scope| {
            scope.spawn(|| exchange(there, &over, &times));
            let _ends = Ends(&over);
            let begun = || times.load(Ordering::Acquire) > 1;
            wait_until("they are exchanged", SETTLED, begun);
            while let Err(error) = change(here) {
                // It moved again while the kernel looked for the second time.
                assert_eq!(error.raw_os_error(), Some(libc::ESTALE), "{error}");
                refused += 1;
            }
        });
        exchanges += times.into_inner();
        for directory in directories(here) {
            let inside = directory.join("inside");
            fs::create_dir(&inside).unwrap();
            assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
            fs::remove_dir(&inside).unwrap();
            fs::remove_dir(&directory).unwrap();
        }
    }
    println!("{ROUNDS} rounds, {exchanges} exchanges, {refused} times ESTALE");
    for mount in mounts {
        mount.unmount();
    }
    cluster.assert_all_replicas_agree();
}

/// Tells the other thread to end, also when this one fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

fn exchange(mount: &ClusterMount, over: &AtomicBool, times: &AtomicU32) {
    let (one, other) = (mount.path("a"), mount.path("b"));
    let flags = RenameFlags::RENAME_EXCHANGE;
    while !over.load(Ordering::Acquire) {
        match renameat2(AT_FDCWD, &one, AT_FDCWD, &other, flags) {
            Ok(()) => {
                times.fetch_add(1, Ordering::Release);
            }
            Err(errno) => assert_eq!(errno, Errno::ENOENT),
        }
    }
}

fn directories(mount: &ClusterMount) -> Vec<PathBuf> {
    let entries = fs::read_dir(mount.root()).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}
