//! `holdfast quota`: what it shows.

use std::fs;

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::scene::Scene;

/// Unmounted in the end.
struct Bound(std::path::PathBuf);

impl Drop for Bound {
    fn drop(&mut self) {
        umount2(&self.0, MntFlags::MNT_DETACH).ok();
    }
}

#[test]
fn a_bind_mount_shows_the_trees_that_are_below_it() {
    let scene = Scene::new();
    scene.mount("rw");
    for directory in ["mnt/in", "mnt/in/\x1b[2J", "mnt/out", "bound"] {
        fs::create_dir(scene.path(directory)).unwrap();
        if directory != "bound" && directory != "mnt/in" {
            let line = ["quota", "set", "--inodes", "7", directory];
            scene.holdfast(&line).success();
        }
    }
    fs::create_dir(scene.path("mnt/out/part")).unwrap();
    let bind = |from: &str| {
        let (from, to) = (scene.path(from), scene.path("bound"));
        let nothing: Option<&str> = None;
        mount(Some(&from), &to, nothing, MsFlags::MS_BIND, nothing).unwrap();
        Bound(to)
    };
    let bound = bind("mnt/in");
    let listed = scene
        .holdfast(&["quota", "list", "--all", "bound"])
        .success();
    let inside = format!("{}/", bound.0.display());
    assert!(listed.contains(&inside), "{listed}");
    assert!(listed.contains("(not below this mount)"), "{listed}");
    assert!(!listed.contains('\x1b'), "{listed:?}");
    assert!(!listed.contains("bound/out"), "{listed}");
    drop(bound);
    let bound = bind("mnt/out/part");
    let listed = scene.holdfast(&["quota", "list", "bound"]).success();
    assert!(listed.contains("(not below this mount)"), "{listed}");
    assert!(!listed.contains("(removed)"), "{listed}");
    drop(bound);
    scene.umount();
}

#[test]
fn a_name_does_not_steer_the_terminal() {
    let scene = Scene::new();
    scene.mount("rw");
    let directory = "mnt/\x1b[2J";
    fs::create_dir(scene.path(directory)).unwrap();
    let line = ["quota", "set", "--inodes", "7", directory];
    scene.holdfast(&line).success();
    let listed = scene.holdfast(&["quota", "list", directory]).success();
    assert!(listed.contains("/\\u{1b}[2J\n"), "{listed:?}");
    scene.umount();
}
