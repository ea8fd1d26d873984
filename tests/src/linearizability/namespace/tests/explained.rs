//! Good histories that are hard to explain, and what is shown of bad ones.

use super::*;

#[test]
fn an_unknown_outcome_may_come_late_or_never() {
    let lost = || {
        Planted::default()
            .unknown(0, create("a"))
            .fails((10, 20), stat("a"), Errno::ENOENT)
    };
    lost().explained();
    lost().says((30, 40), stat("a"), file(1, 0)).explained();
    lost().done((30, 40), create("a")).explained();
    lost()
        .fails((30, 40), create("a"), Errno::EEXIST)
        .explained();
    lost()
        .says((30, 40), stat("a"), file(1, 0))
        .done((50, 60), unlink("a"))
        .says((70, 80), stat("a"), file(1, 0))
        .refuted_at(5);
}

#[test]
fn many_unknown_outcomes_are_decided_in_time() {
    let mut planted = Planted::default().done((0, 1), create("a"));
    for number in 0..12 {
        planted = planted.unknown(2, Call::Truncate(path("a"), number + 1));
    }
    for number in (0..12).rev() {
        let moment = 10 * (20 - Moment::from(number));
        planted = planted.says((moment, moment + 5), stat("a"), file(1, number + 1));
    }
    planted.explained();
}

#[test]
fn concurrent_operations_may_happen_in_any_order_that_their_answers_allow() {
    // The create waits for the unlink, the unlink for the link, and the stat sees the second name go.
    Planted::default()
        .done((0, 10), create("a"))
        .done((20, 90), create("a"))
        .done((20, 90), unlink("a"))
        .done((20, 90), Call::Link(path("a"), path("b")))
        .says((20, 90), stat("b"), file(2, 0))
        .says((20, 90), stat("b"), file(1, 0))
        .explained();
    Planted::default()
        .done((0, 10), create("a"))
        .done((20, 90), rename("a", "b"))
        .done((20, 90), rename("b", "c"))
        .done((20, 90), rename("c", "a"))
        .says((100, 110), Call::List(None), names(&[("a", Kind::File)]))
        .explained();
}

#[test]
fn a_path_is_walked_name_by_name() {
    // It goes through the directory before that is renamed, and asks for the file after.
    let walked = || {
        Planted::default()
            .done((0, 10), mkdir("a"))
            .done((20, 30), create("a/x"))
            .done((40, 50), rename("a", "b"))
    };
    walked().says((45, 70), stat("a/x"), file(1, 0)).explained();
    walked()
        .says((60, 70), stat("a/x"), file(1, 0))
        .refuted_at(4);
    // What is found under the name is asked for by its inode, which may have been renamed and changed meanwhile.
    Planted::default()
        .done((0, 10), create("a"))
        .done((30, 40), rename("a", "b"))
        .done((50, 60), Call::Truncate(path("b"), 5))
        .says((20, 70), stat("a"), file(1, 5))
        .explained();
}

#[test]
fn who_holds_an_inode_that_lost_its_name_may_be_told_so() {
    let gone = || {
        Planted::default()
            .done((0, 10), create("a"))
            .done((20, 60), unlink("a"))
    };
    for outcome in [
        file(1, 0),
        file(0, 0),
        Outcome::Failed(Errno::ENOENT),
        Outcome::Failed(Errno::ESTALE),
    ] {
        gone().says((30, 50), stat("a"), outcome).explained();
    }
    gone().says((70, 80), stat("a"), file(0, 0)).refuted_at(3);
}

#[test]
fn the_limits_of_the_search_are_no_verdict() {
    let mut planted = Planted::default().done((0, 1), create("a"));
    for number in 0..12 {
        planted = planted.unknown(2, Call::Truncate(path("a"), number + 1));
    }
    let planted = planted.says((10, 20), stat("a"), file(1, 99));
    let history = History::new(planted.asked);
    let limits = Limits {
        places: 1000,
        ..LIMITS
    };
    let verdict = check::<Namespace>(&history, &Tree::empty(Disk::Ample), limits);
    assert!(matches!(verdict, Verdict::Undecided { .. }), "{verdict:?}");
}

#[test]
fn a_window_shows_what_is_needed_and_no_more() {
    let mut planted = Planted::default();
    for number in 0..40 {
        let moment = number * 100;
        planted = planted
            .done((moment, moment + 10), create("a"))
            .says((moment + 20, moment + 30), stat("a"), file(1, 0))
            .fails((moment + 25, moment + 35), stat("b"), Errno::ENOENT)
            .done((moment + 40, moment + 50), unlink("a"));
    }
    let planted = planted
        .says((5000, 5010), stat("a"), file(1, 0))
        .done((6000, 6010), create("a"));
    let (verdict, history) = (planted.verdict(), History::new(planted.asked));
    let window = Window::<Namespace>::new(&history, &Tree::empty(Disk::Ample), &verdict).unwrap();
    assert_eq!(window.culprit, 161, "{window}");
    // Names come and go in pairs, of which none is left out alone; looks that do not count are.
    assert_eq!(window.history.operations.len(), 7, "{window}");
}

#[test]
fn what_is_not_needed_without_something_that_is_not_needed_is_left_out() {
    // The unlink is why the rename explains nothing; without the rename nobody needs it, nor what it removes.
    let planted = Planted::default()
        .done((0, 10), create("b"))
        .unknown(12, rename("b", "a"))
        .done((20, 30), unlink("b"))
        .says((40, 50), stat("a"), file(1, 0));
    let (verdict, history) = (planted.verdict(), History::new(planted.asked));
    let window = Window::<Namespace>::new(&history, &Tree::empty(Disk::Ample), &verdict).unwrap();
    let left: Vec<u32> = window.history.operations.iter().map(|one| one.id).collect();
    assert_eq!(left, [4], "{window}");
}

#[test]
fn what_did_nothing_at_first_may_do_something_later() {
    // The rename does nothing while both are names of one file; after the exchange it does.
    let exchange = Call::Rename(path("b"), path("c"), Exchange::Exchange);
    let renamed = || {
        Planted::default()
            .done((0, 10), create("a"))
            .done((11, 12), Call::Link(path("a"), path("b")))
            .done((13, 14), create("c"))
            .done((20, 90), rename("a", "b"))
            .done((20, 80), exchange)
    };
    renamed()
        .fails((100, 110), stat("a"), Errno::ENOENT)
        .explained();
    renamed()
        .says((100, 110), stat("a"), file(2, 0))
        .explained();
    renamed()
        .says((100, 110), stat("a"), file(1, 0))
        .refuted_at(6);
}

#[test]
fn what_a_directory_is_in_while_a_rename_begins_may_not_be_replaced_or_moved() {
    // Between its LOOKUPs the directory of the old name moves into what the new name leads to.
    let exchange = Call::Rename(path("a"), path("b/y"), Exchange::Exchange);
    let made = || {
        Planted::default()
            .done((0, 5), mkdir("a"))
            .done((6, 7), create("a/x"))
            .done((8, 10), mkdir("b"))
            .done((11, 12), mkdir("b/y"))
    };
    made()
        .done((20, 60), exchange)
        .fails((25, 70), rename("a/x", "b"), Errno::ENOTEMPTY)
        .explained();
    // Also if it leaves it again before it is asked for.
    made()
        .done((20, 40), exchange)
        .fails((25, 70), rename("a/x", "b"), Errno::ENOTEMPTY)
        .done((50, 60), rename("b/y", "c"))
        .explained();
    for errno in [Errno::ENOTEMPTY, Errno::EINVAL] {
        made()
            .fails((25, 70), rename("a/x", "b"), errno)
            .refuted_at(5);
    }
    // The directory of the new name moves into what is to be moved, and the new name leads to a file.
    made()
        .done((20, 60), rename("a", "b/z"))
        .fails((25, 70), rename("b", "a/x"), Errno::EINVAL)
        .explained();
    made()
        .fails((25, 70), rename("b", "a/x"), Errno::EINVAL)
        .refuted_at(5);
}

/// A call that takes two seconds looks at `a` after almost one; what it makes is not there for another one.
fn looks_in_the_middle(between: Call) -> Planted {
    let ms = |from: u64, to: u64| (from * 1_000_000, to * 1_000_000);
    Planted::default()
        .done(ms(0, 10), mkdir("b"))
        .done(ms(20, 2000), create("a/x"))
        .done(ms(800, 801), between)
        .done(ms(900, 901), rename("a", "c"))
        .says(ms(1000, 1001), Call::List(Some(Name(b'c'))), names(&[]))
        .says(
            ms(2010, 2020),
            Call::List(Some(Name(b'c'))),
            names(&[("x", Kind::File)]),
        )
}

#[test]
fn what_was_seen_in_the_middle_of_a_long_call_is_tried_if_nothing_else_explains_it() {
    looks_in_the_middle(rename("b", "a")).explained();
    looks_in_the_middle(mkdir("a")).explained();
    looks_in_the_middle(create("a")).refuted_at(5);
}
