//! Replicas that have applied the same have the same state.

use std::collections::BTreeMap;

use holdfast_metadata::Digest;

use crate::raft::machine::Machine;

/// What the states were, by how much of the log was applied.
#[derive(Debug, Default)]
pub(in crate::raft::simulation) struct EqualStates {
    digests: BTreeMap<u64, Digest>,
}

impl EqualStates {
    /// Compares the state of a node with those that others had at the same index.
    pub(in crate::raft::simulation) fn check(
        &mut self,
        node: u64,
        machine: &Machine,
    ) -> Result<(), String> {
        let (index, digest) = machine.digest().map_err(|fault| fault.to_string())?;
        let known = *self.digests.entry(index.0).or_insert(digest);
        if known == digest {
            return Ok(());
        }
        Err(format!(
            "node {node} has {digest} after entry {}, and another had {known}",
            index.0
        ))
    }
}
