//! Locks of whole files, as `flock(2)` has them.

use super::desk::Desk;
use crate::types::LockSpace;

fn desk(held: &[&str]) -> Desk {
    let mut desk = Desk::new(LockSpace::Flock);
    desk.all("locked", held);
    desk
}

#[test]
fn the_range_means_nothing() {
    let mut desk = desk(&["A w 3-4"]);
    assert_eq!(desk.locks(), "A w 0-");
    desk.all("WouldBlock", &["B r 10-19"]);
    desk.all("done", &["A u 90-99"]);
    assert_eq!(desk.locks(), "");
}

#[test]
fn a_conversion_that_nobody_is_in_the_way_of_takes_place_at_once() {
    let mut desk = desk(&["A r 0-", "A w 0-"]);
    assert_eq!(desk.locks(), "A w 0-");
    desk.all("locked", &["A r 0-", "B r 0-"]);
    assert_eq!(desk.locks(), "A r 0-, B r 0-");
}

#[test]
fn a_conversion_that_is_refused_has_removed_the_lock_there_was() {
    let mut desk = desk(&["A r 0-", "B r 0-"]);
    desk.all("WouldBlock", &["A w 0-"]);
    assert_eq!(desk.locks(), "B r 0-");
}

#[test]
fn what_a_refused_conversion_removed_is_granted_to_who_waits() {
    let mut desk = desk(&["A r 0-", "B r 0-"]);
    desk.all("waiting", &["C W 0-"]);
    let sequence = desk.last();
    desk.all("done", &["B u 0-"]);
    desk.all("locked", &["B r 0-"]);
    assert_eq!(desk.granted(), Vec::<u64>::new());
    desk.all("WouldBlock", &["B w 0-"]);
    desk.all("done", &["A u 0-"]);
    assert_eq!(desk.granted(), [sequence]);
    assert_eq!(desk.locks(), "C w 0-");
}

#[test]
fn two_that_share_a_lock_and_both_want_it_alone_get_it_one_after_the_other() {
    let mut desk = desk(&["A r 0-", "B r 0-"]);
    desk.all("waiting", &["A W 0-"]);
    let first = desk.last();
    assert_eq!(desk.locks(), "B r 0-, A W 0-");
    // `A` has given up its own and is not in the way.
    desk.all("locked", &["B W 0-"]);
    desk.all("done", &["B u 0-"]);
    assert_eq!(desk.granted(), [first]);
    assert_eq!(desk.locks(), "A w 0-");
}

#[test]
fn no_circle_is_a_deadlock() {
    let mut desk = desk(&["A w 0- f", "B w 0- g"]);
    desk.all("waiting", &["A W 0- g", "B W 0- f"]);
}
