//! `[limits]`: how much may wait at a node, and be remembered.

use anyhow::ensure;
use holdfast_replicator::Limits;
use serde::{Deserialize, Serialize};

const MIB: usize = 1 << 20;

/// As people write it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LimitsSection {
    memory_tables_mib: usize,
    log_cache_mib: usize,
    connections: usize,
    calls: usize,
    calls_mib: usize,
    changes_waiting_mib: usize,
    reads_waiting: usize,
    copied_inodes: usize,
    replication_mib: usize,
    dumps: usize,
    watchers: usize,
}

impl Default for LimitsSection {
    fn default() -> LimitsSection {
        LimitsSection::from(Limits::default())
    }
}

impl From<Limits> for LimitsSection {
    fn from(limits: Limits) -> LimitsSection {
        LimitsSection {
            memory_tables_mib: limits.memory_table_bytes / MIB,
            log_cache_mib: limits.log_cache_bytes / MIB,
            connections: limits.connections,
            calls: limits.calls,
            calls_mib: limits.call_bytes / MIB,
            changes_waiting_mib: limits.proposal_bytes / MIB,
            reads_waiting: limits.reads,
            copied_inodes: limits.copied_inodes,
            replication_mib: limits.replication_bytes / MIB,
            dumps: limits.dumps,
            watchers: limits.watchers,
        }
    }
}

impl LimitsSection {
    /// Refuses what is too little to work with, and more than can be counted or was ever meant.
    pub(super) fn checked(self) -> anyhow::Result<Limits> {
        for (name, value, least, most) in [
            ("memory_tables_mib", self.memory_tables_mib, 16, 1 << 20),
            ("log_cache_mib", self.log_cache_mib, 1, 1 << 20),
            ("connections", self.connections, 16, 1 << 20),
            // What a mount may send (`-o calls=, calls_mib=`) is taken.
            ("calls", self.calls, 1024, 1 << 20),
            ("calls_mib", self.calls_mib, 64, 4095),
            ("changes_waiting_mib", self.changes_waiting_mib, 8, 4095),
            ("reads_waiting", self.reads_waiting, 64, 1 << 24),
            ("copied_inodes", self.copied_inodes, 1024, 1 << 28),
            ("replication_mib", self.replication_mib, 1, 4095),
            ("dumps", self.dumps, 1, 64),
            ("watchers", self.watchers, 1, 1 << 16),
        ] {
            ensure!(
                (least..=most).contains(&value),
                "[limits] {name} is from {least} to {most}"
            );
        }
        Ok(Limits {
            memory_table_bytes: self.memory_tables_mib * MIB,
            log_cache_bytes: self.log_cache_mib * MIB,
            connections: self.connections,
            calls: self.calls,
            call_bytes: self.calls_mib * MIB,
            proposal_bytes: self.changes_waiting_mib * MIB,
            reads: self.reads_waiting,
            copied_inodes: self.copied_inodes,
            replication_bytes: self.replication_mib * MIB,
            dumps: self.dumps,
            watchers: self.watchers,
        })
    }
}
