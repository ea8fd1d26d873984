//! A cluster without its quorum: operations wait, can be interrupted, and go on by themselves.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use holdfast_tests::cluster::SETTLED;
use holdfast_tests::poll::becomes_true;
use holdfast_tests::{Cluster, errno, process, wait_until};
use nix::errno::Errno;
use nix::sys::signal::Signal;

const SOON: Duration = Duration::from_secs(1);
const SOFT: Duration = Duration::from_secs(2);
/// A program that is in the same system call at so many looks in a row waits there.
const LOOKS: u32 = 40;

#[test]
fn without_a_quorum_operations_wait_and_go_on_when_it_is_back() {
    let mut cluster = Cluster::start(3);
    let hard = cluster.mount(1, "noatime");
    fs::create_dir(hard.path("before")).unwrap();
    for id in [2, 3] {
        cluster.kill(id);
    }
    for (signal, program) in [
        (Signal::SIGINT, "stat"),
        (Signal::SIGKILL, "stat"),
        (Signal::SIGTERM, "mkdir"),
    ] {
        let mut blocked = blocked(program, &hard.path("interrupted"));
        process::signal(blocked.id(), signal);
        let ended = becomes_true(SOON, || blocked.try_wait().unwrap().is_some());
        assert!(ended, "{program} is not ended by {signal} within {SOON:?}");
    }
    let mut waiting = blocked("mkdir", &hard.path("waited"));
    for id in [2, 3] {
        cluster.restart(id);
    }
    wait_until("the blocked mkdir goes on", SETTLED, || {
        waiting.try_wait().unwrap().is_some()
    });
    assert!(waiting.wait().unwrap().success());
    fs::create_dir(hard.path("after")).unwrap();
    let waited = fs::metadata(hard.path("waited")).unwrap();
    assert!(waited.is_dir() && fs::metadata(hard.path("before")).unwrap().is_dir());
    hard.unmount();
    cluster.wait_settled();
    cluster.assert_all_replicas_agree();
}

#[test]
fn without_a_quorum_a_soft_mount_answers_etimedout() {
    let mut cluster = Cluster::start(3);
    let soft = cluster.mount(1, "noatime,soft=2");
    fs::create_dir(soft.path("before")).unwrap();
    for id in [2, 3] {
        cluster.kill(id);
    }
    // For a moment nothing can have been acknowledged to others, and what is here is answered.
    wait_until("copies are not used any more", SETTLED, || {
        fs::metadata(soft.path("before")).is_err()
    });
    for attempt in 0..2 {
        let begin = Instant::now();
        let error = errno(fs::metadata(soft.path("before")));
        assert_eq!(error, Errno::ETIMEDOUT, "attempt {attempt}");
        let taken = begin.elapsed();
        assert!(taken >= SOFT.mul_f64(0.9) && taken < SOFT * 4, "{taken:?}");
    }
    assert_eq!(errno(fs::create_dir(soft.path("maybe"))), Errno::ETIMEDOUT);
    for id in [2, 3] {
        cluster.restart(id);
    }
    wait_until("the mount answers again", SETTLED, || {
        fs::metadata(soft.path("before")).is_ok()
    });
    fs::create_dir(soft.path("after")).unwrap();
    soft.unmount();
    cluster.wait_settled();
    cluster.assert_all_replicas_agree();
}

#[test]
fn without_a_quorum_an_unmount_does_not_hang() {
    let mut cluster = Cluster::start(3);
    let mount = cluster.mount(1, "noatime");
    fs::create_dir(mount.path("before")).unwrap();
    for id in [2, 3] {
        cluster.kill(id);
    }
    mount.unmount();
}

/// A program that waits in a system call for the mount. One that only looks is answered as long as copies may be used, and
/// then started again.
#[track_caller]
fn blocked(program: &str, path: &std::path::Path) -> Child {
    // Who runs the tests in the background has SIGINT ignored, and so would its children.
    let spawn = || {
        Command::new("env")
            .arg("--default-signal=INT,TERM")
            .arg(program)
            .arg(path)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let mut child = spawn();
    let (mut before, mut same) = (String::new(), 0);
    wait_until("it waits for the mount", SETTLED, || {
        if child.try_wait().unwrap().is_some() {
            assert_eq!(program, "stat", "it did not wait");
            child = spawn();
        }
        let syscall = format!("/proc/{}/syscall", child.id());
        let now = fs::read_to_string(&syscall).unwrap_or_default();
        same = if now == before && now != "running\n" {
            same + 1
        } else {
            0
        };
        before = now;
        same == LOOKS
    });
    child
}
