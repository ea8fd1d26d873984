//! Runs operations: on the thread that read the request when they need not wait, else on the runtime.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use holdfast_replicator::Sparing;
use holdfast_replicator::course::{self, Course, Watched};
use parking_lot::{Condvar, Mutex};
use tokio::runtime::Handle;
use tracing::Span;

use crate::defects::Defects;
use crate::errno::errno;
use crate::filesystem::FilesystemError;
use crate::metrics::Metrics;
use crate::signals;

/// Where operations run that have to wait, and which are still there.
#[derive(Debug, Clone)]
pub(crate) struct Runner {
    runtime: Handle,
    waiting: Arc<Waiting>,
    watch: Watch,
    defects: Defects,
    /// Whether a signal ends the wait of its caller.
    interruptible: bool,
}

/// What becomes of the time an operation took.
#[derive(Debug, Clone)]
struct Watch {
    slow_operation: Duration,
    metrics: Metrics,
}

#[derive(Debug, Default)]
struct Waiting {
    count: Mutex<usize>,
    changed: Condvar,
}

/// Counts one operation that waits, even if it panics.
struct Ticket(Arc<Waiting>);

impl Drop for Ticket {
    fn drop(&mut self) {
        *self.0.count.lock() -= 1;
        self.0.changed.notify_all();
    }
}

/// One request, for whoever watches.
#[derive(Debug)]
pub(crate) struct Call {
    name: &'static str,
    ino: u64,
    pid: u32,
    began: Instant,
    span: Span,
    /// The operation looks at the signals of its caller itself, and may wait for other callers.
    minds_signals: bool,
}

impl Call {
    /// An operation on an inode begins.
    pub(crate) fn new(name: &'static str, ino: u64, pid: u32) -> Call {
        Call {
            name,
            ino,
            pid,
            began: Instant::now(),
            span: tracing::debug_span!("operation", operation = name, ino, pid),
            minds_signals: false,
        }
    }

    /// The operation looks at the signals of its caller itself, and takes as long as other callers let it wait.
    pub(crate) fn minding_signals(self) -> Call {
        Call {
            minds_signals: true,
            ..self
        }
    }

    fn end(&self, errno: i32, course: &Course, watch: &Watch) {
        let elapsed = self.began.elapsed();
        watch.metrics.answered(self.name, elapsed, errno);
        let micros = elapsed.as_micros() as u64;
        // Entered, not named as the parent: JSON lists only spans that are entered.
        self.span
            .in_scope(|| tracing::debug!(errno, micros, "answered"));
        if elapsed >= watch.slow_operation && !self.minds_signals {
            self.was_slow(micros, errno, course);
        }
    }

    fn was_slow(&self, micros: u64, errno: i32, course: &Course) {
        static LINES: Sparing = Sparing::new();
        let Some(more) = LINES.due() else { return };
        let micros_of = |time: Duration| time.as_micros() as u64;
        let (searching, asking) = (micros_of(course.searching), micros_of(course.asking));
        tracing::warn!(
            operation = self.name,
            ino = self.ino,
            pid = self.pid,
            request = course.request.map(tracing::field::display),
            micros,
            searching_micros = searching,
            asking_micros = asking,
            here_micros = micros.saturating_sub(searching + asking),
            calls = course.calls,
            errno,
            more,
            "slow operation"
        );
    }
}

impl Runner {
    pub(crate) fn new(runtime: Handle, slow_operation: Duration, interruptible: bool) -> Runner {
        Runner {
            runtime,
            waiting: Arc::default(),
            defects: Defects::default(),
            watch: Watch {
                slow_operation,
                metrics: Metrics::default(),
            },
            interruptible,
        }
    }

    /// What it counts.
    pub(crate) fn metrics(&self) -> Metrics {
        self.watch.metrics.clone()
    }

    /// What ends the mount when an operation panics.
    pub(crate) fn defects(&self) -> &Defects {
        &self.defects
    }

    /// Runs an operation and answers it, now or when it is done.
    pub(crate) fn run<T, F, A>(&self, call: Call, operation: F, answer: A)
    where
        F: Future<Output = Result<T, FilesystemError>> + Send + 'static,
        A: FnOnce(Result<T, i32>) + Send + 'static,
        T: Send + 'static,
    {
        let mut operation = Box::pin(course::watch(operation));
        if let Poll::Ready(result) = self.poll_once(&call, operation.as_mut()) {
            let course = course::taken(operation.as_mut());
            finish(&call, result, answer, &course, &self.watch);
        } else {
            self.spawn(call, operation, answer);
        }
    }

    fn poll_once<F: Future>(&self, call: &Call, operation: Pin<&mut F>) -> Poll<F::Output> {
        let _runtime = self.runtime.enter();
        let _span = call.span.enter();
        operation.poll(&mut Context::from_waker(Waker::noop()))
    }

    fn spawn<T, F, A>(&self, call: Call, mut operation: Pin<Box<Watched<F>>>, answer: A)
    where
        F: Future<Output = Result<T, FilesystemError>> + Send + 'static,
        A: FnOnce(Result<T, i32>) + Send + 'static,
        T: Send + 'static,
    {
        let waiting = Arc::clone(&self.waiting);
        let watch = self.watch.clone();
        let caller = (self.interruptible && !call.minds_signals).then_some(call.pid);
        *waiting.count.lock() += 1;
        let ticket = Ticket(waiting);
        let defects = self.defects.watch();
        self.runtime.spawn(async move {
            let _defects = defects;
            let waiting = interruptible(operation.as_mut(), caller);
            let result = tracing::Instrument::instrument(waiting, call.span.clone()).await;
            let course = course::taken(operation.as_mut());
            // One that was given up is over before its caller hears of it.
            drop(operation);
            finish(&call, result, answer, &course, &watch);
            drop(ticket);
        });
    }

    /// Runs what nobody waits for.
    pub(crate) fn spawn_beside(&self, work: impl Future<Output = ()> + Send + 'static) {
        let defects = self.defects.watch();
        self.runtime.spawn(async move {
            let _defects = defects;
            work.await;
        });
    }

    /// Waits until every operation is answered; false when that takes too long.
    pub(crate) fn drain(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut count = self.waiting.count.lock();
        while *count > 0 {
            if self
                .waiting
                .changed
                .wait_until(&mut count, deadline)
                .timed_out()
            {
                return *count == 0;
            }
        }
        true
    }
}

/// Ends the wait when the caller is told to end; what it asked for may still happen.
async fn interruptible<T>(
    operation: impl Future<Output = Result<T, FilesystemError>>,
    caller: Option<u32>,
) -> Result<T, FilesystemError> {
    let Some(caller) = caller else {
        return operation.await;
    };
    tokio::select! {
        biased;
        result = operation => result,
        () = signals::told_to_end(caller) => Err(FilesystemError::Interrupted),
    }
}

fn finish<T, A>(
    call: &Call,
    result: Result<T, FilesystemError>,
    answer: A,
    course: &Course,
    watch: &Watch,
) where
    A: FnOnce(Result<T, i32>),
{
    let number = result.as_ref().err().map_or(0, errno);
    if let Err(FilesystemError::Replicate(error)) = &result {
        call.span
            .in_scope(|| tracing::debug!(%error, "not answered by the replicator"));
    }
    answer(result.map_err(|_| number));
    call.end(number, course, watch);
}
