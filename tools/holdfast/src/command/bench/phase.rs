//! One phase: prepare untimed, let all clients start together, add up, clean.

use std::fs;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context;

use super::histogram::Histogram;
use super::interrupt::Interrupt;
use super::operation::{Operation, Supply};
use super::plan::Limit;
use super::target::{Client, Target};
use super::worker::{Stretch, Until, Worker};

/// Files that all clients together use over and over.
const REUSED_OBJECTS: u64 = 4_000;
/// Objects that all clients together are given for the first stretch of an operation that uses them up ...
const CONSUMED_OBJECTS_FIRST: u64 = 4_000;
/// ... and for each later one at most: a directory tree beyond that would be measured, too.
const CONSUMED_OBJECTS_MAX: u64 = 50_000;
/// No client gets fewer objects than this.
const OBJECTS_MIN: u64 = 200;

/// One operation on one target with one number of clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Phase {
    pub(super) operation: Operation,
    pub(super) clients: usize,
    pub(super) limit: Limit,
    /// Files of a listed directory.
    pub(super) entries: u64,
    /// All clients work in one directory.
    pub(super) shared: bool,
}

/// What came out of a phase.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) units: u64,
    pub(super) elapsed: Duration,
    pub(super) latencies: Histogram,
}

impl Measured {
    #[expect(
        clippy::cast_precision_loss,
        reason = "nobody counts to 2^53 operations"
    )]
    pub(super) fn per_second(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 {
            self.units as f64 / seconds
        } else {
            0.0
        }
    }
}

impl Phase {
    pub(super) fn run<T: Target>(
        &self,
        target: &T,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Measured> {
        let mut workers: Vec<_> = (0..self.clients)
            .map(|number| target.client(self.operation, number, self.shared))
            .map(|client| Worker::new(self.operation, client))
            .collect();
        let mut measured = Measured {
            units: 0,
            elapsed: Duration::ZERO,
            latencies: Histogram::new(),
        };
        while self.is_unfinished(&workers, &measured) {
            self.stretch(target, &mut workers, &mut measured, interrupt)?;
        }
        for worker in &workers {
            measured.latencies.merge(&worker.latencies);
        }
        target.in_parallel(&mut workers, async |worker| worker.clean().await)?;
        Ok(measured)
    }

    fn is_unfinished<C: Client>(&self, workers: &[Worker<C>], measured: &Measured) -> bool {
        match self.limit {
            Limit::Time(time) => measured.elapsed < time,
            Limit::Count(count) => workers.iter().any(|worker| worker.done < count),
        }
    }

    /// Prepares and times once; an operation that uses up its objects needs several such stretches.
    fn stretch<T: Target>(
        &self,
        target: &T,
        workers: &mut [Worker<T::Client>],
        measured: &mut Measured,
        interrupt: &Interrupt,
    ) -> anyhow::Result<()> {
        let objects = self.objects(measured);
        target.in_parallel(workers, async |worker| {
            worker.prepare(objects, interrupt).await
        })?;
        if self.operation.is_cold() {
            drop_caches()?;
        }
        interrupt.check()?;
        let until = Until {
            time: match self.limit {
                Limit::Time(time) => Some(time.saturating_sub(measured.elapsed)),
                Limit::Count(_) => None,
            },
            count: match self.limit {
                Limit::Time(_) => None,
                Limit::Count(count) => Some(count),
            },
            exhausted: &AtomicBool::new(false),
            interrupt,
        };
        let stretches = target.in_parallel(workers, async |worker| worker.measure(&until).await)?;
        interrupt.check()?;
        measured.add(&stretches);
        Ok(())
    }

    /// How many objects each client needs for the next stretch, judging by the rate so far.
    fn objects(&self, measured: &Measured) -> u64 {
        let clients = self.clients as u64;
        let share = |objects: u64| (objects / clients).max(OBJECTS_MIN);
        if self.operation.lists() {
            return if self.shared {
                self.entries.div_ceil(clients)
            } else {
                self.entries
            };
        }
        match (self.operation.supply(), self.limit) {
            (Supply::Nothing, _) => 0,
            (Supply::Reused(_), _) => share(REUSED_OBJECTS),
            (Supply::Consumed(_) | Supply::OncePerPass(_), Limit::Count(count)) => {
                count.min(share(CONSUMED_OBJECTS_MAX))
            }
            (Supply::OncePerPass(_), Limit::Time(_)) => share(CONSUMED_OBJECTS_FIRST),
            (Supply::Consumed(_), Limit::Time(time)) => {
                let missing = time.saturating_sub(measured.elapsed).as_secs_f64();
                let expected = (measured.per_second() * missing * 1.1) as u64;
                share(expected.clamp(CONSUMED_OBJECTS_FIRST, CONSUMED_OBJECTS_MAX))
            }
        }
    }
}

impl Measured {
    fn add(&mut self, stretches: &[Stretch]) {
        let start = stretches.iter().map(|stretch| stretch.start).min();
        let end = stretches.iter().map(|stretch| stretch.end).max();
        if let (Some(start), Some(end)) = (start, end) {
            self.elapsed += end - start;
        }
        self.units += stretches.iter().map(|stretch| stretch.units).sum::<u64>();
    }
}

/// Makes the kernel forget names and attributes. It keeps what is not yet written, so that is written first.
fn drop_caches() -> anyhow::Result<()> {
    nix::unistd::sync();
    fs::write("/proc/sys/vm/drop_caches", "2\n").context(
        "stat-cold and readdir-cold drop the kernel's caches, for which they need root: /proc/sys/vm/drop_caches",
    )
}
