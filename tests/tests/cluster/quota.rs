//! Quotas of a cluster's volume: one limit for all mounts together, whoever leads.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use holdfast_tests::cluster::ClusterMount;
use holdfast_tests::{Cluster, errno, place, run};
use nix::errno::Errno;
use nix::sys::statvfs::statvfs;

const THREADS: usize = 4;
/// Of each thread: many more than any limit here allows.
const ATTEMPTS_MAX: usize = 300;

fn quota(arguments: &[&str], path: &Path) -> String {
    let mut command = Command::new(place::holdfast());
    run(command.arg("quota").args(arguments).arg(path)).success()
}

fn tree(mount: &ClusterMount, limits: &[&str]) -> PathBuf {
    let path = mount.path("tree");
    fs::create_dir(&path).unwrap();
    quota(&[&["set"], limits].concat(), &path);
    path
}

/// Makes files on all mounts at once until nobody can make one more; answers how many there are.
#[track_caller]
fn race(mounts: &[&ClusterMount], bytes: usize) -> u64 {
    let made = AtomicU64::new(0);
    thread::scope(|scope| {
        for (place, mount) in mounts.iter().enumerate() {
            for thread in 0..THREADS {
                let (made, tree) = (&made, mount.path("tree"));
                scope.spawn(move || {
                    for number in 0..ATTEMPTS_MAX {
                        let path = tree.join(format!("{bytes}-{place}-{thread}-{number}"));
                        match File::create_new(&path).and_then(|_| fs::write(&path, vec![1; bytes]))
                        {
                            Ok(()) => made.fetch_add(1, Ordering::Relaxed),
                            error => {
                                assert_eq!(errno(error), Errno::EDQUOT);
                                break;
                            }
                        };
                    }
                });
            }
        }
    });
    made.into_inner()
}

#[test]
fn mounts_that_race_get_exactly_what_the_limit_allows() {
    let cluster = Cluster::start(3);
    let (first, second) = (cluster.mount(1, ""), cluster.mount(2, ""));
    let path = tree(&first, &["--inodes", "101"]);
    assert_eq!(race(&[&first, &second], 0), 100);
    assert_eq!(fs::read_dir(second.path("tree")).unwrap().count(), 100);
    // The limit is one for both, and so is what it becomes.
    quota(
        &["set", "--inodes", "none", "--bytes", "40k"],
        &second.path("tree"),
    );
    assert_eq!(race(&[&first, &second], 4096), 10);
    let numbers = statvfs(&path).unwrap();
    assert_eq!((numbers.blocks(), numbers.blocks_free()), (10, 0));
    second.unmount();
    first.unmount();
    cluster.assert_all_replicas_agree();
}

#[test]
fn a_limit_holds_after_the_leader_is_gone() {
    let mut cluster = Cluster::start(3);
    let mount = cluster.mount(1, "");
    let path = tree(&mount, &["--inodes", "11"]);
    for number in 0..5 {
        fs::write(path.join(format!("before-{number}")), "").unwrap();
    }
    let leader = cluster.leader();
    cluster.kill(leader);
    assert_eq!(race(&[&mount], 0), 5);
    cluster.restart(leader);
    cluster.wait_settled();
    let all = quota(&["list", "--all", "--json"], mount.root());
    assert!(all.contains("\"inodes\": 11"), "{all}");
    mount.unmount();
    cluster.assert_all_replicas_agree();
}
