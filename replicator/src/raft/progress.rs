//! Tells how far a change of the membership has come, group by group.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::time::Duration;

use futures_util::Stream;
use holdfast_proto::Progress;
use openraft::async_runtime::WatchReceiver;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use super::registry::Registry;

/// Between two looks.
const TICK: Duration = Duration::from_millis(200);

/// Who belongs to a group, and whether that is settled.
pub(crate) struct Members {
    pub(crate) voters: BTreeSet<u64>,
    pub(crate) learners: BTreeSet<u64>,
}

/// Sends a line each time another group has come to `goal`, until all have.
pub(crate) fn until(
    registry: Registry,
    what: String,
    goal: impl Fn(&Members) -> bool + Send + 'static,
) -> Pin<Box<dyn Stream<Item = Result<Progress, Status>> + Send>> {
    let (lines, stream) = mpsc::channel(16);
    tokio::spawn(async move {
        let mut last = None;
        loop {
            let groups = registry.groups();
            let total = groups.len() as u64;
            let done = groups.iter().filter(|group| {
                let metrics = group.raft().metrics();
                let metrics = metrics.borrow_watched();
                let stored = &metrics.committed_membership_config;
                let membership = stored.membership();
                membership.get_joint_config().len() == 1
                    && goal(&Members {
                        voters: membership.voter_ids().collect(),
                        learners: membership.learner_ids().collect(),
                    })
            });
            let done = done.count() as u64;
            if last != Some(done) {
                last = Some(done);
                let line = Progress {
                    message: format!("{what} in {done} of {total} groups"),
                    done,
                    total,
                };
                if lines.send(Ok(line)).await.is_err() {
                    return;
                }
            }
            if done == total {
                return;
            }
            tokio::time::sleep(TICK).await;
        }
    });
    Box::pin(ReceiverStream::new(stream))
}
