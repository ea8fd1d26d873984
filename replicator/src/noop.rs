//! One machine, no consensus: a command is applied on the thread that brings it.
//!
//! There is no queue and no hop: `replicate` and `query` are ready on their first poll. Only what must
//! wait for the disk is pending: [`Operation::Sync`], and every command under [`Durability::Commit`].
//! The syncer thread answers those, all that came during one sync of the log by the next.
//!
//! **Invariant.** The watermark never says more than the log has on disk: it is written after the
//! sync, with the position that was read before it.

mod core;
mod data_directory;
mod format_file;
mod home;
mod load;
mod lock_file;
mod open_error;
mod options;
mod syncer;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use holdfast_metadata::{
    Answer, Command, Engine, Format, MemoryEngine, Operation, Outcome, PosixError, Query, Reply,
    RocksEngine, StateMachine,
};

use self::core::Core;
pub use self::data_directory::DataDirectory;
pub use self::format_file::VolumeId;
use self::home::{DiskHome, MemoryHome};
pub use self::load::LoadError;
pub use self::open_error::OpenError;
pub use self::options::{Durability, NoOpOptions};
use self::syncer::Threads;
use crate::error::ReplicateError;
use crate::replicator::{PosixMetadataReplicator, Space, Status};

/// Applies commands at once to the state machine of this process.
pub struct NoOpReplicator<E: Engine = RocksEngine> {
    core: Arc<Core<E>>,
    threads: Threads,
    durability: Durability,
}

impl NoOpReplicator<RocksEngine> {
    /// Opens the data directory, or makes it.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "options are made for one call"
    )]
    pub fn open(options: NoOpOptions) -> Result<NoOpReplicator, OpenError> {
        let (home, machine) = DiskHome::open(&options)?;
        Ok(NoOpReplicator::new(
            machine,
            Box::new(home),
            options.durability,
        ))
    }
}

impl NoOpReplicator<MemoryEngine> {
    /// Keeps the state in memory, for tests: nothing is durable, and space is without end.
    pub fn in_memory(format: Format) -> Result<NoOpReplicator<MemoryEngine>, ReplicateError> {
        let half = u64::MAX / 2;
        let space = Space {
            total: half,
            available: half,
        };
        let machine = StateMachine::open(MemoryEngine::new(), format)?;
        let home = MemoryHome { space };
        Ok(NoOpReplicator::new(
            machine,
            Box::new(home),
            Durability::Fsync,
        ))
    }
}

impl<E: Engine> NoOpReplicator<E> {
    fn new(
        machine: StateMachine<E>,
        home: Box<dyn home::Home<E>>,
        durability: Durability,
    ) -> NoOpReplicator<E> {
        NoOpReplicator {
            core: Arc::new(Core::new(machine, home)),
            threads: Threads::default(),
            durability,
        }
    }

    /// Whether the command must be on disk before it is acknowledged.
    fn waits_for_disk(&self, operation: &Operation) -> bool {
        match self.durability {
            Durability::Fsync => false,
            // Nobody is told that an access time was kept.
            Durability::Commit => !matches!(operation, Operation::TouchAtime(_)),
        }
    }
}

impl<E: Engine> PosixMetadataReplicator for NoOpReplicator<E> {
    async fn start(&self) -> Result<(), ReplicateError> {
        self.threads.start(&self.core)
    }

    async fn replicate(&self, command: Command) -> Result<Outcome, ReplicateError> {
        if command.operation == Operation::Sync {
            self.core.check_serving()?;
            return match self.core.durable().await {
                Ok(()) => Ok(Ok(Answer::Done)),
                Err(syncer::SyncError::NoSpace) => Ok(Err(PosixError::NoSpace)),
                Err(syncer::SyncError::Refused(error)) => Err(error),
            };
        }
        let outcome = self.core.apply(&command)?;
        if outcome.is_ok() && self.waits_for_disk(&command.operation) {
            match self.core.durable().await {
                Ok(()) => {}
                // It is applied, and will be durable if the disk gets space before the power fails.
                Err(syncer::SyncError::NoSpace) => return Err(ReplicateError::OutcomeUnknown),
                Err(syncer::SyncError::Refused(error)) => return Err(error),
            }
        }
        Ok(outcome)
    }

    async fn query(&self, query: Query) -> Result<Result<Reply, PosixError>, ReplicateError> {
        self.core.query(&query)
    }

    async fn stop(&self) -> Result<(), ReplicateError> {
        self.core.refuse();
        self.threads.stop(&self.core);
        self.core.close()
    }

    fn status(&self) -> Status {
        self.core.status()
    }
}

impl<E: Engine> Drop for NoOpReplicator<E> {
    fn drop(&mut self) {
        // Without `stop` this is like the end of the process: the log has everything.
        self.core.refuse();
        self.threads.stop(&self.core);
    }
}

impl<E: Engine> fmt::Debug for NoOpReplicator<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("NoOpReplicator")
            .field("durability", &self.durability)
            .field("status", &self.status())
            .finish_non_exhaustive()
    }
}
