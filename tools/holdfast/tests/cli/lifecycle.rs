//! From mount to the end of the daemon, in the background and in front.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use holdfast_tests::poll::becomes_true;
use holdfast_tests::{process, run, wait_until};
use nix::mount::{MntFlags, umount2};
use nix::sys::signal::Signal;

use crate::scene::{SOON, Scene, assert_fails, assert_one_line, binary};

#[test]
fn mount_returns_when_live_and_umount_when_the_data_is_released() {
    let scene = Scene::new();
    let said = scene
        .holdfast(&["mount", "--data", "data", "mnt"])
        .success();
    let (data, mountpoint) = (scene.data(), scene.mountpoint());
    let expected = format!("mounted {} at {}\n", data.display(), mountpoint.display());
    assert_eq!(said, expected);
    let entry = scene.mounted().unwrap();
    assert_eq!((&*entry.kind, &*entry.source), ("fuse.holdfast", "data"));
    assert!(entry.options.contains("default_permissions"), "{entry:?}");
    fs::write(scene.path("mnt/file"), "content").unwrap();
    let daemon = scene.daemon();
    scene.umount();
    assert!(
        !matches!(process::state(daemon), Some('R' | 'S' | 'D')),
        "the daemon runs on"
    );
    assert_eq!(scene.mounted(), None);
    scene.mount("ro");
    assert_eq!(
        fs::read_to_string(scene.path("mnt/file")).unwrap(),
        "content"
    );
    assert!(fs::write(scene.path("mnt/file"), "x").is_err());
    scene.umount();
}

#[test]
fn mounting_again_right_after_umount_waits_for_the_last_daemon() {
    let scene = Scene::new();
    for round in 0..5 {
        scene.mount("rw");
        fs::write(scene.path(&format!("mnt/{round}")), vec![1; 1 << 20]).unwrap();
        // Busy while a program that another test starts has our files: from its fork to its exec.
        wait_until("it is unmounted", SOON, || {
            umount2(&scene.mountpoint(), MntFlags::empty()).is_ok()
        });
    }
    scene.mount("rw");
    assert_eq!(fs::read_dir(scene.mountpoint()).unwrap().count(), 5);
    scene.umount();
}

#[test]
fn the_daemon_lets_go_of_its_starter() {
    let scene = Scene::new();
    scene.mount("rw");
    let daemon = PathBuf::from(format!("/proc/{}", scene.daemon()));
    for fd in ["0", "1", "2"] {
        let file = fs::read_link(daemon.join("fd").join(fd)).unwrap();
        assert_eq!(file, PathBuf::from("/dev/null"), "fd {fd}");
    }
    assert_eq!(
        fs::read_link(daemon.join("cwd")).unwrap(),
        PathBuf::from("/")
    );
    assert_eq!(
        fs::read_to_string(daemon.join("comm")).unwrap(),
        "holdfast\n"
    );
    let status = fs::read_to_string(daemon.join("stat")).unwrap();
    let session = status
        .rsplit(") ")
        .next()
        .unwrap()
        .split(' ')
        .nth(3)
        .unwrap();
    assert_eq!(session, scene.daemon().to_string());
    let log = fs::read_to_string(scene.path("data/holdfast.log")).unwrap();
    assert!(log.contains("mounted"), "{log}");
    scene.umount();
}

#[test]
fn the_daemon_may_open_as_many_files_as_the_system_lets_it() {
    let scene = Scene::new();
    let script = "ulimit -Sn 300 && exec \"$0\" mount --data data mnt";
    scene.run("sh", &["-c", script, binary()]);
    let limits = fs::read_to_string(format!("/proc/{}/limits", scene.daemon())).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[3], words[4], "{line}");
    scene.umount();
}

#[test]
fn the_output_can_be_json() {
    let scene = Scene::new();
    let line = scene
        .holdfast(&["mount", "--json", "--data", "data", "mnt"])
        .success();
    assert_one_line(
        &line,
        &[
            "\"mountpoint\":",
            "/mnt\"",
            "\"pid\":",
            &scene.daemon().to_string(),
        ],
    );
    scene.umount();
}

#[test]
fn options_reach_the_kernel() {
    let scene = Scene::new();
    scene.mount("ro,noatime,nodev,nosuid,noexec,allow_other,fsname=name,fstype=fuse");
    let entry = scene.mounted().unwrap();
    assert_eq!((&*entry.kind, &*entry.source), ("fuse", "name"));
    for option in ["ro", "noatime", "nodev", "nosuid", "noexec", "allow_other"] {
        assert!(
            entry.options.split(',').any(|given| given == option),
            "{option}: {entry:?}"
        );
    }
    // Without a subtype it is still known as ours.
    scene.umount();
}

#[test]
fn files_of_other_users_cannot_be_read_from_the_data_directory() {
    let scene = Scene::new();
    scene.mount("rw");
    scene.umount();
    let open = scene.run("find", &["data", "-perm", "/077"]);
    assert_eq!(open, "");
}

#[test]
fn a_busy_mount_is_not_unmounted_and_its_users_are_named() {
    let scene = Scene::new();
    scene.mount("rw");
    let file = File::create(scene.path("mnt/open")).unwrap();
    let pid = std::process::id().to_string();
    let finished = scene.holdfast(&["umount", "mnt"]);
    assert_fails(
        &finished,
        1,
        &["mnt is in use by", &format!("(pid {pid})"), "--lazy"],
    );
    assert!(scene.mounted().is_some());
    let daemon = scene.daemon();
    scene.holdfast(&["umount", "--lazy", "mnt"]).success();
    assert_eq!(scene.mounted(), None);
    file.set_len(5).unwrap();
    drop(file);
    wait_until("the daemon ends", SOON, || {
        process::state(daemon).is_none_or(|state| state == 'Z')
    });
    scene.mount("rw");
    assert_eq!(fs::metadata(scene.path("mnt/open")).unwrap().len(), 5);
    scene.umount();
}

#[test]
fn a_dead_daemon_is_cleared_by_umount_and_its_data_is_there() {
    let scene = Scene::new();
    scene.mount("rw");
    fs::create_dir(scene.path("mnt/made")).unwrap();
    process::signal(scene.daemon(), Signal::SIGKILL);
    wait_until("the connection ends", SOON, || {
        fs::read_dir(scene.mountpoint()).is_err()
    });
    let finished = scene.holdfast(&["mount", "--data", "data", "mnt"]);
    assert_fails(&finished, 1, &["has died", "holdfast umount mnt"]);
    scene.umount();
    scene.mount("rw");
    assert!(scene.path("mnt/made").is_dir());
    scene.umount();
}

/// A mount in front, and its first line.
fn foreground(scene: &Scene) -> (Child, String) {
    let mut command = scene.command(binary(), &["mount", "-f", "--data", "data", "mnt"]);
    let log = File::create(scene.path("log")).unwrap();
    let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    (child, line)
}

#[test]
fn in_front_a_signal_unmounts_and_ends_it_well() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let scene = Scene::new();
        let (mut child, line) = foreground(&scene);
        assert_one_line(&line, &["mounted", "/data at", "/mnt"]);
        fs::write(scene.path("mnt/file"), "content").unwrap();
        process::signal(child.id(), signal);
        let mut status = None;
        assert!(becomes_true(SOON, || {
            status = child.try_wait().unwrap();
            status.is_some()
        }));
        let log = fs::read_to_string(scene.path("log")).unwrap();
        assert_eq!(status.unwrap().code(), Some(0), "{signal}: {log}");
        assert_eq!(scene.mounted(), None);
        assert!(log.contains("mounted"), "{log}");
        assert!(!scene.path("data/holdfast.log").exists());
        scene.holdfast(&["fsck", "--data", "data"]).success();
    }
}

#[test]
fn in_the_background_sigterm_unmounts_too() {
    let scene = Scene::new();
    scene.mount("rw");
    process::signal(scene.daemon(), Signal::SIGTERM);
    wait_until("it is unmounted", SOON, || scene.mounted().is_none());
    scene.mount("rw");
    scene.umount();
}

#[test]
fn an_open_file_outlives_the_first_signal_and_not_the_second() {
    let scene = Scene::new();
    let (mut child, _) = foreground(&scene);
    let file = File::create(scene.path("mnt/open")).unwrap();
    process::signal(child.id(), Signal::SIGTERM);
    wait_until("it is unmounted", SOON, || scene.mounted().is_none());
    file.set_len(7).unwrap();
    assert!(child.try_wait().unwrap().is_none());
    process::signal(child.id(), Signal::SIGTERM);
    let mut status = None;
    wait_until("it ends", SOON, || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    assert!(status.unwrap().success());
    assert!(file.set_len(9).is_err());
    scene.mount("rw");
    assert_eq!(fs::metadata(scene.path("mnt/open")).unwrap().len(), 7);
    scene.umount();
}

#[test]
fn without_data_each_mountpoint_has_its_own_directory() {
    let scene = Scene::new();
    // Root's default is below /var/lib, which a test must not touch: give it an empty one.
    let script = "mkdir lib && mount --bind lib /var/lib && \"$0\" mount mnt && \"$0\" umount mnt";
    let mut command = scene.command("unshare", &["-m", "sh", "-c", script, binary()]);
    let said = run(&mut command).success();
    assert_one_line(&said, &["mounted /var/lib/holdfast/var-tmp-", "-mnt at "]);
    assert_eq!(fs::read_dir(scene.path("lib/holdfast")).unwrap().count(), 1);
}
