//! One client of a phase: prepares its objects, repeats the operation, removes what is left.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::histogram::Histogram;
use super::interrupt::Interrupt;
use super::operation::{Operation, Supply};
use super::target::Client;

/// Objects that are prepared between two looks at whether somebody wants the run to end.
const BATCH: u64 = 64;

/// A client with the count of the places it has used.
#[derive(Debug)]
pub(super) struct Worker<C> {
    operation: Operation,
    client: C,
    /// Places below `made` have been given to an object.
    made: u64,
    /// Operations tried since the first, or since the start of the pass: says which place is next.
    used: u64,
    /// Operations measured.
    pub(super) done: u64,
    pub(super) latencies: Histogram,
}

/// When a worker stops.
#[derive(Debug)]
pub(super) struct Until<'a> {
    pub(super) time: Option<Duration>,
    pub(super) count: Option<u64>,
    /// Raised by the first worker that has used up its objects, for all of them.
    pub(super) exhausted: &'a AtomicBool,
    pub(super) interrupt: &'a Interrupt,
}

/// What one timed stretch of one worker came to.
#[derive(Debug)]
pub(super) struct Stretch {
    pub(super) start: Instant,
    pub(super) end: Instant,
    /// Operations, or entries where listings are measured.
    pub(super) units: u64,
}

impl<C: Client> Worker<C> {
    pub(super) fn new(operation: Operation, client: C) -> Worker<C> {
        Worker {
            operation,
            client,
            made: 0,
            used: 0,
            done: 0,
            latencies: Histogram::new(),
        }
    }

    /// Makes sure that `objects` of what the operation needs are there, and that a new pass can begin.
    pub(super) async fn prepare(
        &mut self,
        objects: u64,
        interrupt: &Interrupt,
    ) -> anyhow::Result<()> {
        self.client.enter().await?;
        let (object, target) = match self.operation.supply() {
            Supply::Nothing => return Ok(()),
            Supply::Reused(object) => (object, objects),
            Supply::OncePerPass(object) => {
                self.used = 0;
                (object, objects)
            }
            Supply::Consumed(object) => (object, self.used + objects),
        };
        while self.made < target && !interrupt.is_raised() {
            let end = target.min(self.made + BATCH);
            let places = (self.made..end).map(|number| self.client.place(number));
            let places = places.collect::<anyhow::Result<Vec<_>>>()?;
            self.client.make(object, places).await?;
            self.made = end;
        }
        Ok(())
    }

    /// Repeats the operation until one of the limits is reached.
    pub(super) async fn measure(&mut self, until: &Until<'_>) -> anyhow::Result<Stretch> {
        let start = Instant::now();
        let mut stretch = Stretch {
            start,
            end: start,
            units: 0,
        };
        while until.count.is_none_or(|count| self.done < count) {
            if self.is_exhausted() {
                until.exhausted.store(true, Ordering::Relaxed);
            }
            if until.exhausted.load(Ordering::Relaxed) || until.interrupt.is_raised() {
                break;
            }
            let place = self.client.place(self.next())?;
            let before = Instant::now();
            let performed = self.client.perform(&place, self.used + self.made).await;
            stretch.end = Instant::now();
            stretch.units += performed.with_context(|| {
                let place = self.client.describe(&place);
                format!("{} failed on {place}", self.operation)
            })?;
            self.latencies.record(stretch.end - before);
            self.used += 1;
            self.done += 1;
            if until.time.is_some_and(|time| stretch.end - start >= time) {
                break;
            }
        }
        Ok(stretch)
    }

    pub(super) async fn clean(&mut self) -> anyhow::Result<()> {
        self.client.leave().await
    }

    fn is_exhausted(&self) -> bool {
        match self.operation.supply() {
            Supply::Nothing | Supply::Reused(_) => false,
            Supply::OncePerPass(_) if self.operation.lists() => self.used > 0,
            Supply::Consumed(_) | Supply::OncePerPass(_) => self.used >= self.made,
        }
    }

    /// The number of the place that the next operation is about.
    fn next(&self) -> u64 {
        match self.operation.supply() {
            // Renamed files move on to the next unused place, so the oldest place is always `used`.
            Supply::Reused(_) if self.operation != Operation::Rename => {
                self.used % self.made.max(1)
            }
            Supply::Nothing | Supply::Reused(_) | Supply::Consumed(_) | Supply::OncePerPass(_) => {
                self.used
            }
        }
    }
}
