//! Mount options that a test of another family does not cover.

use std::fs;
use std::process::Command;

use holdfast_tests::{Mounted, Setup, errno, mount_table, place, run};
use nix::errno::Errno;

#[test]
fn a_read_only_mount_refuses_changes_and_shows_what_is_there() {
    let mut mounted = Mounted::new();
    fs::write(mounted.path("file"), "content").unwrap();
    mounted.remount_with("ro");
    assert_eq!(fs::read_to_string(mounted.path("file")).unwrap(), "content");
    assert_eq!(errno(fs::write(mounted.path("file"), "")), Errno::EROFS);
    assert_eq!(errno(fs::write(mounted.path("new"), "")), Errno::EROFS);
    assert_eq!(errno(fs::remove_file(mounted.path("file"))), Errno::EROFS);
}

#[test]
fn noexec_and_nodev_are_obeyed() {
    let mounted = Setup::default().options("noexec,nodev").mount();
    mounted
        .shell("printf '#!/bin/sh\n' > script; chmod +x script; mknod null c 1 3")
        .success();
    assert!(!mounted.shell("./script").status.success());
    assert!(!mounted.shell("echo > null").status.success());
}

#[test]
fn without_default_permissions_whoever_can_enter_may_do_anything() {
    let write = "echo more >> private && cat private";
    for (options, may) in [("rw", false), ("nodefault_permissions", true)] {
        let mounted = Setup::default().options(options).mount();
        mounted
            .shell("touch private && chmod 600 private")
            .success();
        let told = mounted.shell_as(1000, 1000, write);
        assert_eq!(told.status.success(), may, "{options}: {told:?}");
    }
}

#[test]
fn the_mount_table_shows_source_and_type_as_asked() {
    let mounted = Setup::default().options("fsname=of-mine").mount();
    let entry = mount_table::find(mounted.root()).unwrap();
    assert_eq!(
        (entry.kind.as_str(), entry.source.as_str()),
        ("fuse.holdfast", "of-mine")
    );
    let mounted = Setup::default()
        .options("fsname=/of/mine,fstype=fuse")
        .mount();
    let entry = mount_table::find(mounted.root()).unwrap();
    assert_eq!(
        (entry.kind.as_str(), entry.source.as_str()),
        ("fuse", "/of/mine")
    );
}

#[test]
fn an_unknown_option_fails_the_mount_with_its_name() {
    let scratch = place::scratch();
    let (data, mountpoint) = (scratch.path().join("data"), scratch.path().join("mnt"));
    fs::create_dir(&mountpoint).unwrap();
    let mut command = Command::new(place::holdfast());
    command
        .args(["mount", "-o", "rw,inlinecrypt", "--data"])
        .arg(&data)
        .arg(&mountpoint);
    let finished = run(&mut command);
    assert!(!finished.status.success());
    assert!(finished.stderr.contains("inlinecrypt"), "{finished:?}");
    assert_eq!(mount_table::find(&mountpoint), None);
}

#[test]
fn a_data_directory_is_mounted_once() {
    let mounted = Mounted::new();
    let second = mounted.scratch().join("second");
    fs::create_dir(&second).unwrap();
    let mut command = Command::new(place::holdfast());
    let finished = run(command
        .args(["mount", "--data"])
        .arg(mounted.data())
        .arg(&second));
    assert!(!finished.status.success());
    assert!(
        finished.stderr.contains(mounted.root().to_str().unwrap()),
        "{finished:?}"
    );
    assert_eq!(mount_table::find(&second), None);
    fs::write(mounted.path("file"), "the first mount is unharmed").unwrap();
}
