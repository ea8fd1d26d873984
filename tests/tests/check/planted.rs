//! Each kind of damage is found by the real program in a real store, and nothing where there is none.
//!
//! The tables have a list of damages for each rule; one without a list fails the tests. The first of each list are such that all of them can be planted together.

mod clients;
mod content;
mod names;
mod sample;
mod spoilt;
mod usage;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use holdfast_metadata::invariant::{self, Rule};
use holdfast_metadata::{
    Answer, Engine, Format, InodeId, MemoryEngine, OpenSession, Operation, RequestId, RocksEngine,
    RocksOptions, SessionId, StateMachine, Timestamp,
};
use holdfast_replicator::{Attendant, Pending};
use holdfast_tests::cluster::{Client, ClusterSetup, StateOnDisk, command};
use holdfast_tests::{Cluster, Finished, Mounted, place, run};

use self::sample::{Maker, Sample};
use self::spoilt::{Row, Spoilt};

const TABLES: [&[Row]; 14] = [
    content::RECORDS,
    names::DENTRIES,
    names::DIRECTORIES,
    names::NAMES,
    names::REACHABILITY,
    names::ORPHANS,
    content::EXTENTS,
    content::BLOCKS,
    content::XATTRS,
    usage::COUNTERS,
    usage::QUOTAS,
    usage::OWNERS,
    clients::SESSIONS,
    clients::LOCKS,
];

/// In the directory of a mount.
const STORE: &str = "store";
/// The nodes do not run while copies are checked: the session must not end for that, or its damaged locks were to be given up.
const LONG_LEASE: &str = "[timing]\nsession_lease_ms = 600000\n";

/// One damage of each rule.
fn first_rows() -> Vec<Row> {
    TABLES.iter().map(|table| table[0]).collect()
}

/// Plants damages; answers the beginnings of the lines that tell of them, each with the name of its rule.
fn plant(store: &Path, sample: Sample, rows: &[Row], place: &str) -> Vec<String> {
    let spoilt = Spoilt::open(store, sample);
    let told = rows.iter();
    told.map(|(rule, plant)| format!("{rule}: {place}{}", plant(&spoilt)))
        .collect()
}

#[track_caller]
fn assert_found(found: &Finished, damages: &[String]) {
    assert_eq!(found.status.code(), Some(1), "{damages:#?}\n{found:#?}");
    for damage in damages {
        let is_told = found.stdout.lines().any(|line| line.starts_with(damage));
        assert!(is_told, "{damage:?} is not in:\n{}", found.stdout);
    }
}

#[track_caller]
fn assert_clean(found: Finished) {
    let told = found.success();
    assert!(told.contains("is clean"), "{told}");
}

fn check(data: &Path) -> Finished {
    run(Command::new(place::holdfast())
        .args(["fsck", "--data"])
        .arg(data))
}

/// A sound directory that nobody uses.
struct Original<'a> {
    data: &'a Path,
    /// Where the store of the sample is in it.
    store: &'a Path,
    sample: Sample,
    /// What `fsck` says before what it has found there.
    place: &'a str,
    /// For copies.
    scratch: &'a Path,
}

impl Original<'_> {
    /// Checks a copy with these damages; answers how they should be told, too.
    fn check_with(&self, rows: &[Row]) -> (Finished, Vec<String>) {
        let copy = tempfile::tempdir_in(self.scratch).unwrap();
        let data = copy.path().join("data");
        run(Command::new("cp").arg("-a").arg(self.data).arg(&data)).success();
        let damages = plant(&data.join(self.store), self.sample, rows, self.place);
        (check(&data), damages)
    }

    #[track_caller]
    fn try_everything(&self) {
        // As much is done to it as to those with a damage.
        let (found, _) = self.check_with(&[]);
        assert_clean(found);
        for row in TABLES.concat() {
            let (found, damages) = self.check_with(&[row]);
            assert_found(&found, &damages);
        }
        let (found, damages) = self.check_with(&first_rows());
        assert_found(&found, &damages);
        assert_clean(check(self.data));
    }
}

/// A sample in the directory of a mount that has ended.
///
/// A mount of one machine has neither sessions nor locks: what makes them is given to its store.
fn sample_of_mount(mounted: &mut Mounted) -> Sample {
    mounted.unmount();
    let engine = RocksEngine::open(&mounted.data().join(STORE), &RocksOptions::default());
    let format = Format::of_root(1, Timestamp::default());
    let machine = StateMachine::open(engine.unwrap(), format).unwrap();
    let sequence = Cell::new(0);
    let apply = |operation| {
        let mut command = command(operation);
        command.request = Some(RequestId {
            session: SessionId(0x5e55),
            sequence: sequence.get(),
            acknowledged: sequence.get(),
        });
        sequence.set(sequence.get() + 1);
        let outcomes = machine.apply_next(&[command]).unwrap();
        outcomes.into_iter().next().unwrap().unwrap()
    };
    apply(Operation::OpenSession(OpenSession::default()));
    Maker(&apply).make()
}

#[test]
fn each_damage_of_the_directory_of_a_mount_is_found_and_named() {
    let mut mounted = Mounted::new();
    let sample = sample_of_mount(&mut mounted);
    let original = Original {
        data: mounted.data(),
        store: Path::new(STORE),
        sample,
        place: "",
        scratch: mounted.scratch(),
    };
    original.try_everything();
    // Of what else there is all is said that can be.
    let rows = [content::LOST_VOLUME, names::NAMES[0]];
    let (found, mut damages) = original.check_with(&rows);
    damages.push("store: the volume record is missing".to_owned());
    assert_found(&found, &damages);
}

/// Uses whatever has no name any more.
struct UsesAll;

impl Attendant for UsesAll {
    fn keep(&self, orphans: Vec<InodeId>) -> Pending<'_, Vec<InodeId>> {
        Box::pin(async move { orphans })
    }
}

fn sample_of_client(client: &Client) -> Sample {
    let apply = |operation: Operation| -> Answer { client.replicate(operation).unwrap().unwrap() };
    Maker(&apply).make()
}

#[track_caller]
fn stop_all(cluster: &mut Cluster) {
    for id in cluster.ids() {
        cluster.wait_caught_up(id);
    }
    for id in cluster.ids() {
        cluster.stop(id);
    }
}

#[track_caller]
fn try_everything_in_copies(cluster: &Cluster, id: u64, sample: Sample) {
    let node = cluster.node(id);
    let store = StateOnDisk::store(node);
    let original = Original {
        data: node.data(),
        store: store.strip_prefix(node.data()).unwrap(),
        sample,
        place: "volume 1: ",
        scratch: cluster.scratch(),
    };
    original.try_everything();
}

/// Plants the same in every replica; answers what is told of it.
#[track_caller]
fn plant_in_all(cluster: &Cluster, sample: Sample) -> Vec<String> {
    let planted = cluster.ids().into_iter().map(|id| {
        let store = StateOnDisk::store(cluster.node(id));
        plant(&store, sample, &first_rows(), "default on nodes 1, 2, 3: ")
    });
    let told: BTreeSet<Vec<String>> = planted.collect();
    assert_eq!(told.len(), 1, "the replicas are alike: {told:#?}");
    told.into_iter().next().unwrap()
}

#[test]
fn each_damage_of_a_node_and_damages_of_all_rules_in_every_replica_are_found_and_named() {
    let mut cluster = ClusterSetup::default().settings(LONG_LEASE).start(3);
    let client = Client::attended(&cluster, Arc::new(UsesAll));
    let sample = sample_of_client(&client);
    assert_clean(cluster.holdfast(&["fsck"]));
    stop_all(&mut cluster);
    try_everything_in_copies(&cluster, 1, sample);
    let damages = plant_in_all(&cluster, sample);
    for id in cluster.ids() {
        cluster.restart(id);
    }
    cluster.wait_settled();
    let found = cluster.holdfast(&["fsck"]);
    assert_found(&found, &damages);
    assert!(!found.stdout.contains("replicas"), "{}", found.stdout);
    for group in ["catalog", "default"] {
        let line = format!("checked {group} on nodes 1, 2, 3 at log index");
        assert!(found.stdout.contains(&line), "{}", found.stdout);
    }
}

#[test]
fn every_rule_has_a_row() {
    let engine = MemoryEngine::new();
    let mut rules = BTreeSet::new();
    invariant::check(&engine.view(), &mut |progress| {
        rules.insert(progress.rule);
    })
    .unwrap();
    let of = |rows: &[Row]| -> BTreeSet<Rule> { rows.iter().map(|(rule, _)| *rule).collect() };
    assert_eq!(of(&TABLES.concat()), rules);
    assert_eq!(of(&first_rows()), rules);
}
