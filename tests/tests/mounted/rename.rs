//! `renameat2(2)` and its flags.

use std::fs::{self, File};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use holdfast_tests::{Mounted, errno};
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

fn rename(from: &Path, to: &Path, flags: RenameFlags) -> nix::Result<()> {
    renameat2(AT_FDCWD, from, AT_FDCWD, to, flags)
}

fn write_two(mounted: &Mounted) {
    fs::write(mounted.path("a"), "content of a").unwrap();
    fs::write(mounted.path("b"), "content of b").unwrap();
}

#[test]
fn noreplace_refuses_a_name_that_exists() {
    let mounted = Mounted::new();
    write_two(&mounted);
    let refused = rename(
        &mounted.path("a"),
        &mounted.path("b"),
        RenameFlags::RENAME_NOREPLACE,
    );
    assert_eq!(errno(refused), Errno::EEXIST);
    rename(
        &mounted.path("a"),
        &mounted.path("c"),
        RenameFlags::RENAME_NOREPLACE,
    )
    .unwrap();
    assert_eq!(
        fs::read_to_string(mounted.path("c")).unwrap(),
        "content of a"
    );
    assert_eq!(
        fs::read_to_string(mounted.path("b")).unwrap(),
        "content of b"
    );
}

#[test]
fn exchange_swaps_two_names_of_any_kind() {
    let mut mounted = Mounted::new();
    write_two(&mounted);
    rename(
        &mounted.path("a"),
        &mounted.path("b"),
        RenameFlags::RENAME_EXCHANGE,
    )
    .unwrap();
    assert_eq!(
        fs::read_to_string(mounted.path("a")).unwrap(),
        "content of b"
    );
    fs::create_dir_all(mounted.path("top/directory/sub")).unwrap();
    let directory = mounted.path("top/directory");
    rename(&mounted.path("a"), &directory, RenameFlags::RENAME_EXCHANGE).unwrap();
    mounted.remount();
    assert!(mounted.path("a/sub").is_dir());
    assert_eq!(
        fs::read_to_string(mounted.path("top/directory")).unwrap(),
        "content of b"
    );
    assert_eq!(fs::metadata(mounted.path("top")).unwrap().nlink(), 2);
    let missing = rename(
        &mounted.path("a"),
        &mounted.path("no"),
        RenameFlags::RENAME_EXCHANGE,
    );
    assert_eq!(errno(missing), Errno::ENOENT);
}

#[test]
fn whiteout_leaves_a_device_at_the_old_name() {
    let mounted = Mounted::new();
    write_two(&mounted);
    rename(
        &mounted.path("a"),
        &mounted.path("c"),
        RenameFlags::RENAME_WHITEOUT,
    )
    .unwrap();
    let whiteout = fs::symlink_metadata(mounted.path("a")).unwrap();
    assert!(whiteout.file_type().is_char_device());
    assert_eq!(whiteout.rdev(), 0);
    assert_eq!(
        fs::read_to_string(mounted.path("c")).unwrap(),
        "content of a"
    );
}

#[test]
fn a_directory_never_moves_below_itself_under_any_concurrency() {
    let mounted = Mounted::new();
    fs::create_dir_all(mounted.path("x/1")).unwrap();
    fs::create_dir_all(mounted.path("y/2")).unwrap();
    let below = fs::rename(mounted.path("x"), mounted.path("x/1/x"));
    assert_eq!(errno(below), Errno::EINVAL);
    thread::scope(|scope| {
        for (from, into) in [("x", "y/2/x"), ("y", "x/1/y")] {
            let mounted = &mounted;
            scope.spawn(move || {
                for _ in 0..500 {
                    if fs::rename(mounted.path(from), mounted.path(into)).is_ok() {
                        fs::rename(mounted.path(into), mounted.path(from)).ok();
                    }
                }
            });
        }
    });
    // Nothing is lost in a loop: all four directories are still reached from the root.
    let found = mounted
        .shell("find . -mindepth 1 -type d | wc -l")
        .success();
    assert_eq!(found.trim(), "4");
}

#[test]
fn a_replaced_name_is_there_at_every_moment() {
    let mounted = Mounted::new();
    fs::write(mounted.path("name"), "0").unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1..1000 {
                fs::write(mounted.path("new"), format!("{number}")).unwrap();
                fs::rename(mounted.path("new"), mounted.path("name")).unwrap();
            }
            stop.store(true, Ordering::Relaxed);
        });
        let mut last = 0;
        while !stop.load(Ordering::Relaxed) {
            let text = std::io::read_to_string(File::open(mounted.path("name")).unwrap()).unwrap();
            let number: u32 = text.parse().unwrap();
            assert!(number >= last, "{number} after {last}");
            last = number;
        }
    });
}
