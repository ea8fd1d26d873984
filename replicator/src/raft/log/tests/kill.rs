//! A process that is killed at any moment leaves everything it said was durable.
//!
//! `HOLDFAST_SEED` repeats how much each process says before it is killed.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use openraft::storage::{RaftLogReader, RaftLogStorage};

use super::fixture::{Place, all, append, entries, open};
use crate::raft::log::GroupLog;
use crate::raft::type_config::{GroupId, Vote};

const PATH: &str = "HOLDFAST_TEST_LOG";
const CHILD: &str = "raft::log::tests::kill::the_process_that_is_killed";
const GROUPS: u64 = 3;
const ROUNDS: usize = 12;

/// What must be there of one group.
#[derive(Default)]
struct Group {
    /// Index and term.
    entries: BTreeMap<u64, u64>,
    vote: u64,
}

#[tokio::test]
async fn what_was_durable_survives_kills() {
    let place = Place::new();
    let mut groups: BTreeMap<u64, Group> = BTreeMap::new();
    let given = std::env::var("HOLDFAST_SEED").ok();
    let seed: u64 = given.map_or_else(
        || RandomState::new().hash_one(0),
        |text| text.parse().unwrap(),
    );
    println!("HOLDFAST_SEED={seed}");
    let mut random = seed;
    for _ in 0..ROUNDS {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        let lines = 1 + (random >> 33) as usize % 400;
        run_and_kill(&place.path(), lines, |line| note(&mut groups, line));
        let database = place.open();
        for (group, expected) in &groups {
            let mut log = database.group(GroupId(*group)).unwrap();
            check(&mut log, expected).await;
        }
    }
    assert!(groups.values().any(|group| !group.entries.is_empty()));
}

async fn check(log: &mut GroupLog, expected: &Group) {
    let vote = log.read_vote().await.unwrap();
    assert!(vote.map_or(0, |vote| vote.leader_id.term) >= expected.vote);
    let found: BTreeMap<u64, _> = all(log)
        .await
        .into_iter()
        .map(|entry| (entry.log_id.index, entry))
        .collect();
    for (index, term) in &expected.entries {
        let written = entries(*term, *index..*index + 1);
        assert_eq!(found.get(index), written.first(), "entry {index}");
    }
}

/// Reads so many lines of the child, kills it, and reads what it still had to say.
fn run_and_kill(path: &Path, lines: usize, mut note: impl FnMut(&str)) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", CHILD, "--nocapture"])
        .env(PATH, path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    let mut count = 0;
    // A last line without an end was not said.
    while output.read_line(&mut line).unwrap() > 0 && line.ends_with('\n') {
        note(line.trim_end());
        line.clear();
        count += 1;
        if count == lines {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(count >= lines, "the child ended by itself: {line}");
}

fn note(groups: &mut BTreeMap<u64, Group>, line: &str) {
    let words: Vec<&str> = line.split(' ').collect();
    let [kind, group, first, end, term] = words[..] else {
        panic!("the child failed: {line}");
    };
    let [group, first, end, term] = [group, first, end, term].map(|word| word.parse().unwrap());
    let group = groups.entry(group).or_default();
    match kind {
        "appended" => group
            .entries
            .extend((first..end).map(|index| (index, term))),
        "removing" => group
            .entries
            .retain(|index, _| !(first..end).contains(index)),
        "voted" => group.vote = term,
        _ => panic!("the child failed: {line}"),
    }
}

/// Not a test by itself: what [`what_was_durable_survives_kills`] starts.
#[tokio::test(flavor = "multi_thread")]
async fn the_process_that_is_killed() {
    let Some(path) = std::env::var_os(PATH).map(PathBuf::from) else {
        return;
    };
    let database = open(&path).unwrap();
    let mut tasks = Vec::new();
    for group in 0..GROUPS {
        let log = database.group(GroupId(group)).unwrap();
        tasks.push(tokio::spawn(write_for_ever(group, log)));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

async fn write_for_ever(group: u64, mut log: GroupLog) {
    let mut term = log
        .read_vote()
        .await
        .unwrap()
        .map_or(1, |vote| vote.leader_id.term + 1);
    for round in 1_u64.. {
        log.save_vote(&Vote::new(term, group)).await.unwrap();
        say("voted", [group, 0, 0, term]);
        let state = log.get_log_state().await.unwrap();
        let next = state.last_log_id.map_or(0, |last| last.index + 1);
        let purged = state.last_purged_log_id.map_or(0, |last| last.index + 1);
        if round % 3 == 0 && next > purged + 3 {
            let keep = next - 3;
            say("removing", [group, keep, u64::MAX, 0]);
            let read = log.try_get_log_entries(keep - 1..keep).await.unwrap();
            log.truncate_after(Some(read[0].log_id)).await.unwrap();
            append(&mut log, entries(term, keep..next + 2)).await;
            say("appended", [group, keep, next + 2, term]);
            continue;
        }
        append(&mut log, entries(term, next..next + 1 + round % 4)).await;
        say("appended", [group, next, next + 1 + round % 4, term]);
        if round % 10 == 0 && next > purged + 20 {
            say("removing", [group, 0, next - 9, 0]);
            let read = log.try_get_log_entries(next - 10..next - 9).await.unwrap();
            log.purge(read[0].log_id).await.unwrap();
        }
        term += 1;
    }
}

/// One write, so that a kill leaves all of it or a line without an end.
fn say(kind: &str, numbers: [u64; 4]) {
    let [group, first, end, term] = numbers;
    let line = format!("{kind} {group} {first} {end} {term}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}
