//! Time stamps.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use holdfast_tests::Mounted;
use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;

/// Seconds and nanoseconds: the year 1901, the last second before 1970, the first second that
/// 32 bits cannot count, and the years 2106 and 2400.
const MOMENTS: [(i64, i64); 7] = [
    (-2_147_483_648, 0),
    (-1, 0),
    (0, 1),
    (2_147_483_648, 999_999_999),
    (4_294_967_296, 123_456_789),
    (13_569_465_600, 1),
    (1_700_000_000, 987_654_321),
];

fn set(path: &Path, atime: TimeSpec, mtime: TimeSpec) {
    utimensat(
        AT_FDCWD,
        path,
        &atime,
        &mtime,
        UtimensatFlags::NoFollowSymlink,
    )
    .unwrap();
}

#[test]
fn times_before_1970_and_after_2106_are_kept_to_the_nanosecond() {
    let mut mounted = Mounted::new();
    for (number, (seconds, nanoseconds)) in MOMENTS.iter().enumerate() {
        let path = mounted.path(&format!("file{number}"));
        File::create_new(&path).unwrap();
        let moment = TimeSpec::new(*seconds, *nanoseconds);
        set(&path, moment, moment);
    }
    for round in ["cached", "from the disk"] {
        for (number, moment) in MOMENTS.iter().enumerate() {
            let metadata = fs::metadata(mounted.path(&format!("file{number}"))).unwrap();
            assert_eq!(
                (metadata.atime(), metadata.atime_nsec()),
                *moment,
                "atime {round}"
            );
            assert_eq!(
                (metadata.mtime(), metadata.mtime_nsec()),
                *moment,
                "mtime {round}"
            );
        }
        mounted.remount();
    }
}

/// fuser 0.18 decodes such a time up to two seconds off; the adapter takes that back.
#[test]
fn a_time_before_1970_with_a_fraction_is_exact() {
    let mounted = Mounted::new();
    File::create_new(mounted.path("file")).unwrap();
    let moment = TimeSpec::new(-100, 500_000_000);
    set(&mounted.path("file"), moment, moment);
    mounted.shell("echo 2 > /proc/sys/vm/drop_caches").success();
    let metadata = fs::metadata(mounted.path("file")).unwrap();
    assert_eq!(
        (metadata.mtime(), metadata.mtime_nsec()),
        (-100, 500_000_000)
    );
}

#[test]
fn now_and_omit_set_one_time_and_leave_the_other() {
    let mounted = Mounted::new();
    let path = mounted.path("file");
    File::create_new(&path).unwrap();
    set(&path, TimeSpec::new(1000, 5), TimeSpec::new(2000, 6));
    set(&path, TimeSpec::UTIME_OMIT, TimeSpec::UTIME_NOW);
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!((metadata.atime(), metadata.atime_nsec()), (1000, 5));
    assert!(metadata.mtime() > 1_700_000_000);
    assert!(metadata.ctime() >= metadata.mtime());
}

#[test]
fn a_change_moves_the_times_that_posix_says() {
    let mounted = Mounted::new();
    let path = mounted.path("file");
    File::create_new(&path).unwrap();
    let old = TimeSpec::new(1000, 0);
    set(&path, old, old);
    set(mounted.root(), old, old);
    fs::hard_link(&path, mounted.path("name")).unwrap();
    let file = fs::metadata(&path).unwrap();
    assert_eq!(file.mtime(), 1000, "a new name is no change of the content");
    assert!(file.ctime() > 1000);
    assert!(
        fs::metadata(mounted.root()).unwrap().mtime() > 1000,
        "the directory has changed"
    );
    fs::write(&path, "content").unwrap();
    assert!(fs::metadata(&path).unwrap().mtime() > 1000);
}
