//! The first fault of a node: it stops everything, and says why.

use std::sync::Arc;
use std::sync::OnceLock;

use holdfast_metadata::Fault;
use tokio::sync::watch;

/// Shared by everything on a node that can fail for good.
#[derive(Debug, Clone)]
pub(crate) struct Poison {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    fault: OnceLock<Fault>,
    tripped: watch::Sender<bool>,
}

impl Poison {
    pub(crate) fn new() -> Poison {
        Poison {
            shared: Arc::new(Shared {
                fault: OnceLock::new(),
                tripped: watch::Sender::new(false),
            }),
        }
    }

    /// Stops the node, unless it already stopped for another reason.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "whoever trips it has no further use for the fault"
    )]
    pub(crate) fn trip(&self, fault: Fault) {
        if self.shared.fault.set(fault.clone()).is_ok() {
            tracing::error!(%fault, "this node stops: its storage failed");
            self.shared.tripped.send_replace(true);
        }
    }

    /// Why it stopped.
    pub(crate) fn fault(&self) -> Option<&Fault> {
        self.shared.fault.get()
    }

    /// Waits until it stops.
    pub(crate) async fn tripped(&self) -> Fault {
        let mut tripped = self.shared.tripped.subscribe();
        loop {
            if let Some(fault) = self.fault() {
                return fault.clone();
            }
            // The sender lives as long as this value does.
            if tripped.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
