//! Planted histories that must be found, and good ones that must not.

use std::time::Duration;

use holdfast_metadata::LockMode::{self, Exclusive, Shared};

use super::{Hold, check_exclusion, check_numbers, count_shared};

/// A hold of lock 1 by whoever.
fn hold(mode: LockMode, from: u64, until: u64) -> Hold {
    Hold {
        lock: 1,
        holder: from as u32,
        mode,
        found: 0,
        from: Duration::from_nanos(from),
        until: Duration::from_nanos(until),
    }
}

fn found(mode: LockMode, from: u64, found: u64) -> Hold {
    Hold {
        found,
        ..hold(mode, from, from + 1)
    }
}

#[test]
fn holds_one_after_the_other_and_shared_ones_together_are_fine() {
    let holds = [
        hold(Exclusive, 0, 10),
        hold(Shared, 10, 20),
        hold(Shared, 12, 40),
        hold(Shared, 30, 35),
        hold(Exclusive, 40, 41),
        hold(Exclusive, 42, 50),
    ];
    assert_eq!(check_exclusion(&holds), Ok(()));
    assert_eq!(count_shared(&holds), 2);
    // In whatever order they are told.
    let backwards: Vec<Hold> = holds.into_iter().rev().collect();
    assert_eq!(check_exclusion(&backwards), Ok(()));
}

#[test]
fn whoever_holds_a_lock_together_with_an_exclusive_holder_is_found() {
    let planted: [&[Hold]; 7] = [
        &[hold(Exclusive, 0, 10), hold(Exclusive, 9, 20)],
        &[hold(Exclusive, 0, 10), hold(Shared, 9, 20)],
        &[hold(Shared, 0, 10), hold(Exclusive, 9, 20)],
        &[hold(Exclusive, 5, 6), hold(Exclusive, 0, 10)],
        &[hold(Exclusive, 0, 10), hold(Exclusive, 0, 10)],
        // The one in the way is not the one just before.
        &[
            hold(Shared, 0, 30),
            hold(Shared, 1, 2),
            hold(Exclusive, 20, 21),
        ],
        &[
            hold(Exclusive, 0, 10),
            hold(Shared, 10, 11),
            hold(Shared, 12, 40),
            hold(Shared, 13, 14),
            hold(Exclusive, 39, 50),
        ],
    ];
    for holds in planted {
        assert!(check_exclusion(holds).is_err(), "{holds:?}");
        let backwards: Vec<Hold> = holds.iter().rev().copied().collect();
        assert!(check_exclusion(&backwards).is_err(), "{backwards:?}");
    }
}

#[test]
fn holds_of_other_locks_are_in_nobodys_way() {
    let other = Hold {
        lock: 2,
        ..hold(Exclusive, 5, 15)
    };
    assert_eq!(check_exclusion(&[hold(Exclusive, 0, 10), other]), Ok(()));
}

#[test]
fn each_finds_what_those_before_him_have_left() {
    let holds = [
        found(Exclusive, 10, 0),
        found(Shared, 20, 1),
        found(Exclusive, 30, 1),
        found(Shared, 40, 2),
    ];
    assert_eq!(check_numbers(&holds), Ok([(1, 2)].into()));
    let planted: [(usize, u64); 4] = [(0, 1), (1, 0), (2, 0), (3, 1)];
    for (place, number) in planted {
        let mut holds = holds;
        holds[place].found = number;
        assert!(check_numbers(&holds).is_err(), "{holds:?}");
    }
}

#[test]
fn a_hold_is_read_as_it_was_written() {
    for mode in [Shared, Exclusive] {
        let hold = found(mode, 1_234_567_890_123, 77);
        assert_eq!(hold.to_string().parse(), Ok(hold));
    }
    for line in [
        "",
        "1 2 shared 3 4",
        "1 2 other 3 4 5",
        "1 2 shared 3 4 5 6",
    ] {
        assert!(line.parse::<Hold>().is_err(), "{line}");
    }
}
