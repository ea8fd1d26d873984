//! Histories of locks: who held which from when until when, and what that must have been like.
//!
//! A hold is noted from after the lock was got until before it was given up, so it is never longer than it was in truth: two
//! that overlap did exclude each other in vain.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use holdfast_metadata::LockMode;
use nix::time::{ClockId, clock_gettime};

/// A process held a lock, which guards a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    /// The number of the lock.
    pub lock: u32,
    /// The number of the process.
    pub holder: u32,
    /// Who holds it exclusively adds 1 to the number.
    pub mode: LockMode,
    /// What the number was.
    pub found: u64,
    /// By [`now`].
    pub from: Duration,
    /// By [`now`].
    pub until: Duration,
}

/// The clock that all processes of the machine have in common.
pub fn now() -> nix::Result<Duration> {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from)
}

/// Checks that nobody held a lock together with somebody who held it exclusively.
pub fn check_exclusion(holds: &[Hold]) -> Result<(), String> {
    for holds in by_lock(holds).values() {
        // Of those that began before: the one that ends last, and the exclusive one that does.
        let (mut any, mut exclusive): (Option<&Hold>, Option<&Hold>) = (None, None);
        for hold in holds {
            let before = match hold.mode {
                LockMode::Shared => exclusive,
                LockMode::Exclusive => any,
            };
            if let Some(before) = before.filter(|before| before.until > hold.from) {
                return Err(format!("held at one time: {before:?} and {hold:?}"));
            }
            any = Some(later(any, hold));
            if hold.mode == LockMode::Exclusive {
                exclusive = Some(later(exclusive, hold));
            }
        }
    }
    Ok(())
}

/// Checks that each holder found what those before him had left; answers what each number must be at the end.
///
/// The holds must exclude each other.
pub fn check_numbers(holds: &[Hold]) -> Result<BTreeMap<u32, u64>, String> {
    let mut numbers = BTreeMap::new();
    for (lock, holds) in by_lock(holds) {
        let mut number = 0;
        for hold in holds {
            if hold.found != number {
                return Err(format!("the number was {number} before {hold:?}"));
            }
            if hold.mode == LockMode::Exclusive {
                number += 1;
            }
        }
        numbers.insert(lock, number);
    }
    Ok(numbers)
}

/// How many began to share a lock while somebody else had it.
pub fn count_shared(holds: &[Hold]) -> usize {
    let count = |holds: &Vec<&Hold>| {
        let pairs = holds.windows(2);
        pairs
            .filter(|pair| matches!(pair, [one, next] if next.from < one.until))
            .count()
    };
    by_lock(holds).values().map(count).sum()
}

/// The holds of each lock, in the order in which they began.
fn by_lock(holds: &[Hold]) -> BTreeMap<u32, Vec<&Hold>> {
    let mut locks: BTreeMap<u32, Vec<&Hold>> = BTreeMap::new();
    for hold in holds {
        locks.entry(hold.lock).or_default().push(hold);
    }
    for holds in locks.values_mut() {
        holds.sort_by_key(|hold| (hold.from, hold.until));
    }
    locks
}

fn later<'a>(one: Option<&'a Hold>, other: &'a Hold) -> &'a Hold {
    one.filter(|one| one.until >= other.until).unwrap_or(other)
}

impl fmt::Display for Hold {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mode = match self.mode {
            LockMode::Shared => "shared",
            LockMode::Exclusive => "exclusive",
        };
        let (from, until) = (self.from.as_nanos(), self.until.as_nanos());
        let (lock, holder, found) = (self.lock, self.holder, self.found);
        write!(formatter, "{lock} {holder} {mode} {found} {from} {until}")
    }
}

impl FromStr for Hold {
    type Err = String;

    fn from_str(line: &str) -> Result<Hold, String> {
        parse(line).ok_or_else(|| format!("no hold: {line}"))
    }
}

fn parse(line: &str) -> Option<Hold> {
    let words: Vec<&str> = line.split(' ').collect();
    let [lock, holder, mode, found, from, until] = words.try_into().ok()?;
    Some(Hold {
        lock: lock.parse().ok()?,
        holder: holder.parse().ok()?,
        mode: match mode {
            "shared" => LockMode::Shared,
            "exclusive" => LockMode::Exclusive,
            _ => return None,
        },
        found: found.parse().ok()?,
        from: Duration::from_nanos(from.parse().ok()?),
        until: Duration::from_nanos(until.parse().ok()?),
    })
}
