//! Unmounting.

use std::fs::{self, File};
use std::thread;

use holdfast_tests::{Mounted, Setup};

/// The kernel tells of closed files and forgotten inodes while it takes the connection down: the daemon
/// must not take that for a failure. `unmount` asserts that it ends well.
#[test]
fn an_unmount_ends_well_while_the_kernel_still_sends_requests() {
    let scratch = holdfast_tests::place::scratch();
    let data = scratch.path().join("data");
    for _ in 0..25 {
        let mut mounted = Setup::default().data(&data).mount();
        thread::scope(|scope| {
            for thread in 0..4 {
                let mounted = &mounted;
                scope.spawn(move || {
                    let open = |number| File::create(mounted.path(&format!("{thread}-{number}")));
                    let files: Vec<File> = (0..100).map(|number| open(number).unwrap()).collect();
                    drop(files);
                });
            }
        });
        mounted.unmount();
    }
}

#[test]
fn what_was_written_is_there_after_unmount_and_mount() {
    let mut mounted = Mounted::new();
    fs::write(mounted.path("file"), "content").unwrap();
    mounted.remount();
    assert_eq!(fs::read_to_string(mounted.path("file")).unwrap(), "content");
}
