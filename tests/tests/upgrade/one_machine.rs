//! The data directory of a mount.

use std::fs;

use holdfast_tests::fixtures::{End, FixtureSet};
use holdfast_tests::{Mounted, Setup};

use super::change::{assert_changed, change, remove};
use super::{assert_clean, digest_on_disk, wait_all_have_names};

#[test]
fn a_data_directory_that_was_unmounted_is_used_on() {
    for set in FixtureSet::all() {
        use_on(&set, End::Stopped);
    }
}

#[test]
fn a_data_directory_of_a_daemon_that_was_killed_is_used_on() {
    for set in FixtureSet::all() {
        use_on(&set, End::Killed);
    }
}

#[track_caller]
fn use_on(set: &FixtureSet, end: End) {
    let (data, known) = (set.unpack(end.one_machine()), set.known(end.one_machine()));
    println!("{set:?} {end:?}");
    assert_clean(data.path());
    assert_eq!(digest_on_disk(data.path(), None), known.digest);
    let mut mounted: Mounted = Setup::default()
        .data(data.path())
        .options("noatime")
        .mount();
    known.assert_is_seen(mounted.root());
    // The killed daemon had one that was open.
    wait_all_have_names(mounted.root());
    mounted.remount();
    known.assert_is_seen(mounted.root());
    let large = fs::read(mounted.path("large")).unwrap();
    change(mounted.root());
    assert_changed(mounted.root(), &large);
    mounted.remount();
    assert_changed(mounted.root(), &large);
    remove(mounted.root());
    wait_all_have_names(mounted.root());
    mounted.unmount();
    assert_clean(data.path());
}
