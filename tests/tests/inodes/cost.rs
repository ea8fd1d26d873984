//! What a change and a look cost once there are so many inodes, as figures for people (`docs/benchmarks.md`).

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use holdfast_metadata::InodeId;
use holdfast_tests::random::Random;
use holdfast_tests::{Client, Cluster, http, process, wait_until};

use crate::{FILES, directory_name, file_name};

const CLIENTS: u32 = 16;
/// By each of them.
const OPERATIONS: u32 = 500;
/// Each creates and removes as many.
pub(crate) const COMMANDS: u32 = CLIENTS * OPERATIONS * 2;

/// So long it does little when nothing is left to do in the background.
const MOMENT: Duration = Duration::from_secs(2);
const QUIET: Duration = Duration::from_mins(10);

/// Of a cluster of one node with pages at this address.
pub(crate) fn print(cluster: &Cluster, pages: &str, directories: u32) {
    wait_quiet(cluster.node(1).pid());
    let client = cluster.client();
    let creates = creates(&client);
    client.close();
    // It has no copies.
    let client = cluster.client();
    let lookups = lookups(&client, directories);
    client.close();
    let inodes = directories * (FILES + 1);
    let bytes = bytes_on_disk(cluster.node(1).data());
    println!(
        "with {inodes} inodes: {creates:.0} creates and {lookups:.0} lookups a second by {CLIENTS} clients, {} MiB on disk, {} bytes an inode",
        bytes >> 20,
        bytes / u64::from(inodes)
    );
    let count = counter(pages, "holdfast_snapshots_built_total");
    let milliseconds = counter(pages, "holdfast_snapshot_build_milliseconds_total");
    println!("until now {count} snapshots took {milliseconds} ms");
}

/// Tables are merged after they were filled.
fn wait_quiet(pid: u32) {
    let look = || (Instant::now(), process::processor_time(pid));
    let mut begin = look();
    wait_until("the node is quiet", QUIET, || {
        if begin.0.elapsed() < MOMENT {
            return false;
        }
        let busy = process::processor_time(pid).saturating_sub(begin.1);
        begin = look();
        busy < MOMENT / 10
    });
}

/// How many a second; nothing is left of them.
fn creates(client: &Client) -> f64 {
    let directories = (0..CLIENTS)
        .map(|number| {
            client
                .mkdir(InodeId::ROOT, &format!("cost{number}"))
                .unwrap()
        })
        .collect::<Vec<_>>();
    let begin = Instant::now();
    thread::scope(|scope| {
        for directory in &directories {
            scope.spawn(move || {
                for file in 0..OPERATIONS {
                    client.create(*directory, &file_name(file)).unwrap();
                }
            });
        }
    });
    let rate = rate(CLIENTS * OPERATIONS, begin.elapsed());
    for (number, directory) in directories.iter().enumerate() {
        for file in 0..OPERATIONS {
            client.unlink(*directory, &file_name(file)).unwrap();
        }
        client
            .rmdir(InodeId::ROOT, &format!("cost{number}"))
            .unwrap();
    }
    rate
}

/// How many a second, each of another file, anywhere.
fn lookups(client: &Client, directories: u32) -> f64 {
    let mut random = Random::new(u64::from(directories));
    let mut seen = BTreeSet::new();
    let mut files = Vec::new();
    let all = directories * FILES;
    while files.len() < all.min(CLIENTS * OPERATIONS) as usize {
        let number = random.below(u64::from(all)) as u32;
        if seen.insert(number) {
            let name = directory_name(number / FILES);
            let directory = client.lookup(InodeId::ROOT, &name).unwrap().ino;
            files.push((directory, file_name(number % FILES)));
        }
    }
    let begin = Instant::now();
    thread::scope(|scope| {
        for share in files.chunks(OPERATIONS as usize) {
            scope.spawn(move || {
                for (directory, file) in share {
                    client.lookup(*directory, file).unwrap();
                }
            });
        }
    });
    rate(files.len() as u32, begin.elapsed())
}

fn rate(operations: u32, elapsed: Duration) -> f64 {
    f64::from(operations) / elapsed.as_secs_f64()
}

/// How long a node with so many takes from its start to its first answer.
pub(crate) fn print_restart(cluster: &mut Cluster) {
    cluster.stop(1);
    let begin = Instant::now();
    cluster.restart(1);
    cluster.wait_settled();
    let client = cluster.client();
    client.lookup(InodeId::ROOT, &directory_name(0)).unwrap();
    println!("started again in {} ms", begin.elapsed().as_millis());
    client.close();
}

/// What hard links share is counted once.
fn bytes_on_disk(path: &Path) -> u64 {
    let du = Command::new("du").args(["-s", "-B1"]).arg(path).output();
    let text = String::from_utf8(du.unwrap().stdout).unwrap();
    text.split_whitespace().next().unwrap().parse().unwrap()
}

/// The sum over all groups.
fn counter(pages: &str, name: &str) -> u64 {
    let page = http::get(pages, "/metrics").unwrap();
    let lines = page.text.lines().filter(|line| line.starts_with(name));
    lines
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
        .sum()
}
