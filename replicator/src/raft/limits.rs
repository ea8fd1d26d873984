//! How much a node lets wait, and remembers: each of it has a bound, and each bound can be set.

const MIB: usize = 1 << 20;

/// The bounds of a node. What is the sense of each, and what happens when it is reached: `docs/operations/limits.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// What was written to volumes and is not in a table yet, all volumes together, about.
    pub memory_table_bytes: usize,
    /// Entries of the log that stay in memory after they were written, all groups together.
    pub log_cache_bytes: usize,
    /// Connections that others have opened.
    pub connections: usize,
    /// Calls of one stream under way, not fewer than its sender has ([`CallLimits`](crate::CallLimits)): one that
    /// is full reads nothing, and so does not hear what others wait for,
    pub calls: usize,
    /// and what they take with their answers.
    pub call_bytes: usize,
    /// Changes of one group that wait to be committed.
    pub proposal_bytes: usize,
    /// Reads of one group that wait for a round.
    pub reads: usize,
    /// Inodes of which one mount keeps copies.
    pub copied_inodes: usize,
    /// Entries of one group on their way to one peer.
    pub replication_bytes: usize,
    /// Dumps under way.
    pub dumps: usize,
    /// Those who watch for changes.
    pub watchers: usize,
}

impl Limits {
    /// What holds when nothing is said.
    pub const DEFAULT: Limits = Limits {
        memory_table_bytes: 512 * MIB,
        log_cache_bytes: 64 * MIB,
        connections: 16_384,
        calls: 4096,
        call_bytes: 128 * MIB,
        proposal_bytes: 256 * MIB,
        reads: 65_536,
        copied_inodes: 1 << 20,
        replication_bytes: 16 * MIB,
        dumps: 2,
        watchers: 256,
    };
}

impl Default for Limits {
    fn default() -> Limits {
        Limits::DEFAULT
    }
}
