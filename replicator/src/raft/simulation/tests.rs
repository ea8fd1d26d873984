//! Runs simulations: fresh seeds, one seed again, and some whose disk has a bug that must be found.

use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::nemesis;
use super::node::Node;
use super::platter::Bug;
use super::service::Lie;
use super::tally::Tally;
use super::workload::{OPERATIONS, QUERIES};
use super::world::{NODES, Spoilt, World};

/// Fresh seeds of one run, unless `SEEDS` says how many.
const SEEDS: u64 = 24;
/// Seeds that have to find a bug.
const SEARCH: u64 = 40;
/// Of a story, in the message of a failure; a seed that is replayed tells all of it.
const LINES_MAX: usize = 300;
/// What happens once a seed or more often, and so in each run: one in which it does not proves little.
const STRIKES: [&str; 30] = [
    "appends lost in a crash",
    "changes of members",
    "clocks that jump",
    "crashes with loss of what was not synced",
    "doubled",
    "evictions",
    "expiries",
    "failed syncs",
    "filesystems lost",
    "hand-overs",
    "kills",
    "late",
    "leaders cut off",
    "leaders that lead again",
    "lost",
    "messages at a wall",
    "overtaking",
    "pauses longer than a lease",
    "power failures of all nodes",
    "purges",
    "slow syncs",
    "snapshots",
    "snapshots cut on their way",
    "snapshots installed",
    "snapshots sent",
    "states written right before a crash",
    "tasks that stand still",
    "walls",
    "walls around clients",
    "walls, one way",
];

/// What came of a seed.
struct Run {
    lines: Vec<String>,
    hash: u64,
    tally: Tally,
    done: Tally,
    healed_in: Duration,
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
            done: world.done.clone(),
            healed_in: world.healed_in,
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

fn tell(seed: u64, run: &Run, violation: &str, lines_max: usize) -> String {
    let skipped = run.lines.len().saturating_sub(lines_max);
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
            panic!("{}", tell(seed, &run, violation, usize::MAX));
        }
        println!("{}", run.lines.join("\n"));
        return;
    }
    let count = number("SEEDS").unwrap_or(SEEDS);
    let first = number("FIRST_SEED").unwrap_or_else(fresh);
    say(&format!("seeds {first} to {}", first + count - 1));
    let next = AtomicU64::new(first);
    let failures = Mutex::new(Vec::new());
    let (began, tally, done) = (Instant::now(), Tally::default(), Tally::default());
    let slowest = Mutex::new(Duration::ZERO);
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
                    done.take_in(&run.done);
                    {
                        let mut slowest = slowest.lock();
                        *slowest = run.healed_in.max(*slowest);
                    }
                    if let Err(violation) = &run.result {
                        println!("seed {seed}: {violation}");
                        failures.lock().push(tell(seed, &run, violation, LINES_MAX));
                    }
                }
            });
        }
    });
    let took = began.elapsed();
    let slowest = slowest.into_inner();
    say(&format!("{count} seeds in {took:?}: {}", tally.told()));
    say(&format!("done: {}", done.told()));
    say(&format!(
        "all answered {slowest:?} after it was healed, at the latest"
    ));
    let failures = failures.into_inner();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    if count >= SEEDS {
        let missing = tally.missing(&STRIKES);
        assert!(missing.is_empty(), "never struck: {missing:?}");
        let missing = [done.missing(OPERATIONS), done.missing(QUERIES)].concat();
        assert!(missing.is_empty(), "never done: {missing:?}");
    }
}

#[test]
fn one_seed_is_one_story() {
    let seed = fresh();
    let (first, second) = (run(seed, |_| {}), run(seed, |_| {}));
    let differs = first.lines.iter().zip(&second.lines).find(|(a, b)| a != b);
    assert_eq!(first.hash, second.hash, "seed {seed}: {differs:?}");
}

/// Whether a seed in which this is planted breaks one of these rules.
fn find(plant: impl Fn(&mut World), rules: &[&str]) {
    for seed in 1..=SEARCH {
        if let Err(violation) = run(seed, &plant).result {
            println!("seed {seed}: {violation}");
            if rules.iter().any(|rule| violation.contains(rule)) {
                return;
            }
        }
    }
    panic!("{SEARCH} seeds did not find it");
}

fn find_bug(bug: Bug, rules: &[&str]) {
    let plant = |node: &mut Node| node.platter.lock().bug = Some(bug);
    find(|world| world.nodes.iter_mut().for_each(plant), rules);
}

fn find_lie(lie: Lie, rule: &str) {
    let plant = |node: &mut Node| node.lie = Some(lie);
    find(|world| world.nodes.iter_mut().for_each(plant), &[rule]);
}

/// Rules of Raft's log.
const LOG: [&str; 4] = [
    "two entries are committed",
    "is committed nowhere",
    "acknowledged and lost",
    "and another had",
];

#[test]
fn a_log_that_is_acknowledged_before_it_is_synced_is_found() {
    find_bug(Bug::NoSync, &LOG);
}

#[test]
fn votes_that_are_forgotten_in_a_crash_are_found() {
    let mut rules = LOG.to_vec();
    if cfg!(debug_assertions) {
        // An assertion of openraft's own comes first.
        rules.push("must GE last_leader_log_ids");
    }
    find_bug(Bug::NoVotes, &rules);
}

#[test]
fn a_command_that_is_acknowledged_and_lost_is_found() {
    find_lie(Lie::Lost, "acknowledged and lost");
}

#[test]
fn a_command_that_is_never_answered_is_found() {
    find_lie(Lie::Silent, "no progress");
}

#[test]
fn a_command_that_is_run_twice_is_found() {
    find_lie(Lie::Twice, "nobody asked for");
}

#[test]
fn a_lock_that_is_said_to_be_granted_is_found() {
    find_lie(Lie::Granted, "both hold a lock");
}

#[test]
fn a_session_that_is_said_to_be_gone_is_found() {
    find_lie(Lie::Gone, "said to be gone, and never ended");
}

#[test]
fn an_answer_of_a_leader_that_was_deposed_is_found() {
    find_lie(Lie::Unconfirmed, "a stale answer");
}

#[test]
fn a_replica_with_another_state_is_found_whichever_it_is() {
    for number in 0..NODES as usize {
        let spoilt = run(1, |world| world.spoilt = Some(Spoilt::Of(number)));
        let violation = spoilt.result.unwrap_err();
        assert!(
            violation.contains("and another had"),
            "{number}: {violation}"
        );
    }
}

#[test]
fn a_state_that_is_not_sound_is_found() {
    find(
        |world| world.spoilt = Some(Spoilt::OfAll),
        &["the state is unsound"],
    );
}
