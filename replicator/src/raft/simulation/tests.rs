//! Runs simulations: fresh seeds, one seed again, and some whose disk has a bug that must be found.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

use super::nemesis;
use super::platter::Bug;
use super::world::World;

/// Fresh seeds of one run, unless `SEEDS` says how many.
const SEEDS: u64 = 24;
/// Seeds that have to find a bug.
const SEARCH: u64 = 40;
/// Of a story, in the message of a failure.
const LINES_MAX: usize = 300;

/// What came of a seed.
struct Run {
    lines: Vec<String>,
    hash: u64,
    result: Result<(), String>,
}

fn run(seed: u64, prepare: impl FnOnce(&mut World)) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut world = World::new(seed);
        prepare(&mut world);
        let result = live(&mut world).await;
        Run {
            lines: world.story.lines(),
            hash: world.story.hash(),
            result,
        }
    })
}

async fn live(world: &mut World) -> Result<(), String> {
    world.begin().await?;
    nemesis::rage(world).await?;
    world.heal().await?;
    world.check().await
}

fn tell(seed: u64, run: &Run, violation: &str) -> String {
    let skipped = run.lines.len().saturating_sub(LINES_MAX);
    let story = run.lines[skipped..].join("\n");
    format!(
        "{story}\nseed {seed}: {violation}\nreplay it: HOLDFAST_SEED={seed} cargo test -p holdfast-replicator --all-features --lib simulated_clusters -- --nocapture"
    )
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

fn fresh() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0) >> 16
}

#[test]
fn simulated_clusters_keep_all_rules() {
    if let Some(seed) = number("HOLDFAST_SEED") {
        let run = run(seed, |_| {});
        if let Err(violation) = &run.result {
            panic!("{}", tell(seed, &run, violation));
        }
        println!("{}", run.lines.join("\n"));
        return;
    }
    let count = number("SEEDS").unwrap_or(SEEDS);
    let first = number("FIRST_SEED").unwrap_or_else(fresh);
    println!("seeds {first} to {}", first + count - 1);
    let next = AtomicU64::new(first);
    let failures = Mutex::new(Vec::new());
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    let run = run(seed, |_| {});
                    if let Err(violation) = &run.result {
                        println!("seed {seed}: {violation}");
                        failures.lock().push(tell(seed, &run, violation));
                    }
                }
            });
        }
    });
    println!("{count} seeds in {:?}", began.elapsed());
    let failures = failures.into_inner();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn one_seed_is_one_story() {
    let seed = fresh();
    let (first, second) = (run(seed, |_| {}), run(seed, |_| {}));
    let differs = first.lines.iter().zip(&second.lines).find(|(a, b)| a != b);
    assert_eq!(first.hash, second.hash, "seed {seed}: {differs:?}");
}

/// Of seeds whose log has this bug, what the first says that finds it.
fn find(bug: Bug) -> String {
    for seed in 1..=SEARCH {
        let planted = run(seed, |world| {
            for node in &world.nodes {
                node.platter.lock().bug = Some(bug);
            }
        });
        if let Err(violation) = planted.result {
            return violation;
        }
    }
    panic!("{SEARCH} seeds did not find it");
}

#[test]
fn a_log_that_is_acknowledged_before_it_is_synced_is_found() {
    println!("{}", find(Bug::NoSync));
}

#[test]
fn votes_that_are_forgotten_in_a_crash_are_found() {
    println!("{}", find(Bug::NoVotes));
}
