//! One round: mounts, arenas, clients, a nemesis; and then the verdict.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant, SystemTime};

use holdfast_tests::cluster::ClusterMount;
use holdfast_tests::linearizability::{
    Disk, Ending, LockCall, LockTable, Moment, Namespace, Operation, Tree,
};
use holdfast_tests::locking::LockKind;
use holdfast_tests::poll::{becomes_true, wait_until};
use holdfast_tests::process::signal;
use holdfast_tests::{Cluster, Random};
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};

use crate::clients::{Client, LockOperation, NameOperation, Shared};
use crate::judge::judge;
use crate::sessions::{Sessions, of_process};

pub(crate) const MOUNTS: usize = 3;
/// The mount that can be cut off alone.
pub(crate) const APART: usize = 2;
const ARENAS: usize = 2;
/// On each mount in each arena.
const CLIENTS: usize = 2;
const LOCKS: [LockKind; 2] = [LockKind::Ofd, LockKind::Flock];
/// So many calls are under way on a mount at a time.
const CALLS: usize = ARENAS * CLIENTS + LOCKS.len();
/// Operations may wait so long for a cluster that is whole again, on a loaded machine of two cores.
const PATIENCE: Duration = Duration::from_mins(1);
/// So long after a disk has become full somebody has met that.
const FULL: Duration = Duration::from_secs(20);
/// So many operations are enough before a fault, and after one.
const ENOUGH: u32 = 300;

/// That the session of a mount may end.
#[derive(Debug, Clone, Copy)]
struct SessionEnd {
    mount: usize,
    /// From when on.
    from: Moment,
    /// What was asked for before and answered after this may have been given in the old session, too.
    asked_again: Moment,
}

/// What a nemesis may touch.
pub(crate) struct Round<'a> {
    pub(crate) cluster: &'a mut Cluster,
    mounts: &'a Mutex<Vec<Option<ClusterMount>>>,
    shared: &'a Shared,
    endings: Vec<SessionEnd>,
    /// Whether a disk was ever full.
    disk: Disk,
    /// Mounts that were killed.
    killed: usize,
}

impl Round<'_> {
    /// Waits until clients have done something.
    #[track_caller]
    pub(crate) fn work(&self) {
        let before = self.shared.recorder.count();
        let goes_on = becomes_true(PATIENCE, || self.shared.recorder.count() > before + ENOUGH);
        let waiting = self.shared.recorder.under_way();
        assert!(goes_on, "nothing goes on: {waiting:#?}");
    }

    /// Freezes a mount, or lets it go on.
    pub(crate) fn signal_mount(&self, mount: usize, what: Signal) {
        if let Some(Some(one)) = self.mounts.lock().unwrap().get(mount) {
            signal(one.pid(), what);
        }
    }

    /// Kills a mount.
    pub(crate) fn kill_mount(&mut self, mount: usize) {
        if let Some(mut one) = self.mounts.lock().unwrap()[mount].take() {
            self.killed += 1;
            one.kill();
        }
    }

    /// Who may answer nothing is never refuted. What is under way when the session of a mount ends has no outcome, and
    /// on a machine that stands still for longer than a lease any session may end, once; nothing else has none, whatever
    /// happens to nodes. No mount ends by itself.
    #[track_caller]
    fn assert_answered(&self, what: &str) {
        let recorder = &self.shared.recorder;
        let unknown = recorder.unknown();
        let count: u32 = unknown.values().sum();
        let most = CALLS * (MOUNTS + self.endings.len());
        assert!(count as usize <= most, "{what}: unknown {unknown:?}");
        let gone = recorder.without_mount() as usize;
        assert!(gone <= CALLS * self.killed, "{what}: {gone} without mount");
    }

    /// Leaves so little space on the disk of a node.
    pub(crate) fn fill_disk(&mut self, node: u64, left: u64) {
        self.disk = Disk::MayBeFull;
        self.cluster.disk(node).fill_up_to(left);
    }

    /// Waits until a full disk has refused something, if it does; answers how often it has.
    pub(crate) fn work_without_space(&self) -> u32 {
        becomes_true(FULL, || self.shared.no_space() > 0);
        self.shared.no_space()
    }

    /// Does something to a mount after which the cluster ends its session, and waits until it has.
    #[track_caller]
    pub(crate) fn lose_session(
        &mut self,
        (mount, later): (usize, Duration),
        harm: impl FnOnce(&mut Round<'_>),
    ) {
        let client = self.cluster.client();
        let pid = self.mounts.lock().unwrap()[mount].as_ref().unwrap().pid();
        let mut lost = None;
        wait_until("the mount has a session", PATIENCE, || {
            lost = of_process(pid, &client.sessions()).map(|open| open.session);
            lost.is_some()
        });
        self.may_expire(mount, later);
        harm(self);
        wait_until("the session of the mount has ended", PATIENCE, || {
            let open = client.sessions();
            open.iter().all(|open| Some(open.session) != lost)
        });
        client.close();
    }

    /// From so much later on the cluster may end the session of a mount.
    pub(crate) fn may_expire(&mut self, mount: usize, later: Duration) {
        let moment = self.shared.recorder.moment(later);
        self.endings.push(SessionEnd {
            mount,
            from: moment,
            asked_again: moment,
        });
    }

    /// On a machine that stands still for longer than a lease sessions end that nobody harms.
    #[track_caller]
    fn note_lost_sessions(&mut self, sessions: &Sessions) {
        let meant: Vec<usize> = self.endings.iter().map(|end| end.mount).collect();
        for (mount, next) in sessions.lost(self.cluster, &meant) {
            println!("the session of mount {mount} ended by itself");
            let next = next.unwrap_or_else(SystemTime::now);
            self.endings.push(SessionEnd {
                mount,
                from: 0,
                asked_again: self.shared.recorder.moment_of(next),
            });
        }
    }
}

/// Lets a fault last, whatever the clients can do meanwhile.
pub(crate) fn last(time: Duration) {
    let began = Instant::now();
    becomes_true(time, || began.elapsed() >= time);
}

/// Runs clients while a nemesis is at work, and judges what they recorded.
#[track_caller]
pub(crate) fn run(
    what: &str,
    cluster: &mut Cluster,
    (random, options): (&mut Random, &str),
    nemesis: impl FnOnce(&mut Round<'_>),
) {
    static ROUNDS: AtomicU32 = AtomicU32::new(0);
    let began = Instant::now();
    let name = format!("round-{}", ROUNDS.fetch_add(1, Ordering::SeqCst));
    umask(Mode::empty());
    let nodes = cluster.ids();
    let mount = |mount: usize| {
        let first = nodes[mount % nodes.len()];
        if mount == APART && cluster.has_network() {
            return cluster.mount_apart(first, options);
        }
        cluster.mount(first, options)
    };
    let mounts: Vec<_> = (0..MOUNTS).map(mount).collect();
    make(&mounts[0].path(&name));
    let roots: Vec<PathBuf> = mounts.iter().map(|mount| mount.path(&name)).collect();
    for (mount, root) in roots.iter().enumerate() {
        // A mount has a session from its first change on.
        fs::write(root.join(format!("mount-{mount}")), "").unwrap();
    }
    let sessions = Sessions::of(cluster, &mounts);
    let mounts = Mutex::new(mounts.into_iter().map(Some).collect());
    let shared = Shared::default();
    let mut round = Round {
        cluster,
        mounts: &mounts,
        shared: &shared,
        endings: Vec::new(),
        disk: Disk::Ample,
        killed: 0,
    };
    let (mut names, mut locks) = work(what, &roots, random, (&mut round, nemesis));
    let worked = began.elapsed();
    println!(
        "{what}: worked {worked:.1?}, {} operations, unknown {:?}, {} without mount",
        shared.recorder.count(),
        shared.recorder.unknown(),
        shared.recorder.without_mount()
    );
    round.assert_answered(what);
    round.note_lost_sessions(&sessions);
    let (endings, disk) = (round.endings, round.disk);
    // A mount that lives sees what has become of everything.
    let living = mounts.lock().unwrap().iter().position(Option::is_some);
    for (arena, names) in names.iter_mut().enumerate() {
        let client = client(random, living.unwrap(), &roots, &format!("arena-{arena}"));
        names.extend(client.look(&shared));
    }
    drop(mounts);
    for operations in &mut locks {
        for (number, ending) in endings.iter().enumerate() {
            end_session(operations, &shared, *ending, number);
        }
    }
    for (arena, operations) in names.into_iter().enumerate() {
        let what = format!("{what}, arena {arena}");
        println!(
            "{what}: {}",
            judge::<Namespace>(&what, operations, &Tree::empty(disk))
        );
    }
    for (lock, operations) in locks.into_iter().enumerate() {
        let what = format!("{what}, lock {lock}");
        println!(
            "{what}: {}",
            judge::<LockTable>(&what, operations, &LockTable::default())
        );
    }
}

/// Adds to what was recorded that the session of a mount may end.
fn end_session(
    operations: &mut Vec<LockOperation>,
    shared: &Shared,
    end: SessionEnd,
    ending: Ending,
) {
    let unknown = |call: LockCall, invoked: Moment| Operation {
        id: shared.recorder.id(),
        client: "cluster".to_owned(),
        call,
        answer: None,
        invoked,
    };
    let spanning = operations.iter().filter(|one| {
        let returned = one.returned();
        let moment = end.asked_again;
        one.invoked <= moment && returned.is_some_and(|returned| returned > moment)
    });
    let unheard = spanning.filter_map(|one| match one.call {
        LockCall::Try(owner, mode) | LockCall::Wait(owner, mode) if owner.mount == end.mount => {
            let call = LockCall::Unheard(owner, mode, ending);
            Some(unknown(call, one.invoked))
        }
        LockCall::Try(..)
        | LockCall::Wait(..)
        | LockCall::Unlock(_)
        | LockCall::Expire(..)
        | LockCall::Unheard(..) => None,
    });
    let unheard: Vec<_> = unheard.collect();
    operations.extend(unheard);
    operations.push(unknown(LockCall::Expire(end.mount, ending), end.from));
}

/// Makes the directory of a round on one mount.
fn make(root: &Path) {
    fs::create_dir(root).unwrap();
    for arena in 0..ARENAS {
        fs::create_dir(root.join(format!("arena-{arena}"))).unwrap();
    }
    for lock in 0..LOCKS.len() {
        fs::write(root.join(format!("lock-{lock}")), "").unwrap();
    }
}

fn client(random: &mut Random, mount: usize, roots: &[PathBuf], place: &str) -> Client {
    let seed = random.number();
    Client {
        mount,
        name: format!("{mount}.{:03}", seed % 1000),
        directory: roots[mount].join(place),
        random: Random::new(seed),
    }
}

/// What the clients recorded in each arena, and of each lock.
type Recorded = (Vec<Vec<NameOperation>>, Vec<Vec<LockOperation>>);

#[track_caller]
fn work<'a>(
    what: &str,
    roots: &[PathBuf],
    random: &mut Random,
    (round, nemesis): (&mut Round<'a>, impl FnOnce(&mut Round<'a>)),
) -> Recorded {
    let (shared, mounts) = (round.shared, round.mounts);
    thread::scope(|scope| {
        let (mut arenas, mut locks) = (Vec::new(), Vec::new());
        for arena in 0..ARENAS {
            let clients = (0..MOUNTS * CLIENTS).map(|number| {
                let place = format!("arena-{arena}");
                let client = client(random, number % MOUNTS, roots, &place);
                scope.spawn(|| client.use_names(shared))
            });
            arenas.push(clients.collect::<Vec<_>>());
        }
        for (lock, kind) in LOCKS.iter().enumerate() {
            let clients = (0..MOUNTS).map(|mount| {
                let client = client(random, mount, roots, &format!("lock-{lock}"));
                scope.spawn(|| client.use_lock(shared, *kind))
            });
            locks.push(clients.collect::<Vec<_>>());
        }
        let fought = catch_unwind(AssertUnwindSafe(|| nemesis(round)));
        shared.is_over.store(true, Ordering::SeqCst);
        let has_ended = becomes_true(PATIENCE, || {
            arenas.iter().flatten().all(ScopedJoinHandle::is_finished)
                && locks.iter().flatten().all(ScopedJoinHandle::is_finished)
        });
        let waiting = shared.recorder.under_way();
        if !has_ended || fought.is_err() {
            // Their system calls end with their mounts.
            for mount in mounts.lock().unwrap().iter_mut() {
                drop(mount.take());
            }
        }
        if let Err(panic) = fought {
            resume_unwind(panic);
        }
        assert!(has_ended, "{what}: these never returned: {waiting:#?}");
        (collect(arenas), collect(locks))
    })
}

fn collect<T>(groups: Vec<Vec<ScopedJoinHandle<'_, Vec<T>>>>) -> Vec<Vec<T>> {
    let joined = |group: Vec<ScopedJoinHandle<'_, Vec<T>>>| {
        let parts = group.into_iter().map(|one| one.join().unwrap());
        parts.flatten().collect()
    };
    groups.into_iter().map(joined).collect()
}
