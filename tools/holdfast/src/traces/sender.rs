//! A thread that hands spans to the collector, many at once. Whoever makes them never waits for it.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use holdfast_replicator::Sparing;

use super::collector::Collector;
use super::span::{Span, message};

/// What waits to be sent; what comes then is left out, and counted.
const SPANS_MAX: usize = 16 * 1024;
/// Most in one message.
const TOGETHER_MAX: usize = 1024;
/// How long a span waits for others.
const WAIT: Duration = Duration::from_secs(1);

/// Takes spans from all threads.
#[derive(Debug, Clone)]
pub(super) struct Sender {
    to: SyncSender<Item>,
    left_out: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Item {
    Span(Box<Span>),
    /// Whoever waits hears when all before it was handed over.
    Finish(SyncSender<()>),
}

impl Sender {
    /// Sends from now on, as this instance of the program.
    pub(super) fn start(collector: Collector, instance: String) -> Sender {
        let (to, from) = mpsc::sync_channel(SPANS_MAX);
        let left_out = Arc::<AtomicU64>::default();
        let line = Line {
            collector,
            instance,
            left_out: Arc::clone(&left_out),
        };
        let thread = thread::Builder::new().name("traces".to_owned());
        if let Err(error) = thread.spawn(move || line.run(&from)) {
            tracing::warn!(%error, "nothing is traced");
        }
        Sender { to, left_out }
    }

    pub(super) fn send(&self, span: Span) {
        if self.to.try_send(Item::Span(Box::new(span))).is_err() {
            self.left_out.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until what was sent is handed over, but not longer than this.
    pub(super) fn finish(&self, limit: Duration) {
        let (told, hears) = mpsc::sync_channel(1);
        let is_asked = self.to.try_send(Item::Finish(told)).is_ok();
        if !is_asked || hears.recv_timeout(limit).is_err() {
            tracing::warn!("what was traced last is not sent: the collector is slow");
        }
    }
}

/// What the thread has.
struct Line {
    collector: Collector,
    instance: String,
    left_out: Arc<AtomicU64>,
}

impl Line {
    fn run(&self, from: &Receiver<Item>) {
        let mut spans = Vec::new();
        let mut due = Instant::now() + WAIT;
        loop {
            match from.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(Item::Span(span)) => {
                    if spans.is_empty() {
                        due = Instant::now() + WAIT;
                    }
                    spans.push(*span);
                    if spans.len() < TOGETHER_MAX {
                        continue;
                    }
                    self.hand_over(&mut spans);
                }
                Ok(Item::Finish(told)) => {
                    self.hand_over(&mut spans);
                    told.send(()).ok();
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.hand_over(&mut spans);
                    due = Instant::now() + WAIT;
                }
                Err(RecvTimeoutError::Disconnected) => return self.hand_over(&mut spans),
            }
        }
    }

    fn hand_over(&self, spans: &mut Vec<Span>) {
        static LINES: Sparing = Sparing::new();
        let spans = mem::take(spans);
        if spans.is_empty() {
            return;
        }
        let taken = self.collector.take(&message(&self.instance, &spans));
        let error = taken.err();
        if error.is_some() {
            let lost = spans.len() as u64;
            self.left_out.fetch_add(lost, Ordering::Relaxed);
        }
        // What no line tells of now, a later one does.
        if self.left_out.load(Ordering::Relaxed) > 0
            && let Some(more) = LINES.due()
        {
            let left_out = self.left_out.swap(0, Ordering::Relaxed);
            let collector = tracing::field::display(&self.collector);
            let error = error.map(tracing::field::display);
            tracing::warn!(collector, error, left_out, more, "spans are not traced");
        }
    }
}
