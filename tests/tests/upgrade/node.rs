//! The data directory of the only node of a cluster.

use std::fs::{self, File};
use std::path::Path;

use holdfast_metadata::LockMode;
use holdfast_tests::cluster::{CATALOG, ClusterSetup, SETTLED, VOLUME, VOLUME_NAME};
use holdfast_tests::fixtures::{End, FixtureSet, LOCKED, SECOND_VOLUME, digest_in};
use holdfast_tests::locking::{Bytes, LockKind, set_lock};
use holdfast_tests::{Cluster, wait_until};

use super::change::{assert_changed, change, remove};
use super::{assert_clean, digest_on_disk, wait_all_have_names};

/// The sessions of then end soon.
const SETTINGS: &str = "[timing]\nsession_lease_ms = 2000\n";
/// The number of [`SECOND_VOLUME`].
const SECOND: u64 = VOLUME + 1;
/// Sets of programs that made other records of the commands in their logs than this one does. Their log is applied by this one where
/// they had not done it, and by every new node: such a cluster has replicas that differ, which is wrong. It is asserted, for whoever mends it.
const APPLIED_OTHERWISE: [&str; 1] = ["1"];

#[test]
fn a_node_that_was_stopped_goes_on() {
    for set in FixtureSet::all() {
        go_on(&set, End::Stopped);
    }
}

#[test]
fn a_node_that_was_killed_applies_what_its_log_has_and_goes_on() {
    for set in FixtureSet::all() {
        go_on(&set, End::Killed);
    }
}

#[track_caller]
fn go_on(set: &FixtureSet, end: End) {
    println!("{set:?} {end:?}");
    let data = set.unpack(end.node());
    let known = |volume: &str| set.known(&format!("{}.{volume}", end.node()));
    let (first, second) = (known(VOLUME_NAME), known(SECOND_VOLUME));
    assert_clean(data.path());
    if end == End::Stopped {
        for (volume, known) in [(VOLUME_NAME, &first), (SECOND_VOLUME, &second)] {
            assert_eq!(digest_on_disk(data.path(), Some(volume)), known.digest);
        }
    }
    let mut cluster = start(data.path());
    let is_applied_alike = !APPLIED_OTHERWISE.contains(&set.name());
    for (volume, known) in [(VOLUME_NAME, &first), (SECOND_VOLUME, &second)] {
        let is_equal = digest(&cluster, volume) == known.digest;
        assert_eq!(is_equal, is_applied_alike || end == End::Stopped);
        let mount = cluster.mount_volume(1, volume, "noatime");
        known.assert_is_seen(mount.root());
        mount.unmount();
    }
    assert_given_up(&cluster);
    change_in(&mut cluster);
    join(&mut cluster, is_applied_alike || end == End::Killed);
}

/// The node, at an address of this test.
#[track_caller]
fn start(data: &Path) -> Cluster {
    let mut cluster = ClusterSetup::default().settings(SETTINGS).start(1);
    cluster.stop(1);
    cluster.node_mut(1).use_data(data.to_owned());
    cluster.restart(1);
    cluster.wait_settled();
    assert_eq!(cluster.leader_of(SECOND), 1);
    cluster
}

/// That of a volume, as the node that leads tells it.
#[track_caller]
fn digest(cluster: &Cluster, volume: &str) -> String {
    let file = cluster.scratch().join(volume).display().to_string();
    digest_in(&cluster.ask(&["dump", volume, &file]))
}

/// Checks that nothing keeps what a mount had that was killed then.
#[track_caller]
fn assert_given_up(cluster: &Cluster) {
    let mount = cluster.mount_volume(1, SECOND_VOLUME, "");
    let file = File::options().write(true).open(mount.path(LOCKED));
    let file = file.unwrap();
    wait_until("nobody has the lock any more", SETTLED, || {
        let exclusive = Some(LockMode::Exclusive);
        set_lock(&file, LockKind::Fcntl, Bytes::ALL, exclusive, false).is_ok()
    });
    drop(file);
    wait_all_have_names(mount.root());
    mount.unmount();
}

#[track_caller]
fn change_in(cluster: &mut Cluster) {
    let mount = cluster.mount(1, "");
    let large = fs::read(mount.path("large")).unwrap();
    change(mount.root());
    assert_changed(mount.root(), &large);
    mount.unmount();
    cluster.stop(1);
    cluster.restart(1);
    cluster.wait_settled();
    let mount = cluster.mount(1, "");
    assert_changed(mount.root(), &large);
    remove(mount.root());
    wait_all_have_names(mount.root());
    mount.unmount();
}

/// Adds a node, which then has the same as the first one.
#[track_caller]
fn join(cluster: &mut Cluster, agree: bool) {
    cluster.add_node(2);
    cluster.wait_settled();
    let checked = cluster.holdfast(&["fsck"]);
    if !agree {
        let said = &checked.stdout;
        assert!(said.contains("second: the replicas differ"), "{said}");
        assert!(said.contains("the cluster: 1 violation"), "{said}");
        return;
    }
    assert!(checked.success().contains("is clean"));
    for group in [CATALOG, VOLUME, SECOND] {
        cluster.assert_replicas_agree(group);
    }
}
