//! Quotas of users in a cluster: one limit for all mounts together, counted while files come and go.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use holdfast_tests::cluster::ClusterMount;
use holdfast_tests::{Cluster, Finished, place, run, system};

const ALICE: u32 = 12_345;
/// For others than root, too.
const SHARED: &str = "allow_other";
/// Of each process: many more than the limit allows.
const ATTEMPTS: usize = 200;

fn quota(arguments: &[&str], path: &Path) -> String {
    let mut command = Command::new(place::holdfast());
    run(command.arg("quota").args(arguments).arg(path)).success()
}

fn as_alice(mount: &ClusterMount, script: &str) -> Finished {
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(mount.root());
    run(command.uid(ALICE).gid(ALICE))
}

fn used(mount: &ClusterMount) -> String {
    let text = system::get_xattr(mount.root(), "holdfast.quota.user.12345").unwrap();
    String::from_utf8(text).unwrap()
}

/// Processes of the user on all mounts make files until each is refused; answers how many there are.
#[track_caller]
fn race(mounts: &[&ClusterMount]) -> usize {
    std::thread::scope(|scope| {
        for (place, mount) in mounts.iter().enumerate() {
            for process in 0..2 {
                scope.spawn(move || {
                    let script = format!(
                        "for i in $(seq {ATTEMPTS}); do head -c 4096 /dev/zero > race/{place}-{process}-$i || exit 3; done"
                    );
                    let finished = as_alice(mount, &script);
                    assert_eq!(finished.status.code(), Some(3), "{}", finished.stderr);
                    let told = finished.stderr.to_lowercase();
                    assert!(told.contains("quota exceeded"), "{told}");
                });
            }
        }
    });
    fs::read_dir(mounts[0].path("race")).unwrap().count()
}

#[test]
fn mounts_that_race_get_exactly_what_the_user_may_have() {
    let mut cluster = Cluster::start(3);
    let (first, second) = (cluster.mount(1, SHARED), cluster.mount(2, SHARED));
    fs::create_dir(first.path("race")).unwrap();
    fs::set_permissions(
        first.path("race"),
        std::os::unix::fs::PermissionsExt::from_mode(0o777),
    )
    .unwrap();
    for number in 0..50 {
        let path = first.path(&format!("before-{number}"));
        fs::write(&path, vec![1; 4096]).unwrap();
        chown(&path, Some(ALICE), Some(ALICE)).unwrap();
    }
    quota(&["set", "--user", "12345", "--inodes", "90"], first.root());
    assert_eq!(race(&[&first, &second]), 40);
    assert!(used(&second).contains("inodes=90/90"), "{}", used(&second));
    // Whoever leads: the same limit, and what it becomes.
    let leader = cluster.leader();
    cluster.kill(leader);
    quota(
        &[
            "set", "--user", "12345", "--inodes", "none", "--bytes", "400k",
        ],
        second.root(),
    );
    race(&[&second]);
    assert!(
        used(&second).contains("bytes=409600/409600"),
        "{}",
        used(&second)
    );
    cluster.restart(leader);
    cluster.wait_settled();
    second.unmount();
    first.unmount();
    cluster.assert_all_replicas_agree();
}
