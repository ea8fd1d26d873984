//! Runs simulations: fresh seeds, one seed again, and some whose disk has a bug that must be found.

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;

use super::nemesis;
use super::node::Node;
use super::platter::Bug;
use super::service::Lie;
use super::tally::Tally;
use super::world::{NODES, World};

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
    tally: Tally,
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
            tally: world.tally.clone(),
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
    format!("{story}\nseed {seed}: {violation}\nreplay it: HOLDFAST_SEED={seed} make sim")
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap())
}

/// Also where tests pass, and what they print is not shown.
fn say(line: &str) {
    writeln!(std::io::stderr(), "simulation: {line}").unwrap();
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
    say(&format!("seeds {first} to {}", first + count - 1));
    let next = AtomicU64::new(first);
    let failures = Mutex::new(Vec::new());
    let (began, tally) = (Instant::now(), Tally::default());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    let run = run(seed, |_| {});
                    tally.take_in(&run.tally);
                    if let Err(violation) = &run.result {
                        println!("seed {seed}: {violation}");
                        failures.lock().push(tell(seed, &run, violation));
                    }
                }
            });
        }
    });
    let told = tally.told();
    say(&format!("{count} seeds in {:?}: {told}", began.elapsed()));
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

/// Of seeds in which this is planted, what the first says that finds it.
fn find(plant: impl Fn(&mut Node)) -> String {
    for seed in 1..=SEARCH {
        let planted = run(seed, |world| world.nodes.iter_mut().for_each(&plant));
        if let Err(violation) = planted.result {
            println!("seed {seed} finds it: {violation}");
            return violation;
        }
    }
    panic!("{SEARCH} seeds did not find it");
}

fn find_bug(bug: Bug) -> String {
    find(|node| node.platter.lock().bug = Some(bug))
}

fn find_lie(lie: Lie) -> String {
    find(|node| node.lie = Some(lie))
}

#[test]
fn a_log_that_is_acknowledged_before_it_is_synced_is_found() {
    find_bug(Bug::NoSync);
}

#[test]
fn votes_that_are_forgotten_in_a_crash_are_found() {
    find_bug(Bug::NoVotes);
}

#[test]
fn a_command_that_is_acknowledged_and_lost_is_found() {
    let found = find_lie(Lie::Lost);
    assert!(found.contains("acknowledged and lost"), "{found}");
}

#[test]
fn an_answer_of_a_leader_that_was_deposed_is_found() {
    let found = find_lie(Lie::Unconfirmed);
    assert!(found.contains("a stale answer"), "{found}");
}

#[test]
fn a_replica_with_another_state_is_found_whichever_it_is() {
    for number in 0..NODES as usize {
        let spoilt = run(1, |world| world.spoilt = Some(number));
        let violation = spoilt.result.unwrap_err();
        assert!(
            violation.contains("and another had"),
            "{number}: {violation}"
        );
    }
}
