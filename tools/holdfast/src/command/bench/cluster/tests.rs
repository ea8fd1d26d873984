//! Whole runs on a volume without a cluster: the target takes any replicator.

use std::path::Path;

use clap::Parser;
use holdfast_metadata::{Query, Reply};
use holdfast_replicator::{NoOpOptions, NoOpReplicator};
use serde_json::Value;

use super::*;
use crate::command::bench::interrupt::Interrupt;
use crate::command::bench::measure_all;

#[derive(Debug, Parser)]
struct CommandLine {
    #[command(flatten)]
    bench: BenchArguments,
}

fn parse(line: &str) -> BenchArguments {
    let words = ["bench", "--cluster", "a:1"].into_iter();
    CommandLine::parse_from(words.chain(line.split_whitespace())).bench
}

fn open(data: &Path, runtime: &Runtime) -> NoOpReplicator {
    let replicator = NoOpReplicator::open(NoOpOptions::new(data)).unwrap();
    runtime.block_on(replicator.start()).unwrap();
    replicator
}

/// Runs as told by a command line; says what was printed, and fails if anything has a name in the volume.
fn bench(line: &str, interrupt: &Interrupt) -> anyhow::Result<String> {
    let data = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())?;
    let runtime = runtime()?;
    let description = Description {
        name: "a:1/default".to_owned(),
        kind: "cluster".to_owned(),
    };
    let replicators = vec![open(data.path(), &runtime)];
    let cluster = Cluster::new(description, runtime, replicators)?;
    let mut output = Vec::new();
    let measured = measure_all(vec![cluster], &parse(line), interrupt, &mut output);

    let runtime = self::runtime()?;
    let replicator = open(data.path(), &runtime);
    let ask = |query| runtime.block_on(replicator.query(query)).unwrap().unwrap();
    let Reply::Statistics(all) = ask(Query::Statistics) else {
        panic!("another answer");
    };
    // The root has a name.
    let mut nameless = 1;
    let mut after = InodeId::ROOT;
    loop {
        let inodes_max = usize::MAX;
        let Reply::Orphans(page) = ask(Query::Orphans { after, inodes_max }) else {
            panic!("another answer");
        };
        let Some(last) = page.last() else { break };
        after = *last;
        nameless += page.len() as u64;
    }
    assert_eq!(all.inodes, nameless);
    runtime.block_on(replicator.stop())?;
    measured.map(|()| String::from_utf8(output).unwrap())
}

#[test]
fn every_operation_of_a_cluster_is_measured_and_nothing_is_left_behind() {
    for (clients, shared) in [(1, ""), (5, "--shared"), (5, "")] {
        let line = format!("--json --seconds 0.02 --threads {clients} --rounds 2 {shared}");
        let output = bench(&line, &Interrupt::default()).unwrap();
        let report: Value = serde_json::from_str(&output).unwrap();
        assert_eq!(report["connections"], 1);
        assert_eq!(report["targets"][0]["name"], "a:1/default");
        let results = report["results"].as_array().unwrap();
        assert_eq!(results.len(), Operation::OF_CLUSTERS.len());
        for result in results {
            assert!(result["per_second"].as_f64().unwrap() > 0.0, "{result}");
            assert!(result["p50_us"].as_f64().unwrap() > 0.0, "{result}");
            assert_eq!(result["rounds"].as_array().unwrap().len(), 2);
        }
    }
}

#[test]
fn a_table_speaks_of_clients() {
    let output = bench("--count 70 --threads 3", &Interrupt::default()).unwrap();
    let (head, rows) = output.split_once("\n\n").unwrap();
    assert!(head.starts_with("a:1/default (cluster)\n"), "{head}");
    assert!(head.contains("70 operations a client"), "{head}");
    assert!(head.contains("a directory a client"), "{head}");
    assert!(
        rows.starts_with("operation    clients  per second"),
        "{rows}"
    );
    assert_eq!(rows.lines().count(), 1 + Operation::OF_CLUSTERS.len());
}

#[test]
fn an_interrupted_run_leaves_nothing_behind() {
    let interrupt = Interrupt::default();
    interrupt.raise();
    let error = bench("", &interrupt).unwrap_err();
    assert_eq!(error.to_string(), "interrupted");
}

#[test]
fn a_directory_that_another_benchmark_works_in_is_not_touched() {
    let data = tempfile::tempdir().unwrap();
    let runtime = runtime().unwrap();
    let volume = Volume::new(open(data.path(), &runtime), String::new());
    let name = file_name(&scratch_name(0)).unwrap();
    let made = volume.make_directory(InodeId::ROOT, name);
    runtime.block_on(made).unwrap();
    runtime.block_on(volume.close());
    let replicators = vec![open(data.path(), &runtime)];
    let description = Description {
        name: String::new(),
        kind: String::new(),
    };
    let error = Cluster::new(description, runtime, replicators).unwrap_err();
    assert!(error.to_string().contains("is there already"), "{error}");
}

#[test]
fn what_needs_a_mount_is_refused_before_anybody_is_asked() {
    let error = Cluster::open(&parse("--ops create,readdir")).unwrap_err();
    let message = format!("{error:#}");
    assert_eq!(
        message,
        "readdir cannot be measured without a mount; these can: create, mkdir, stat, rename, unlink, rmdir"
    );
    let wrong = "\"nowhere\" is not an address: it is written host:port";
    let arguments = CommandLine::parse_from(["bench", "--cluster", "nowhere"]).bench;
    assert_eq!(Cluster::open(&arguments).unwrap_err().to_string(), wrong);
}
