//! `holdfast bench --cluster`: what it measures and prints, and what is in the volume afterwards.

use std::process::Stdio;

use holdfast_metadata::{Cookie, InodeId, Query, Reply};
use holdfast_replicator::{FIRST_VOLUME, PosixMetadataReplicator, RemoteOptions, RemoteReplicator};
use holdfast_tests::{process, wait_until};
use nix::sys::signal::Signal;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use crate::cluster::{Cluster, free_address};
use crate::scene::{SOON, Scene, assert_fails, binary};

const OPERATIONS: [&str; 6] = ["create", "mkdir", "stat", "rename", "unlink", "rmdir"];

/// Looks at a volume beside the benchmark.
struct Watcher {
    runtime: Runtime,
    replicator: RemoteReplicator,
}

impl Watcher {
    fn new(cluster: &Cluster) -> Watcher {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let options = RemoteOptions::new(vec![cluster.address.clone()], FIRST_VOLUME);
        let replicator = RemoteReplicator::connect(options).unwrap();
        runtime.block_on(replicator.start()).unwrap();
        Watcher {
            runtime,
            replicator,
        }
    }

    fn ask(&self, query: Query) -> Reply {
        let reply = self.runtime.block_on(self.replicator.query(query));
        reply.unwrap().unwrap()
    }

    fn sessions(&self) -> usize {
        let Reply::Sessions(sessions) = self.ask(Query::Sessions) else {
            unreachable!("not sessions")
        };
        sessions.len()
    }

    fn inodes(&self) -> u64 {
        let Reply::Statistics(counts) = self.ask(Query::Statistics) else {
            unreachable!("not counts")
        };
        counts.inodes
    }

    fn orphans(&self) -> u64 {
        let after = InodeId::new(0);
        let inodes_max = 1_000_000;
        let Reply::Orphans(orphans) = self.ask(Query::Orphans { after, inodes_max }) else {
            unreachable!("not orphans")
        };
        orphans.len() as u64
    }

    /// Fails if a name or an inode without a name that nobody reclaims is left, or a session.
    #[track_caller]
    fn assert_nothing_is_left(&self) {
        let listed = self.ask(Query::ReadDirectory {
            ino: InodeId::ROOT,
            after: Cookie::DOT_DOT,
            entries_max: 10,
            with_attributes: false,
        });
        let Reply::Directory { entries, .. } = listed else {
            unreachable!("not a directory")
        };
        assert_eq!(entries, []);
        // The root, and what the cluster may be reclaiming meanwhile.
        wait_until("all inodes but the root are orphans", SOON, || {
            let (before, inodes) = (self.orphans(), self.inodes());
            inodes <= 1 + before
        });
        assert_eq!(self.sessions(), 1);
    }
}

#[test]
fn a_cluster_is_measured_and_its_volume_is_empty_afterwards() {
    let scene = Scene::new();
    let cluster = Cluster::start(&scene);
    let watcher = Watcher::new(&cluster);
    let line = format!(
        "bench --cluster {} --threads 1,70 --seconds 0.1 --connections 2 --json",
        cluster.address
    );
    let line: Vec<&str> = line.split(' ').collect();
    let report: Value = serde_json::from_str(&scene.holdfast(&line).success()).unwrap();
    let name = format!("{}/{FIRST_VOLUME}", cluster.address);
    assert_eq!(report["targets"][0]["name"], *name);
    assert_eq!(report["connections"], 2);
    let results = report["results"].as_array().unwrap();
    let measured: Vec<_> = results
        .iter()
        .map(|result| (result["operation"].as_str(), result["threads"].as_u64()))
        .collect();
    let expected =
        OPERATIONS.map(|operation| [1, 70].map(|clients| (Some(operation), Some(clients))));
    assert_eq!(measured, expected.concat());
    for result in results {
        assert!(result["per_second"].as_f64().unwrap() > 1.0, "{result}");
        let [p50, p99] = ["p50_us", "p99_us"].map(|field| result[field].as_f64().unwrap());
        // A command that takes no time was not sent.
        assert!(10.0 < p50 && p50 <= p99, "{result}");
    }
    watcher.assert_nothing_is_left();
}

#[test]
fn a_benchmark_of_a_cluster_that_is_interrupted_leaves_nothing_in_the_volume() {
    let scene = Scene::new();
    let cluster = Cluster::start(&scene);
    let watcher = Watcher::new(&cluster);
    let line = format!(
        "bench --cluster {} --threads 8 --seconds 100 --ops create --connections 2",
        cluster.address
    );
    let arguments: Vec<&str> = line.split(' ').collect();
    let bench = scene
        .command(binary(), &arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_until("it works", SOON, || watcher.inodes() > 100);
    assert_eq!(watcher.sessions(), 3);
    process::signal(bench.id(), Signal::SIGINT);
    let finished = bench.wait_with_output().unwrap();
    assert_eq!(finished.status.code(), Some(1));
    let said = String::from_utf8(finished.stderr).unwrap();
    assert_eq!(said, "holdfast: interrupted\n");
    watcher.assert_nothing_is_left();
}

#[test]
fn a_cluster_that_cannot_be_measured_is_told_with_the_reason_on_one_line() {
    let scene = Scene::new();
    let address = free_address();
    let finished = scene.holdfast(&["bench", "--cluster", &address]);
    let reason = format!("{address}: connection refused");
    assert_fails(&finished, 1, &["cannot measure", &reason]);
    let finished = scene.holdfast(&["bench", "--cluster", &address, "--ops", "fsync"]);
    assert_fails(&finished, 1, &["fsync cannot be measured", "create, mkdir"]);
    let cluster = Cluster::start(&scene);
    let line = ["bench", "--cluster", &cluster.address, "--volume", "home"];
    assert_fails(
        &scene.holdfast(&line),
        1,
        &["no volume \"home\"", "default"],
    );
}
