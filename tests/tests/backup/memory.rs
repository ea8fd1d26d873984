//! What a dump and a load take of memory does not grow with the volume.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use holdfast_tests::{Cluster, Random, place, process, wait_until};

use super::{holdfast, noise};

const MIB: u64 = 1 << 20;
/// Of the volume; more than the bound.
const VOLUME: u64 = 160 * MIB;
/// Of the program, with its code, its connections and what is under way.
const BOUND: u64 = 64 * MIB;

/// The highest `VmHWM` of a command, looked at until it has ended.
#[track_caller]
fn peak(command: &mut Command) -> u64 {
    let mut child: Child = command.spawn().unwrap();
    let mut peak = 0;
    let mut status = None;
    wait_until("it ends", Duration::from_mins(2), || {
        peak = peak.max(process::resident_bytes_peak(child.id()).unwrap_or(0));
        status = child.try_wait().unwrap();
        status.is_some()
    });
    assert!(status.unwrap().success());
    peak
}

#[test]
fn a_dump_and_a_load_stay_within_their_memory() {
    let cluster = Cluster::start(1);
    let mount = cluster.mount(1, "noatime");
    fill(&mount.path("file"));
    let node = cluster.node(1).pid();
    let scratch = place::scratch();
    let file = scratch.path().join("dump");
    let address = cluster.addresses().join(",");
    let before = process::resident_bytes(node);
    let dumping = peak(
        holdfast(&["dump", "default"])
            .arg(&file)
            .env("HOLDFAST_CLUSTER", &address),
    );
    let node_more = process::resident_bytes(node).saturating_sub(before);
    assert!(fs::metadata(&file).unwrap().len() > VOLUME);
    let loading = peak(
        holdfast(&["load", "copy"])
            .arg(&file)
            .env("HOLDFAST_CLUSTER", &address),
    );
    eprintln!("dump {dumping}, load {loading}, the node for the dump {node_more} bytes");
    assert!(dumping < BOUND, "dump {dumping}");
    assert!(loading < BOUND, "load {loading}");
    assert!(node_more < BOUND + 64 * MIB, "the node {node_more}");
}

/// With what cannot be packed.
#[track_caller]
fn fill(path: &Path) {
    let file = File::create(path).unwrap();
    let mut random = Random::new(7);
    for offset in (0..VOLUME).step_by(MIB as usize) {
        file.write_all_at(&noise(&mut random, MIB as usize), offset)
            .unwrap();
    }
    file.sync_all().unwrap();
}
