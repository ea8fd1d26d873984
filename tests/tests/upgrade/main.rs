//! Data directories that earlier programs left are used on by this one.
//!
//! What it asserts, of each set in `fixtures`: the directory of a mount and that of a node, each of a program that was stopped and of one that
//! was killed, are clean; their dumps have the digest that the earlier program told; every attribute of every file and all content are as they were seen
//! on a mount of the earlier program; what was there can be changed and removed, which leaves nothing behind. A node that goes on leads
//! its volumes, gives up what a mount of then had open and locked, and brings up a new one.
//!
//! Programs of two versions side by side are in `cluster/upgrade.rs`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod change;
mod node;
mod one_machine;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use holdfast_tests::fixtures::digest_in;
use holdfast_tests::{place, run, tree, wait_until};
use nix::sys::statvfs::statvfs;

/// What has no name is given back in so long.
const GIVEN_BACK: Duration = Duration::from_mins(1);

/// Looks at a data directory that is not in use.
#[track_caller]
fn assert_clean(data: &Path) {
    let mut check = holdfast(&["fsck", "--data"]);
    let said = run(check.arg(data)).success();
    assert!(said.contains("is clean"), "{said}");
}

/// The digest of a volume, from a directory that is not in use.
#[track_caller]
fn digest_on_disk(data: &Path, volume: Option<&str>) -> String {
    let scratch = place::scratch();
    let mut dump = holdfast(&["dump", "--data"]);
    dump.arg(data).args(volume).arg(scratch.path().join("dump"));
    digest_in(&run(&mut dump).success())
}

fn holdfast(arguments: &[&str]) -> Command {
    let mut command = Command::new(place::holdfast());
    command.args(arguments);
    command
}

/// Waits until nothing is in use but what has a name.
#[track_caller]
fn wait_all_have_names(root: &Path) {
    let named = tree::inodes(root);
    wait_until("all inodes have names", GIVEN_BACK, || {
        let numbers = statvfs(root).unwrap();
        numbers.files() - numbers.files_free() == named
    });
}
