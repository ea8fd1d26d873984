//! A data directory that is not as it was left is refused, by mount and by fsck, and not touched.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::Command;

use holdfast_tests::{run, wait_until};

use crate::scene::{SOON, Scene, assert_fails, assert_one_line};

/// A data directory that was used once.
fn used() -> Scene {
    let scene = Scene::new();
    scene.mount("rw");
    fs::write(scene.path("mnt/file"), "content").unwrap();
    scene.umount();
    scene
}

fn store_file(scene: &Scene, prefix: &str) -> PathBuf {
    let mut entries = fs::read_dir(scene.path("data/store")).unwrap().flatten();
    let found = entries.find(|entry| entry.file_name().to_string_lossy().starts_with(prefix));
    found.unwrap().path()
}

fn store_file_of_kind(scene: &Scene, extension: &str) -> PathBuf {
    let entries = fs::read_dir(scene.path("data/store")).unwrap().flatten();
    let mut paths = entries.map(|entry| entry.path());
    let found = paths.find(|path| path.extension().is_some_and(|found| found == extension));
    found.unwrap()
}

fn assert_refused(scene: &Scene, parts: &[&str]) {
    let finished = scene.holdfast(&["mount", "--data", "data", "mnt"]);
    assert_fails(&finished, 1, parts);
    assert_eq!(scene.mounted(), None);
}

#[test]
fn another_format_version_is_refused() {
    let scene = used();
    let format = scene.path("data/FORMAT");
    let text = fs::read_to_string(&format).unwrap();
    fs::write(&format, text.replace("version 1", "version 99")).unwrap();
    assert_refused(&scene, &["version 99", "version 1"]);
    let checked = scene.holdfast(&["fsck", "--data", "data"]);
    assert_fails(&checked, 2, &["cannot check", "version 99"]);
    fs::write(&format, text).unwrap();
    scene.mount("rw");
    assert_eq!(
        fs::read_to_string(scene.path("mnt/file")).unwrap(),
        "content"
    );
}

#[test]
fn a_missing_or_damaged_format_file_is_refused() {
    let scene = used();
    let format = scene.path("data/FORMAT");
    let text = fs::read_to_string(&format).unwrap();
    fs::write(&format, text.replace("created 1", "created 2")).unwrap();
    assert_refused(&scene, &["corrupt", "FORMAT"]);
    fs::remove_file(&format).unwrap();
    assert_refused(&scene, &["corrupt", "FORMAT"]);
}

#[test]
fn a_flipped_bit_in_the_manifest_is_refused_and_found() {
    let scene = used();
    let manifest = fs::File::options()
        .read(true)
        .write(true)
        .open(store_file(&scene, "MANIFEST"))
        .unwrap();
    let mut byte = [0];
    manifest.read_exact_at(&mut byte, 20).unwrap();
    manifest.write_all_at(&[byte[0] ^ 4], 20).unwrap();
    assert_refused(&scene, &["corrupt"]);
    let checked = scene.holdfast(&["fsck", "--data", "data"]);
    assert_eq!(checked.status.code(), Some(1), "{checked:?}");
    assert!(checked.stdout.contains("1 violation"), "{checked:?}");
    assert_eq!(checked.stderr, "");
}

#[test]
fn a_file_of_the_store_that_is_gone_is_noticed() {
    let scene = used();
    fs::remove_file(scene.path("data/store/CURRENT")).unwrap();
    assert_refused(&scene, &["corrupt"]);
    assert_eq!(
        scene.holdfast(&["fsck", "--data", "data"]).status.code(),
        Some(1)
    );
}

#[test]
fn what_is_wrong_with_the_store_is_said_without_its_name_twice() {
    let scene = used();
    fs::write(store_file_of_kind(&scene, "sst"), "").unwrap();
    let checked = scene.holdfast(&["fsck", "--data", "data"]);
    assert_eq!(checked.status.code(), Some(1), "{checked:?}");
    let first = checked.stdout.lines().next().unwrap();
    assert!(
        first.starts_with("store: ") && !first.starts_with("store: store: "),
        "{checked:?}"
    );
}

#[test]
fn umount_tells_of_the_fault_that_stopped_the_filesystem() {
    let scene = Scene::new();
    scene.mount("rw");
    fs::write(scene.path("mnt/file"), vec![7; 1 << 20]).unwrap();
    scene.umount();
    let blob = fs::File::options()
        .write(true)
        .open(store_file_of_kind(&scene, "blob"))
        .unwrap();
    blob.write_all_at(b"not what was written", 1000).unwrap();
    scene.mount("rw");
    fs::read(scene.path("mnt/file")).unwrap_err();
    let finished = scene.holdfast(&["umount", "mnt"]);
    let parts = ["mnt is unmounted, but its daemon failed", "corrupt store"];
    assert_fails(&finished, 1, &parts);
    assert_eq!(scene.mounted(), None);
}

#[test]
fn a_read_only_disk_is_refused_but_can_be_checked() {
    let scene = Scene::new();
    fs::create_dir(scene.path("disk")).unwrap();
    scene.run("mount", &["-t", "tmpfs", "-o", "size=256m", "none", "disk"]);
    scene
        .holdfast(&["mount", "--data", "disk/data", "mnt"])
        .success();
    scene.umount();
    // The kernel closes what the daemon had open a moment after it has ended.
    wait_until("nothing is written there", SOON, || {
        let mut remount = Command::new("mount");
        run(remount.args(["-o", "remount,ro"]).arg(scene.path("disk")))
            .status
            .success()
    });
    for data in ["disk/data", "disk/new"] {
        let finished = scene.holdfast(&["mount", "--data", data, "mnt"]);
        assert_fails(&finished, 1, &["read-only", "writable"]);
    }
    let checked = scene.holdfast(&["fsck", "--data", "disk/data"]).success();
    assert_one_line(&checked, &["disk/data is clean"]);
}
