//! `SEEK_DATA` and `SEEK_HOLE`.

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};

use holdfast_tests::{Mounted, errno};
use nix::errno::Errno;
use nix::unistd::{Whence, lseek};

#[test]
fn data_and_holes_are_found() {
    let mut mounted = Mounted::new();
    let file = File::create_new(mounted.path("file")).unwrap();
    file.write_all_at(&[1; 4096], 1 << 20).unwrap();
    file.write_all_at(&[1; 8192], 1 << 30).unwrap();
    file.set_len(1 << 40).unwrap();
    drop(file);
    mounted.remount();
    let file = File::open(mounted.path("file")).unwrap();
    let data = |from: i64| lseek(&file, from, Whence::SeekData);
    let hole = |from: i64| lseek(&file, from, Whence::SeekHole);
    assert_eq!(data(0), Ok(1 << 20));
    assert_eq!(data((1 << 20) + 5), Ok((1 << 20) + 5));
    assert_eq!(data((1 << 20) + 4096), Ok(1 << 30));
    assert_eq!(errno(data((1 << 30) + 8192)), Errno::ENXIO);
    assert_eq!(hole(0), Ok(0));
    assert_eq!(hole(1 << 20), Ok((1 << 20) + 4096));
    assert_eq!(hole(1 << 30), Ok((1 << 30) + 8192));
    assert_eq!(hole((1 << 40) - 1), Ok((1 << 40) - 1));
    assert_eq!(errno(hole(1 << 40)), Errno::ENXIO);
    assert_eq!(file.metadata().unwrap().blocks() * 512, 4096 + 8192);
}

#[test]
fn a_file_without_holes_has_one_at_its_end() {
    let mounted = Mounted::new();
    let file = File::create_new(mounted.path("file")).unwrap();
    file.write_all_at(&[1; 10_000], 0).unwrap();
    assert_eq!(lseek(&file, 0, Whence::SeekHole), Ok(10_000));
    assert_eq!(lseek(&file, 9999, Whence::SeekData), Ok(9999));
}
