//! Ranges of bytes.

use super::desk::Desk;
use crate::types::LockSpace;

/// What is held before, a request, its answer, what is held after.
type Case = (
    &'static [&'static str],
    &'static str,
    &'static str,
    &'static str,
);

fn check(cases: &[Case]) {
    for (given, request, answer, after) in cases {
        let mut desk = Desk::new(LockSpace::Posix);
        desk.all("locked", given);
        assert_eq!(desk.ask(request), *answer, "{given:?} {request}");
        assert_eq!(desk.locks(), *after, "{given:?} {request}");
    }
}

#[test]
fn the_locks_of_an_owner_are_joined_cut_and_replaced() {
    check(&[
        (&[], "A r 0-9", "locked", "A r 0-9"),
        (&["A w 0-9"], "A w 0-9", "locked", "A w 0-9"),
        // Beside each other.
        (&["A w 0-9"], "A w 10-19", "locked", "A w 0-19"),
        (&["A w 10-19"], "A w 0-9", "locked", "A w 0-19"),
        (&["A w 0-9", "A w 20-29"], "A w 10-19", "locked", "A w 0-29"),
        (&["A w 0-9"], "A w 11-19", "locked", "A w 0-9, A w 11-19"),
        (&["A w 0-9"], "A r 10-19", "locked", "A w 0-9, A r 10-19"),
        // Over each other.
        (&["A w 0-9"], "A w 5-14", "locked", "A w 0-14"),
        (&["A w 5-14"], "A w 0-9", "locked", "A w 0-14"),
        (&["A w 0-9"], "A w 3-5", "locked", "A w 0-9"),
        (&["A w 3-5"], "A w 0-9", "locked", "A w 0-9"),
        (
            &["A w 0-1", "A w 5-6", "A w 9-"],
            "A w 0-",
            "locked",
            "A w 0-",
        ),
        // Another mode.
        (&["A w 0-9"], "A r 0-9", "locked", "A r 0-9"),
        (&["A r 0-9"], "A w 0-9", "locked", "A w 0-9"),
        (
            &["A w 0-9"],
            "A r 3-5",
            "locked",
            "A w 0-2, A r 3-5, A w 6-9",
        ),
        (&["A w 0-9"], "A r 0-5", "locked", "A r 0-5, A w 6-9"),
        (&["A w 0-9"], "A r 5-14", "locked", "A w 0-4, A r 5-14"),
        (&["A w 0-", "A r 3-5"], "A w 3-5", "locked", "A w 0-"),
        (&["A r 0-4", "A w 5-9"], "A r 5-9", "locked", "A r 0-9"),
        // To the end, and the last byte.
        (&["A w 5-"], "A w 0-4", "locked", "A w 0-"),
        (
            &["A w 0-"],
            "A r 18446744073709551615-",
            "locked",
            "A w 0-18446744073709551614, A r 18446744073709551615-",
        ),
    ]);
}

#[test]
fn an_owner_gives_up_what_it_says_and_no_more() {
    check(&[
        (&[], "A u 0-9", "done", ""),
        (&["A w 0-9"], "A u 0-9", "done", ""),
        (&["A w 0-9"], "A u 0-", "done", ""),
        (&["A w 0-9"], "A u 3-5", "done", "A w 0-2, A w 6-9"),
        (&["A w 0-9"], "A u 0-5", "done", "A w 6-9"),
        (&["A w 0-9"], "A u 5-14", "done", "A w 0-4"),
        (&["A w 0-9"], "A u 10-", "done", "A w 0-9"),
        (
            &["A w 0-2", "A r 5-9"],
            "A u 1-6",
            "done",
            "A w 0-0, A r 7-9",
        ),
        (&["A w 0-9", "B w 10-19"], "B u 0-", "done", "A w 0-9"),
        (&["A r 0-9", "B r 0-9"], "B u 0-", "done", "A r 0-9"),
        (
            &["A w 0-"],
            "A u 0-18446744073709551614",
            "done",
            "A w 18446744073709551615-",
        ),
    ]);
}

#[test]
fn what_others_have_is_in_the_way_unless_both_are_shared() {
    check(&[
        (&["A r 0-9"], "B r 0-9", "locked", "A r 0-9, B r 0-9"),
        (&["A r 0-9"], "B w 9-9", "WouldBlock", "A r 0-9"),
        (&["A w 0-9"], "B r 9-9", "WouldBlock", "A w 0-9"),
        (&["A w 0-9"], "B r 0-0", "WouldBlock", "A w 0-9"),
        (&["A w 0-9"], "B w 10-", "locked", "A w 0-9, B w 10-"),
        // Another session is another owner.
        (&["A w 0-9"], "E w 0-9", "WouldBlock", "A w 0-9"),
        // An owner loses nothing by a request that is refused.
        (
            &["A r 0-9", "B r 5-14"],
            "B w 5-9",
            "WouldBlock",
            "A r 0-9, B r 5-14",
        ),
        (
            &["A r 0-9", "B r 5-14"],
            "B w 10-14",
            "locked",
            "A r 0-9, B r 5-9, B w 10-14",
        ),
    ]);
}

#[test]
fn who_waits_is_granted_when_the_last_in_the_way_gives_up() {
    let mut desk = Desk::new(LockSpace::Posix);
    desk.all("locked", &["A r 0-4", "B r 5-9"]);
    desk.all("waiting", &["E W 3-6"]);
    let sequence = desk.last();
    desk.all("done", &["A u 0-4"]);
    assert_eq!(desk.granted(), Vec::<u64>::new());
    desk.all("done", &["B u 7-9"]);
    assert_eq!(desk.granted(), Vec::<u64>::new());
    desk.all("done", &["B u 5-6"]);
    assert_eq!(desk.granted(), [sequence]);
    assert_eq!(desk.locks(), "E w 3-6");
}

#[test]
fn a_weaker_mode_lets_others_through() {
    let mut desk = Desk::new(LockSpace::Posix);
    desk.all("locked", &["A w 0-9"]);
    desk.all("waiting", &["B R 0-4", "C W 5-9", "E R 5-9"]);
    desk.granted();
    desk.all("locked", &["A r 0-9"]);
    assert_eq!(desk.locks(), "A r 0-9, B r 0-4, C W 5-9, E R 5-9");
}

#[test]
fn a_range_that_ends_before_it_begins_is_refused() {
    let mut desk = Desk::new(LockSpace::Posix);
    desk.all("InvalidArgument", &["A w 5-4", "A u 5-4"]);
}

#[test]
fn locks_of_another_kind_are_not_in_the_way() {
    let mut desk = Desk::new(LockSpace::Posix);
    desk.all("locked", &["A w 0-"]);
    desk.of(LockSpace::Flock).all("locked", &["B w 0-"]);
    desk.of(LockSpace::Posix).all("done", &["B u 0-"]);
    assert_eq!(desk.locks(), "A w 0-, B w 0-");
}
