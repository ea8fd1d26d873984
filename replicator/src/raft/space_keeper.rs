//! Gives space of a group back to the disk: shortens its log and compacts its state when that is needed.
//!
//! What a volume gave up is still in the log, in the tables below it and in the last snapshot. A disk that is nearly
//! full can wait for none of them in their own time.

use std::time::Duration;

use openraft::RaftMetrics;
use openraft::async_runtime::WatchReceiver;

use super::group::GroupRaft;
use super::machine::GroupStore;
use super::node_disk::NodeDisk;
use super::type_config::{LogId, TypeConfig};

/// How often it looks.
const TICK: Duration = Duration::from_secs(1);

/// Keeps space until the replica stops.
pub(crate) async fn run(raft: GroupRaft, store: GroupStore, disk: NodeDisk) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut was_low = false;
    let mut wanted = None;
    loop {
        ticks.tick().await;
        let compacted = store.compact_after_removal(disk.space().available).await;
        let low = disk.is_low();
        if compacted || (low && !was_low) {
            // The last one holds what is gone, and nothing behind it can leave the log.
            wanted = index(raft.metrics().borrow_watched().last_applied.as_ref());
        }
        was_low = low;
        if wanted <= index(raft.metrics().borrow_watched().snapshot.as_ref()) {
            wanted = None;
        } else if raft.trigger().snapshot().await.is_err() {
            return;
        }
        let dispensable = if low {
            dispensable(&raft.metrics().borrow_watched())
        } else {
            None
        };
        if let Some(upto) = dispensable
            && raft.trigger().purge_log(upto).await.is_err()
        {
            return;
        }
    }
}

/// The last entry that nobody needs: it is in the snapshot, and all peers have it, as far as this replica knows.
fn dispensable(metrics: &RaftMetrics<TypeConfig>) -> Option<u64> {
    let peers = metrics.replication.iter().flatten();
    let slowest = peers.map(|(_, matched)| index(matched.as_ref())).min();
    let held = index(metrics.snapshot.as_ref());
    let upto = slowest.map_or(held, |slowest| slowest.min(held));
    upto.filter(|_| upto > index(metrics.purged.as_ref()))
}

fn index(id: Option<&LogId>) -> Option<u64> {
    id.map(|id| id.index)
}
