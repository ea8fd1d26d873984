//! Shutting a mount down by ioctl, as tests of filesystems do before they look what a crash leaves.

use std::fs::{self, File};
use std::io::{Read, Write};

use holdfast_tests::{Mounted, Setup, errno, system};
use nix::errno::Errno;

/// The kernel asks about everything anew, instead of answering by itself.
fn mount() -> Mounted {
    Setup::default()
        .options("attr_timeout=0,entry_timeout=0")
        .mount()
}

#[test]
fn after_a_shutdown_everything_is_eio_and_what_was_answered_is_there_at_the_next_mount() {
    let mut mounted = mount();
    let path = mounted.path("file");
    let mut file = File::create_new(&path).unwrap();
    file.write_all(b"answered").unwrap();
    let root = File::open(mounted.root()).unwrap();
    system::shut_down(&root).unwrap();
    assert_eq!(errno(file.write_all(b"lost")), Errno::EIO);
    assert_eq!(errno(file.sync_all()), Errno::EIO);
    assert_eq!(errno(fs::metadata(&path)), Errno::EIO);
    assert_eq!(errno(File::create(mounted.path("new"))), Errno::EIO);
    assert_eq!(errno(fs::remove_file(&path)), Errno::EIO);
    drop((file, root));
    mounted.remount();
    assert_eq!(fs::read(&path).unwrap(), b"answered");
    assert_eq!(errno(fs::metadata(mounted.path("new"))), Errno::ENOENT);
}

#[test]
fn pages_of_a_mapping_that_were_not_written_back_are_lost_with_the_mount() {
    let mut mounted = mount();
    let path = mounted.path("file");
    fs::write(&path, vec![b'a'; 4096]).unwrap();
    let file = File::options().read(true).write(true).open(&path).unwrap();
    let mut mapping = system::Mapping::shared(&file, 4096).unwrap();
    mapping.bytes()[0] = b'b';
    system::shut_down(&file).unwrap();
    assert_eq!(errno(file.sync_all()), Errno::EIO);
    drop((mapping, file));
    mounted.remount();
    let mut first = [0];
    File::open(&path).unwrap().read_exact(&mut first).unwrap();
    assert_eq!(first, *b"a");
}

#[test]
fn only_root_shuts_a_mount_down() {
    let mounted = mount();
    mounted.shell("chmod 777 .").success();
    let script =
        "perl -e 'open(F, q(<), q(.)); $n = pack(q(L), 0); ioctl(F, 0x8004587d, $n) or die $!'";
    let refused = mounted.shell_as(1234, 1234, script);
    assert!(!refused.status.success());
    assert!(
        refused.stderr.contains("not permitted"),
        "{}",
        refused.stderr
    );
    fs::write(mounted.path("file"), "works").unwrap();
}
