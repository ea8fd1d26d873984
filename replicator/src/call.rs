//! The client side of `Client.Call`: many calls under way on one stream to one node.
//!
//! There is no timer between callers: what is asked while the transport is busy waits in a queue, and
//! leaves it as one message when the transport takes the next. Answers come in any order.
//!
//! **Invariant.** A call is marked as sent, under the queue's lock, before its bytes can leave. What a
//! broken stream says of a call that is not marked is therefore certain: it was not done.

mod here;
mod incoming;
mod kept;
mod limits;
mod outgoing;
mod queue;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod transport;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use holdfast_proto::client_client::ClientClient;
use holdfast_proto::identity::Identity;
use holdfast_proto::{Attend, Attended};
use parking_lot::Mutex;
use tokio::task::AbortHandle;
use tonic::Request;
use tonic::transport::Channel;

pub(crate) use self::here::{Here, HereNode};
pub(crate) use self::incoming::describe;
pub(crate) use self::kept::{Kept, Moment};
pub use self::limits::CallLimits;
use self::outgoing::Outgoing;
use self::queue::Queue;
pub(crate) use self::transport::{CONNECT_MAX, transport};
use crate::refusal::{Endpoint, Refusal};
use crate::replicator::Space;

/// The largest message that is taken from a node; the answer to the longest read fits.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CallBody {
    /// An encoded command.
    Command(Bytes),
    /// An encoded query.
    Query(Bytes),
    /// The same, whose records the caller keeps if the node that is asked leads.
    Kept(Bytes),
    /// A sign of life, answered when there is news.
    Attend(Attend),
}

impl CallBody {
    /// The same, while nothing is kept.
    pub(crate) fn not_kept(self) -> CallBody {
        match self {
            CallBody::Kept(query) => CallBody::Query(query),
            body @ (CallBody::Command(_) | CallBody::Query(_) | CallBody::Attend(_)) => body,
        }
    }
}

/// What is answered.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CallAnswer {
    pub(crate) body: AnswerBody,
    /// Set when another node leads: it is a hop less.
    pub(crate) leader: Option<Endpoint>,
    /// Space on the disk of the node that answered, if it says so.
    pub(crate) space: Option<Space>,
    /// How long what the caller keeps may be used, from when the call was sent.
    pub(crate) lease: Option<Duration>,
}

/// The answer itself.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum AnswerBody {
    /// An encoded outcome.
    Outcome(Bytes),
    /// An encoded reply.
    Reply(Bytes),
    /// What is new.
    Attended(Attended),
}

/// A stream of calls to one node. Clones share it; it ends with the last of them.
#[derive(Clone)]
pub(crate) struct CallStream {
    line: Line,
}

#[derive(Clone)]
enum Line {
    Wire(Arc<Wire>),
    Here(Here),
}

/// Ends the stream when nobody can call any more.
struct Wire {
    queue: Arc<Queue>,
    kept: Arc<Kept>,
    nodes: Arc<Mutex<Vec<Endpoint>>>,
    reader: AbortHandle,
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.queue.close("nobody calls any more");
        self.reader.abort();
    }
}

impl CallStream {
    /// Opens a stream. Runs inside a tokio runtime, which then carries it; calls need none.
    pub(crate) async fn open(
        channel: Channel,
        identity: &Identity,
        limits: CallLimits,
    ) -> Result<CallStream, Refusal> {
        let queue = Arc::new(Queue::new(limits));
        let mut request = Request::new(Outgoing::new(Arc::clone(&queue)));
        identity.attach(request.metadata_mut());
        let mut client = ClientClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX);
        let response = client.call(request).await;
        let answers = response
            .map_err(|status| Refusal::Unavailable {
                reason: describe(&status),
            })?
            .into_inner();
        let kept = Arc::new(Kept::new(limits.records));
        let nodes = Arc::<Mutex<Vec<Endpoint>>>::default();
        let (to_queue, to_kept) = (Arc::clone(&queue), Arc::clone(&kept));
        let reader = incoming::read(answers, to_queue, to_kept, Arc::clone(&nodes));
        let reader = tokio::spawn(reader).abort_handle();
        let wire = Wire {
            queue,
            kept,
            nodes,
            reader,
        };
        Ok(CallStream {
            line: Line::Wire(Arc::new(wire)),
        })
    }

    /// What stands for a stream to the node in this process.
    pub(crate) fn here(here: Here) -> CallStream {
        CallStream {
            line: Line::Here(here),
        }
    }

    /// Asks, and waits for the answer; waits for its turn first when too much is under way.
    ///
    /// When the stream breaks, a command that was sent is `OutcomeUnknown`; a query, and a command that
    /// was not sent, are `Unavailable`. Dropping the future forgets the call: what was not sent never is.
    pub(crate) async fn call(
        &self,
        volume: u64,
        forwarded: bool,
        body: CallBody,
    ) -> Result<CallAnswer, Refusal> {
        let wire = match &self.line {
            Line::Wire(wire) => wire,
            Line::Here(here) => return here.call(volume, forwarded, body.not_kept()).await,
        };
        let queue = &*wire.queue;
        let _admission = match &body {
            CallBody::Command(bytes) | CallBody::Query(bytes) | CallBody::Kept(bytes) => {
                Some(queue.admit(bytes.len()).await?)
            }
            // One a mount, and small.
            CallBody::Attend(_) => None,
        };
        let asked = Moment::now();
        let (mut ticket, answer) = queue.push(volume, forwarded, body)?;
        let answer = answer.await;
        ticket.is_over = true;
        if let Ok(Ok(CallAnswer {
            lease: Some(lease), ..
        })) = &answer
        {
            wire.kept.extend(asked, *lease);
        }
        // The queue answers everybody before it forgets them.
        answer.unwrap_or(Err(Refusal::OutcomeUnknown))
    }

    /// What the node at the other end lets us answer from; nothing where that is this process.
    pub(crate) fn kept(&self) -> Option<&Kept> {
        match &self.line {
            Line::Wire(wire) => Some(&wire.kept),
            Line::Here(_) => None,
        }
    }

    /// All nodes of the cluster, as the node at the other end has told last; nothing when it has not, or is this process.
    pub(crate) fn nodes(&self) -> Vec<Endpoint> {
        match &self.line {
            Line::Wire(wire) => wire.nodes.lock().clone(),
            Line::Here(_) => Vec::new(),
        }
    }

    /// Of a stream to another process.
    #[cfg(test)]
    fn queue(&self) -> &Arc<Queue> {
        match &self.line {
            Line::Wire(wire) => &wire.queue,
            Line::Here(_) => panic!("there is no queue here"),
        }
    }

    /// Whether it is of no use any more.
    pub(crate) fn is_closed(&self) -> bool {
        match &self.line {
            Line::Wire(wire) => wire.queue.is_closed(),
            Line::Here(here) => here.is_closed(),
        }
    }

    /// Waits until it is of no use any more, and says why.
    pub(crate) async fn closed(&self) -> String {
        match &self.line {
            Line::Wire(wire) => wire.queue.closed().await,
            Line::Here(here) => here.closed().await,
        }
    }

    /// Gives up every call that is under way, as if the stream had broken.
    pub(crate) fn close(&self, reason: &str) {
        match &self.line {
            Line::Wire(wire) => {
                wire.queue.close(reason);
                wire.reader.abort();
            }
            Line::Here(here) => here.close(reason),
        }
    }
}

impl fmt::Debug for CallStream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CallStream")
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}
