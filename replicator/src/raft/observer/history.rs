//! How the last hour was: a sample every ten seconds.

use std::collections::VecDeque;
use std::time::Duration;

use holdfast_proto::StatusResponse;

use crate::rates::{OperationRate, Rates};

/// An hour of them.
pub(super) const SAMPLES_MAX: usize = 360;

/// The cluster in one round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sample {
    /// When it ended, in seconds since 1970.
    pub at: u64,
    /// How many nodes the cluster has.
    pub nodes: u32,
    /// How many of them answered: what the others did is not in here.
    pub answered: u32,
    /// How long it was.
    pub seconds: u64,
    /// Commands.
    pub changes: Load,
    /// Queries.
    pub reads: Load,
    /// Entries that the replica furthest behind its leader does not have.
    pub lag: u64,
}

/// How much was done, and how long it took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// How many.
    pub count: u64,
    /// Half of them took no longer; nothing when there were none.
    pub median: Option<Duration>,
    /// 99 of 100 took no longer.
    pub slow: Option<Duration>,
}

impl Load {
    fn of(rate: &OperationRate) -> Load {
        Load {
            count: rate.count(),
            median: rate.quantile(500),
            slow: rate.quantile(990),
        }
    }
}

impl Sample {
    /// Without what was done.
    pub(super) fn of(at: u64, heard: &[&StatusResponse], nodes: usize) -> Sample {
        let groups = heard.iter().flat_map(|status| &status.groups);
        let lags = groups.flat_map(|group| {
            let peers = group.peers.iter();
            peers.map(|peer| group.last_log_index.saturating_sub(peer.matched_index))
        });
        Sample {
            at,
            nodes: nodes as u32,
            answered: heard.len() as u32,
            lag: lags.max().unwrap_or(0),
            ..Sample::default()
        }
    }

    pub(super) fn count(&mut self, rates: &Rates, seconds: u64) {
        self.seconds = seconds;
        self.changes = Load::of(&rates.total(true));
        self.reads = Load::of(&rates.total(false));
    }
}

/// Samples, oldest first.
#[derive(Debug, Default)]
pub(super) struct History {
    ring: VecDeque<Sample>,
}

impl History {
    pub(super) fn add(&mut self, sample: Sample) {
        if self.ring.len() >= SAMPLES_MAX {
            self.ring.pop_front();
        }
        self.ring.push_back(sample);
    }

    pub(super) fn samples(&self) -> Vec<Sample> {
        self.ring.iter().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use holdfast_proto::{GroupStatus, PeerProgress};

    use super::*;

    #[test]
    fn an_hour_is_kept_and_no_more() {
        let mut history = History::default();
        for at in 0..SAMPLES_MAX as u64 + 5 {
            history.add(Sample {
                at,
                ..Sample::default()
            });
        }
        let samples = history.samples();
        assert_eq!(samples.len(), SAMPLES_MAX);
        assert_eq!(samples[0].at, 5);
        // What docs/operations/monitoring.md says that it takes.
        assert!(SAMPLES_MAX * size_of::<Sample>() < 64 << 10);
    }

    #[test]
    fn the_lag_is_that_of_the_replica_furthest_behind() {
        let peer = |matched_index| PeerProgress {
            matched_index,
            ..PeerProgress::default()
        };
        let leader = GroupStatus {
            last_log_index: 100,
            peers: vec![peer(99), peer(40)],
            ..GroupStatus::default()
        };
        let status = StatusResponse {
            groups: vec![leader, GroupStatus::default()],
            ..StatusResponse::default()
        };
        let sample = Sample::of(7, &[&status], 3);
        assert_eq!((sample.lag, sample.answered, sample.nodes), (60, 1, 3));
    }
}
