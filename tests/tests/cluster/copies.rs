//! What a mount answers by itself is what was acknowledged last, wherever that was, whatever happens meanwhile.

use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use holdfast_metadata::{
    Answer, InodeId, Operation, PosixError, Query, Reply, SetAttributes, Timestamp,
};
use holdfast_tests::cluster::{Client, ClusterSetup, SETTLED, VOLUME};
use holdfast_tests::process::{freeze, signal};
use holdfast_tests::{Cluster, place, run_within, wait_until};
use nix::sys::signal::Signal;

const ROUNDS: usize = 3;
/// A change may wait for as long as copies may be used; everything else is done in much less.
const WAITED: Duration = Duration::from_secs(5);

/// Changes one number and says which was acknowledged; others look.
struct Number {
    ino: InodeId,
    acknowledged: AtomicI64,
    is_over: AtomicBool,
}

/// Whoever counts and looks ends with the test, also when that fails.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Number {
    fn new(client: &Client) -> Number {
        let number = Number {
            ino: client.create(InodeId::ROOT, "number").unwrap(),
            acknowledged: AtomicI64::new(0),
            is_over: AtomicBool::new(false),
        };
        number.set(client, 1);
        number
    }

    fn set(&self, client: &Client, seconds: i64) {
        let operation = Operation::SetAttributes(SetAttributes {
            mtime: Some(Timestamp {
                seconds,
                nanoseconds: 0,
            }),
            ..SetAttributes::nothing(self.ino)
        });
        let answer = client.replicate(operation).unwrap().unwrap();
        assert!(matches!(answer, Answer::Attributes(_)), "{answer:?}");
        self.acknowledged.store(seconds, Ordering::SeqCst);
    }

    /// Counts until it is over.
    fn write(&self, client: &Client) {
        for seconds in 2.. {
            if self.is_over.load(Ordering::SeqCst) {
                return;
            }
            self.set(client, seconds);
        }
    }

    /// Looks until it is over; answers how often.
    fn read(&self, client: &Client) -> usize {
        let mut last = 0;
        for times in 0.. {
            if self.is_over.load(Ordering::SeqCst) {
                return times;
            }
            let known = self.acknowledged.load(Ordering::SeqCst).max(last);
            last = self.get(client);
            assert!(last >= known, "{last} after {known}");
        }
        0
    }

    fn get(&self, client: &Client) -> i64 {
        let query = Query::Attributes { ino: self.ino };
        match client.query(query).unwrap().unwrap() {
            Reply::Attributes(attributes) => attributes.mtime.seconds,
            other => panic!("{other:?}"),
        }
    }
}

/// So long after the last answer nothing is answered from copies any more.
const LEASE_OVER: Duration = Duration::from_millis(500);

#[test]
fn what_was_seen_is_answered_without_the_cluster_and_only_for_a_moment() {
    let cluster = Cluster::start(3);
    let client = cluster.client();
    let number = Number::new(&client);
    let answered_alone = || {
        // The last of these has its answer from the cluster, or the lease was renewed meanwhile.
        for _ in 0..10 {
            number.get(&client);
        }
        for id in cluster.ids() {
            cluster.pause(id);
        }
        let paused = Instant::now();
        let answered = std::thread::scope(|scope| {
            // It ends when the cluster goes on.
            let looking = scope.spawn(|| {
                let mut answered = 0;
                loop {
                    let began = Instant::now();
                    number.get(&client);
                    if paused.elapsed() > 2 * LEASE_OVER {
                        assert!(
                            began < paused + LEASE_OVER,
                            "it was answered without a lease"
                        );
                        return answered;
                    }
                    answered += 1;
                }
            });
            wait_until("the lease is over", WAITED, || {
                paused.elapsed() > 3 * LEASE_OVER
            });
            for id in cluster.ids() {
                cluster.resume(id);
            }
            looking.join().unwrap()
        });
        answered > 0
    };
    // The road leads to the leader after the first answers; the machine may be busy.
    wait_until("copies are used", WAITED * 6, answered_alone);
}

#[test]
fn a_change_that_was_acknowledged_on_one_mount_is_seen_on_the_others_at_once() {
    let cluster = Cluster::start(3);
    let ids = cluster.ids().into_iter();
    let mounts: Vec<_> = ids.map(|id| cluster.mount(id, "noatime")).collect();
    let path = |mount: usize, name: &str| mounts[mount].path(name);
    std::fs::create_dir(path(0, "directory")).unwrap();
    for round in 0..100 {
        let (one, other) = (round % 3, (round + 1) % 3);
        let name = "directory/file";
        assert!(!path(other, name).exists(), "round {round}");
        std::fs::write(path(one, name), "x").unwrap();
        let seen = path(other, name).metadata().unwrap();
        assert_eq!((seen.len(), seen.nlink()), (1, 1), "round {round}");
        std::fs::hard_link(path(one, name), path(one, "directory/second")).unwrap();
        assert_eq!(path(other, name).metadata().unwrap().nlink(), 2);
        std::fs::rename(path(other, name), path(other, "directory/third")).unwrap();
        assert!(!path(one, name).exists() && path(one, "directory/third").exists());
        for name in ["directory/second", "directory/third"] {
            std::fs::remove_file(path(one, name)).unwrap();
        }
    }
    for mount in mounts {
        mount.unmount();
    }
    cluster.assert_all_replicas_agree();
}

#[test]
fn nobody_sees_less_than_was_acknowledged_while_leaders_come_and_go() {
    let mut cluster = Cluster::start(3);
    let clients = [cluster.client(), cluster.client(), cluster.client()];
    let number = Number::new(&clients[0]);
    let looked = std::thread::scope(|scope| {
        let _end = Ending(&number.is_over);
        let [writer, readers @ ..] = &clients;
        scope.spawn(|| number.write(writer));
        let readers: Vec<_> = readers
            .iter()
            .map(|reader| scope.spawn(|| number.read(reader)))
            .collect();
        let goes_on = |what: &str| {
            let before = number.acknowledged.load(Ordering::SeqCst);
            wait_until(what, WAITED * 4, || {
                number.acknowledged.load(Ordering::SeqCst) > before + 50
            });
        };
        for _ in 0..ROUNDS {
            goes_on("it counts");
            let leader = cluster.leader();
            cluster.kill(leader);
            goes_on("it counts under another leader");
            cluster.restart(leader);
            cluster.wait_settled();
            let to = leader.to_string();
            cluster
                .holdfast(&["node", "transfer-leader", "--to", &to])
                .success();
            goes_on("it counts after leadership was handed over");
            let leader = cluster.leader();
            cluster.pause(leader);
            goes_on("it counts while the last leader is frozen");
            cluster.resume(leader);
        }
        number.is_over.store(true, Ordering::SeqCst);
        readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .min()
    });
    assert!(looked > Some(500), "{looked:?}");
    cluster.wait_settled();
    cluster.assert_all_replicas_agree();
}

#[test]
fn the_clients_of_a_leader_without_quorum_do_not_answer_from_before() {
    let cluster = Cluster::start_in_namespaces(3);
    let (here, there) = (cluster.client(), cluster.client());
    for round in 0..ROUNDS {
        let name = format!("file-{round}");
        let missing = here.lookup(InodeId::ROOT, &name);
        assert_eq!(missing.unwrap_err(), PosixError::NotFound);
        let leader = cluster.leader();
        cluster.network().isolate(leader);
        let made = there.create(InodeId::ROOT, &name).unwrap();
        assert_eq!(here.lookup(InodeId::ROOT, &name).unwrap().ino, made);
        cluster.network().heal();
        cluster.wait_caught_up(leader);
    }
    cluster.assert_all_replicas_agree();
}

#[test]
fn a_mount_that_is_frozen_or_dead_delays_a_change_for_a_moment_and_answers_nothing_old() {
    let cluster = Cluster::start(3);
    let leader = cluster.leader();
    let mut mounts = [
        cluster.mount(leader, "noatime"),
        cluster.mount(leader, "noatime"),
    ];
    let path = |mount: usize| mounts[mount].path("file");
    std::fs::write(path(0), "").unwrap();
    for length in 1..=ROUNDS as u64 {
        assert_eq!(path(1).metadata().unwrap().len(), length - 1);
        freeze(mounts[1].pid());
        let began = Instant::now();
        std::fs::write(path(0), "x".repeat(length as usize)).unwrap();
        assert!(began.elapsed() < WAITED, "{:?}", began.elapsed());
        signal(mounts[1].pid(), Signal::SIGCONT);
        assert_eq!(path(1).metadata().unwrap().len(), length);
    }
    let file = path(0);
    mounts[1].kill();
    let began = Instant::now();
    std::fs::write(&file, "last").unwrap();
    assert!(began.elapsed() < WAITED, "{:?}", began.elapsed());
}

/// Taking back the copies of a frozen mount takes seconds here.
const SLOW: &str =
    "[timing]\nelection_min_ms = 3000\nelection_max_ms = 4000\nsession_lease_ms = 20000\n";

/// A leader that takes its copies back and stays would give none.
#[test]
fn a_hand_over_that_nobody_waits_for_goes_on() {
    let cluster = ClusterSetup::default().settings(SLOW).start(3);
    let mount = cluster.mount(cluster.leader(), "noatime");
    std::fs::write(mount.path("file"), "").unwrap();
    let is_cut_off = |to: u64| {
        std::fs::metadata(mount.path("file")).unwrap();
        freeze(mount.pid());
        let (to, group) = (to.to_string(), VOLUME.to_string());
        let mut command = Command::new("timeout");
        command.args(["--signal=KILL", "1"]).arg(place::holdfast());
        command.args(["node", "transfer-leader", "--to", &to, "--group", &group]);
        command.env("HOLDFAST_CLUSTER", cluster.addresses().join(","));
        let is_cut_off = !run_within(&mut command, SETTLED).status.success();
        if is_cut_off {
            let what = "the other leads, whom nobody waits for";
            wait_until(what, SETTLED, || cluster.leader().to_string() == to);
        }
        signal(mount.pid(), Signal::SIGCONT);
        is_cut_off
    };
    // A leader that has just begun gives no copies yet.
    let limit = Instant::now() + SETTLED;
    let next = |leader: u64| cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    while !is_cut_off(next(cluster.leader())) {
        assert!(Instant::now() < limit, "no mount had to be waited for");
    }
    mount.unmount();
}
