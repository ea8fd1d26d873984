//! One stream a peer for the heartbeats of all groups: what waits at one moment travels in one message.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use holdfast_proto as proto;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::link::Link;

const OPEN_PATIENCE: Duration = Duration::from_secs(1);
const BATCH_MAX: usize = 4096;
/// A line that broke is opened again soon: without heartbeats the followers elect another leader.
const REOPEN_MIN: Duration = Duration::from_millis(50);
const REOPEN_MAX: Duration = Duration::from_millis(250);

/// Sends heartbeats to one peer. A task owns the stream; it ends with the last clone of this.
#[derive(Debug, Clone)]
pub(super) struct Heartbeats {
    calls: mpsc::UnboundedSender<Call>,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    heartbeats: AtomicU64,
    batches: AtomicU64,
}

/// How much was sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct HeartbeatCounts {
    /// Of all groups.
    pub(crate) heartbeats: u64,
    /// The messages that carried them.
    pub(crate) batches: u64,
}

type Answer = Result<proto::AppendResponse, String>;

#[derive(Debug)]
struct Call {
    request: proto::AppendRequest,
    answer: oneshot::Sender<Answer>,
}

impl Heartbeats {
    pub(super) fn start(link: Arc<Link>) -> Heartbeats {
        let (calls, queue) = mpsc::unbounded_channel();
        let counts = Arc::new(Counts::default());
        let line = Line {
            link,
            queue,
            waiting: Vec::new(),
            pending: BTreeMap::new(),
            next_call: 0,
            failure: None,
            counts: Arc::clone(&counts),
        };
        tokio::spawn(line.run());
        Heartbeats { calls, counts }
    }

    /// Sends one and waits for its answer. The caller sets the deadline; it may stop waiting any time.
    pub(super) async fn call(&self, request: proto::AppendRequest) -> Answer {
        let (answer, answered) = oneshot::channel();
        let gone = || "heartbeats have stopped".to_owned();
        self.calls
            .send(Call { request, answer })
            .map_err(|_| gone())?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }

    pub(super) fn counts(&self) -> HeartbeatCounts {
        HeartbeatCounts {
            heartbeats: self.counts.heartbeats.load(Ordering::Relaxed),
            batches: self.counts.batches.load(Ordering::Relaxed),
        }
    }
}

/// The task behind [`Heartbeats`].
struct Line {
    link: Arc<Link>,
    queue: mpsc::UnboundedReceiver<Call>,
    /// Not yet sent.
    waiting: Vec<Call>,
    /// Sent and not answered, by call number.
    pending: BTreeMap<u64, oneshot::Sender<Answer>>,
    next_call: u64,
    failure: Option<Failure>,
    counts: Arc<Counts>,
}

/// Why the line is closed, and when it may be opened again.
struct Failure {
    reason: String,
    pause: Duration,
    until: Instant,
}

struct Stream {
    batches: mpsc::Sender<proto::HeartbeatBatch>,
    answers: Streaming<proto::HeartbeatAnswers>,
}

/// Why the line stops carrying.
enum Stop {
    /// Nobody will call any more.
    Unused,
    Broken(String),
}

impl Line {
    async fn run(mut self) {
        while self.queue.recv_many(&mut self.waiting, BATCH_MAX).await > 0 {
            if let Some(failure) = &self.failure
                && Instant::now() < failure.until
            {
                let reason = failure.reason.clone();
                self.fail_all(&reason);
                continue;
            }
            let stop = match self.open().await {
                Ok(stream) => self.carry(stream).await,
                Err(reason) => Stop::Broken(reason),
            };
            match stop {
                Stop::Unused => return,
                Stop::Broken(reason) => self.broken(reason),
            }
        }
    }

    async fn open(&self) -> Result<Stream, String> {
        // One batch may wait while tonic takes the one before; what comes then goes into the next.
        let (batches, outgoing) = mpsc::channel(1);
        let mut client = self.link.client();
        let request = self.link.request(ReceiverStream::new(outgoing));
        let opened = tokio::time::timeout(OPEN_PATIENCE, client.heartbeats(request)).await;
        let response = opened
            .map_err(|_| "heartbeats: no connection in time".to_owned())?
            .map_err(|status| self.link.describe(&status))?;
        Ok(Stream {
            batches,
            answers: response.into_inner(),
        })
    }

    async fn carry(&mut self, mut stream: Stream) -> Stop {
        loop {
            tokio::select! {
                answers = stream.answers.message() => match answers {
                    Ok(Some(answers)) => self.deliver(answers),
                    Ok(None) => return Stop::Broken("the peer closed the stream".to_owned()),
                    Err(status) => return Stop::Broken(self.link.describe(&status)),
                },
                permit = stream.batches.reserve(), if !self.waiting.is_empty() => match permit {
                    Ok(permit) => {
                        if let Some(batch) = self.batch() {
                            permit.send(batch);
                        }
                    }
                    Err(_) => return Stop::Broken("the stream broke".to_owned()),
                },
                count = self.queue.recv_many(&mut self.waiting, BATCH_MAX) => {
                    if count == 0 {
                        return Stop::Unused;
                    }
                }
            }
        }
    }

    /// Everything that waits and that somebody still waits for.
    fn batch(&mut self) -> Option<proto::HeartbeatBatch> {
        self.pending.retain(|_, answer| !answer.is_closed());
        let mut heartbeats = Vec::with_capacity(self.waiting.len());
        for call in self.waiting.drain(..) {
            if call.answer.is_closed() {
                continue;
            }
            self.next_call += 1;
            self.pending.insert(self.next_call, call.answer);
            heartbeats.push(proto::Heartbeat {
                call: self.next_call,
                request: Some(call.request),
            });
        }
        if heartbeats.is_empty() {
            return None;
        }
        let count = heartbeats.len() as u64;
        self.counts.heartbeats.fetch_add(count, Ordering::Relaxed);
        self.counts.batches.fetch_add(1, Ordering::Relaxed);
        Some(proto::HeartbeatBatch { heartbeats })
    }

    fn deliver(&mut self, answers: proto::HeartbeatAnswers) {
        self.failure = None;
        for answer in answers.answers {
            let Some(caller) = self.pending.remove(&answer.call) else {
                continue;
            };
            let response = answer
                .response
                .ok_or_else(|| "an answer without one".to_owned());
            // A caller that no longer waits has been told so by its own clock.
            drop(caller.send(response));
        }
    }

    fn broken(&mut self, reason: String) {
        self.fail_all(&reason);
        let pause = match &self.failure {
            Some(failure) => (failure.pause * 2).min(REOPEN_MAX),
            None => REOPEN_MIN,
        };
        self.failure = Some(Failure {
            reason,
            pause,
            until: Instant::now() + pause,
        });
    }

    fn fail_all(&mut self, reason: &str) {
        let sent = std::mem::take(&mut self.pending).into_values();
        let unsent = self.waiting.drain(..).map(|call| call.answer);
        for answer in sent.chain(unsent) {
            drop(answer.send(Err(reason.to_owned())));
        }
    }
}
