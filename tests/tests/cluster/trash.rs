//! The trash of a volume: what is removed on any mount is kept, for those who could read it, and goes when its time is over.

use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use holdfast_tests::cluster::{ClusterMount, SETTLED, VOLUME_NAME};
use holdfast_tests::{Cluster, run, wait_until};

/// Nobody's hour any more.
const LONG_AGO: &str = "2020-01-01-00";

fn set(cluster: &Cluster, trash: &str) {
    let setting = format!("trash={trash}");
    cluster.ask(&["volume", "set", VOLUME_NAME, &setting]);
}

/// The directories of hours; a test may run into the next one.
fn hours(mount: &ClusterMount) -> Vec<PathBuf> {
    let entries = fs::read_dir(mount.path(".trash")).unwrap();
    let mut hours: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    hours.sort();
    hours
}

/// What is kept of a path.
fn kept(mount: &ClusterMount, path: &str) -> Option<PathBuf> {
    let places = hours(mount).into_iter().map(|hour| hour.join(path));
    places.rev().find(|place| place.exists())
}

fn as_nobody(script: &str, directory: &Path) -> bool {
    let mut command = Command::new("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups"]);
    let finished = run(command.args(["sh", "-c", script]).current_dir(directory));
    finished.status.success()
}

#[test]
fn what_one_mount_removes_another_finds_and_brings_back() {
    let mut cluster = Cluster::start(3);
    let (first, second) = (
        cluster.mount(1, "allow_other"),
        cluster.mount(2, "allow_other"),
    );
    set(&cluster, "7d");
    assert_eq!(cluster.ask(&["volume", "show", VOLUME_NAME]), "trash=1w\n");
    fs::create_dir_all(first.path("home/eve")).unwrap();
    fs::set_permissions(first.path("home"), Permissions::from_mode(0o700)).unwrap();
    fs::write(first.path("home/eve/letter"), "dear").unwrap();
    fs::write(first.path("public"), "old").unwrap();

    fs::remove_dir_all(second.path("home")).unwrap();
    fs::write(second.path("new"), "new").unwrap();
    fs::rename(second.path("new"), second.path("public")).unwrap();
    assert!(!first.path("home").exists());
    assert_eq!(fs::read(first.path("public")).unwrap(), b"new");
    let letter = kept(&first, "home/eve/letter").unwrap();
    assert_eq!(fs::read(&letter).unwrap(), b"dear");
    assert_eq!(fs::read(kept(&first, "public").unwrap()).unwrap(), b"old");
    // For whoever could read it before.
    assert!(as_nobody("cat .trash/*/public", first.root()));
    assert!(!as_nobody("cat .trash/*/home/eve/letter", first.root()));

    // A node ends, and nothing of that changes.
    let leader = cluster.leader();
    cluster.kill(leader);
    fs::rename(&letter, first.path("letter")).unwrap();
    assert_eq!(fs::read(second.path("letter")).unwrap(), b"dear");
    fs::remove_file(first.path("letter")).unwrap();
    let again = kept(&second, "letter").unwrap();
    cluster.restart(leader);
    cluster.wait_settled();

    // What is removed there is gone, and without a trash everything that is removed.
    fs::remove_file(again).unwrap();
    assert_eq!(kept(&first, "letter"), None);
    assert!(fs::remove_dir_all(first.path(".trash")).is_err());
    set(&cluster, "off");
    assert_eq!(cluster.ask(&["volume", "show", VOLUME_NAME]), "trash=off\n");
    fs::remove_file(first.path("public")).unwrap();
    fs::remove_dir_all(first.path(".trash")).unwrap();
    assert_eq!(fs::read_dir(second.root()).unwrap().count(), 0);
    second.unmount();
    first.unmount();
    cluster.assert_all_replicas_agree();
}

#[test]
fn hours_that_are_over_are_emptied_and_what_is_open_stays_readable() {
    let cluster = Cluster::start(3);
    let mount = cluster.mount(1, "");
    set(&cluster, "1h");
    // Not in the trash yet, or it would be emptied while it is filled.
    fs::create_dir_all(mount.path("filled/d")).unwrap();
    for number in 0..2000 {
        fs::write(mount.path("filled/d").join(number.to_string()), "x").unwrap();
    }
    let mut open = fs::File::open(mount.path("filled/d/7")).unwrap();
    let old = mount.path(".trash").join(LONG_AGO);
    fs::rename(mount.path("filled"), &old).unwrap();
    fs::create_dir(mount.path(".trash/mine")).unwrap();
    fs::write(mount.path("file"), "x").unwrap();
    fs::remove_file(mount.path("file")).unwrap();
    // Who says for how long things are kept need not wait for a minute.
    set(&cluster, "1h");
    wait_until("the hour is emptied", SETTLED, || !old.exists());
    let mut text = String::new();
    open.read_to_string(&mut text).unwrap();
    assert_eq!(text, "x");
    drop(open);
    assert!(kept(&mount, "file").is_some());
    assert!(mount.path(".trash/mine").exists());
    wait_until("its inodes are given back", SETTLED, || {
        // The root, the trash, its hour and the file in it, and one directory more.
        cluster.client().inodes() == 5
    });
    mount.unmount();
    cluster.assert_all_replicas_agree();
}

#[test]
fn a_trash_needs_its_place() {
    let cluster = Cluster::start(1);
    let mount = cluster.mount(1, "");
    fs::write(mount.path(".trash"), "mine").unwrap();
    let refused = cluster.holdfast(&["volume", "set", VOLUME_NAME, "trash=1d"]);
    assert!(!refused.status.success());
    let said = refused.stderr;
    assert!(said.contains("rename it, or chown it to root"), "{said}");
    let refused = cluster.holdfast(&["volume", "set", "none", "trash=1d"]);
    assert!(refused.stderr.contains("no volume \"none\""));
    fs::rename(mount.path(".trash"), mount.path("mine")).unwrap();
    set(&cluster, "1d");
    assert!(mount.path(".trash").is_dir());
    mount.unmount();
}
