//! An operation that panics ends the mount: a defect of the program or of its data was met, and nobody knows what comes after it.
//!
//! Whoever asked gets an error, the mountpoint is free for the next mount, and what was acknowledged is there then. The event
//! loop that panicked is gone in any case: a mount that went on would have one less each time, and in the end answer nobody.

use std::sync::{Arc, OnceLock};
use std::thread;

use crate::unmount::Unmounter;

/// Ends a mount once it is known how.
#[derive(Debug, Clone, Default)]
pub(crate) struct Defects {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    unmounter: OnceLock<Unmounter>,
    met: OnceLock<()>,
}

impl Defects {
    /// The mount is live.
    pub(crate) fn arm(&self, unmounter: Unmounter) {
        let armed = self.shared.unmounter.set(unmounter);
        // One that panicked before was not heard.
        if armed.is_ok() && self.was_met() {
            self.end();
        }
    }

    /// Whether an operation has panicked.
    pub(crate) fn was_met(&self) -> bool {
        self.shared.met.get().is_some()
    }

    /// Watches whatever happens until it is dropped.
    pub(crate) fn watch(&self) -> DefectWatch {
        DefectWatch(self.clone())
    }

    fn end(&self) {
        if let Some(unmounter) = self.shared.unmounter.get()
            && let Err(error) = unmounter.abort()
        {
            tracing::error!(%error, "the mount cannot be ended");
        }
    }
}

/// See [`Defects::watch`].
#[derive(Debug)]
pub(crate) struct DefectWatch(Defects);

impl Drop for DefectWatch {
    fn drop(&mut self) {
        if thread::panicking() && self.0.shared.met.set(()).is_ok() {
            tracing::error!("an operation panicked: the mount ends");
            self.0.end();
        }
    }
}
