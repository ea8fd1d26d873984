//! Access times by policy.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use holdfast_tests::{Mounted, Setup, run, wait_until};
use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;

/// Later than every mtime and ctime of the test, and recent: relatime has no reason to move it.
const FUTURE: i64 = 4_000_000_000;

fn set_atime(path: &Path, seconds: i64) {
    let time = TimeSpec::new(seconds, 0);
    let keep = TimeSpec::UTIME_OMIT;
    utimensat(AT_FDCWD, path, &time, &keep, UtimensatFlags::FollowSymlink).unwrap();
}

/// Whether reading a file and listing a directory move their access times, from this old value.
fn moved_by_reading(mounted: &Mounted, from: i64) -> (bool, bool) {
    let (file, directory) = (mounted.path("file"), mounted.path("directory"));
    if !file.exists() {
        fs::write(&file, "content").unwrap();
        fs::create_dir(&directory).unwrap();
        File::create_new(directory.join("name")).unwrap();
    }
    set_atime(&file, from);
    set_atime(&directory, from);
    assert_eq!(fs::read(&file).unwrap(), b"content");
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
    let atime = |path: &Path| fs::metadata(path).unwrap().atime();
    (atime(&file) != from, atime(&directory) != from)
}

#[test]
fn relatime_moves_what_is_older_than_the_change_or_a_day() {
    let mounted = Mounted::new();
    assert_eq!(moved_by_reading(&mounted, 1000), (true, true));
    assert_eq!(moved_by_reading(&mounted, FUTURE), (false, false));
}

#[test]
fn strictatime_moves_always() {
    let mounted = Setup::default().options("strictatime").mount();
    assert_eq!(moved_by_reading(&mounted, 1000), (true, true));
    assert_eq!(moved_by_reading(&mounted, FUTURE), (true, true));
}

#[test]
fn noatime_never_moves() {
    let mounted = Setup::default().options("noatime").mount();
    assert_eq!(moved_by_reading(&mounted, 1000), (false, false));
}

#[test]
fn nodiratime_leaves_directories() {
    let mounted = Setup::default().options("nodiratime").mount();
    assert_eq!(moved_by_reading(&mounted, 1000), (true, false));
}

#[test]
fn an_access_time_survives() {
    let mut mounted = Mounted::new();
    fs::write(mounted.path("file"), "content").unwrap();
    set_atime(&mounted.path("file"), 1000);
    fs::read(mounted.path("file")).unwrap();
    let atime = fs::metadata(mounted.path("file")).unwrap().atime();
    assert!(atime > 1000);
    mounted.remount();
    assert_eq!(fs::metadata(mounted.path("file")).unwrap().atime(), atime);
}

/// The daemon is told of the new flags while the remount returns, so they hold within moments.
#[test]
fn a_remount_changes_the_policy() {
    let mounted = Mounted::new();
    for (options, from, moved) in [
        ("noatime", 1000, (false, false)),
        // mount(8) adds to the words that are there, so noatime goes by its opposite.
        ("atime,strictatime", FUTURE, (true, true)),
        ("relatime", FUTURE, (false, false)),
        ("relatime", 1000, (true, true)),
        ("nodiratime", 1000, (true, false)),
    ] {
        let options = format!("remount,{options}");
        run(Command::new("mount")
            .args(["-i", "-o", &options])
            .arg(mounted.root()))
        .success();
        wait_until(&options, Duration::from_secs(5), || {
            moved_by_reading(&mounted, from) == moved
        });
    }
}
