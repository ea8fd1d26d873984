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
    let is_exclusive = [first.mode, second.mode].contains(&LockMode::Exclusive);
    let overlaps = first.range.start <= second.range.end && second.range.start <= first.range.end;
    first.session != second.session
        && (first.ino, first.space) == (second.ino, second.space)
        && is_exclusive
        && overlaps
}

fn at_once(first: &Hold, second: &Hold) -> bool {
    first.times.iter().any(|(from, until)| {
        let mut others = second.times.iter();
        others.any(|(other, end)| from < end && other < until && from < until && other < end)
    })
}
