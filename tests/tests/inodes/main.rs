//! A node with many inodes, and a mount that has walked them all, stay within the memory that `docs/operations/limits.md` states.
//!
//! `make inodes` is ten million; otherwise there are fewer, to be soon done.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cost;

use std::env;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use holdfast_metadata::InodeId;
use holdfast_tests::process::resident_bytes_peak;
use holdfast_tests::{Client, Cluster};

/// Takes half a minute.
const INODES: u32 = 100_000;
/// In each directory.
const FILES: u32 = 1_000;
const CREATORS: u32 = 64;
const WALKERS: usize = 2;
/// With few inodes: what a program has that has done something (a node remembers changes for who watches, too), and for each inode,
/// until the caches are full. A leak of a KiB an inode is more.
const NODE_BYTES: (u64, u64) = ((208 + CHANGES) << 20, 512);
const MOUNT_BYTES: (u64, u64) = (180 << 20, 608);
/// As stated, however many there are: the caches of the log and of the node, the memory tables of the volume, its changes, and the program.
const NODE_BYTES_MAX: u64 = (340 + 640 + CHANGES + 64) << 20;
/// In MiB.
const CHANGES: u64 = 16;
/// The records that are kept and what is under way, and a note of each inode that the kernel knows, until it forgets it.
const MOUNT_BYTES_MAX: u64 = 384 << 20;
const NOTE_BYTES: u64 = 96;
/// With so many, and with all, it is said what things cost, if a number was asked for.
const STAGES: [u32; 3] = [10_000, 1_000_000, u32::MAX];
/// For the walk of as many as are stated, on a loaded machine.
const LIMIT: Duration = Duration::from_hours(2);

#[test]
fn a_node_and_a_mount_with_many_inodes_stay_within_their_memory() {
    let asked = env::var("INODES").ok().map(|text| text.parse().unwrap());
    let inodes = asked.unwrap_or(INODES);
    let mut cluster = Cluster::start(1);
    // What measures costs takes memory, too: it is for those who ask.
    let pages = asked.map(|_| cluster.serve_pages(1));
    let mut made = 0;
    let mut beside = 0;
    for stage in STAGES.map(|stage| stage.min(inodes)) {
        let more = made..stage / FILES;
        if more.is_empty() {
            continue;
        }
        made = more.end;
        let client = cluster.client();
        timed("made", more.len() as u32 * FILES, || make(&client, more));
        client.close();
        if let Some(pages) = &pages {
            cost::print(&cluster, pages, made);
            beside += cost::COMMANDS;
        }
    }
    let mount = cluster.mount(1, "noatime").limit(LIMIT);
    timed("walked", inodes, || {
        assert_eq!(walk(mount.root()), made * (FILES + 1));
    });
    let node = resident_bytes_peak(cluster.node(1).pid()).unwrap();
    let walked = resident_bytes_peak(mount.pid()).unwrap();
    println!(
        "at most {} MiB in the node, {} MiB in the mount",
        node >> 20,
        walked >> 20
    );
    let (inodes, beside) = (u64::from(inodes), u64::from(beside));
    let few = |(program, each): (u64, u64)| program + (inodes + beside) * each;
    let most = few(NODE_BYTES).min(NODE_BYTES_MAX);
    assert!(node < most, "the node had {} MiB", node >> 20);
    let most = few(MOUNT_BYTES).min(MOUNT_BYTES_MAX + inodes * NOTE_BYTES);
    assert!(walked < most, "the mount had {} MiB", walked >> 20);
    mount.unmount();
    if pages.is_some() {
        cost::print_restart(&mut cluster);
    }
}

fn timed(what: &str, inodes: u32, work: impl FnOnce()) {
    let begin = Instant::now();
    work();
    let seconds = begin.elapsed().as_secs_f64();
    let rate = f64::from(inodes) / seconds;
    println!("{what}: {inodes} inodes in {seconds:.0} s, {rate:.0} a second");
}

fn directory_name(number: u32) -> String {
    format!("directory{number}")
}

fn file_name(number: u32) -> String {
    format!("file{number}")
}

/// Makes these directories with their files.
fn make(client: &Client, directories: Range<u32>) {
    thread::scope(|scope| {
        for creator in 0..CREATORS {
            let share = directories.clone().skip(creator as usize);
            let share = share.step_by(CREATORS as usize);
            scope.spawn(move || {
                for directory in share {
                    let name = directory_name(directory);
                    let directory = client.mkdir(InodeId::ROOT, &name).unwrap();
                    for file in 0..FILES {
                        client.create(directory, &file_name(file)).unwrap();
                    }
                }
            });
        }
    });
}

/// Looks at everything, as `ls -lR` does; answers how much there is.
fn walk(root: &Path) -> u32 {
    let directories = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let directories: Vec<_> = directories.collect();
    let share = directories.len().div_ceil(WALKERS);
    thread::scope(|scope| {
        let walkers = directories.chunks(share).map(|share| {
            scope.spawn(move || {
                let mut seen = 0;
                for directory in share {
                    seen += 1;
                    for entry in fs::read_dir(directory).unwrap() {
                        assert!(entry.unwrap().metadata().unwrap().is_file());
                        seen += 1;
                    }
                }
                seen
            })
        });
        let walkers: Vec<_> = walkers.collect();
        walkers
            .into_iter()
            .map(|walker| walker.join().unwrap())
            .sum()
    })
}
