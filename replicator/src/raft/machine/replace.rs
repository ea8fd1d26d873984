//! Takes a snapshot of a state, and replaces a state by a snapshot.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use holdfast_metadata::{Fault, RocksEngine};

use super::position::AppliedState;
use super::{Live, Machine, Shared, io_fault};
use crate::disk_space;
use crate::fault_point::{FaultPoint, reach};
use crate::raft::snapshot::SnapshotDirectory;

/// A snapshot writes more than its tables: its list of files and copies of the small ones.
const SMALL_FILES_BYTES: u64 = 4 << 20;

/// How often it is looked whether the last reader of a replaced state is gone.
const RETIRE_TICK: Duration = Duration::from_millis(20);

impl Shared {
    /// Whether there is space to build a snapshot; says so when the next one has to wait.
    pub(super) fn may_build(&self) -> bool {
        let waits = !self.has_space_for_tables();
        if self.snapshot_waits.swap(waits, Ordering::Relaxed) != waits && waits {
            tracing::warn!("the next snapshot waits for space");
        }
        !waits
    }

    /// Whether what is only in memory tables can be written to disk. Begun without space it would take the last bytes
    /// from the log, and a table that RocksDB cannot finish keeps it from taking entries.
    pub(super) fn has_space_for_tables(&self) -> bool {
        let machine = self.machine();
        let unwritten = machine.engine().unwritten_bytes().unwrap_or(0);
        let space = disk_space::look(&self.directory.snapshots());
        space.map_or(true, |space| {
            space.available >= unwritten + SMALL_FILES_BYTES
        })
    }

    /// Builds a snapshot of the state as it is at some moment during this call.
    pub(super) fn build(&self) -> Result<SnapshotDirectory, Fault> {
        let _alone = self.work.lock();
        let begun = Instant::now();
        let built = self.build_alone();
        let Ok(snapshot) = &built else {
            // The draft is large, and space may be what is missing.
            if let Err(error) = self.snapshots.clear_draft() {
                tracing::warn!(%error, "cannot remove a snapshot that was not finished");
            }
            return match (built, self.snapshots.current()) {
                (Err(Fault::NoSpace), Some(previous)) => {
                    tracing::warn!("no space for a snapshot: the last one stays");
                    Ok(previous)
                }
                (built, _) => built,
            };
        };
        self.counters.built(snapshot.length(), begun.elapsed());
        built
    }

    fn build_alone(&self) -> Result<SnapshotDirectory, Fault> {
        let failed = |error: io::Error| io_fault("snapshots", &error);
        let draft = self.snapshots.clear_draft().map_err(failed)?;
        let machine = self.machine();
        let copied = self
            .directory
            .disk()
            .database(&draft, || Ok(machine.engine().checkpoint(&draft)));
        copied.map_err(failed)??;
        // Entries are applied meanwhile; how many of them it has, only the copy knows.
        let copy = Machine::open(RocksEngine::open_read_only(&draft)?, self.kind)?;
        let applied = AppliedState::of_machine(&copy)?;
        drop(copy);
        if applied.last_log_id.is_none() {
            // openraft asks for this when it finds a log that was purged and no snapshot.
            let detail = "it is empty, but entries that were applied to it are gone from the log";
            return Err(Fault::corrupt("state", detail));
        }
        reach(FaultPoint::SnapshotDrafted);
        self.snapshots.add_draft(applied.snapshot_meta())
    }

    /// Replaces the state by a snapshot, unless it has everything that is in it. Answers what it is then.
    pub(super) fn install(&self, received: &SnapshotDirectory) -> Result<AppliedState, Fault> {
        let _alone = self.work.lock();
        let present = AppliedState::of_machine(&self.machine())?;
        if !present.is_behind(received.meta.last_log_id) {
            return Ok(present);
        }
        reach(FaultPoint::SnapshotReceived);
        let snapshot = self.snapshots.adopt(received)?;
        reach(FaultPoint::SnapshotAdopted);
        let old = self.live.read().number;
        let (number, machine) = self.directory.install(old, &snapshot)?;
        reach(FaultPoint::SnapshotInstalled);
        let applied = AppliedState::of_machine(&machine)?;
        let live = Live {
            number,
            machine: Arc::new(machine),
        };
        let retired = std::mem::replace(&mut *self.live.write(), live);
        self.retire(retired);
        self.recent.begin_again(applied.index());
        self.applied.send_replace(applied.index());
        self.counters.installed(snapshot.length());
        Ok(applied)
    }

    /// Removes a state when its last reader is gone.
    fn retire(&self, Live { number, machine }: Live) {
        let (disk, path) = (self.directory.disk().clone(), self.directory.state(number));
        let mut waiting = match Arc::try_unwrap(machine) {
            Ok(machine) => {
                drop(machine);
                return disk.remove_behind(&path);
            }
            Err(machine) => machine,
        };
        let waited = thread::Builder::new()
            .name("holdfast-retire".to_owned())
            .spawn(move || {
                while let Err(machine) = Arc::try_unwrap(waiting) {
                    thread::sleep(RETIRE_TICK);
                    waiting = machine;
                }
                disk.remove_behind(&path);
            });
        if let Err(error) = waited {
            tracing::warn!(%error, "cannot remove a replaced state before the next start");
        }
    }
}
