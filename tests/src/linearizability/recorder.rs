//! The clock of a history, and who is doing what by it.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::history::{Moment, Operation};
use super::system_calls::Known;

/// Shared by all clients.
#[derive(Debug)]
pub struct Recorder {
    began: Instant,
    /// The same by the clock of the machine.
    began_at: SystemTime,
    next: AtomicU32,
    under_way: Mutex<BTreeMap<u32, String>>,
    unknown: Mutex<BTreeMap<String, u32>>,
    without_mount: AtomicU32,
}

impl Default for Recorder {
    fn default() -> Recorder {
        Recorder {
            began: Instant::now(),
            began_at: SystemTime::now(),
            next: AtomicU32::new(1),
            under_way: Mutex::default(),
            unknown: Mutex::default(),
            without_mount: AtomicU32::new(0),
        }
    }
}

impl Recorder {
    /// The id of the next operation.
    pub fn id(&self) -> u32 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// How many operations were begun.
    pub fn count(&self) -> u32 {
        self.next.load(Ordering::Relaxed) - 1
    }

    /// Now, or so much later.
    pub fn moment(&self, later: Duration) -> Moment {
        (self.began.elapsed() + later).as_nanos() as Moment
    }

    /// What the clock of the machine tells.
    pub fn moment_of(&self, time: SystemTime) -> Moment {
        let since = time.duration_since(self.began_at);
        since.unwrap_or_default().as_nanos() as Moment
    }

    /// Does something, and notes when it began and ended. The second is false if the mount is gone.
    pub fn record<C: Display, O>(
        &self,
        (id, client): (u32, &str),
        call: C,
        work: impl FnOnce() -> Known<O>,
    ) -> (Operation<C, O>, bool) {
        let invoked = self.moment(Duration::ZERO);
        let doing = format!("{client} since {} ms: {call}", invoked / 1_000_000);
        lock(&self.under_way).insert(id, doing);
        let known = work();
        let returned = self.moment(Duration::ZERO);
        lock(&self.under_way).remove(&id);
        let is_mounted = !matches!(known, Known::NoMount);
        let answer = match known {
            Known::Outcome(outcome) => Some((outcome, returned)),
            Known::NoMount => {
                self.without_mount.fetch_add(1, Ordering::Relaxed);
                None
            }
            Known::Nothing(errno) => {
                *lock(&self.unknown).entry(format!("{errno:?}")).or_default() += 1;
                None
            }
        };
        let operation = Operation {
            id,
            client: client.to_owned(),
            call,
            answer,
            invoked,
        };
        (operation, is_mounted)
    }

    /// What has not returned yet.
    pub fn under_way(&self) -> Vec<String> {
        lock(&self.under_way).values().cloned().collect()
    }

    /// How many operations found that their mount was gone.
    pub fn without_mount(&self) -> u32 {
        self.without_mount.load(Ordering::Relaxed)
    }

    /// Errors after which nobody knows what has happened, and how often there were.
    pub fn unknown(&self) -> BTreeMap<String, u32> {
        lock(&self.unknown).clone()
    }
}

fn lock<T>(shared: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
