//! A mount that dies in the middle of its work leaves nothing behind when its lease is over.

mod work;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use holdfast_metadata::keys::Prefix;
use holdfast_tests::cluster::{ClusterSetup, StateOnDisk};
use holdfast_tests::counters::Counters;
use holdfast_tests::{Cluster, ClusterMount, holds, wait_until};
use nix::sys::statvfs::statvfs;

use self::work::Work;
use crate::crowd::Crowd;

/// The shortest that nodes take.
const LEASE: &str = "[timing]\nsession_lease_ms = 6000\n";
/// Whatever depends on a lease has happened after so long.
const LEASE_OVER: Duration = Duration::from_secs(30);
const LOCKS: u32 = 6;
/// Processes that take locks, on each mount.
const PROCESSES: u32 = 4;
const CONTENT: &str = "still here";

/// Inodes, and blocks of 4 KiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Used {
    inodes: u64,
    blocks: u64,
}

impl Used {
    /// By `statfs`.
    fn of(mount: &ClusterMount) -> Used {
        let counts = statvfs(mount.root()).unwrap();
        Used {
            inodes: counts.files() - counts.files_free(),
            blocks: counts.blocks() - counts.blocks_free(),
        }
    }

    /// By everything that has a name. No file of the test has a hole.
    fn by_names(mount: &ClusterMount) -> Used {
        let (mut inodes, mut bytes) = (BTreeSet::new(), 0);
        visit(mount.root(), &mut inodes, &mut bytes);
        Used {
            inodes: inodes.len() as u64,
            blocks: bytes.div_ceil(4096),
        }
    }
}

fn visit(path: &Path, inodes: &mut BTreeSet<u64>, bytes: &mut u64) {
    let attributes = fs::symlink_metadata(path).unwrap();
    if !inodes.insert(attributes.ino()) {
        return;
    }
    if !attributes.is_dir() {
        *bytes += attributes.len();
        return;
    }
    for entry in fs::read_dir(path).unwrap() {
        visit(&entry.unwrap().path(), inodes, bytes);
    }
}

#[test]
fn a_mount_killed_at_work_leaves_no_lock_no_session_no_orphan_and_no_space_behind() {
    let mut cluster = ClusterSetup::default().settings(LEASE).start(3);
    let leader = cluster.leader();
    let living = cluster.mount(leader, "noatime");
    let other = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    let mut dying = cluster.mount(other, "noatime");
    Counters::create(living.root(), LOCKS).unwrap();
    fs::write(living.path("open"), CONTENT).unwrap();
    let mut open = File::open(living.path("open")).unwrap();
    fs::remove_file(dying.path("open")).unwrap();
    let (mut victims, mut others) = (
        Crowd::new(cluster.scratch(), 0),
        Crowd::new(cluster.scratch(), PROCESSES),
    );
    for _ in 0..PROCESSES {
        victims.join(dying.root(), LOCKS);
        others.join(living.root(), LOCKS);
    }
    let work = Work::start(dying.root());
    work.wait_for(300);
    victims.wait_for(100);
    let session = session_of(&cluster, &dying).unwrap();
    wait_until("it has a lock", LEASE_OVER, || {
        cluster.ask(&["locks"]).contains(&session)
    });
    dying.kill();
    let during = Used::of(&living);
    // Killing a mount may take the kernel longer than the lease.
    let is_in_its_lease = session_of(&cluster, &dying).is_some();
    let removed = work.end();
    wait_until("the session ends", LEASE_OVER, || {
        session_of(&cluster, &dying).is_none()
    });
    let locks = cluster.ask(&["locks"]);
    assert!(!locks.contains(&session), "{session}: {locks}");
    others.wait_for(100);
    let mut holds = others.end();
    holds.extend(victims.remains());
    holds::check_exclusion(&holds).unwrap();
    let locks = cluster.ask(&["locks"]);
    assert_eq!(locks.lines().count(), 1, "only the title: {locks}");

    let named = Used::by_names(&living);
    println!("{during:?} when it died, {named:?} have names, {removed} were removed and open");
    // What was under way may have come a moment later.
    assert!(
        !is_in_its_lease || during.inodes > named.inodes + removed / 2,
        "removed files stay while the lease runs"
    );
    let still_open = Used {
        inodes: named.inodes + 1,
        ..named
    };
    let is_used = |inodes: u64| Used::of(&living).inodes == inodes;
    wait_until("its orphans are gone", LEASE_OVER, || {
        is_used(still_open.inodes)
    });
    let mut content = String::new();
    open.read_to_string(&mut content).unwrap();
    assert_eq!(content, CONTENT, "what another mount has open stays");
    assert!(is_used(still_open.inodes));
    drop(open);
    wait_until("all is given back", LEASE_OVER, || {
        Used::of(&living) == named
    });
    living.unmount();
    assert_nothing_on_disk(&mut cluster, named);
}

/// The session of a mount, if it is open.
fn session_of(cluster: &Cluster, mount: &ClusterMount) -> Option<String> {
    let listed = cluster.ask(&["session", "list"]);
    let mountpoint = mount.root().to_str().unwrap();
    let line = listed.lines().find(|line| line.ends_with(mountpoint))?;
    line.split(' ').next().map(str::to_owned)
}

#[track_caller]
fn assert_nothing_on_disk(cluster: &mut Cluster, used: Used) {
    cluster.assert_all_replicas_agree();
    for id in cluster.ids() {
        cluster.stop(id);
        let state = StateOnDisk::of(cluster.node(id));
        assert_eq!(state.violations(), Vec::<String>::new(), "node {id}");
        assert_eq!(state.count(Prefix::Inode) as u64, used.inodes);
        for prefix in [
            Prefix::Orphan,
            Prefix::Session,
            Prefix::Lock,
            Prefix::LockCount,
            Prefix::Waiter,
            Prefix::Pending,
        ] {
            assert_eq!(state.count(prefix), 0, "{prefix:?} on node {id}");
        }
    }
}
