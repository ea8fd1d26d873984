//! File handles: what an NFS server keeps.

use std::fs::{self, File};
use std::io::{Read, read_to_string};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use holdfast_tests::system::Handle;
use holdfast_tests::{Mounted, errno, wait_until};
use nix::errno::Errno;

fn drop_caches() {
    fs::write("/proc/sys/vm/drop_caches", "2").unwrap();
}

#[test]
fn a_handle_opens_its_file_after_the_caches_were_dropped_and_after_a_rename() {
    let mounted = Mounted::new();
    fs::create_dir_all(mounted.path("a/b")).unwrap();
    fs::write(mounted.path("a/b/file"), "content").unwrap();
    let ino = fs::metadata(mounted.path("a/b/file")).unwrap().ino();
    let mut handle = Handle::of(&mounted.path("a/b/file")).unwrap();
    let mut directory = Handle::of(&mounted.path("a/b")).unwrap();
    fs::rename(mounted.path("a/b"), mounted.path("moved")).unwrap();
    drop_caches();
    let root = File::open(mounted.root()).unwrap();
    let mut file = handle.open(&root).unwrap();
    let mut content = String::new();
    file.read_to_string(&mut content).unwrap();
    assert_eq!(
        (content.as_str(), file.metadata().unwrap().ino()),
        ("content", ino)
    );
    assert!(directory.open(&root).unwrap().metadata().unwrap().is_dir());
}

#[test]
fn a_handle_of_a_removed_file_is_stale_even_when_its_name_is_taken_again() {
    let mounted = Mounted::new();
    fs::write(mounted.path("file"), "old").unwrap();
    let mut handle = Handle::of(&mounted.path("file")).unwrap();
    let before = mounted.usage();
    fs::remove_file(mounted.path("file")).unwrap();
    fs::write(mounted.path("file"), "new").unwrap();
    drop_caches();
    mounted.wait_for_inodes(&before);
    let root = File::open(mounted.root()).unwrap();
    wait_until("the handle is stale", Duration::from_secs(10), || {
        drop_caches();
        handle.open(&root).is_err()
    });
    assert_eq!(errno(handle.open(&root)), Errno::ESTALE);
    assert_eq!(errno(File::open(mounted.path("missing"))), Errno::ENOENT);
    let file = File::open(mounted.path("file")).unwrap();
    assert_eq!(read_to_string(file).unwrap(), "new");
}
