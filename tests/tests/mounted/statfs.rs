//! The numbers of `df`.

use std::fs;

use holdfast_tests::Mounted;
use nix::sys::statvfs::{Statvfs, statvfs};

#[test]
fn space_is_what_files_cover_and_what_the_disk_below_has() {
    let mounted = Mounted::new();
    let before = mounted.statistics();
    let used = mounted.usage().bytes;
    let disk = statvfs(mounted.data()).unwrap();
    let available = |numbers: &Statvfs| numbers.blocks_available() * numbers.fragment_size();
    assert!(available(&before) <= available(&disk));
    assert!(
        available(&before) >= available(&disk) / 10 * 8,
        "a reserve, but not the disk"
    );
    assert_eq!(before.name_max(), 255);
    fs::write(mounted.path("file"), vec![1; 16 << 20]).unwrap();
    let grown = mounted.usage().bytes - used;
    assert!((16 << 20..17 << 20).contains(&grown), "{grown}");
}

#[test]
fn inodes_are_counted_exactly() {
    let mounted = Mounted::new();
    let before = mounted.usage();
    mounted
        .shell("mkdir a; touch a/b a/c; ln a/b a/d; ln -s x y; mkfifo z")
        .success();
    assert_eq!(mounted.usage().inodes, before.inodes + 5);
    mounted.shell("rm -r a y z").success();
    mounted.wait_for_inodes(&before);
}
