//! Random choices that a seed repeats.

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

/// Splitmix64: small, and good enough to choose operations.
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The same choices for the same seed.
    pub fn new(seed: u64) -> Random {
        Random { state: seed }
    }

    /// A seed from `HOLDFAST_SEED`, or a new one; printed, so that a failure can be repeated.
    pub fn announced() -> Random {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let given = env::var("HOLDFAST_SEED").ok();
        let seed = given.map_or(now.as_nanos() as u64, |text| text.parse().unwrap());
        eprintln!("HOLDFAST_SEED={seed}");
        Random::new(seed)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number() % bound
    }

    /// That many bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.number() as u8).collect()
    }
}
