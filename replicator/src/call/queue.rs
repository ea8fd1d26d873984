//! The calls of one stream: those that wait to be sent, and those that wait for an answer.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::task::{Context, Poll, Waker};

use holdfast_proto::{CallRequest, CallRequests, call_request};
use parking_lot::Mutex;
use prost::Message;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot, watch};

use super::{CallAnswer, CallBody, CallLimits};
use crate::refusal::Refusal;

/// A message is not made longer than this, unless a single call is.
const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

type Answer = Result<CallAnswer, Refusal>;

/// Shared by the callers, by the transport that sends and by the task that reads.
#[derive(Debug)]
pub(super) struct Queue {
    state: Mutex<State>,
    calls: Semaphore,
    bytes: Semaphore,
    bytes_max: u32,
    /// Why it is of no use any more.
    closed: watch::Sender<Option<String>>,
}

#[derive(Debug, Default)]
struct State {
    last_call: u64,
    waiting: VecDeque<CallRequest>,
    under_way: HashMap<u64, Caller>,
    sender: Option<Waker>,
    is_closed: bool,
    /// What is to be confirmed, and what was.
    heard: u64,
    told: u64,
}

#[derive(Debug)]
struct Caller {
    answer: oneshot::Sender<Answer>,
    is_command: bool,
    is_sent: bool,
}

/// A place among the calls that may be under way.
#[derive(Debug)]
pub(super) struct Admission<'a> {
    _call: SemaphorePermit<'a>,
    _bytes: SemaphorePermit<'a>,
}

/// Forgets the call when its future is dropped before the answer came.
#[derive(Debug)]
pub(super) struct Ticket<'a> {
    queue: &'a Queue,
    call: u64,
    pub(super) is_over: bool,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.queue.forget(self.call);
        }
    }
}

impl Queue {
    pub(super) fn new(limits: CallLimits) -> Queue {
        let bytes_max = u32::try_from(limits.bytes).unwrap_or(u32::MAX);
        Queue {
            state: Mutex::default(),
            calls: Semaphore::new(limits.calls),
            bytes: Semaphore::new(bytes_max as usize),
            bytes_max,
            closed: watch::Sender::new(None),
        }
    }

    /// Waits for a place.
    pub(super) async fn admit(&self, bytes: usize) -> Result<Admission<'_>, Refusal> {
        let bytes = u32::try_from(bytes).map_or(self.bytes_max, |bytes| bytes.min(self.bytes_max));
        let call = self.calls.acquire().await;
        let bytes = self.bytes.acquire_many(bytes).await;
        match (call, bytes) {
            (Ok(call), Ok(bytes)) => Ok(Admission {
                _call: call,
                _bytes: bytes,
            }),
            (Err(_), _) | (_, Err(_)) => Err(self.not_sent()),
        }
    }

    /// Puts a call into the next message; a sign of life before all others, as it must not be late.
    pub(super) fn push(
        &self,
        volume: u64,
        forwarded: bool,
        body: CallBody,
    ) -> Result<(Ticket<'_>, oneshot::Receiver<Answer>), Refusal> {
        let (answer, receiver) = oneshot::channel();
        let keep = matches!(body, CallBody::Kept(_));
        let (is_command, body) = match body {
            CallBody::Command(bytes) => (true, call_request::Body::Command(bytes)),
            CallBody::Query(bytes) | CallBody::Kept(bytes) => {
                (false, call_request::Body::Query(bytes))
            }
            CallBody::Attend(attend) => (false, call_request::Body::Attend(attend)),
        };
        let mut state = self.state.lock();
        if state.is_closed {
            drop(state);
            return Err(self.not_sent());
        }
        state.last_call += 1;
        let call = state.last_call;
        let is_urgent = matches!(body, call_request::Body::Attend(_));
        let request = CallRequest {
            call,
            volume,
            forwarded,
            body: Some(body),
            keep,
        };
        if is_urgent {
            state.waiting.push_front(request);
        } else {
            state.waiting.push_back(request);
        }
        let caller = Caller {
            answer,
            is_command,
            is_sent: false,
        };
        state.under_way.insert(call, caller);
        let sender = state.sender.take();
        drop(state);
        if let Some(sender) = sender {
            sender.wake();
        }
        let ticket = Ticket {
            queue: self,
            call,
            is_over: false,
        };
        Ok((ticket, receiver))
    }

    /// The next message says that copies up to this number are taken in.
    pub(super) fn hears(&self, number: u64) {
        let mut state = self.state.lock();
        if number <= state.heard {
            return;
        }
        state.heard = number;
        let sender = state.sender.take();
        drop(state);
        if let Some(sender) = sender {
            sender.wake();
        }
    }

    /// The next message, its calls marked as sent; `None` when there are no more.
    pub(super) fn poll_message(&self, context: &mut Context<'_>) -> Poll<Option<CallRequests>> {
        let mut state = self.state.lock();
        if state.is_closed {
            return Poll::Ready(None);
        }
        if state.waiting.is_empty() && state.heard == state.told {
            state.sender = Some(context.waker().clone());
            return Poll::Pending;
        }
        let mut bytes = 0;
        let fits = |request: &&CallRequest| {
            bytes += length(request);
            bytes <= MESSAGE_BYTES_MAX
        };
        let count = state.waiting.iter().take_while(fits).count();
        // One that is longer than a message makes a message of its own.
        let count = count.max(1).min(state.waiting.len());
        let requests: Vec<CallRequest> = state.waiting.drain(..count).collect();
        for request in &requests {
            if let Some(caller) = state.under_way.get_mut(&request.call) {
                caller.is_sent = true;
            }
        }
        let heard = state.heard;
        state.told = heard;
        Poll::Ready(Some(CallRequests { requests, heard }))
    }

    /// Gives an answer to who waits for it.
    pub(super) fn answer(&self, call: u64, answer: Answer) {
        let caller = self.state.lock().under_way.remove(&call);
        if let Some(caller) = caller {
            // It may have given up in this moment.
            caller.answer.send(answer).ok();
        }
    }

    /// Answers everybody and takes nothing any more; the first reason counts.
    pub(super) fn close(&self, reason: &str) {
        let mut state = self.state.lock();
        if mem::replace(&mut state.is_closed, true) {
            return;
        }
        let sender = state.sender.take();
        let callers = mem::take(&mut state.under_way);
        state.waiting.clear();
        // Before anybody is refused, who then asks for the reason.
        self.closed.send_replace(Some(reason.to_owned()));
        drop(state);
        self.calls.close();
        self.bytes.close();
        for caller in callers.into_values() {
            let refusal = if caller.is_command && caller.is_sent {
                Refusal::OutcomeUnknown
            } else {
                self.not_sent()
            };
            caller.answer.send(Err(refusal)).ok();
        }
        if let Some(sender) = sender {
            sender.wake();
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().is_closed
    }

    pub(super) async fn closed(&self) -> String {
        let mut closed = self.closed.subscribe();
        // The sender lives as long as the queue.
        match closed.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => String::new(),
        }
    }

    #[cfg(test)]
    pub(super) fn sent(&self) -> usize {
        let state = self.state.lock();
        let callers = state.under_way.values();
        callers.filter(|caller| caller.is_sent).count()
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.state.lock().waiting.len()
    }

    fn forget(&self, call: u64) {
        let mut state = self.state.lock();
        let caller = state.under_way.remove(&call);
        if caller.is_some_and(|caller| !caller.is_sent) {
            state.waiting.retain(|request| request.call != call);
        }
    }

    fn not_sent(&self) -> Refusal {
        let reason = self.closed.borrow().clone();
        Refusal::Unavailable {
            reason: reason.unwrap_or_default(),
        }
    }
}

fn length(request: &CallRequest) -> usize {
    match &request.body {
        Some(call_request::Body::Command(bytes) | call_request::Body::Query(bytes)) => bytes.len(),
        Some(call_request::Body::Attend(attend)) => attend.encoded_len(),
        None => 0,
    }
}
