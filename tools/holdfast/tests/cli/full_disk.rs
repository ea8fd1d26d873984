//! A full disk: an error and nothing lost, at the start and in between.

use std::fs::{self, File};
use std::io::{self, Write};

use crate::scene::{Scene, assert_fails};

fn with_disk(size: &str) -> Scene {
    let scene = Scene::new();
    fs::create_dir(scene.path("disk")).unwrap();
    let size = format!("size={size}");
    scene.run("mount", &["-t", "tmpfs", "-o", &size, "none", "disk"]);
    scene
}

#[test]
fn a_full_disk_is_refused_at_the_start_and_works_once_there_is_space() {
    let scene = with_disk("64m");
    let filler = scene.path("disk/filler");
    let full = io::copy(&mut io::repeat(1), &mut File::create(&filler).unwrap()).unwrap_err();
    assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    let mount = ["mount", "--data", "disk/data", "mnt"];
    assert_fails(
        &scene.holdfast(&mount),
        1,
        &["disk/data", "no space", "free"],
    );
    fs::remove_file(&filler).unwrap();
    scene.holdfast(&mount).success();
    scene.umount();
}

#[test]
fn a_disk_that_fills_up_answers_no_space_and_recovers() {
    let scene = with_disk("96m");
    scene
        .holdfast(&["mount", "--data", "disk/data", "mnt"])
        .success();
    fs::write(scene.path("mnt/before"), "kept").unwrap();
    let large = scene.path("mnt/large");
    let mut file = File::create(&large).unwrap();
    let block = vec![7; 1024 * 1024];
    let full = loop {
        if let Err(error) = file.write_all(&block).and_then(|()| file.sync_data()) {
            break error;
        }
    };
    assert_eq!(full.kind(), io::ErrorKind::StorageFull, "{full}");
    drop(file);
    assert_eq!(
        fs::read_to_string(scene.path("mnt/before")).unwrap(),
        "kept"
    );
    fs::remove_file(&large).unwrap();
    let again = || fs::write(scene.path("mnt/after"), &block);
    assert!(holdfast_tests::poll::becomes_true(
        crate::scene::SOON,
        || again().is_ok()
    ));
    scene.umount();
    let checked = scene.holdfast(&["fsck", "--data", "disk/data"]).success();
    assert!(checked.contains("is clean"), "{checked}");
}
