//! Which phases a run consists of and in which order.

use std::time::Duration;

use super::arguments::BenchArguments;
use super::operation::Operation;
use super::phase::Phase;

/// Rounds when several directories are compared and nobody says how many.
const ROUNDS_COMPARING: u32 = 5;

/// What is compared with one another: one operation with one number of clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) operation: Operation,
    pub(super) clients: usize,
}

/// One phase of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) group: Group,
    pub(super) round: u32,
    pub(super) target: usize,
}

/// When a phase is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limit {
    /// After this much measured time.
    Time(Duration),
    /// After this many operations of each client.
    Count(u64),
}

/// The whole run.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) rounds: u32,
    clients: Vec<usize>,
    operations: Vec<Operation>,
    targets: usize,
    limit: Limit,
    entries: u64,
    shared: bool,
}

impl Plan {
    pub(super) fn new(arguments: &BenchArguments) -> Plan {
        // A cluster is one target.
        let targets = arguments.directories.len().max(1);
        let rounds_default = if targets > 1 { ROUNDS_COMPARING } else { 1 };
        Plan {
            rounds: arguments.rounds.unwrap_or(rounds_default),
            clients: arguments
                .threads
                .iter()
                .map(|clients| clients.get())
                .collect(),
            operations: arguments.operations(),
            targets,
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
            self.clients
                .iter()
                .map(move |&clients| Group { operation, clients })
        })
    }

    /// The phases of a group: the targets take turns.
    pub(super) fn steps(&self, group: Group) -> impl Iterator<Item = Step> {
        (0..self.rounds).flat_map(move |round| {
            (0..self.targets).map(move |target| Step {
                group,
                round,
                target,
            })
        })
    }

    pub(super) fn phase(&self, step: &Step) -> Phase {
        Phase {
            operation: step.group.operation,
            clients: step.group.clients,
            limit: self.limit,
            entries: self.entries,
            shared: self.shared,
        }
    }

    /// How many phases there are.
    pub(super) fn phases(&self) -> u64 {
        let groups = self.operations.len() * self.clients.len();
        groups as u64 * u64::from(self.rounds) * self.targets as u64
    }
}
