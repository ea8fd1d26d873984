//! A dump while others write is the volume at one moment.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use holdfast_metadata::InodeId;
use holdfast_tests::{Client, Cluster, place, run, wait_until};

use super::holdfast;

const LIMIT: Duration = Duration::from_mins(1);

#[test]
fn a_dump_has_all_that_was_acknowledged_before_and_nothing_out_of_order() {
    let mut cluster = Cluster::start(3);
    let scratch = place::scratch();
    let writer = Writer::new(&cluster);
    thread::scope(|scope| {
        scope.spawn(|| writer.work());
        let _end = Ending(&writer.stop);
        for round in 0..3 {
            writer.wait_for(20);
            let before = writer.acknowledged();
            let file = scratch.path().join(round.to_string()).display().to_string();
            if round == 1 {
                // Who leads does not matter to what was read, nor to what is written.
                transfer(&cluster);
            }
            wait_until("a node leads", LIMIT, || {
                cluster
                    .holdfast(&["dump", "default", &file])
                    .status
                    .success()
            });
            let after = writer.acknowledged();
            let copy = format!("copy-{round}");
            cluster.holdfast(&["load", &copy, &file]).success();
            let client = cluster.client_of(&copy, &cluster.addresses());
            check(&client.names(InodeId::ROOT), before, after);
        }
    });
    drop(writer);
    for group in 1..=4 {
        cluster.assert_replicas_agree(group);
    }
    cluster.stop(1);
    let data = cluster.node(1).data().to_owned();
    let check = run(holdfast(&["fsck", "--data"]).arg(data)).success();
    assert!(check.contains("is clean"), "{check}");
}

fn transfer(cluster: &Cluster) {
    let other = cluster.ids().into_iter().find(|id| *id != cluster.leader());
    let to = other.unwrap().to_string();
    drop(cluster.holdfast(&["node", "transfer-leader", "--to", &to]));
}

/// The files were made in their order, and one of them is renamed all the time.
#[track_caller]
fn check(names: &BTreeMap<String, usize>, before: u64, after: u64) {
    let moving = names.keys().filter(|name| name.starts_with("moving-"));
    assert_eq!(moving.count(), 1, "{names:?}");
    let made = names.len() as u64 - 1;
    assert!(
        names.contains_key("made-0") && (0..made).all(|n| names.contains_key(&format!("made-{n}"))),
        "{names:?}"
    );
    assert!(
        before <= made && made <= after + 1,
        "{before} before, {made} in it, {after} after"
    );
}

/// The writer ends with the test, also when that fails.
struct Ending<'a>(&'a AtomicBool);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Writer {
    client: Client,
    made: AtomicU64,
    stop: AtomicBool,
}

impl Writer {
    fn new(cluster: &Cluster) -> Writer {
        let client = cluster.client();
        client.create(InodeId::ROOT, "moving-0").unwrap();
        Writer {
            client,
            made: AtomicU64::new(0),
            stop: AtomicBool::new(false),
        }
    }

    fn work(&self) {
        for number in 0.. {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let made = format!("made-{number}");
            self.client.create(InodeId::ROOT, &made).unwrap();
            self.made.fetch_add(1, Ordering::SeqCst);
            let (from, to) = (format!("moving-{number}"), format!("moving-{}", number + 1));
            self.client.rename(InodeId::ROOT, &from, &to).unwrap();
        }
    }

    fn acknowledged(&self) -> u64 {
        self.made.load(Ordering::SeqCst)
    }

    #[track_caller]
    fn wait_for(&self, more: u64) {
        let goal = self.acknowledged() + more;
        wait_until("it writes", LIMIT, || self.acknowledged() >= goal);
    }
}
