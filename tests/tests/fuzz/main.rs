//! Bad input to every decoder: the corpus, and seeded mutations of it, in bounded memory. And that none is left out.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use holdfast_tests::Random;
use holdfast_tests::fuzz::{self, Target, mutate};
use holdfast_tests::place;
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

/// The files of a folder, by their path from this crate's, without their ending: name and text.
fn files(folder: &str, ending: &str) -> Vec<(String, String)> {
    let files = fs::read_dir(place::fixture(folder)).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let read = files.filter_map(|path| {
        let name = path.file_name()?.to_str()?.strip_suffix(ending)?;
        Some((name.to_owned(), fs::read_to_string(&path).unwrap()))
    });
    read.collect()
}

#[test]
fn cargo_fuzz_has_every_target() {
    let manifest = fs::read_to_string(place::fixture("fuzz/Cargo.toml")).unwrap();
    let mut binaries = BTreeSet::new();
    for (name, text) in files("fuzz/fuzz_targets", ".rs") {
        assert!(
            text.contains(&format!("target(\"{name}\")")),
            "{name}.rs runs another target"
        );
        let path = format!("path = \"fuzz_targets/{name}.rs\"");
        assert!(manifest.contains(&path), "the manifest has no {name}.rs");
        binaries.insert(name);
    }
    let targets = fuzz::TARGETS.map(|target| target.name.to_owned());
    assert_eq!(binaries, targets.into());
}

#[test]
fn every_message_of_every_service_comes_to_a_target() {
    let mut spoken = BTreeSet::new();
    for (_, text) in files("../proto/proto/holdfast/v1", ".proto") {
        for call in text.split_inclusive(';') {
            let Some((_, call)) = call.split_once("rpc ") else {
                continue;
            };
            let messages = call.split(['(', ')']).skip(1).step_by(2);
            spoken.extend(messages.map(|message| message.trim_start_matches("stream ").to_owned()));
        }
    }
    assert!(spoken.len() > 40, "{spoken:?}");
    let decoded: BTreeSet<String> = fuzz::messages().map(str::to_owned).collect();
    assert_eq!(spoken, decoded);
}
