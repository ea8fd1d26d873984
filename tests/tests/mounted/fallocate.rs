//! The modes of `fallocate(2)`.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};

use holdfast_tests::{Mounted, errno};
use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, fallocate};

fn filled(mounted: &Mounted) -> File {
    fs::write(mounted.path("file"), vec![5; 100_000]).unwrap();
    File::options()
        .read(true)
        .write(true)
        .open(mounted.path("file"))
        .unwrap()
}

fn assert_zero_between(mounted: &Mounted, begin: usize, end: usize, length: usize) {
    let content = fs::read(mounted.path("file")).unwrap();
    assert_eq!(content.len(), length);
    for (at, byte) in content.iter().enumerate() {
        let expected = if (begin..end).contains(&at) || at >= 100_000 {
            0
        } else {
            5
        };
        assert_eq!(*byte, expected, "byte {at}");
    }
}

#[test]
fn allocating_extends_the_file_and_gives_it_space() {
    let mut mounted = Mounted::new();
    let file = filled(&mounted);
    fallocate(&file, FallocateFlags::empty(), 50_000, 150_000).unwrap();
    assert!(file.metadata().unwrap().blocks() * 512 >= 200_000);
    drop(file);
    mounted.remount();
    assert_zero_between(&mounted, 100_000, 200_000, 200_000);
}

#[test]
fn keeping_the_size_gives_space_beyond_the_end() {
    let mounted = Mounted::new();
    let file = filled(&mounted);
    fallocate(&file, FallocateFlags::FALLOC_FL_KEEP_SIZE, 100_000, 100_000).unwrap();
    let metadata = file.metadata().unwrap();
    assert_eq!(metadata.len(), 100_000);
    assert!(metadata.blocks() * 512 >= 199_000, "{}", metadata.blocks());
}

#[test]
fn punching_makes_a_hole_and_gives_space_back() {
    let mut mounted = Mounted::new();
    let file = filled(&mounted);
    let before = file.metadata().unwrap().blocks();
    let punch = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
    fallocate(&file, punch, 10_001, 60_000).unwrap();
    let after = file.metadata().unwrap().blocks();
    assert!(before - after >= 50_000 / 512, "{before} to {after}");
    assert_zero_between(&mounted, 10_001, 70_001, 100_000);
    drop(file);
    mounted.remount();
    assert_zero_between(&mounted, 10_001, 70_001, 100_000);
}

#[test]
fn zeroing_keeps_the_space() {
    let mounted = Mounted::new();
    let file = filled(&mounted);
    let before = file.metadata().unwrap().blocks();
    fallocate(&file, FallocateFlags::FALLOC_FL_ZERO_RANGE, 10_001, 60_000).unwrap();
    assert_eq!(file.metadata().unwrap().blocks(), before);
    assert_zero_between(&mounted, 10_001, 70_001, 100_000);
    fallocate(&file, FallocateFlags::FALLOC_FL_ZERO_RANGE, 90_000, 60_000).unwrap();
    assert_eq!(file.metadata().unwrap().len(), 150_000);
    let mut byte = [1];
    file.read_exact_at(&mut byte, 90_000).unwrap();
    assert_eq!(byte, [0]);
}

#[test]
fn the_modes_that_the_kernel_does_not_pass_on_are_refused() {
    let mounted = Mounted::new();
    let file = filled(&mounted);
    for mode in [
        FallocateFlags::FALLOC_FL_COLLAPSE_RANGE,
        FallocateFlags::FALLOC_FL_INSERT_RANGE,
        FallocateFlags::FALLOC_FL_UNSHARE_RANGE,
    ] {
        assert_eq!(
            errno(fallocate(&file, mode, 0, 4096)),
            Errno::EOPNOTSUPP,
            "{mode:?}"
        );
    }
    assert_zero_between(&mounted, 0, 0, 100_000);
}
