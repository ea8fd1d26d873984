//! A power failure of all nodes at once, at any moment: what was acknowledged is there when power is back.
//!
//! The disks of the nodes remember what was done to them. Every now and then all nodes stand still for a moment, and what
//! was acknowledged so far is noted: what a power failure then would have left of each disk is what the nodes are started on.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use holdfast_metadata::InodeId;
use holdfast_tests::cluster::{ClusterSetup, VOLUME};
use holdfast_tests::{Client, Cluster, Film, Load, Loss, Moment, Random};

/// So small that logs are purged and snapshots are sent while the test looks.
const SETTINGS: &str = "[snapshots]\nentries = 100\nspacing_seconds = 0\nkeep = 10\n";
const LIMIT: Duration = Duration::from_mins(1);
/// More than once a node sends its snapshot.
const MORE: u64 = 150;
/// How often the power of a node fails.
const FAILURES: u32 = 12;

/// When all nodes stood still.
struct Standstill {
    moments: BTreeMap<u64, Moment>,
    /// Files 0 to this one were made, and the answer had come.
    acknowledged: u64,
    /// Volumes that had been made, and not deleted.
    volumes: BTreeSet<String>,
}

/// What makes files, one after the other, and counts them.
#[derive(Default)]
struct Maker {
    made: AtomicU64,
    is_over: AtomicBool,
}

impl Maker {
    fn work(&self, client: &Client) {
        while !self.is_over.load(Ordering::Relaxed) {
            let number = self.made.load(Ordering::Relaxed);
            client.create(InodeId::ROOT, &name(number)).unwrap();
            self.made.store(number + 1, Ordering::Release);
        }
    }

    #[track_caller]
    fn wait_for(&self, more: u64) {
        let aim = self.made.load(Ordering::Relaxed) + more;
        holdfast_tests::wait_until("files are made", LIMIT, || {
            self.made.load(Ordering::Relaxed) >= aim
        });
    }
}

fn name(number: u64) -> String {
    format!("file-{number}")
}

fn start() -> Cluster {
    let setup = ClusterSetup::default().settings(SETTINGS);
    setup.recorded().start(3)
}

/// Looks at everything at once: what one node does before it stands still, another may answer, but not the other way round.
fn stand_still(cluster: &Cluster, maker: &Maker, volumes: &BTreeSet<String>) -> Standstill {
    let running = cluster.ids().into_iter();
    let running: Vec<u64> = running
        .filter(|id| cluster.node(*id).is_running())
        .collect();
    for id in &running {
        cluster.pause(*id);
    }
    let ids = cluster.ids().into_iter();
    let standstill = Standstill {
        acknowledged: maker.made.load(Ordering::Acquire),
        moments: ids.map(|id| (id, cluster.recorded(id).moment())).collect(),
        volumes: volumes.clone(),
    };
    for id in &running {
        cluster.resume(*id);
    }
    standstill
}

/// Everything that changes what nodes have on disk, with moments in between.
fn live(cluster: &mut Cluster, maker: &Maker, random: &mut Random) -> Vec<Standstill> {
    let mut volumes: BTreeSet<String> = [holdfast_tests::cluster::VOLUME_NAME.to_owned()].into();
    let mut standstills = Vec::new();
    let mut look = |cluster: &Cluster, volumes: &BTreeSet<String>, random: &mut Random| {
        for _ in 0..3 {
            maker.wait_for(random.below(20));
            standstills.push(stand_still(cluster, maker, volumes));
        }
    };
    look(cluster, &volumes, random);
    let leader = cluster.leader();
    let away = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    let had = cluster.replica(away, VOLUME).unwrap().last_log_index;
    cluster.kill(away);
    maker.wait_for(MORE);
    cluster.wait_replica("the log is purged", LIMIT, leader, |replica| {
        replica.purged_index > had
    });
    look(cluster, &volumes, random);
    cluster.restart(away);
    // Wherever it is: receiving, installing or replaying.
    look(cluster, &volumes, random);
    cluster.wait_caught_up(away);
    cluster.holdfast(&["volume", "create", "second"]).success();
    volumes.insert("second".to_owned());
    look(cluster, &volumes, random);
    // While it is deleted it may be there or not.
    volumes.remove("second");
    cluster
        .holdfast(&["volume", "delete", "--yes", "second"])
        .success();
    look(cluster, &volumes, random);
    cluster.holdfast(&["node", "transfer-leader"]).success();
    look(cluster, &volumes, random);
    cluster.wait_settled();
    look(cluster, &volumes, random);
    standstills
}

#[test]
fn after_a_power_failure_of_all_nodes_everything_acknowledged_is_there() {
    let mut random = Random::announced();
    let mut cluster = start();
    let client = cluster.client();
    let maker = Maker::default();
    let standstills = thread::scope(|scope| {
        scope.spawn(|| maker.work(&client));
        let standstills = live(&mut cluster, &maker, &mut random);
        maker.is_over.store(true, Ordering::Relaxed);
        standstills
    });
    client.close();
    for id in cluster.ids() {
        cluster.kill(id);
    }
    let films = cluster
        .ids()
        .into_iter()
        .map(|id| (id, cluster.recorded(id).film()));
    let mut films: BTreeMap<u64, Film> = films.collect();
    println!(
        "{} moments, {} files",
        standstills.len(),
        maker.made.load(Ordering::Relaxed)
    );
    for (number, standstill) in standstills.iter().enumerate() {
        for id in cluster.ids() {
            let film = films.get_mut(&id).unwrap();
            film.play_to(standstill.moments[&id]);
            let loss = if number.is_multiple_of(2) {
                Loss::All
            } else {
                Loss::Some(&mut random)
            };
            let image = cluster.scratch().join(format!("image-{number}-{id}"));
            film.after_power_failure(loss).write_to(&image);
            let data = image.join(format!("node-{id}"));
            let check = cluster.holdfast(&["fsck", "--data", data.to_str().unwrap()]);
            assert_eq!(check.status.code(), Some(0), "{check:?}");
            cluster.node_mut(id).use_data(data);
            cluster.restart(id);
        }
        assert_has_everything(&mut cluster, standstill);
        for id in cluster.ids() {
            cluster.kill(id);
            fs::remove_dir_all(cluster.scratch().join(format!("image-{number}-{id}"))).unwrap();
        }
    }
}

#[test]
fn a_node_whose_power_fails_goes_on_while_the_others_work() {
    let mut random = Random::announced();
    let mut cluster = start();
    let client = cluster.client();
    let load = Load::start(&client, InodeId::ROOT, "file", 2);
    for round in 0..FAILURES {
        load.wait_for(random.below(60));
        let id = 1 + random.below(3);
        let loss = if round.is_multiple_of(2) {
            Loss::All
        } else {
            Loss::Some(&mut random)
        };
        cluster.lose_power(id, loss);
        // The others may be behind: without this one they would have no quorum, which is no fault.
        cluster.wait_caught_up(id);
    }
    let worked = load.stop();
    cluster.wait_settled();
    worked.assert_is_all_of(&client.names(InodeId::ROOT));
    cluster.assert_all_replicas_agree();
}

fn assert_has_everything(cluster: &mut Cluster, standstill: &Standstill) {
    cluster.wait_settled();
    let client = cluster.client();
    let names = client.names(InodeId::ROOT);
    for number in 0..standstill.acknowledged {
        let name = name(number);
        assert!(
            names.contains_key(&name),
            "{name} of {} is missing",
            standstill.acknowledged
        );
    }
    // One may have been under way.
    assert!(
        names.len() as u64 <= standstill.acknowledged + 1,
        "{}",
        names.len()
    );
    let volumes = cluster.holdfast(&["volume", "list"]).success();
    for volume in &standstill.volumes {
        assert!(volumes.contains(volume), "{volume} in {volumes}");
    }
    client.create(InodeId::ROOT, "after").unwrap();
    cluster.assert_all_replicas_agree();
    client.close();
}
