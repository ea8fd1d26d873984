//! Files that lose their last name while they are open.

use std::env;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, MetadataExt};

use holdfast_tests::{Mounted, errno};
use nix::errno::Errno;
use nix::sys::stat::fstat;

#[test]
fn an_unlinked_open_file_lives_until_it_is_closed() {
    let mounted = Mounted::new();
    let before = mounted.usage();
    fs::write(mounted.path("file"), vec![3; 4 << 20]).unwrap();
    let file = File::options()
        .read(true)
        .write(true)
        .open(mounted.path("file"))
        .unwrap();
    fs::remove_file(mounted.path("file")).unwrap();
    assert_eq!(errno(File::open(mounted.path("file"))), Errno::ENOENT);
    fs::write("/proc/sys/vm/drop_caches", "3").unwrap();
    file.write_all_at(b"still here", 4 << 20).unwrap();
    let mut content = vec![0; 10];
    file.read_exact_at(&mut content, 4 << 20).unwrap();
    assert_eq!(content, b"still here");
    file.read_exact_at(&mut content, 1 << 20).unwrap();
    assert_eq!(content, [3; 10]);
    assert_eq!(fstat(&file).unwrap().st_nlink, 0);
    assert_eq!(mounted.usage().inodes, before.inodes + 1);
    drop(file);
    mounted.wait_for_inodes(&before);
    assert_eq!(mounted.usage(), before, "the space came back");
}

#[test]
fn a_file_replaced_by_a_rename_lives_until_it_is_closed() {
    let mounted = Mounted::new();
    fs::write(mounted.path("old"), "old").unwrap();
    fs::write(mounted.path("new"), "new").unwrap();
    let old = File::open(mounted.path("old")).unwrap();
    fs::rename(mounted.path("new"), mounted.path("old")).unwrap();
    let mut content = [0; 3];
    old.read_exact_at(&mut content, 0).unwrap();
    assert_eq!((&content, old.metadata().unwrap().nlink()), (b"old", 0));
    assert_eq!(fs::read(mounted.path("old")).unwrap(), b"new");
}

#[test]
fn what_was_open_and_unlinked_at_a_crash_is_gone_at_the_next_mount() {
    let mut mounted = Mounted::new();
    let before = mounted.usage();
    let files: Vec<File> = (0..100)
        .map(|number| {
            let path = mounted.path(&format!("file{number}"));
            let file = File::create_new(&path).unwrap();
            file.write_all_at(&[1; 10_000], 0).unwrap();
            fs::remove_file(path).unwrap();
            file
        })
        .collect();
    assert_eq!(mounted.usage().inodes, before.inodes + 100);
    mounted.kill();
    drop(files);
    mounted.start();
    mounted.wait_for_inodes(&before);
    assert_eq!(mounted.usage(), before);
}

#[test]
fn a_removed_directory_that_is_in_use_takes_no_names() {
    let mounted = Mounted::new();
    fs::create_dir(mounted.path("directory")).unwrap();
    let directory = File::open(mounted.path("directory")).unwrap();
    fs::remove_dir(mounted.path("directory")).unwrap();
    let inside = format!("/proc/self/fd/{}/name", {
        use std::os::fd::AsRawFd;
        directory.as_raw_fd()
    });
    assert_eq!(errno(File::create(&inside)), Errno::ENOENT);
    assert_eq!(errno(fs::create_dir(&inside)), Errno::ENOENT);
    assert_eq!(directory.metadata().unwrap().nlink(), 0);
    assert!(env::current_dir().is_ok());
}
