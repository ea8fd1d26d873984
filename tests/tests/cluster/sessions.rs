//! Sessions end with their mounts and not before, and what nobody has open gives its space back.

use std::sync::Arc;
use std::time::Duration;

use holdfast_metadata::{
    Answer, InodeId, LockMode, LockOwner, LockRange, LockSpace, Operation, SessionId, SetLock,
};
use holdfast_replicator::{Attendant, Pending};
use holdfast_tests::cluster::{Client, ClusterSetup, command};
use holdfast_tests::{Cluster, Metronome, wait_until};

/// The shortest that nodes take.
const LEASE: Duration = Duration::from_secs(2);
const SETTINGS: &str = "[timing]\nsession_lease_ms = 2000\n";
/// A machine that stands still each time is of no use.
const ATTEMPTS: usize = 6;
/// A session of a dead mount has ended after so long, also where a leader was just elected.
const ENDED: Duration = Duration::from_secs(20);

/// Uses whatever is asked for.
struct UsesAll;

impl Attendant for UsesAll {
    fn keep(&self, orphans: Vec<InodeId>) -> Pending<'_, Vec<InodeId>> {
        Box::pin(async move { orphans })
    }
}

fn cluster() -> Cluster {
    ClusterSetup::default().settings(SETTINGS).start(3)
}

fn ids(client: &Client) -> Vec<SessionId> {
    let sessions = client.sessions();
    sessions.iter().map(|session| session.session).collect()
}

/// A whole lease passes: that of a mount which dies now.
fn let_a_lease_pass(cluster: &Cluster, witness: &Client) {
    let before = ids(witness);
    let dying = cluster.client();
    let id = ids(&dying)
        .into_iter()
        .find(|id| !before.contains(id))
        .unwrap();
    drop(dying);
    wait_until("the session of a dead mount ends", ENDED, || {
        !ids(witness).contains(&id)
    });
}

/// Sessions that should stay do, so many times; but for times when the machine stands still for half a lease.
#[track_caller]
fn stay(times: usize, mut are_kept: impl FnMut() -> bool) {
    let metronome = Metronome::start();
    let mut kept = 0;
    for _ in 0..ATTEMPTS {
        metronome.stood_still(LEASE);
        if are_kept() {
            kept += 1;
        } else {
            let still = metronome.stood_still(LEASE);
            assert!(
                still >= LEASE / 2,
                "lost, and nothing stood still: {still:?}"
            );
        }
        if kept == times {
            return;
        }
    }
    panic!("kept {kept} times of {ATTEMPTS}");
}

#[test]
fn a_session_ends_with_its_mount_and_the_others_stay() {
    let cluster = cluster();
    stay(1, || {
        let [living, other] = [cluster.client(), cluster.client()];
        let both = ids(&living);
        let_a_lease_pass(&cluster, &living);
        let_a_lease_pass(&cluster, &other);
        let are_kept = both.len() == 2 && ids(&living) == both;
        other.close();
        let alone = ids(&living).len();
        assert!(!are_kept || alone == 1, "a clean end needs no lease");
        living.close();
        are_kept
    });
}

#[test]
fn sessions_outlive_the_leader() {
    let mut cluster = cluster();
    let clients = [cluster.client(), cluster.client()];
    let epochs = || clients.each_ref().map(|client| client.shared().epoch());
    stay(2, || {
        let before = (ids(&clients[0]), epochs());
        let leader = cluster.leader();
        cluster.kill(leader);
        let_a_lease_pass(&cluster, &clients[1]);
        let after = (ids(&clients[0]), epochs());
        cluster.restart(leader);
        cluster.wait_settled();
        before.0.len() == 2 && after == before
    });
}

#[test]
fn an_orphan_stays_while_a_mount_has_it_open_whoever_leads() {
    let mut cluster = cluster();
    let opener = Client::attended(&cluster, Arc::new(UsesAll));
    let remover = cluster.client();
    let empty = remover.inodes();
    let open = remover.create(InodeId::ROOT, "open").unwrap();
    remover.unlink(InodeId::ROOT, "open").unwrap();
    for round in 0..2 {
        // One that nobody keeps would be gone by the time that this one is.
        let witness = remover.create(InodeId::ROOT, "witness").unwrap();
        remover.unlink(InodeId::ROOT, "witness").unwrap();
        opener.shared().release(witness);
        wait_until("the other one is reclaimed", ENDED, || {
            opener.shared().release(witness);
            remover.inodes() == empty + 1
        });
        if round == 0 {
            let leader = cluster.leader();
            cluster.kill(leader);
            cluster.restart(leader);
            cluster.wait_settled();
        }
    }
    opener.shared().release(open);
    wait_until("it is reclaimed", ENDED, || remover.inodes() == empty);
}

#[test]
fn what_a_dead_mount_had_open_is_reclaimed() {
    let cluster = cluster();
    let opener = Client::attended(&cluster, Arc::new(UsesAll));
    let remover = cluster.client();
    let empty = remover.inodes();
    for name in ["a", "b", "c"] {
        remover.create(InodeId::ROOT, name).unwrap();
        remover.unlink(InodeId::ROOT, name).unwrap();
    }
    let_a_lease_pass(&cluster, &remover);
    assert_eq!(remover.inodes(), empty + 3, "they are open");
    drop(opener);
    wait_until("they are reclaimed", ENDED, || remover.inodes() == empty);
}

fn lock(ino: InodeId, wait: bool) -> SetLock {
    SetLock {
        ino,
        space: LockSpace::Posix,
        owner: LockOwner(7),
        range: LockRange { start: 3, end: 9 },
        mode: LockMode::Exclusive,
        process: 4711,
        wait,
    }
}

#[test]
fn operators_see_sessions_and_locks_and_can_end_a_session() {
    let cluster = cluster();
    let (holder, waiter) = (cluster.client(), cluster.client());
    let file = holder.create(InodeId::ROOT, "file").unwrap();
    let asked = command(Operation::SetLock(lock(file, false)));
    let never = || Box::pin(std::future::pending()) as Pending<'_, ()>;
    let locked = holder.within(holder.shared().set_lock(1, asked, false, never()));
    assert_eq!(locked, Ok(Ok(Answer::Locked)));
    let holding = || cluster.ask(&["locks"]);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            let asked = command(Operation::SetLock(lock(file, true)));
            waiter.within(waiter.shared().set_lock(1, asked, false, never()))
        });
        wait_until("one waits", ENDED, || holding().contains("waits"));
        let listed = holding();
        let held = listed.lines().find(|line| line.contains("holds")).unwrap();
        assert!(
            held.contains("4711") && held.ends_with("3 to 9"),
            "{listed}"
        );
        // The holder is ended: the other one gets the lock.
        let victim = held
            .split_whitespace()
            .find(|word| word.len() == 16 && word.chars().all(|c| c.is_ascii_hexdigit()))
            .unwrap();
        let sessions = cluster.ask(&["session", "list"]);
        assert!(sessions.contains(victim), "{sessions}");
        cluster.holdfast(&["session", "evict", victim]).success();
        assert_eq!(waiting.join().unwrap(), Ok(Ok(Answer::Locked)));
        let sessions = cluster.ask(&["session", "list", "--json"]);
        assert!(!sessions.contains(victim), "{sessions}");
        let again = cluster.holdfast(&["session", "evict", victim]);
        assert!(!again.status.success());
        assert!(
            again.stderr.contains("there is no session"),
            "{}",
            again.stderr
        );
    });
    wait_until("it has another session", ENDED, || {
        holder.shared().epoch() == 2
    });
    assert_eq!(holding().lines().count(), 2, "the title and one lock");
}
