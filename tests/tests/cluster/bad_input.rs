//! Peers and clients that speak garbage: refused, logged once, and the node goes on as if they were not there.

mod raw;
mod rights;
mod strangers;

use std::fs;
use std::time::Duration;

use holdfast_metadata::InodeId;
use holdfast_tests::cluster::{ClusterSetup, VOLUME};
use holdfast_tests::{Client, Cluster, process};

/// What a node may have more after any amount of garbage: buffers of connections, and what the allocator keeps.
const GROWTH_BYTES: u64 = 192 << 20;

/// How the node was before the garbage came.
struct Calm {
    terms: Vec<(u64, u64)>,
    resident: u64,
    client: Client,
    count: u32,
}

impl Calm {
    fn of(cluster: &Cluster) -> Calm {
        let client = cluster.client();
        client.create(InodeId::ROOT, "before").unwrap();
        Calm {
            terms: terms(cluster),
            resident: resident(cluster),
            client,
            count: 0,
        }
    }

    /// The nodes serve, nobody was deposed, and memory is bounded.
    #[track_caller]
    fn assert_unharmed(&mut self, cluster: &Cluster, after: &str) {
        self.count += 1;
        let name = format!("after-{}", self.count);
        self.client
            .create(InodeId::ROOT, &name)
            .unwrap_or_else(|error| panic!("after {after}: {error}"));
        assert_eq!(terms(cluster), self.terms, "after {after}");
        let resident = resident(cluster);
        assert!(
            resident < self.resident + GROWTH_BYTES,
            "after {after}: {} MiB, {} before",
            resident >> 20,
            self.resident >> 20
        );
    }
}

/// Members of a cluster that gets no processor for too long elect another leader by themselves: here that takes 19 s of silence, and
/// nobody is silent in these tests. Whoever is deposed was made to go.
const PATIENT: &str =
    "[timing]\nelection_min_ms = 9000\nelection_max_ms = 10000\nsession_lease_ms = 40000\n";

/// Runs a test of three nodes on a new cluster, whose terms stay as they are.
#[track_caller]
fn among_three(test: impl Fn(&Cluster, &mut Calm)) {
    let cluster = ClusterSetup::default().settings(PATIENT).start(3);
    let mut calm = Calm::of(&cluster);
    test(&cluster, &mut calm);
}

/// The terms of both groups as every node knows them.
fn terms(cluster: &Cluster) -> Vec<(u64, u64)> {
    let mut terms = Vec::new();
    for id in cluster.ids() {
        let groups = cluster.status(id).groups.into_iter();
        terms.extend(groups.map(|group| (group.group, group.term)));
    }
    terms
}

fn resident(cluster: &Cluster) -> u64 {
    let ids = cluster.ids().into_iter();
    ids.map(|id| process::resident_bytes(cluster.node(id).pid()))
        .sum()
}

/// Lines of the log of a node with this in them.
fn lines(cluster: &Cluster, id: u64, part: &str) -> usize {
    let log = fs::read_to_string(cluster.node(id).log()).unwrap();
    log.lines().filter(|line| line.contains(part)).count()
}

/// How long a node may take to get rid of somebody.
const PATIENCE: Duration = Duration::from_secs(30);

/// A number of a volume that does not exist.
const NO_VOLUME: u64 = VOLUME + 77;
