//! What happened how often: a fault that never strikes proves nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

/// Clones count together.
#[derive(Debug, Clone, Default)]
pub(in crate::raft) struct Tally {
    counts: Arc<Mutex<BTreeMap<&'static str, u64>>>,
}

impl Tally {
    pub(super) fn count(&self, what: &'static str) {
        self.add(what, 1);
    }

    pub(super) fn add(&self, what: &'static str, times: u64) {
        *self.counts.lock().entry(what).or_default() += times;
    }

    /// What others have counted, too.
    pub(super) fn take_in(&self, other: &Tally) {
        for (what, times) in other.counts.lock().iter() {
            self.add(what, *times);
        }
    }

    /// What of this has never happened.
    pub(super) fn missing<'a>(&self, expected: &[&'a str]) -> Vec<&'a str> {
        let counts = self.counts.lock();
        let missing = expected.iter().filter(|what| !counts.contains_key(*what));
        missing.copied().collect()
    }

    /// One line.
    pub(super) fn told(&self) -> String {
        let counts = self.counts.lock();
        let counts = counts.iter().map(|(what, times)| format!("{what} {times}"));
        counts.collect::<Vec<String>>().join(", ")
    }
}
