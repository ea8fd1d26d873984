//! Compacts the state of a volume after much was removed from it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use holdfast_metadata::{Fault, Query, Reply};

use super::{GroupStore, Machine, Shared};
use crate::disk_space;
use crate::raft::node_disk::reserve;
use crate::raft::runtime;

impl GroupStore {
    /// Compacts the state if so much was removed that it is worth it, with so much space on the disk; answers
    /// whether it did. It takes long, and ends early when the store is closed.
    pub(crate) async fn compact_after_removal(&self, available: u64) -> bool {
        match self.shared.is_worth_compacting(available) {
            Ok(true) => {}
            Ok(false) => return false,
            Err(fault) => {
                self.shared.fail(fault);
                return false;
            }
        }
        let shared = Arc::clone(&self.shared);
        let compacted = runtime::blocking(move || shared.compact()).await;
        match compacted {
            Ok(Ok(())) => true,
            Ok(Err(Fault::NoSpace)) => {
                tracing::warn!("no space to compact the state of a volume");
                false
            }
            Ok(Err(fault)) => {
                self.shared.fail(fault);
                false
            }
            // Only the end of the runtime takes the thread away.
            Err(_) => false,
        }
    }
}

impl Shared {
    fn is_worth_compacting(&self, available: u64) -> Result<bool, Fault> {
        let machine = self.machine();
        let Machine::Volume(volume) = machine.as_ref() else {
            return Ok(false);
        };
        let Ok(Reply::Statistics(statistics)) = volume.query(&Query::Statistics)? else {
            return Ok(false);
        };
        let weight = self.removal.weigh(&statistics);
        Ok(self.has_space_for_tables() && self.removal.is_due(weight, available))
    }

    fn compact(&self) -> Result<(), Fault> {
        let machine = self.machine();
        let proceed = || !self.closing.load(Ordering::Acquire);
        // It may use the reserve, but half of that stays for the log.
        let has_room = |bytes: u64| {
            let space = disk_space::look(&self.directory.snapshots());
            space
                .is_ok_and(|space| space.available > bytes.saturating_add(reserve(space.total) / 2))
        };
        machine.engine().compact(&proceed, &has_room)
    }
}
