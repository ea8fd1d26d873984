//! Calls to the node in this process: no stream, and no hop when it leads.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use holdfast_proto::OpenVolumeResponse;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::{CallAnswer, CallBody};
use crate::refusal::Refusal;

/// A node in this process.
pub(crate) trait HereNode: Send + Sync + 'static {
    /// Finds a volume; the message of the error says what there is.
    fn open_volume(&self, name: &str) -> Result<OpenVolumeResponse, String>;

    /// Answers a call, itself or through the node that leads.
    fn call(
        &self,
        volume: u64,
        forwarded: bool,
        body: CallBody,
    ) -> Pin<Box<dyn Future<Output = Result<CallAnswer, Refusal>> + Send + '_>>;
}

/// What stands for a stream to it.
#[derive(Clone)]
pub(crate) struct Here {
    node: Arc<dyn HereNode>,
    /// The node's own runtime has its sockets and timers.
    runtime: Handle,
    closed: watch::Sender<Option<String>>,
}

impl Here {
    pub(crate) fn new(node: Arc<dyn HereNode>, runtime: Handle) -> Here {
        Here {
            node,
            runtime,
            closed: watch::Sender::new(None),
        }
    }

    pub(crate) fn node(&self) -> &dyn HereNode {
        &*self.node
    }

    /// Another one to the same node.
    pub(crate) fn again(&self) -> Here {
        Here::new(Arc::clone(&self.node), self.runtime.clone())
    }

    pub(super) async fn call(
        &self,
        volume: u64,
        forwarded: bool,
        body: CallBody,
    ) -> Result<CallAnswer, Refusal> {
        if let Some(reason) = self.closed.borrow().clone() {
            return Err(Refusal::Unavailable { reason });
        }
        let is_command = matches!(body, CallBody::Command(_));
        let node = Arc::clone(&self.node);
        let call = async move { node.call(volume, forwarded, body).await };
        let answer = self.runtime.spawn(call);
        tokio::select! {
            biased;
            // An error: the runtime is ending, and nobody knows how far it came.
            answer = answer => answer.unwrap_or(Err(Refusal::OutcomeUnknown)),
            // As with a stream that breaks: the node goes on with what it was sent.
            reason = self.closed() => Err(if is_command {
                Refusal::OutcomeUnknown
            } else {
                Refusal::Unavailable { reason }
            }),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.borrow().is_some()
    }

    pub(super) async fn closed(&self) -> String {
        let mut closed = self.closed.subscribe();
        let reason = closed.wait_for(Option::is_some).await;
        reason
            .ok()
            .and_then(|reason| reason.clone())
            .unwrap_or_default()
    }

    pub(super) fn close(&self, reason: &str) {
        self.closed.send_replace(Some(reason.to_owned()));
    }
}

impl fmt::Debug for Here {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Here").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;

    /// Never answers.
    struct Silent;

    impl HereNode for Silent {
        fn open_volume(&self, _: &str) -> Result<OpenVolumeResponse, String> {
            Err("nothing".to_owned())
        }

        fn call(
            &self,
            _: u64,
            _: bool,
            _: CallBody,
        ) -> Pin<Box<dyn Future<Output = Result<CallAnswer, Refusal>> + Send + '_>> {
            Box::pin(std::future::pending())
        }
    }

    #[tokio::test]
    async fn closing_ends_the_calls_under_way() {
        let here = Here::new(Arc::new(Silent), Handle::current());
        let calls = async {
            tokio::join!(
                here.call(1, false, CallBody::Command(Bytes::new())),
                here.call(1, false, CallBody::Query(Bytes::new())),
                // The others have begun by then.
                async { here.close("over") },
            )
        };
        let limit = Duration::from_secs(10);
        let (command, query, ()) = tokio::time::timeout(limit, calls).await.unwrap();
        assert!(matches!(command, Err(Refusal::OutcomeUnknown)));
        assert!(matches!(query, Err(Refusal::Unavailable { reason }) if reason == "over"));
    }
}
