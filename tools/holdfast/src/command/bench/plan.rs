//! Which phases a run consists of and in which order.

use std::time::Duration;

use super::arguments::BenchArguments;
use super::operation::Operation;
use super::phase::Phase;

/// Rounds when several directories are compared and nobody says how many.
const ROUNDS_COMPARING: u32 = 5;

/// What is compared with one another: one operation with one number of threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) operation: Operation,
    pub(super) threads: usize,
}

/// One phase of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) group: Group,
    pub(super) round: u32,
    pub(super) directory: usize,
}

/// When a phase is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// After this much measured time.
    Time(Duration),
    /// After this many operations in each thread.
    Count(u64),
}

/// The whole run.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) rounds: u32,
    threads: Vec<usize>,
    operations: Vec<Operation>,
    directories: usize,
    limit: Limit,
    entries: u64,
    shared: bool,
}

impl Plan {
    pub(super) fn new(arguments: &BenchArguments) -> Plan {
        let directories = arguments.directories.len();
        let rounds_default = if directories > 1 { ROUNDS_COMPARING } else { 1 };
        Plan {
            rounds: arguments.rounds.unwrap_or(rounds_default),
            threads: arguments
                .threads
                .iter()
                .map(|threads| threads.get())
                .collect(),
            operations: arguments.ops.clone(),
            directories,
            limit: arguments
                .count
                .map_or(Limit::Time(arguments.seconds), Limit::Count),
            entries: arguments.entries,
            shared: arguments.shared,
        }
    }

    /// All groups, in the order they are measured and printed.
    pub(super) fn groups(&self) -> impl Iterator<Item = Group> {
        self.operations.iter().flat_map(|&operation| {
            self.threads
                .iter()
                .map(move |&threads| Group { operation, threads })
        })
    }

    /// The phases of a group: the directories take turns.
    pub(super) fn steps(&self, group: Group) -> impl Iterator<Item = Step> {
        (0..self.rounds).flat_map(move |round| {
            (0..self.directories).map(move |directory| Step {
                group,
                round,
                directory,
            })
        })
    }

    pub(super) fn phase(&self, step: &Step) -> Phase {
        Phase {
            operation: step.group.operation,
            threads: step.group.threads,
            limit: self.limit,
            entries: self.entries,
            shared: self.shared,
        }
    }

    /// How many phases there are.
    pub(super) fn phases(&self) -> u64 {
        let groups = self.operations.len() * self.threads.len();
        groups as u64 * u64::from(self.rounds) * self.directories as u64
    }
}
