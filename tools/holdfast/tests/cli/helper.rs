//! The binary as the helper of mount(8).

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use holdfast_tests::{Finished, run};

use crate::scene::{Scene, assert_fails, binary};

/// Runs the binary under the name of a helper, as mount(8) does.
fn helper(scene: &Scene, arguments: &[&str]) -> Finished {
    let link = scene.path("mount.holdfast");
    if !link.exists() {
        symlink(binary(), &link).unwrap();
    }
    run(&mut scene.command(link, arguments))
}

fn has(scene: &Scene, option: &str) -> bool {
    scene
        .mounted()
        .unwrap()
        .options
        .split(',')
        .any(|given| given == option)
}

#[test]
fn as_a_helper_it_mounts_silently_for_all_users() {
    let scene = Scene::new();
    assert_eq!(
        helper(&scene, &["data", "mnt", "-o", "rw,noatime,x-any"]).success(),
        ""
    );
    assert!(has(&scene, "allow_other") && has(&scene, "noatime"));
    assert_eq!(scene.mounted().unwrap().source, "data");
    assert_fails(
        &helper(&scene, &["data", "mnt"]),
        32,
        &["mount.holdfast: ", "in use"],
    );
    scene.umount();
    helper(
        &scene,
        &["data", "mnt", "-o", "noallow_other", "-t", "fuse"],
    )
    .success();
    assert!(!has(&scene, "allow_other"));
    scene.umount();
}

#[test]
fn a_helper_fails_with_the_codes_of_mount() {
    let scene = Scene::new();
    assert_fails(
        &helper(&scene, &["data", "mnt", "-o", "dax"]),
        32,
        &["\"dax\""],
    );
    assert_fails(
        &helper(&scene, &["data", "absent"]),
        32,
        &["absent does not exist"],
    );
    assert_eq!(helper(&scene, &["data"]).status.code(), Some(1));
    assert_fails(
        &helper(&scene, &["data", "mnt", "-N", "1"]),
        32,
        &["-N", "nsenter"],
    );
    assert_eq!(
        helper(&scene, &["-f", "data", "mnt", "-o", "ro"]).success(),
        ""
    );
    assert_eq!(scene.mounted(), None);
}

#[test]
fn the_call_of_mount_fuse_works() {
    let scene = Scene::new();
    assert_eq!(
        scene
            .holdfast(&["data", "mnt", "-o", "rw,dev,suid"])
            .success(),
        ""
    );
    assert!(has(&scene, "allow_other"));
    scene.umount();
}

#[test]
fn a_remount_changes_the_flags_of_the_mount_and_the_daemon_stays() {
    let scene = Scene::new();
    helper(&scene, &["data", "mnt", "-o", "rw"]).success();
    let daemon = scene.daemon();
    helper(&scene, &["data", "mnt", "-o", "rw,remount,ro"]).success();
    assert!(has(&scene, "ro"));
    assert!(fs::write(scene.path("mnt/file"), "x").is_err());
    helper(&scene, &["data", "mnt", "-o", "remount,rw,nodev,user_id=0"]).success();
    assert!(has(&scene, "rw") && has(&scene, "nodev"));
    fs::write(scene.path("mnt/file"), "x").unwrap();
    assert_eq!(scene.daemon(), daemon);
    assert_fails(
        &helper(&scene, &["data", "mnt", "-o", "remount,dax"]),
        32,
        &["\"dax\""],
    );
    scene.umount();
    assert_fails(
        &helper(&scene, &["data", "mnt", "-o", "remount,ro"]),
        32,
        &["nothing is mounted at mnt"],
    );
}

/// A link that is only removed by who made it.
struct SystemLink(&'static str);

impl SystemLink {
    fn make(path: &'static str) -> Option<SystemLink> {
        symlink(binary(), path).is_ok().then_some(SystemLink(path))
    }
}

impl Drop for SystemLink {
    fn drop(&mut self) {
        fs::remove_file(self.0).ok();
    }
}

#[test]
fn mount_and_umount_of_the_system_work() {
    let scene = Scene::new();
    let _links = ["/sbin/mount.holdfast", "/sbin/mount.fuse.holdfast"].map(SystemLink::make);
    assert!(Path::new("/sbin/mount.holdfast").exists());
    let data = scene.data();
    let data = data.to_str().unwrap();
    scene.run(
        "mount",
        &["-t", "holdfast", "-o", "relatime,x-any", data, "mnt"],
    );
    assert_eq!(scene.mounted().unwrap().source, data);
    scene.run(
        "mount",
        &["-t", "holdfast", "-o", "remount,ro", data, "mnt"],
    );
    assert!(has(&scene, "ro"));
    scene.run("mount", &["-o", "remount,rw,noatime", "mnt"]);
    assert!(has(&scene, "rw") && has(&scene, "noatime"));
    let again = run(&mut scene.command("mount", &["-t", "holdfast", data, "mnt"]));
    assert_fails(&again, 32, &["in use"]);
    scene.run("umount", &["mnt"]);
    scene.run(
        "mount",
        &[
            "-t",
            "fuse.holdfast",
            "-o",
            "fstype=fuse,fsname=dev1",
            data,
            "mnt",
        ],
    );
    let entry = scene.mounted().unwrap();
    assert_eq!((&*entry.kind, &*entry.source), ("fuse", "dev1"));
    scene.run("umount", &["mnt"]);
    let refused = run(&mut scene.command("mount", &["-t", "holdfast", "-o", "dax", data, "mnt"]));
    assert_eq!(refused.status.code(), Some(32));
}
