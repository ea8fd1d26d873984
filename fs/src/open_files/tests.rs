//! What is to be given up when, and which files have lost their locks.

use std::pin::pin;
use std::task::{Context, Waker};

use super::*;

const INO: InodeId = InodeId::new(9);
const OTHER: InodeId = InodeId::new(10);
const PROCESS: Holder = (LockSpace::Posix, LockOwner(1));
const OPEN_FILE: Holder = (LockSpace::Flock, LockOwner(2));

fn take(files: &OpenFiles, holder: Holder, handle: Handle, epoch: u64) {
    drop(files.ask(INO, holder, handle, epoch).unwrap());
}

fn release(holder: Holder, epoch: u64) -> Release {
    Release {
        ino: INO,
        holder,
        epoch,
    }
}

fn is_empty(files: &OpenFiles) -> bool {
    files.table.lock().files.is_empty()
}

#[test]
fn closing_a_file_without_locks_gives_up_nothing() {
    let files = OpenFiles::default();
    let handle = files.open(INO);
    assert_eq!(files.flush(INO, PROCESS.1), None);
    assert_eq!(files.close(INO, handle), []);
    assert!(is_empty(&files));
}

#[test]
fn a_process_that_closes_any_descriptor_gives_up_its_locks() {
    let files = OpenFiles::default();
    let (first, second) = (files.open(INO), files.open(INO));
    take(&files, PROCESS, first, 1);
    take(&files, OPEN_FILE, first, 1);
    assert_eq!(files.flush(INO, LockOwner(7)), None, "another process");
    assert_eq!(files.flush(INO, PROCESS.1), Some(release(PROCESS, 1)));
    assert_eq!(files.flush(INO, PROCESS.1), None, "it has none any more");
    assert_eq!(files.close(INO, second), []);
}

#[test]
fn the_last_close_gives_up_what_belongs_to_the_open_file() {
    let files = OpenFiles::default();
    let (first, second) = (files.open(INO), files.open(INO));
    take(&files, OPEN_FILE, first, 1);
    assert_eq!(files.close(INO, second), []);
    assert_eq!(files.close(INO, first), [release(OPEN_FILE, 1)]);
    assert!(!is_empty(&files), "it is still being given up");
    files.released(INO, OPEN_FILE);
    assert!(is_empty(&files));
}

#[test]
fn a_lock_that_was_refused_is_not_held_and_one_whose_fate_is_unknown_is() {
    let files = OpenFiles::default();
    let handle = files.open(INO);
    files.ask(INO, PROCESS, handle, 1).unwrap().refused();
    assert!(!files.is_held(INO, PROCESS));
    drop(files.ask(INO, PROCESS, handle, 1).unwrap());
    assert!(files.is_held(INO, PROCESS));
}

#[test]
fn what_was_unlocked_is_not_given_up_again() {
    let files = OpenFiles::default();
    let handle = files.open(INO);
    assert_eq!(files.unlock(INO, PROCESS), None);
    take(&files, PROCESS, handle, 1);
    let unlocking = files.unlock(INO, PROCESS).unwrap();
    assert_eq!(unlocking.epoch, 1);
    files.unlocked(INO, PROCESS, unlocking);
    assert_eq!(files.flush(INO, PROCESS.1), None);
}

#[test]
fn a_lock_that_is_taken_while_another_is_unlocked_counts_as_held() {
    let files = OpenFiles::default();
    let handle = files.open(INO);
    take(&files, PROCESS, handle, 1);
    let unlocking = files.unlock(INO, PROCESS).unwrap();
    take(&files, PROCESS, handle, 1);
    files.unlocked(INO, PROCESS, unlocking);
    assert!(files.is_held(INO, PROCESS));

    let unlocking = files.unlock(INO, PROCESS).unwrap();
    let asking = files.ask(INO, PROCESS, handle, 1).unwrap();
    files.unlocked(INO, PROCESS, unlocking);
    asking.refused();
    assert!(files.is_held(INO, PROCESS), "it may have come first");
}

#[test]
fn files_with_locks_of_an_earlier_session_are_lost_until_they_are_closed() {
    let files = OpenFiles::default();
    assert_eq!(files.enter(1), []);
    let (locked, beside) = (files.open(INO), files.open(INO));
    let elsewhere = files.open(OTHER);
    take(&files, PROCESS, locked, 1);
    assert_eq!(files.check(INO, Use::Through(beside)), Ok(Some(1)));
    assert_eq!(files.enter(2), [INO]);
    assert_eq!(files.enter(2), [], "it is told once");
    for handle in [locked, beside] {
        assert_eq!(files.check(INO, Use::Through(handle)), Err(Lost));
        assert!(files.ask(INO, PROCESS, handle, 2).is_err());
    }
    assert_eq!(files.check(OTHER, Use::Through(elsewhere)), Ok(None));
    let again = files.open(INO);
    assert_eq!(files.check(INO, Use::Through(again)), Ok(None));
    take(&files, PROCESS, again, 2);
    assert_eq!(files.check(INO, Use::Through(again)), Ok(Some(2)));
    assert_eq!(files.close(INO, locked), [], "nothing is left to give up");
}

#[test]
fn what_was_unlocked_before_the_session_ended_is_not_lost() {
    let files = OpenFiles::default();
    let handle = files.open(INO);
    take(&files, PROCESS, handle, 1);
    let unlocking = files.unlock(INO, PROCESS).unwrap();
    files.unlocked(INO, PROCESS, unlocking);
    assert_eq!(files.enter(2), []);
    assert_eq!(files.check(INO, Use::Through(handle)), Ok(None));
}

#[test]
fn pages_are_not_written_back_as_long_as_a_lost_file_could_have_changed_them() {
    let files = OpenFiles::default();
    let lost = files.open(INO);
    take(&files, PROCESS, lost, 1);
    files.enter(2);
    let fresh = files.open(INO);
    assert_eq!(files.check(INO, Use::Through(fresh)), Ok(None));
    assert_eq!(files.check(INO, Use::WriteBack), Err(Lost));
    files.close(INO, lost);
    assert_eq!(files.check(INO, Use::WriteBack), Ok(None));
}

#[test]
fn a_lock_whose_session_ends_before_its_answer_is_lost() {
    let files = OpenFiles::default();
    let handle = files.open(INO);
    let asking = files.ask(INO, PROCESS, handle, 1).unwrap();
    assert_eq!(files.enter(2), []);
    drop(asking);
    assert_eq!(files.check(INO, Use::Through(handle)), Err(Lost));
    assert!(!files.is_held(INO, PROCESS));
}

#[test]
fn a_new_lock_waits_until_the_old_one_is_given_up() {
    let files = OpenFiles::default();
    let handle = files.open(INO);
    assert_eq!(files.is_settled(INO, PROCESS), Settled::Yes);
    take(&files, PROCESS, handle, 1);
    files.flush(INO, PROCESS.1).unwrap();
    assert_eq!(files.is_settled(INO, PROCESS), Settled::NotYet);
    assert_eq!(files.is_settled(INO, OPEN_FILE), Settled::Yes, "another's");
    files.release_failed(INO, PROCESS);
    assert_eq!(files.is_settled(INO, PROCESS), Settled::Failing);
    files.released(INO, PROCESS);
    assert_eq!(files.is_settled(INO, PROCESS), Settled::Yes);
    take(&files, PROCESS, handle, 1);
    let unlocking = files.unlock(INO, PROCESS).unwrap();
    files.unlocked(INO, PROCESS, unlocking);
    assert_eq!(files.is_settled(INO, PROCESS), Settled::NotYet);
    files.released(INO, PROCESS);
    assert_eq!(files.close(INO, handle), []);
    assert!(is_empty(&files));
}

#[test]
fn who_asks_after_a_close_waits_for_it_and_not_for_who_unlocks() {
    let files = OpenFiles::default();
    let (first, second) = (files.open(INO), files.open(INO));
    take(&files, OPEN_FILE, first, 1);
    take(&files, PROCESS, second, 1);
    let settled = |files: &OpenFiles| {
        let mut context = Context::from_waker(Waker::noop());
        pin!(files.closed(INO)).poll(&mut context).is_ready()
    };
    files.unlock(INO, PROCESS).unwrap();
    assert!(settled(&files), "nothing was closed");
    assert_eq!(files.close(INO, first), [release(OPEN_FILE, 1)]);
    assert!(!settled(&files));
    files.release_failed(INO, OPEN_FILE);
    assert!(settled(&files), "the cluster does not take it");
    files.released(INO, OPEN_FILE);
    assert!(settled(&files));
}
