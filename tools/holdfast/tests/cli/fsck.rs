//! `holdfast fsck`: what it prints and how it ends.

use std::fs;

use holdfast_tests::{run, wait_until};
use nix::mount::{MntFlags, umount2};

use crate::scene::{SOON, Scene, assert_fails, assert_one_line, binary};

#[test]
fn a_directory_in_use_cannot_be_checked() {
    let scene = Scene::new();
    scene.mount("rw");
    let pid = scene.daemon().to_string();
    let finished = scene.holdfast(&["fsck", "--data", "data"]);
    assert_fails(&finished, 2, &["cannot check data", "in use", &pid]);
    let finished = scene.holdfast(&["fsck", "--json", "--data", "data"]);
    assert_eq!(finished.status.code(), Some(2));
    assert!(finished.stdout.contains("\"error\":"), "{finished:?}");
    assert!(!finished.stdout.contains("\"clean\":"), "{finished:?}");
}

#[test]
fn what_is_not_a_data_directory_cannot_be_checked() {
    let scene = Scene::new();
    assert_fails(
        &scene.holdfast(&["fsck", "--data", "absent"]),
        2,
        &["absent", "does not exist"],
    );
    fs::create_dir(scene.path("foreign")).unwrap();
    fs::write(scene.path("foreign/file"), "1").unwrap();
    for data in ["mnt", "foreign", "foreign/file"] {
        let finished = scene.holdfast(&["fsck", "--data", data]);
        let parts = [data, "is not a data directory", "`holdfast mount` named"];
        assert_fails(&finished, 2, &parts);
    }
    assert_eq!(fs::read_dir(scene.mountpoint()).unwrap().count(), 0);
}

#[test]
fn a_directory_is_checked_whatever_cluster_the_environment_names() {
    let scene = Scene::new();
    scene.mount("rw");
    scene.umount();
    let line = ["fsck", "--data", "data"];
    let mut beside = scene.command(binary(), &line);
    run(beside.env("HOLDFAST_CLUSTER", "127.0.0.1:1")).success();
    let both = ["fsck", "--data", "data", "--cluster", "127.0.0.1:1"];
    let finished = scene.holdfast(&both);
    assert_eq!(finished.status.code(), Some(2));
    assert!(
        finished.stderr.contains("--cluster and --data"),
        "{finished:?}"
    );
}

#[test]
fn a_mountpoint_is_told_from_its_data_directory() {
    let scene = Scene::new();
    scene.mount("rw");
    assert_fails(
        &scene.holdfast(&["fsck", "--data", "mnt"]),
        2,
        &["/mnt is where data is mounted", "holdfast umount"],
    );
    scene.umount();
}

#[test]
fn right_after_umount_it_waits_for_the_daemon() {
    let scene = Scene::new();
    for round in 0..5 {
        scene.mount("rw");
        fs::write(scene.path(&format!("mnt/{round}")), vec![1; 1 << 20]).unwrap();
        // Busy while a program that another test starts has our files: from its fork to its exec.
        wait_until("it is unmounted", SOON, || {
            umount2(&scene.mountpoint(), MntFlags::empty()).is_ok()
        });
        let said = scene.holdfast(&["fsck", "--data", "data"]).success();
        assert_one_line(&said, &["data is clean"]);
    }
}

#[test]
fn a_clean_directory_is_said_to_be_clean_and_not_changed() {
    let scene = Scene::new();
    scene.mount("rw");
    fs::create_dir(scene.path("mnt/directory")).unwrap();
    scene.umount();
    let listing = || {
        scene.run(
            "sh",
            &["-c", "ls -lR --time-style=full-iso data; cat data/[A-Z]*"],
        )
    };
    let before = listing();
    let text = scene.holdfast(&["fsck", "--data", "data"]).success();
    assert_one_line(&text, &["data is clean"]);
    let json = scene
        .holdfast(&["fsck", "--json", "--data", "data"])
        .success();
    assert_eq!(
        json,
        "{\"data\":\"data\",\"clean\":true,\"violations\":[]}\n"
    );
    assert_eq!(listing(), before);
}
