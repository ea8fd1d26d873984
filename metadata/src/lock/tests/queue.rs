//! Who waits is served in turn, and who may pass may pass.

use super::desk::Desk;
use crate::types::LockSpace;

fn desk(held: &[&str]) -> Desk {
    let mut desk = Desk::new(LockSpace::Posix);
    desk.all("locked", held);
    desk
}

#[test]
fn locks_are_granted_in_the_order_in_which_they_were_asked_for() {
    let mut desk = desk(&["A w 0-9"]);
    desk.all("waiting", &["E W 0-9", "B R 0-4", "F R 5-9", "C W 0-9"]);
    let last = desk.last();
    desk.all("done", &["A u 0-9"]);
    assert_eq!(desk.granted(), [last - 3]);
    desk.all("done", &["E u 0-9"]);
    assert_eq!(desk.granted(), [last - 2, last - 1]);
    desk.all("done", &["B u 0-9"]);
    assert_eq!(desk.granted(), Vec::<u64>::new());
    desk.all("done", &["F u 0-9"]);
    assert_eq!(desk.granted(), [last]);
}

#[test]
fn who_comes_later_waits_behind_whom_it_would_be_in_the_way_of() {
    let mut desk = desk(&["A r 0-9"]);
    desk.all("waiting", &["B W 0-9", "C R 0-9"]);
    desk.all("locked", &["E R 10-19"]);
    desk.all("done", &["A u 0-9"]);
    assert_eq!(desk.locks(), "B w 0-9, E r 10-19, C R 0-9");
}

#[test]
fn who_does_not_wait_looks_at_what_is_held_only() {
    let mut desk = desk(&["A r 0-9"]);
    desk.all("waiting", &["B W 0-9"]);
    desk.all("locked", &["C r 0-9"]);
    assert_eq!(desk.locks(), "A r 0-9, C r 0-9, B W 0-9");
}

#[test]
fn what_an_owner_has_as_strongly_it_gets_at_once() {
    let mut desk = desk(&["A w 0-4", "A r 5-9", "B r 5-9"]);
    desk.all("waiting", &["C W 0-9"]);
    desk.all("locked", &["A R 2-7"]);
    assert_eq!(desk.locks(), "A w 0-1, A r 2-9, B r 5-9, C W 0-9");
}

#[test]
fn who_holds_what_somebody_waits_for_may_pass() {
    let mut desk = desk(&["A r 0-4", "B r 0-9"]);
    desk.all("waiting", &["C W 0-9"]);
    desk.all("locked", &["A R 5-9"]);
    desk.all("waiting", &["D R 5-9"]);
}

#[test]
fn so_may_who_holds_it_over_others() {
    // `C` waits for `B` who waits for `A`.
    let mut desk = desk(&["A w 20-29", "B r 0-9"]);
    desk.all("waiting", &["B W 20-29", "C W 0-9"]);
    desk.all("locked", &["A R 0-9"]);
    desk.all("waiting", &["D R 0-9"]);
}

#[test]
fn so_may_who_holds_what_somebody_waits_for_further_ahead() {
    // `D` waits behind `C`, who waits behind `B`, who waits for `A`.
    let mut desk = desk(&["A r 0-0"]);
    desk.all("waiting", &["B W 0-5", "C R 5-9", "D W 9-9"]);
    desk.all("locked", &["A W 9-9"]);
}

#[test]
fn who_may_pass_later_is_granted_then() {
    // `B` waits behind `C`, who waits for `A`: it is not granted before `A` waits for `B`.
    let mut desk = desk(&["A r 0-9 f", "B w 0-9 g"]);
    desk.all("waiting", &["C W 0-9 f", "B R 0-9 f"]);
    let sequence = desk.last();
    assert_eq!(desk.locks(), "A r 0-9, C W 0-9, B R 0-9");
    desk.all("waiting", &["A W 0-9 g"]);
    assert_eq!(desk.granted(), [sequence]);
    assert_eq!(desk.locks(), "A r 0-9, B r 0-9, C W 0-9");
}

#[test]
fn a_grant_may_let_somebody_else_pass() {
    // `D` waits behind `C` on one file; `E` behind `D` on another. That `A` waits for `B` lets `B` pass `C`;
    // now `C` waits for `B` as well.
    let mut desk = desk(&["A r 0-9 f", "B w 0-9 g", "E r 0-9 h"]);
    desk.all("waiting", &["C W 0-9 f", "B R 0-9 f", "D W 0-9 h"]);
    desk.all("waiting", &["B R 0-9 h"]);
    desk.granted();
    desk.all("waiting", &["A W 0-9 g"]);
    assert_eq!(desk.granted().len(), 1);
    desk.all("waiting", &["E W 0-9 g"]);
    assert_eq!(
        desk.granted().len(),
        1,
        "`D` waits for `E` who waits for `B`"
    );
}

#[test]
fn an_owner_of_the_process_that_is_waited_for_may_pass() {
    // Each open file is an owner of `flock`: the process would wait for itself.
    let mut desk = desk(&[]);
    desk.of(LockSpace::Flock);
    desk.by(100).all("locked", &["A r 0-"]);
    desk.by(200).all("waiting", &["E W 0-"]);
    desk.by(300).all("waiting", &["C R 0-"]);
    desk.by(100).all("locked", &["B R 0-"]);
    // The same number on another machine is another process.
    desk.by(100).all("waiting", &["F R 0-"]);
}

#[test]
fn a_process_that_is_not_known_is_no_process() {
    let mut desk = desk(&[]);
    desk.by(0).all("locked", &["A r 0-9"]);
    desk.by(0).all("waiting", &["B W 0-9", "C R 0-9"]);
}

#[test]
fn a_wait_that_is_cancelled_lets_those_behind_it_through() {
    let mut desk = desk(&["A r 0-9"]);
    desk.all("waiting", &["B W 0-9"]);
    let cancelled = desk.last();
    desk.all("waiting", &["C R 0-9"]);
    let behind = desk.last();
    assert_eq!(desk.cancel("E", cancelled), "done", "of another session");
    assert_eq!(desk.granted(), Vec::<u64>::new());
    assert_eq!(desk.cancel("B", cancelled), "done");
    assert_eq!(desk.granted(), [behind]);
    assert_eq!(
        desk.cancel("B", cancelled),
        "done",
        "it does not wait any more"
    );
}

#[test]
fn what_was_granted_before_the_cancellation_is_held() {
    let mut desk = desk(&["A w 0-9"]);
    desk.all("waiting", &["B W 0-9"]);
    let sequence = desk.last();
    desk.all("done", &["A u 0-9"]);
    assert_eq!(desk.cancel("B", sequence), "locked");
    assert_eq!(desk.locks(), "B w 0-9");
}
