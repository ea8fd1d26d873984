//! A wait is refused exactly when it would close a circle of waits for what is held.

use super::desk::Desk;
use crate::types::LockSpace;

fn desk(held: &[&str]) -> Desk {
    let mut desk = Desk::new(LockSpace::Posix);
    desk.all("locked", held);
    desk
}

#[test]
fn two_owners_who_wait_for_each_other() {
    // In one session and in two, on one inode and on two.
    for (a, b) in [("A", "B"), ("A", "E")] {
        for (first, second) in [("0-9", "10-19"), ("0-9 f", "0-9 g")] {
            let mut desk = desk(&[]);
            desk.all(
                "locked",
                &[&format!("{a} w {first}"), &format!("{b} w {second}")],
            );
            desk.all("waiting", &[&format!("{a} W {second}")]);
            desk.all("Deadlock", &[&format!("{b} W {first}")]);
            // Who was refused waits for nothing, and has what it had.
            desk.all("done", &[&format!("{b} u {second}")]);
            assert_eq!(desk.granted().len(), 1);
        }
    }
}

#[test]
fn circles_of_many_owners() {
    for number in 3..=20_usize {
        let owner = |place: usize| char::from(b'A' + (place % number) as u8);
        let mut desk = desk(&[]);
        for place in 0..number {
            desk.all("locked", &[&format!("{} w {place}-{place}", owner(place))]);
        }
        for place in 0..number - 1 {
            let next = place + 1;
            desk.all("waiting", &[&format!("{} W {next}-{next}", owner(place))]);
        }
        let last = owner(number - 1);
        desk.all("Deadlock", &[&format!("{last} W 0-0")]);
        // It is the circle that is refused, not that somebody who is waited for waits.
        desk.all(
            "waiting",
            &[&format!("{} W 0-0", char::from(b'A' + number as u8))],
        );
    }
}

#[test]
fn circles_over_files_and_sessions() {
    let mut desk = desk(&["A w 0- f", "E w 0- g", "I w 0- h", "M w 0- i"]);
    desk.all("waiting", &["A W 0- g", "E R 0- h", "I W 5-5 i"]);
    desk.all("Deadlock", &["M W 7-7 f"]);
    desk.all("WouldBlock", &["M w 7-7 f"]);
}

#[test]
fn a_circle_over_one_of_many_who_share_a_lock() {
    let mut desk = desk(&["A r 0-9", "B r 0-9", "C r 0-9", "D w 20-29"]);
    desk.all("waiting", &["B W 20-29"]);
    desk.all("Deadlock", &["D W 0-9"]);
}

#[test]
fn an_upgrade_that_somebody_else_waits_for_too() {
    let mut desk = desk(&["A r 0-9", "B r 0-9"]);
    desk.all("waiting", &["A W 0-9"]);
    desk.all("Deadlock", &["B W 0-9"]);
}

#[test]
fn a_chain_is_no_circle() {
    let mut desk = desk(&["A w 0-0", "B w 1-1", "C w 2-2"]);
    desk.all("waiting", &["A W 1-1", "B W 2-2", "D W 0-2"]);
    desk.all("done", &["C u 2-2"]);
}

#[test]
fn who_waits_behind_somebody_who_waits_is_in_no_circle() {
    // `C` waits in the queue behind `B` and for nothing that is held.
    let mut desk = desk(&["A r 0-9", "C w 20-29"]);
    desk.all("waiting", &["B W 0-9", "D R 0-9"]);
    desk.all("waiting", &["B W 20-29"]);
    assert_eq!(
        desk.locks(),
        "A r 0-9, C w 20-29, B W 0-9, D R 0-9, B W 20-29"
    );
}

#[test]
fn a_wait_that_was_cancelled_or_granted_is_no_part_of_a_circle() {
    let mut desk = desk(&["A w 0-0", "B w 1-1"]);
    desk.all("waiting", &["A W 1-1"]);
    let sequence = desk.last();
    assert_eq!(desk.cancel("A", sequence), "done");
    desk.all("waiting", &["B W 0-0"]);
}

#[test]
fn locks_of_files_as_a_whole_are_no_part_of_a_circle() {
    let mut desk = desk(&["A w 0- f"]);
    desk.of(LockSpace::Flock).all("locked", &["B w 0- g"]);
    desk.all("waiting", &["A W 0- g"]);
    desk.of(LockSpace::Posix).all("waiting", &["B W 0- f"]);
}
