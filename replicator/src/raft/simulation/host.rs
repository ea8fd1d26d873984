//! A machine of the simulation: its tasks run, stand still, or end at once, and it has a clock and a source of numbers.
//!
//! Everything runs on one thread. While a task of a host is polled the host is the current one; what the task begins
//! belongs to the same host. So a host can be stopped as `SIGSTOP` does, and killed as a power failure does: in both
//! cases between two polls, with nothing run on the way out but destructors. Or one of its tasks stands still, as when
//! the thread that runs it is not given a processor, and the others go on.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use holdfast_metadata::Timestamp;
use parking_lot::Mutex;
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::Instant;

use super::node::TIMING;
use super::random::Random;
use super::tally::Tally;

thread_local! {
    static CURRENT: RefCell<Option<Host>> = const { RefCell::new(None) };
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Clones are the same machine, from one start to the next crash.
#[derive(Debug, Clone)]
pub(in crate::raft) struct Host {
    shared: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    is_dead: bool,
    is_stopped: bool,
    /// What of it stands still while the rest runs.
    stopped_task: Option<&'static str>,
    /// The names of the tasks it has had.
    names: BTreeSet<&'static str>,
    /// Of tasks that would have run while they stood still.
    woken: Vec<Waker>,
    tasks: Vec<AbortHandle>,
    random: Random,
    epoch: Instant,
    /// How far its clock is from the right time, in milliseconds.
    clock_error: i64,
    stopped_at: Option<Instant>,
    tally: Tally,
}

impl Host {
    pub(in crate::raft) fn new(random: Random, epoch: Instant, tally: Tally) -> Host {
        Host {
            shared: Arc::new(Mutex::new(State {
                is_dead: false,
                is_stopped: false,
                stopped_task: None,
                names: BTreeSet::new(),
                woken: Vec::new(),
                tasks: Vec::new(),
                random,
                epoch,
                clock_error: 0,
                stopped_at: None,
                tally,
            })),
        }
    }

    /// The host of the task that runs.
    pub(in crate::raft) fn current() -> Option<Host> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// Runs at once, as a task of this host does.
    pub(in crate::raft) fn enter<T>(&self, run: impl FnOnce() -> T) -> T {
        let before = CURRENT.replace(Some(self.clone()));
        let result = run();
        CURRENT.set(before);
        result
    }

    pub(in crate::raft) fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let name = std::any::type_name::<F>();
        let task = tokio::spawn(Hosted {
            host: self.clone(),
            name,
            task: Box::pin(task),
        });
        let mut state = self.shared.lock();
        state.names.insert(name);
        if state.is_dead {
            task.abort();
        }
        if state.tasks.len() % 256 == 255 {
            state.tasks.retain(|task| !task.is_finished());
        }
        state.tasks.push(task.abort_handle());
        task
    }

    /// Nothing of it runs any more.
    pub(in crate::raft) fn kill(&self) {
        let tasks = {
            let mut state = self.shared.lock();
            state.is_dead = true;
            std::mem::take(&mut state.tasks)
        };
        for task in tasks {
            task.abort();
        }
    }

    /// Nothing of it runs until it goes on; time passes meanwhile.
    pub(in crate::raft) fn stop(&self) {
        let mut state = self.shared.lock();
        state.is_stopped = true;
        state.stopped_at.get_or_insert_with(Instant::now);
    }

    /// Stands still for so long, unless it is told to go on before.
    pub(in crate::raft) fn stop_for(&self, time: Duration) {
        self.stop();
        let host = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            host.go_on();
        });
    }

    /// What its tasks are.
    pub(in crate::raft) fn names(&self) -> Vec<&'static str> {
        self.shared.lock().names.iter().copied().collect()
    }

    /// The tasks of this name stand still for so long, and the others do not.
    pub(in crate::raft) fn stop_task_for(&self, name: &'static str, time: Duration) {
        self.shared.lock().stopped_task = Some(name);
        let host = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            host.release(|state| state.stopped_task = None);
        });
    }

    /// What a task of any host on this thread has panicked with.
    pub(in crate::raft) fn take_panic() -> Option<String> {
        PANIC.take()
    }

    pub(in crate::raft) fn go_on(&self) {
        self.release(|state| {
            state.is_stopped = false;
            state.stopped_task = None;
            let stood = state.stopped_at.take().map(|since| since.elapsed());
            if stood.is_some_and(|stood| stood >= TIMING.session_lease) {
                state.tally.count("pauses longer than a lease");
            }
        });
    }

    /// What may run again goes on.
    fn release(&self, change: impl FnOnce(&mut State)) {
        let woken = {
            let mut state = self.shared.lock();
            change(&mut state);
            std::mem::take(&mut state.woken)
        };
        for waker in woken {
            waker.wake();
        }
    }

    /// Whether it neither runs nor will without help.
    pub(in crate::raft) fn is_stopped(&self) -> bool {
        self.shared.lock().is_stopped
    }

    pub(in crate::raft) fn set_clock_error(&self, milliseconds: i64) {
        self.shared.lock().clock_error = milliseconds;
    }

    pub(in crate::raft) fn time_of_day(&self) -> Timestamp {
        let state = self.shared.lock();
        let since = state.epoch.elapsed() + Duration::from_secs(1_000_000_000);
        let milliseconds = since.as_millis() as i64 + state.clock_error;
        Timestamp {
            seconds: milliseconds.div_euclid(1000),
            nanoseconds: milliseconds.rem_euclid(1000) as u32 * 1_000_000,
        }
    }

    pub(in crate::raft) fn random_number(&self) -> u64 {
        self.shared.lock().random.next()
    }

    fn may_run(&self, name: &str, context: &Context<'_>) -> bool {
        let mut state = self.shared.lock();
        let is_stopped = state.is_stopped || state.stopped_task == Some(name);
        if is_stopped {
            state.woken.push(context.waker().clone());
        }
        !state.is_dead && !is_stopped
    }
}

struct Hosted<F> {
    host: Host,
    name: &'static str,
    task: Pin<Box<F>>,
}

impl<F: Future> Future for Hosted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        if !self.host.may_run(self.name, context) {
            return Poll::Pending;
        }
        let host = self.host.clone();
        let task = AssertUnwindSafe(|| self.task.as_mut().poll(context));
        let polled = host.enter(|| catch_unwind(task));
        polled.unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or(panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
            PANIC.set(text.or(Some("a panic".to_owned())));
            resume_unwind(panic)
        })
    }
}
