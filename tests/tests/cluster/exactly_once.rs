//! What is tried again takes effect once: no error that nobody caused, no effect twice.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use holdfast_metadata::InodeId;
use holdfast_tests::cluster::SETTLED;
use holdfast_tests::{Client, Cluster, wait_until};

const KILLS: usize = 4;
const THREADS: usize = 4;
/// Every so many rounds what was made stays, to be counted at the end.
const KEPT: u64 = 5;

#[test]
fn mkdir_rename_link_and_unlink_under_kills_meet_no_error_and_happen_once() {
    let mut cluster = Cluster::start(3);
    let client = cluster.client();
    let (stop, rounds) = (AtomicBool::new(false), AtomicU64::new(0));
    let kept = thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|worker| {
                let (client, stop, rounds) = (&client, &stop, &rounds);
                scope.spawn(move || work(client, worker, stop, rounds))
            })
            .collect();
        let ended = || workers.iter().any(thread::ScopedJoinHandle::is_finished);
        let progress = || {
            let aim = rounds.load(Ordering::Acquire) + 20;
            wait_until("the rounds go on", SETTLED, || {
                rounds.load(Ordering::Acquire) >= aim || ended()
            });
        };
        // Whatever fails, the workers must end, or the scope never does.
        let ending = SetOnDrop(&stop);
        for _ in 0..KILLS {
            progress();
            let leader = cluster.leader();
            cluster.kill(leader);
            progress();
            cluster.restart(leader);
            cluster.wait_caught_up(leader);
        }
        drop(ending);
        let all = workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap());
        all.collect::<BTreeSet<String>>()
    });
    let names: BTreeSet<String> = client.names(InodeId::ROOT).into_keys().collect();
    assert_eq!(names, kept);
    cluster.wait_settled();
    cluster.assert_all_replicas_agree();
}

struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Each step would fail if an earlier one had happened twice or not at all. Answers what is to be left.
fn work(client: &Client, worker: usize, stop: &AtomicBool, rounds: &AtomicU64) -> Vec<String> {
    let mut kept = Vec::new();
    let mut round = 0;
    while !stop.load(Ordering::Acquire) {
        let (made, moved) = (
            format!("made-{worker}-{round}"),
            format!("moved-{worker}-{round}"),
        );
        let directory = client.mkdir(InodeId::ROOT, &made).unwrap();
        let file = client.create(directory, "file").unwrap();
        client.rename(InodeId::ROOT, &made, &moved).unwrap();
        for name in ["one", "two", "three"] {
            client.link(file, directory, name).unwrap();
        }
        assert_eq!(client.lookup(directory, "file").unwrap().nlink, 4);
        for name in ["one", "two", "file"] {
            client.unlink(directory, name).unwrap();
        }
        client.rename(directory, "three", "file").unwrap();
        assert_eq!(client.lookup(directory, "file").unwrap().nlink, 1);
        if round % KEPT == 0 {
            kept.push(moved);
        } else {
            client.unlink(directory, "file").unwrap();
            client.rmdir(InodeId::ROOT, &moved).unwrap();
        }
        round += 1;
        rounds.fetch_add(1, Ordering::AcqRel);
    }
    kept
}
