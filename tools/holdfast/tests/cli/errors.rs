//! Every mistake has one line that says what is wrong and what to do, and damages nothing.

use std::fs;

use holdfast_tests::run;

use crate::scene::{Scene, assert_fails, assert_one_line};

fn mount(scene: &Scene, mountpoint: &str) -> holdfast_tests::Finished {
    scene.holdfast(&["mount", "--data", "data", mountpoint])
}

#[test]
fn a_missing_mountpoint_is_named_and_nothing_is_made() {
    let scene = Scene::new();
    assert_fails(
        &mount(&scene, "absent"),
        1,
        &["absent does not exist", "mkdir -p absent"],
    );
    assert!(!scene.data().exists());
}

#[test]
fn a_mountpoint_that_is_a_file_is_refused() {
    let scene = Scene::new();
    fs::write(scene.path("file"), "").unwrap();
    assert_fails(&mount(&scene, "file"), 1, &["file is not a directory"]);
    assert_fails(
        &mount(&scene, "file/below"),
        1,
        &["file/below is not a directory"],
    );
}

#[test]
fn an_unknown_option_is_named() {
    let scene = Scene::new();
    let finished = scene.holdfast(&["mount", "--data", "data", "-o", "rw,dax", "mnt"]);
    assert_fails(&finished, 1, &["\"dax\"", "noatime"]);
    let finished = scene.holdfast(&["mount", "--data", "data", "-o", "sync=never", "mnt"]);
    assert_fails(&finished, 1, &["sync=\"never\"", "commit or fsync"]);
    assert!(!scene.data().exists());
}

#[test]
fn a_data_directory_in_use_is_refused_with_its_mountpoint() {
    let scene = Scene::new();
    scene.mount("rw");
    let pid = scene.daemon().to_string();
    let mountpoint = scene.mountpoint();
    let parts = ["in use", &*pid, mountpoint.to_str().unwrap(), "unmount"];
    fs::create_dir(scene.path("other")).unwrap();
    assert_fails(&mount(&scene, "other"), 1, &parts);
    assert_eq!(scene.daemon().to_string(), pid);
    scene.umount();
}

#[test]
fn nothing_is_mounted_on_top_of_a_holdfast_mount() {
    // Of type `fuse` it is known by its daemon.
    for options in ["rw", "fstype=fuse"] {
        let scene = Scene::new();
        scene.mount(options);
        let pid = format!("(process {})", scene.daemon());
        let parts = ["data is mounted there", &*pid, "(holdfast umount mnt)"];
        for data in ["data", "other"] {
            let finished = scene.holdfast(&["mount", "--data", data, "mnt"]);
            assert_fails(&finished, 1, &parts);
        }
        assert!(!scene.path("other").exists());
        scene.umount();
        assert_eq!(scene.mounted(), None);
    }
}

#[test]
fn another_filesystem_may_lie_below_the_mount() {
    let scene = Scene::new();
    scene.run("mount", &["-t", "tmpfs", "-o", "size=1m", "none", "mnt"]);
    scene.mount("rw");
    assert_eq!(scene.mounted().unwrap().kind, "fuse.holdfast");
    scene.umount();
    assert_eq!(scene.mounted().unwrap().kind, "tmpfs");
}

#[test]
fn data_and_mountpoint_must_be_apart() {
    let scene = Scene::new();
    fs::create_dir_all(scene.path("data/inside")).unwrap();
    assert_fails(
        &mount(&scene, "data"),
        1,
        &["both data directory and mountpoint"],
    );
    assert_fails(
        &mount(&scene, "data/inside"),
        1,
        &["is inside data directory", "separate"],
    );
    let finished = scene.holdfast(&["mount", "--data", "mnt/data", "mnt"]);
    assert_fails(&finished, 1, &["is inside mountpoint", "separate"]);
}

#[test]
fn a_directory_of_something_else_is_left_alone() {
    let scene = Scene::new();
    fs::create_dir(scene.data()).unwrap();
    fs::write(scene.path("data/precious"), "1").unwrap();
    assert_fails(
        &mount(&scene, "mnt"),
        1,
        &["not a data directory", "empty or new"],
    );
    let left: Vec<_> = fs::read_dir(scene.data()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

#[test]
fn a_data_directory_that_is_a_file_is_refused() {
    let scene = Scene::new();
    fs::write(scene.data(), "").unwrap();
    assert_fails(&mount(&scene, "mnt"), 1, &["data", "not a directory"]);
}

#[test]
fn without_dev_fuse_it_says_how_to_get_it() {
    let scene = Scene::new();
    let script = "mount -t tmpfs none /dev && exec \"$0\" mount --data data mnt";
    let binary = crate::scene::binary();
    let finished = run(&mut scene.command("unshare", &["-m", "sh", "-c", script, binary]));
    assert_fails(&finished, 1, &["/dev/fuse is missing", "modprobe fuse"]);
}

#[test]
fn the_wrong_arguments_are_a_usage_error() {
    let scene = Scene::new();
    assert_eq!(scene.holdfast(&["mount"]).status.code(), Some(2));
    assert_eq!(scene.holdfast(&["mont", "/mnt"]).status.code(), Some(2));
    for ports in ["--port", "--pages"] {
        let finished = scene.holdfast(&["dev-cluster", ports, "0"]);
        assert_eq!(finished.status.code(), Some(2), "{finished:?}");
    }
}

#[test]
fn umount_says_what_is_not_a_holdfast_mount() {
    let scene = Scene::new();
    assert_fails(
        &scene.holdfast(&["umount", "mnt"]),
        1,
        &["mnt is not a mountpoint"],
    );
    assert_fails(
        &scene.holdfast(&["umount", "absent"]),
        1,
        &["absent does not exist"],
    );
    fs::write(scene.path("file"), "").unwrap();
    assert_fails(
        &scene.holdfast(&["umount", "file/below"]),
        1,
        &["file/below does not exist"],
    );
    assert_fails(
        &scene.holdfast(&["umount", "/proc"]),
        1,
        &["not a holdfast mount", "type proc"],
    );
}

#[test]
fn the_failure_of_a_foreground_mount_is_one_line_too() {
    let scene = Scene::new();
    fs::create_dir(scene.data()).unwrap();
    fs::write(scene.path("data/precious"), "1").unwrap();
    let finished = scene.holdfast(&["mount", "-f", "--data", "data", "mnt"]);
    assert_eq!(finished.status.code(), Some(1));
    assert_one_line(&finished.stderr, &["not a data directory"]);
}
