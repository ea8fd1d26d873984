//! One phase: prepare untimed, let all threads start together, add up, clean.

use std::fs;
use std::path::PathBuf;
use std::sync::Barrier;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, anyhow};

use super::histogram::Histogram;
use super::interrupt::Interrupt;
use super::operation::{Operation, Supply};
use super::plan::Limit;
use super::scratch::Scratch;
use super::worker::{Stretch, Until, Worker};

/// Files that all threads together use over and over.
const REUSED_OBJECTS: u64 = 4_000;
/// Objects that all threads together are given for the first stretch of an operation that uses them up ...
const CONSUMED_OBJECTS_FIRST: u64 = 4_000;
/// ... and for each later one at most: a directory tree beyond that would be measured, too.
const CONSUMED_OBJECTS_MAX: u64 = 50_000;
/// No thread gets fewer objects than this.
const OBJECTS_MIN: u64 = 200;

/// One operation on one directory with one number of threads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Phase {
    pub(super) operation: Operation,
    pub(super) threads: usize,
    pub(super) limit: Limit,
    /// Files of a listed directory.
    pub(super) entries: u64,
    /// All threads work in one directory.
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
    pub(super) fn run(&self, scratch: &Scratch, interrupt: &Interrupt) -> anyhow::Result<Measured> {
        let mut workers: Vec<Worker> = (0..self.threads)
            .map(|thread| Worker::new(self.operation, self.directory(scratch, thread), thread))
            .collect();
        let mut measured = Measured {
            units: 0,
            elapsed: Duration::ZERO,
            latencies: Histogram::new(),
        };
        while self.is_unfinished(&workers, &measured) {
            self.stretch(&mut workers, &mut measured, interrupt)?;
        }
        for worker in &workers {
            measured.latencies.merge(&worker.latencies);
        }
        in_parallel(&mut workers, Worker::clean)?;
        Ok(measured)
    }

    fn directory(&self, scratch: &Scratch, thread: usize) -> PathBuf {
        if self.shared {
            scratch.path().join("shared")
        } else {
            scratch.path().join(format!("thread-{thread}"))
        }
    }

    fn is_unfinished(&self, workers: &[Worker], measured: &Measured) -> bool {
        match self.limit {
            Limit::Time(time) => measured.elapsed < time,
            Limit::Count(count) => workers.iter().any(|worker| worker.done < count),
        }
    }

    /// Prepares and times once; an operation that uses up its objects needs several such stretches.
    fn stretch(
        &self,
        workers: &mut [Worker],
        measured: &mut Measured,
        interrupt: &Interrupt,
    ) -> anyhow::Result<()> {
        let objects = self.objects(measured);
        in_parallel(workers, |worker| worker.prepare(objects, interrupt))?;
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
        let start = Barrier::new(workers.len());
        let stretches = in_parallel(workers, |worker| {
            start.wait();
            worker.measure(&until)
        })?;
        interrupt.check()?;
        measured.add(&stretches);
        Ok(())
    }

    /// How many objects each thread needs for the next stretch, judging by the rate so far.
    fn objects(&self, measured: &Measured) -> u64 {
        let threads = self.threads as u64;
        let share = |objects: u64| (objects / threads).max(OBJECTS_MIN);
        if self.operation.lists() {
            return if self.shared {
                self.entries.div_ceil(threads)
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

/// Runs the job of every worker in a thread of its own and returns when the last one is done.
fn in_parallel<T: Send>(
    workers: &mut [Worker],
    job: impl Fn(&mut Worker) -> anyhow::Result<T> + Sync,
) -> anyhow::Result<Vec<T>> {
    std::thread::scope(|scope| {
        let job = &job;
        let threads: Vec<_> = workers
            .iter_mut()
            .map(|worker| scope.spawn(move || job(worker)))
            .collect();
        let outcomes: Vec<_> = threads
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(anyhow!("a thread panicked")))
            })
            .collect();
        outcomes.into_iter().collect()
    })
}

/// Makes the kernel forget names and attributes. It keeps what is not yet written, so that is written first.
fn drop_caches() -> anyhow::Result<()> {
    nix::unistd::sync();
    fs::write("/proc/sys/vm/drop_caches", "2\n").context(
        "stat-cold and readdir-cold drop the kernel's caches, for which they need root: /proc/sys/vm/drop_caches",
    )
}
