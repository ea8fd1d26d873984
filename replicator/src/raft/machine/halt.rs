//! Holds the applying of entries at one place in the log for a moment, so that a view can be taken there.

use std::time::Duration;

use holdfast_metadata::LogIndex;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::GroupStore;

/// Nobody may hold it for longer: who does not let go is not waited for.
const HELD_MAX: Duration = Duration::from_secs(1);

/// Where the replica is to be held; one place at a time.
#[derive(Debug, Default)]
pub(super) struct Halts {
    asked: Mutex<Option<Asked>>,
}

#[derive(Debug)]
struct Asked {
    at: LogIndex,
    reached: oneshot::Sender<Held>,
}

/// The replica stays where it is until this is dropped.
#[derive(Debug)]
pub(crate) struct Held(#[expect(dead_code, reason = "it is dropped")] oneshot::Sender<()>);

/// Why it is not held there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missed {
    /// It is further already.
    Passed,
    /// It did not get there in time.
    NotReached,
}

impl Halts {
    /// The last entry that may be in the next batch.
    pub(super) fn limit(&self) -> Option<LogIndex> {
        self.asked.lock().as_ref().map(|asked| asked.at)
    }

    /// The entries up to this one are applied: waits, if somebody wants to look.
    pub(super) async fn reach(&self, applied: LogIndex) {
        let asked = {
            let mut asked = self.asked.lock();
            asked.take_if(|asked| asked.at <= applied)
        };
        // Who asked for a place that is passed hears that nobody will answer.
        let Some(asked) = asked.filter(|asked| asked.at == applied) else {
            return;
        };
        let (held, let_go) = oneshot::channel();
        if asked.reached.send(Held(held)).is_ok() {
            let _let_go = tokio::time::timeout(HELD_MAX, let_go).await;
        }
    }
}

impl GroupStore {
    /// Waits until the replica has applied this entry and no later one. What is held of it need not be there any more when
    /// this returns: a view that was taken says itself where it is.
    pub(crate) async fn hold_at(
        &self,
        at: LogIndex,
        patience: Duration,
    ) -> Result<Option<Held>, Missed> {
        let halts = &self.shared.halts;
        let (reached, waiting) = oneshot::channel();
        *halts.asked.lock() = Some(Asked { at, reached });
        // After it is asked for: whoever applies from now on stops there.
        let applied = *self.on_applied().borrow();
        if applied >= at {
            halts.asked.lock().take();
            return if applied == at {
                Ok(None)
            } else {
                Err(Missed::Passed)
            };
        }
        match tokio::time::timeout(patience, waiting).await {
            Ok(Ok(held)) => Ok(Some(held)),
            Ok(Err(_passed)) => Err(Missed::Passed),
            Err(_elapsed) => {
                halts.asked.lock().take();
                Err(Missed::NotReached)
            }
        }
    }
}
