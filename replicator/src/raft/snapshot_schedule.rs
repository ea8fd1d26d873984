//! Decides when a replica takes a snapshot, by entries and by time.

use std::time::Duration;

use openraft::async_runtime::WatchReceiver;
use tokio::time::Instant;

use super::group::GroupRaft;
use super::options::SnapshotOptions;

/// How often it looks.
const TICK: Duration = Duration::from_millis(500);

/// Takes snapshots until the replica stops.
pub(crate) async fn run(raft: GroupRaft, options: SnapshotOptions) {
    let mut ticks = tokio::time::interval(TICK.min(options.spacing.max(Duration::from_millis(10))));
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut last = Instant::now();
    loop {
        ticks.tick().await;
        let news = {
            let metrics = raft.data_metrics();
            let metrics = metrics.borrow_watched();
            let applied = metrics.last_applied.as_ref().map_or(0, |id| id.index);
            let held = metrics.snapshot.as_ref().map_or(0, |id| id.index);
            applied.saturating_sub(held)
        };
        if is_due(&options, news, last.elapsed()) {
            last = Instant::now();
            if raft.trigger().snapshot().await.is_err() {
                return;
            }
        }
    }
}

/// Whether a snapshot is worth it, with so many entries since the last one and so long after it.
fn is_due(options: &SnapshotOptions, news: u64, age: Duration) -> bool {
    let enough = news >= options.entries && age >= options.spacing;
    enough || (news > 0 && age >= options.interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_entries_or_much_time_make_a_snapshot_due() {
        let options = SnapshotOptions {
            entries: 100,
            interval: Duration::from_mins(1),
            spacing: Duration::from_secs(5),
            keep: 10,
        };
        let due = |news, seconds| is_due(&options, news, Duration::from_secs(seconds));
        assert!(due(100, 5));
        assert!(due(1, 60));
        assert!(!due(99, 59), "neither enough entries nor enough time");
        assert!(!due(100_000, 4), "too soon after the last one");
        assert!(!due(0, 3600), "nothing new");
    }
}
