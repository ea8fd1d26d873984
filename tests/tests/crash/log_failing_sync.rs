//! A sync of the log that fails, on a disk on which the syncs after it succeed: nothing is acknowledged any more, and what
//! is opened again has all that was acknowledged before.
//!
//! The disk is as Linux is: what a failed sync did not write no later sync writes, though it is still read.

use std::path::Path;

use holdfast_tests::{Contents, Film, Loss, Moment, Random};

use super::log_life::{GROUPS, Life, open};

/// At most, of one log.
const STEPS: usize = 70;
/// On a log that was opened after a failure.
const STEPS_AFTER: usize = 5;
/// Opening syncs less often.
const SYNCS_AT_OPEN: u64 = 12;

/// What was under way when the sync failed.
#[derive(Debug, Default)]
struct Failed {
    votes: usize,
    others: usize,
}

/// Works until something is not acknowledged; answers whether it was.
fn work_until_it_fails(life: &mut Life, random: &mut Random, failed: &mut Failed) -> bool {
    for _ in 0..STEPS {
        let term = life.term;
        if life.step(random).is_err() {
            let is_vote = life.term > term;
            failed.votes += usize::from(is_vote);
            failed.others += usize::from(!is_vote);
            return true;
        }
    }
    false
}

fn assert_stopped(life: &Life, random: &mut Random) {
    let fault = life.log.fault().unwrap().to_string();
    assert!(fault.contains("the log in"), "{fault}");
    for group in 0..GROUPS {
        let vote = life.log.vote(group, life.term + 1);
        assert!(vote.is_err(), "a vote after a sync that failed");
        let entries = life.next_entries(group, random);
        let appended = life.log.append(group, &entries);
        let appended = appended.and_then(|durable| durable());
        assert!(appended.is_err(), "an append after a sync that failed");
        let removed = life.log.remove(group);
        assert!(removed.is_err(), "a removal after a sync that failed");
    }
}

/// The film and its end: RocksDB's own threads go on with the disk after it.
fn until_now(life: &Life) -> (Film, Moment) {
    let film = life.disk.film();
    let end = film.end();
    (film, end)
}

/// One log, of which a sync fails after so many; answers whether there were so many.
fn live(syncs: u64, scratch: &Path, random: &mut Random, failed: &mut Failed) -> bool {
    let mut life = Life::begin(&scratch.join(syncs.to_string()), Contents::default());
    life.disk.fail_sync_after(syncs);
    let stopped = work_until_it_fails(&mut life, random, failed);
    if life.disk.cancel_failure() {
        assert!(!stopped, "nothing failed: {:?}", life.log.fault());
        return false;
    }
    if stopped {
        assert_stopped(&life, random);
    }
    let (mut film, moment) = until_now(&life);
    life.check(&mut film, moment, Loss::All, scratch);
    life.check(&mut film, moment, Loss::Some(random), scratch);
    life = life.reopen(|disk| {
        // And once more, while it is recovered.
        disk.fail_sync_after(random.below(SYNCS_AT_OPEN));
        drop(open(disk.path()));
        disk.cancel_failure();
    });
    for _ in 0..STEPS_AFTER {
        life.step(random).unwrap();
    }
    let (mut film, moment) = until_now(&life);
    life.check(&mut film, moment, Loss::All, scratch);
    true
}

#[test]
fn after_any_sync_that_fails_nothing_is_acknowledged_and_nothing_acknowledged_is_lost() {
    let mut random = Random::announced();
    let scratch = holdfast_tests::place::scratch();
    let mut failed = Failed::default();
    let mut syncs = 0;
    while live(syncs, scratch.path(), &mut random, &mut failed) {
        syncs += 1;
    }
    println!("{syncs} logs, {failed:?}");
    assert!(failed.votes > 0 && failed.others > 0, "{failed:?}");
}
