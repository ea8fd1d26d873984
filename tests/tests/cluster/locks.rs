//! Locks hold between mounts, and who has lost one does not go on as if he had it.

mod agent;

use std::fs::{self, File};
use std::path::PathBuf;
use std::time::Duration;

use holdfast_metadata::LockMode;
use holdfast_tests::cluster::ClusterSetup;
use holdfast_tests::locking::{Bytes, LockKind, set_lock};
use holdfast_tests::{Cluster, ClusterMount, wait_until};
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::Signal;

use self::agent::Agent;

/// The shortest that nodes take.
const LEASE: &str = "[timing]\nsession_lease_ms = 2000\n";
/// Whatever depends on a lease has happened after so long, also where a leader was just elected.
const LEASE_OVER: Duration = Duration::from_secs(30);
const KINDS: [&str; 3] = ["fcntl", "ofd", "flock"];

struct Scene {
    mounts: [ClusterMount; 2],
    cluster: Cluster,
}

impl Scene {
    fn new() -> Scene {
        let cluster = ClusterSetup::default().settings(LEASE).start(3);
        let leader = cluster.leader();
        let other = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
        let mounts = [
            cluster.mount(leader, "noatime"),
            cluster.mount(other, "noatime"),
        ];
        Scene { mounts, cluster }
    }

    fn path(&self, mount: usize, name: &str) -> PathBuf {
        self.mounts[mount].path(name)
    }

    /// A process on each mount with the same new file open.
    #[track_caller]
    fn agents(&self, name: &str) -> [Agent; 2] {
        File::create_new(self.path(0, name)).unwrap();
        [0, 1].map(|mount| Agent::with(&self.path(mount, name)))
    }

    fn end(self) {
        for mount in self.mounts {
            mount.unmount();
        }
        self.cluster.assert_all_replicas_agree();
    }
}

#[test]
fn locks_exclude_each_other_between_mounts() {
    let scene = Scene::new();
    let [mut here, mut there] = scene.agents("ranges");
    assert_eq!(here.call("fcntl file exclusive 0 100"), "ok");
    assert_eq!(there.call("fcntl file shared 99 1"), "EAGAIN");
    assert_eq!(there.call("fcntl file exclusive 100 0"), "ok");
    assert_eq!(here.call("fcntl file shared 0 200"), "EAGAIN");
    assert_eq!(
        there.call("getlk file exclusive 0 0"),
        "ok exclusive 0 100 0"
    );
    assert_eq!(here.call("getlk file shared 0 0"), "ok exclusive 100 0 0");
    let mut beside = Agent::with(&scene.path(0, "ranges"));
    let held = format!("ok exclusive 0 100 {}", here.pid());
    assert_eq!(beside.call("getlk file shared 50 1"), held);
    assert_eq!(here.call("fcntl file none 0 50"), "ok");
    assert_eq!(there.call("fcntl file exclusive 0 50"), "ok");
    assert_eq!(there.call("fcntl file shared 0 51"), "EAGAIN");
    // flock is another matter.
    assert_eq!(there.call("flock file exclusive"), "ok");
    drop((here, there, beside));

    let [mut here, mut there] = scene.agents("flock");
    assert_eq!(here.call("flock file shared"), "ok");
    assert_eq!(there.call("flock file shared"), "ok");
    assert_eq!(there.call("flock file exclusive"), "EAGAIN");
    assert_eq!(here.call("flock file none"), "ok");
    assert_eq!(there.call("flock file exclusive"), "ok");
    assert_eq!(here.call("flock file shared"), "EAGAIN");
    assert_eq!(there.call("flock file shared"), "ok");
    assert_eq!(here.call("flock file shared"), "ok");
    assert_eq!(here.call("fcntl file exclusive"), "ok");
    drop((here, there));
    scene.end();
}

#[test]
fn whoever_waits_gets_the_lock_when_the_other_mount_gives_it_up() {
    let scene = Scene::new();
    for kind in KINDS {
        let wait = format!("{kind}-wait file exclusive");
        let take = format!("{kind} file exclusive");
        let [mut here, mut there] = scene.agents(kind);
        assert_eq!(here.call(&take), "ok");
        there.begin_to_wait(&wait);
        assert_eq!(here.call(&format!("{kind} file none")), "ok");
        assert_eq!(there.end(), "ok", "{kind}: unlocked");
        here.begin_to_wait(&wait);
        assert_eq!(there.call("close file"), "ok");
        assert_eq!(here.end(), "ok", "{kind}: closed");
        there.open("file", &scene.path(1, kind));
        there.begin_to_wait(&wait);
        here.kill();
        assert_eq!(there.end(), "ok", "{kind}: killed");
    }
    scene.end();
}

#[test]
fn processes_of_two_mounts_that_wait_for_each_other_get_edeadlk() {
    let scene = Scene::new();
    let [mut here, mut there] = scene.agents("first");
    File::create_new(scene.path(0, "second")).unwrap();
    here.open("second", &scene.path(0, "second"));
    there.open("second", &scene.path(1, "second"));
    assert_eq!(here.call("fcntl file exclusive"), "ok");
    assert_eq!(there.call("fcntl second exclusive"), "ok");
    here.begin_to_wait("fcntl-wait second exclusive");
    // Its call may be on its way still, and who comes second closes the circle.
    wait_until("the cluster knows that it waits", LEASE_OVER, || {
        scene.cluster.ask(&["locks"]).contains("waits")
    });
    assert_eq!(there.call("fcntl-wait file exclusive"), "EDEADLK");
    assert_eq!(there.call("fcntl second none"), "ok");
    assert_eq!(here.end(), "ok");
    drop((here, there));
    scene.end();
}

#[test]
fn a_signal_ends_a_wait_with_eintr_and_leaves_no_lock() {
    let scene = Scene::new();
    for kind in KINDS {
        let [mut here, mut there] = scene.agents(kind);
        assert_eq!(here.call(&format!("{kind} file exclusive")), "ok");
        there.begin_to_wait(&format!("{kind}-wait file exclusive"));
        there.signal(Signal::SIGUSR1);
        assert_eq!(there.end(), "EINTR", "{kind}");
        // Nothing is held by who was interrupted, and nothing is granted to him later.
        assert_eq!(here.call(&format!("{kind} file none")), "ok");
        assert_eq!(here.call(&format!("{kind} file exclusive")), "ok", "{kind}");
        assert_eq!(there.call(&format!("{kind} file shared")), "EAGAIN");
        there.begin_to_wait(&format!("{kind}-wait file exclusive"));
        there.kill();
        assert_eq!(here.call(&format!("{kind} file none")), "ok");
        assert_eq!(here.call(&format!("{kind} file exclusive")), "ok", "{kind}");
    }
    scene.end();
}

#[test]
fn what_a_program_has_closed_is_free_for_the_next_one_on_its_machine() {
    let cluster = Cluster::start(3);
    let mount = cluster.mount(1, "noatime");
    fs::write(mount.path("file"), "").unwrap();
    let open = || {
        File::options()
            .read(true)
            .write(true)
            .open(mount.path("file"))
    };
    let lock =
        |file: &File, kind| set_lock(file, kind, Bytes::ALL, Some(LockMode::Exclusive), false);
    for round in 0..50 {
        for kind in [LockKind::Ofd, LockKind::Flock, LockKind::Fcntl] {
            let (first, second) = (open().unwrap(), open().unwrap());
            lock(&first, kind).unwrap();
            drop(first);
            assert_eq!(lock(&second, kind), Ok(()), "{kind:?}, round {round}");
            drop(second);
            let third = open().unwrap();
            let mut question = libc::flock {
                l_type: libc::F_WRLCK as i16,
                l_whence: libc::SEEK_SET as i16,
                l_start: 0,
                l_len: 0,
                l_pid: 0,
            };
            fcntl(&third, FcntlArg::F_OFD_GETLK(&mut question)).unwrap();
            let found = i32::from(question.l_type);
            assert_eq!(found, libc::F_UNLCK, "{kind:?}, round {round}");
        }
    }
    mount.unmount();
}

#[test]
fn a_number_that_is_counted_under_locks_is_exact() {
    const PROCESSES: usize = 4;
    const TIMES: u64 = 50;
    const LIMIT: Duration = Duration::from_secs(100);
    let scene = Scene::new();
    for verb in ["count", "count-mapped"] {
        fs::write(scene.path(0, verb), 0_u64.to_be_bytes()).unwrap();
        let mut agents: Vec<Agent> = (0..2 * PROCESSES)
            .map(|number| Agent::with(&scene.path(number % 2, verb)))
            .collect();
        for agent in &mut agents {
            agent.begin(&format!("{verb} file {TIMES}"));
        }
        for agent in &mut agents {
            assert_eq!(agent.end_within(LIMIT), "ok", "{verb}");
        }
        drop(agents);
        for mount in [0, 1] {
            let bytes = fs::read(scene.path(mount, verb)).unwrap();
            let number = u64::from_be_bytes(bytes.try_into().unwrap());
            assert_eq!(number, 2 * PROCESSES as u64 * TIMES, "{verb}");
        }
    }
    scene.end();
}

#[test]
fn the_locks_of_a_mount_that_is_killed_are_free_after_its_lease() {
    let mut scene = Scene::new();
    let [mut here, mut there] = scene.agents("file");
    assert_eq!(here.call("fcntl file exclusive 0 10"), "ok");
    assert_eq!(here.call("flock file exclusive"), "ok");
    let mut beside = Agent::with(&scene.path(1, "file"));
    there.begin_to_wait("fcntl-wait file exclusive");
    beside.begin_to_wait("flock-wait file shared");
    scene.mounts[0].kill();
    assert_eq!(there.end_within(LEASE_OVER), "ok");
    assert_eq!(beside.end_within(LEASE_OVER), "ok");
}

#[test]
fn a_mount_that_was_frozen_changes_nothing_under_a_lock_that_it_lost() {
    let scene = Scene::new();
    let frozen = scene.mounts[0].pid();
    let [mut here, mut there] = scene.agents("file");
    assert_eq!(here.call("fcntl file exclusive"), "ok");
    assert_eq!(here.call("write file mine"), "ok");
    here.open("unlocked", &scene.path(0, "file"));
    there.begin_to_wait("fcntl-wait file exclusive");
    holdfast_tests::process::freeze(frozen);
    here.begin("write file late");
    assert_eq!(there.end_within(LEASE_OVER), "ok");
    assert_eq!(there.call("read file"), "ok mine");
    assert_eq!(there.call("write file theirs"), "ok");
    holdfast_tests::process::signal(frozen, Signal::SIGCONT);
    assert_eq!(here.end(), "EIO");
    for call in [
        "read file",
        "write file late",
        "sync file",
        "fcntl file exclusive",
        "read unlocked",
    ] {
        assert_eq!(here.call(call), "EIO", "{call}");
    }
    assert_eq!(here.call("fcntl file none"), "ok");
    assert_eq!(there.call("read file"), "ok theirs");
    // The rest of the mount goes on, and so does the file when it is opened again.
    fs::write(scene.path(0, "other"), "other").unwrap();
    assert_eq!(here.call("close file"), "ok");
    assert_eq!(here.call("close unlocked"), "ok");
    here.open("file", &scene.path(0, "file"));
    assert_eq!(here.call("read file"), "ok theirs");
    assert_eq!(here.call("fcntl file exclusive"), "EAGAIN");
    assert_eq!(there.call("close file"), "ok");
    assert_eq!(here.call("fcntl file exclusive"), "ok");
    assert_eq!(here.call("write file again"), "ok");
    let said = scene.mounts[0].log();
    let lost = said.matches("its locks are lost").count();
    assert_eq!(lost, 1, "{said}");
    drop((here, there));
    scene.end();
}

#[test]
fn a_removed_file_stays_where_it_is_open_and_gives_its_space_back_at_the_last_close() {
    let mut scene = Scene::new();
    let [mut here, there] = scene.agents("file");
    let content = "x".repeat(60_000);
    assert_eq!(here.call(&format!("write file {content}")), "ok");
    let used = || {
        let counts = nix::sys::statvfs::statvfs(scene.mounts[1].root()).unwrap();
        counts.blocks() - counts.blocks_free()
    };
    let inodes = || {
        let counts = nix::sys::statvfs::statvfs(scene.mounts[1].root()).unwrap();
        counts.files() - counts.files_free()
    };
    let (during, of_inodes) = (used(), inodes());
    drop(there);
    fs::remove_file(scene.path(1, "file")).unwrap();
    let leader = scene.cluster.leader();
    scene.cluster.kill(leader);
    assert_eq!(here.call("read file"), format!("ok {content}"));
    scene.cluster.restart(leader);
    scene.cluster.wait_settled();
    assert_eq!(here.call("write file still"), "ok");
    assert_eq!(inodes(), of_inodes);
    assert_eq!(here.call("close file"), "ok");
    wait_until("the space comes back", LEASE_OVER, || {
        inodes() < of_inodes && used() < during
    });
    drop(here);
    scene.end();
}
