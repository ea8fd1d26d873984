//! The random numbers of a simulation: all of them come from its seed.

use std::time::Duration;

/// `SplitMix64`.
#[derive(Debug, Clone)]
pub(in crate::raft) struct Random(u64);

impl Random {
    pub(in crate::raft) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(in crate::raft) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Another source, that does not depend on how many numbers this one gives later.
    pub(in crate::raft) fn fork(&mut self) -> Random {
        Random::new(self.next())
    }

    /// Less than `bound`.
    pub(in crate::raft) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// True this often in a hundred times.
    pub(in crate::raft) fn percent(&mut self, often: u64) -> bool {
        self.below(100) < often
    }

    pub(in crate::raft) fn micros(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_micros(least + self.below(most - least + 1))
    }

    pub(in crate::raft) fn millis(&mut self, least: u64, most: u64) -> Duration {
        self.micros(least * 1000, most * 1000)
    }

    pub(in crate::raft) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }
}
