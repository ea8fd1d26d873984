//! Bad input to every decoder: the corpus, and seeded mutations of it, in bounded memory.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use holdfast_tests::Random;
use holdfast_tests::fuzz::{self, Target, mutate};
use holdfast_tests::system::allocation::{Counting, peak_of};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Mutations of a target, unless `HOLDFAST_CASES` says another number.
const CASES: u64 = 200_000;
/// So many in any case, however slow the machine is.
const CASES_MIN: u64 = 1_000;
/// And for no longer than this.
const PATIENCE: Duration = Duration::from_secs(4);

/// Runs a target over its corpus and mutations of it.
fn run(name: &str) {
    let target = fuzz::target(name);
    let corpus = target.corpus();
    assert!(!corpus.is_empty(), "{name} has nothing to begin with");
    for input in &corpus {
        check(&target, input);
    }
    let cases = std::env::var("HOLDFAST_CASES").ok();
    let cases = cases.map_or(CASES, |text| text.parse().unwrap());
    let is_bounded = cases == CASES;
    let mut random = Random::announced();
    let began = Instant::now();
    let mut pool = corpus.clone();
    for case in 0..cases {
        if is_bounded && case >= CASES_MIN && began.elapsed() > PATIENCE {
            println!("{name}: {case} cases in {:?}", began.elapsed());
            return;
        }
        let [input, other] = [(); 2].map(|()| random.below(pool.len() as u64) as usize);
        let mutated = mutate(&mut random, &pool[input], &pool[other]);
        check(&target, &mutated);
        // Some changes only show after another one.
        if mutated.len() < 4096 && random.below(8) == 0 {
            let place = corpus.len() + random.below(256) as usize;
            if place < pool.len() {
                pool[place] = mutated;
            } else {
                pool.push(mutated);
            }
        }
    }
    println!("{name}: {cases} cases in {:?}", began.elapsed());
}

fn check(target: &Target, input: &[u8]) {
    let mut ended = Ok(());
    let peak = peak_of(|| ended = catch_unwind(AssertUnwindSafe(|| (target.run)(input))));
    let shown = || format!("{}: {}", target.name, input.escape_ascii());
    assert!(ended.is_ok(), "the promise of {} is broken", shown());
    let allowed = target.bytes_max(input);
    assert!(peak <= allowed, "{peak} bytes of {allowed} for {}", shown());
}

#[test]
fn every_record_is_what_it_says_or_corrupt() {
    run("records");
}

#[test]
fn every_key_lies_in_the_ranges_of_its_kind() {
    run("keys");
}

#[test]
fn every_snapshot_is_whole_or_refused() {
    run("snapshots");
}

#[test]
fn every_message_is_what_it_says_or_malformed() {
    run("wire");
}

#[test]
fn whatever_a_mount_asks_the_state_stays_sound() {
    run("commands");
}

#[test]
fn every_record_of_the_log_is_what_it_says_or_refused() {
    run("log");
}

#[test]
fn every_message_of_a_peer_is_what_it_says_or_malformed() {
    run("raft");
}

#[test]
fn every_file_of_a_node_is_what_it_says_or_corrupt() {
    run("files");
}

#[test]
fn more_memory_than_a_target_may_take_is_noticed() {
    let greedy = || drop(std::hint::black_box(vec![0_u8; 1 << 20]));
    assert!(peak_of(greedy) >= 1 << 20);
    assert!(peak_of(|| ()) < 100);
}
