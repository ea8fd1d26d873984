//! What the transport takes messages from.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;
use holdfast_proto::CallRequests;

use super::queue::Queue;

/// All that waits when the transport asks becomes one message.
#[derive(Debug)]
pub(super) struct Outgoing {
    queue: Arc<Queue>,
}

impl Outgoing {
    pub(super) fn new(queue: Arc<Queue>) -> Outgoing {
        Outgoing { queue }
    }
}

impl Stream for Outgoing {
    type Item = CallRequests;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<CallRequests>> {
        self.queue.poll_message(context)
    }
}
