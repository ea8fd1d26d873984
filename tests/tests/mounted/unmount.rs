//! Unmounting.

use std::fs::{self, File};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use holdfast_tests::{Mounted, Setup, place, run_within};
use nix::mount::{MntFlags, umount2};

/// Mounting and unmounting on a loaded machine.
const LIMIT: Duration = Duration::from_secs(30);

/// The kernel tells of closed files and forgotten inodes while it takes the connection down: the daemon
/// must not take that for a failure. `unmount` asserts that it ends well.
#[test]
fn an_unmount_ends_well_while_the_kernel_still_sends_requests() {
    let scratch = place::scratch();
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
fn an_unmount_before_the_mount_is_ready_is_named_as_the_reason() {
    let scratch = place::scratch();
    let mountpoint = scratch.path().join("mnt");
    fs::create_dir(&mountpoint).unwrap();
    for _ in 0..20 {
        let mut command = Command::new(place::holdfast());
        command.args(["mount", "-f", "--data"]);
        command.arg(scratch.path().join("data")).arg(&mountpoint);
        let unmount = || {
            let unmounts = || umount2(&mountpoint, MntFlags::empty()).is_ok();
            let end = Instant::now() + LIMIT;
            while !unmounts() && Instant::now() < end {}
        };
        let finished = thread::scope(|scope| {
            scope.spawn(unmount);
            run_within(&mut command, LIMIT)
        });
        // It may have been ready after all.
        let reason = "was unmounted before the mount was ready; mount it again";
        assert!(
            finished.status.success() || finished.stderr.contains(reason),
            "{finished:?}"
        );
    }
}

#[test]
fn what_was_written_is_there_after_unmount_and_mount() {
    let mut mounted = Mounted::new();
    fs::write(mounted.path("file"), "content").unwrap();
    mounted.remount();
    assert_eq!(fs::read_to_string(mounted.path("file")).unwrap(), "content");
}
