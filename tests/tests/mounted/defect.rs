//! A mount that meets a defect ends, and does not go on with a part of itself.

use std::fs;
use std::time::Duration;

use holdfast_metadata::keys;
use holdfast_metadata::record::Volume;
use holdfast_tests::cluster::StateOnDisk;
use holdfast_tests::{Mounted, mount_table, wait_until};

const ENDED: Duration = Duration::from_secs(30);

/// The number of the next block; with the greatest there is, giving it out overflows.
fn set_next_block(mounted: &Mounted, next: u64) -> u64 {
    let state = StateOnDisk::to_spoil(&mounted.data().join("store"));
    let mut volume = Volume::decode(&state.value(&keys::volume())).unwrap();
    let before = std::mem::replace(&mut volume.next_block, next);
    state.set(keys::volume(), Some(volume.encode()));
    before
}

#[test]
fn an_operation_that_panics_ends_the_mount_and_what_was_written_is_there_at_the_next() {
    let mut mounted = Mounted::new();
    fs::write(mounted.path("before"), "written").unwrap();
    mounted.unmount();
    let next = set_next_block(&mounted, u64::MAX);
    mounted.start();
    fs::create_dir(mounted.path("directory")).unwrap();
    fs::write(mounted.path("file"), vec![1; 100_000]).unwrap_err();
    wait_until("the mount has ended", ENDED, || {
        mount_table::find(mounted.root()).is_none()
    });
    // Its last words.
    wait_until("the daemon has said why", ENDED, || {
        mounted.log().contains("there at the next mount")
    });
    mounted.kill();
    set_next_block(&mounted, next);
    mounted.start();
    assert_eq!(fs::read(mounted.path("before")).unwrap(), b"written");
    assert!(mounted.path("directory").is_dir());
    fs::write(mounted.path("file"), vec![1; 100_000]).unwrap();
}
