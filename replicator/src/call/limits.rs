//! How much one stream of calls holds.

/// The bounds of a stream: of a mount to its node, or of a node to a leader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    /// The most calls under way; who comes then waits,
    pub calls: usize,
    /// and the most bytes they have.
    pub bytes: usize,
    /// So many records that are kept make a generation, of which there are two.
    pub records: usize,
}

impl Default for CallLimits {
    fn default() -> CallLimits {
        CallLimits {
            calls: 1024,
            bytes: 64 << 20,
            records: 1 << 17,
        }
    }
}
