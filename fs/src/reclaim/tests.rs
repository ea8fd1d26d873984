//! Orphans are reclaimed, also when there was no space for it at first.

use std::sync::atomic::{AtomicUsize, Ordering};

use holdfast_metadata::{LogIndex, Outcome};
use holdfast_replicator::{Space, Status};
use tokio::runtime::Runtime;

use super::*;

/// Answers that there is no space, then reclaims, and counts how often it was asked.
#[derive(Debug, Default)]
struct FullAtFirst {
    asked: AtomicUsize,
}

impl PosixMetadataReplicator for FullAtFirst {
    async fn start(&self) -> Result<(), ReplicateError> {
        Ok(())
    }

    async fn replicate(&self, _command: Command) -> Result<Outcome, ReplicateError> {
        let unfinished = Vec::new();
        Ok(match self.asked.fetch_add(1, Ordering::SeqCst) {
            0 => Err(PosixError::NoSpace),
            _ => Ok(Answer::Reclaimed { unfinished }),
        })
    }

    async fn query(&self, _query: Query) -> Result<Result<Reply, PosixError>, ReplicateError> {
        Err(ReplicateError::Stopped)
    }

    async fn stop(&self) -> Result<(), ReplicateError> {
        Ok(())
    }

    fn status(&self) -> Status {
        Status {
            serving: true,
            applied: LogIndex::default(),
            space: Space::default(),
            fault: None,
        }
    }
}

#[test]
fn orphans_wait_for_space_and_are_not_forgotten() {
    let runtime = Runtime::new().unwrap();
    let replicator = Arc::new(FullAtFirst::default());
    let queue = Arc::new(ReclaimQueue::default());
    queue.add(InodeId::new(7));
    let handle = runtime.handle().clone();
    let reclaimer = Reclaimer::start(
        Arc::clone(&replicator),
        Arc::clone(&queue),
        handle,
        &Defects::default(),
    )
    .unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while replicator.asked.load(Ordering::SeqCst) < 2 {
        assert!(
            std::time::Instant::now() < deadline,
            "it was not tried again"
        );
        std::thread::yield_now();
    }
    runtime.block_on(queue.settled());
    assert!(queue.state.lock().waiting.is_empty());
    reclaimer.stop();
}
