//! Two clients never believe at once to hold what excludes each other.

use holdfast_metadata::LockMode;

use crate::raft::simulation::history::Hold;

pub(super) fn check(holds: &[Hold]) -> Result<(), String> {
    for (number, first) in holds.iter().enumerate() {
        for second in &holds[number + 1..] {
            if exclude(first, second) && at_once(first, second) {
                return Err(format!("both hold a lock: {first:?} and {second:?}"));
            }
        }
    }
    Ok(())
}

fn exclude(first: &Hold, second: &Hold) -> bool {
    let (first, second) = (&first.held, &second.held);
    let (one, other) = (&first.lock, &second.lock);
    let is_exclusive = [one.mode, other.mode].contains(&LockMode::Exclusive);
    let overlaps = one.range.start <= other.range.end && other.range.start <= one.range.end;
    (first.session, one.owner) != (second.session, other.owner)
        && (one.ino, one.space) == (other.ino, other.space)
        && is_exclusive
        && overlaps
}

fn at_once(first: &Hold, second: &Hold) -> bool {
    first.times.iter().any(|(from, until)| {
        let mut others = second.times.iter();
        others.any(|(other, end)| from < end && other < until && from < until && other < end)
    })
}
