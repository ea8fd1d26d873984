//! Sessions in a cluster that exists only in memory: every race of expiry and fencing, decided by one number.
//!
//! Real are the state machine, the ledger of the leader with its steps, and the memory and the lease of the mounts. Made up
//! are the clocks, of which each goes at its own rate, the network, which loses, doubles and delays, and who leads.
//! Nodes and mounts freeze and go on. After each step it is checked that
//!
//! * a mount that believes by its own clock that its session is kept is right, and so is it about its locks;
//! * two sessions never hold one lock, and what is written is written once, under its lock;
//! * no command of a session that has ended changes anything;
//! * no orphan is reclaimed that somebody has open whose session lives.
//!
//! When all is healed, orphans are reclaimed, waiters get their locks and dead sessions end, within a minute.
//!
//! `HOLDFAST_SEED` repeats one cluster, with its story; `HOLDFAST_CASES` says how many are tried without.

mod answers;
mod asking;
mod chaos;
mod checks;
mod clock;
mod cluster;
mod deeds;
mod duties;
mod messages;
mod mount;
mod node;
mod process;
mod questions;
mod races;
mod raft;
mod random;
mod world;

use std::time::{SystemTime, UNIX_EPOCH};

/// Clusters of one run of the tests.
const CLUSTERS: u64 = 120;
/// Of a story, in the message of a failure.
const LINES_MAX: usize = 400;

#[test]
fn nobody_loses_what_is_promised_while_nodes_and_mounts_freeze_and_calls_are_lost() {
    if let Ok(seed) = std::env::var("HOLDFAST_SEED") {
        return check(seed.parse().unwrap());
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let first = now.as_nanos() as u64;
    let clusters = std::env::var("HOLDFAST_CASES").map_or(CLUSTERS, |cases| cases.parse().unwrap());
    let mut steps = 0;
    for seed in first..first + clusters {
        let world = chaos::run(seed, false);
        steps += world.steps;
        if world.broken.is_some() {
            check(seed);
        }
    }
    println!("{clusters} clusters from HOLDFAST_SEED={first}, {steps} steps");
}

#[test]
fn a_seed_tells_the_same_story_again() {
    let tell = || chaos::run(7, true).story(usize::MAX);
    let story = tell();
    assert!(!story.is_empty());
    assert_eq!(tell(), story);
}

fn check(seed: u64) {
    let world = chaos::run(seed, true);
    if let Some(broken) = &world.broken {
        let story = world.story(LINES_MAX);
        panic!("{story}\n{broken}\nrepeat with HOLDFAST_SEED={seed}");
    }
    println!("{}", world.story(LINES_MAX));
}
