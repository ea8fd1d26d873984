//! What happened, in order: printed when something that must not be was found.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Clones write the same story.
#[derive(Debug, Clone)]
pub(super) struct Story {
    epoch: Instant,
    told: Arc<Mutex<Vec<String>>>,
}

impl Story {
    pub(super) fn new(epoch: Instant) -> Story {
        Story {
            epoch,
            told: Arc::default(),
        }
    }

    pub(super) fn tell(&self, what: &str) {
        let micros = self.epoch.elapsed().as_micros();
        let line = format!("{:>4}.{:06} {what}", micros / 1_000_000, micros % 1_000_000);
        self.told.lock().push(line);
    }

    /// Two runs of one seed have the same.
    pub(super) fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.told.lock().hash(&mut hasher);
        hasher.finish()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.told.lock().clone()
    }
}
