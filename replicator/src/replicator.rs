//! The seam between the filesystem and whatever orders its commands.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use holdfast_metadata::{Command, InodeId, LogIndex, Outcome, PosixError, Query, Reply, SessionId};

use crate::error::ReplicateError;

/// Orders commands, applies them, and answers queries about the result.
///
/// The methods return futures so that one implementation may answer at once, on the thread that asks
/// and without an executor (NoOp), and another after a quorum has answered (Raft). A future that is
/// ready on its first poll must not need a runtime.
///
/// To be correct, an implementation
/// * applies commands one at a time, in one order, each exactly once for each request id;
/// * completes `replicate` only after the command is applied and as durable as it promises;
/// * answers every query from a state that contains every command whose `replicate` completed
///   before the query began, and every command that an earlier query's answer showed;
/// * returns `Ok(Err(PosixError))` for what POSIX answers, and `Err(ReplicateError)` only when it
///   cannot answer: a command that got `OutcomeUnknown` may or may not take effect, later too;
/// * after [`Operation::Sync`](holdfast_metadata::Operation::Sync) completed, loses no earlier command,
///   whatever happens to the machine;
/// * refuses with `Stopped` before `start` and after `stop`.
pub trait PosixMetadataReplicator: Send + Sync + 'static {
    /// Gets ready to serve.
    fn start(&self) -> impl Future<Output = Result<(), ReplicateError>> + Send;

    /// Orders and applies one command.
    fn replicate(
        &self,
        command: Command,
    ) -> impl Future<Output = Result<Outcome, ReplicateError>> + Send;

    /// Answers one query, linearizably.
    fn query(
        &self,
        query: Query,
    ) -> impl Future<Output = Result<Result<Reply, PosixError>, ReplicateError>> + Send;

    /// Makes everything durable and stops serving. What was acknowledged is not lost.
    fn stop(&self) -> impl Future<Output = Result<(), ReplicateError>> + Send;

    /// Where it stands.
    fn status(&self) -> Status;

    /// What there is beside commands and queries, when other mounts may change the same volume.
    fn shared(&self) -> Option<&dyn SharedVolume> {
        None
    }
}

/// A future of a [`SharedVolume`].
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The part of one mount in a volume that others mount, too: its session, its locks, what it has open.
///
/// A mount has one session after the other; each has a number, its *epoch*. When one ends, its locks are lost.
pub trait SharedVolume: Send + Sync {
    /// The session of now.
    fn epoch(&self) -> u64;

    /// The number under which the cluster knows the session of now.
    fn session(&self) -> SessionId;

    /// Orders a command that must not be carried out in another session: otherwise it fails with `SessionLost`.
    fn replicate_in(
        &self,
        epoch: u64,
        command: Command,
    ) -> Pending<'_, Result<Outcome, ReplicateError>>;

    /// Orders a `SetLock`, and waits for the lock if it says so; fails with `Interrupted`, and without the lock, when
    /// `interrupted` completes before it is granted. Whose owner `holds` a lock of the inode already keeps that: such a
    /// request is not undone once it was carried out, and so not given up while nobody knows whether it was.
    fn set_lock<'a>(
        &'a self,
        epoch: u64,
        command: Command,
        holds: bool,
        interrupted: Pending<'a, ()>,
    ) -> Pending<'a, Result<Outcome, ReplicateError>>;

    /// Who knows which inodes are in use here. Until there is somebody, none is.
    fn set_attendant(&self, attendant: Arc<dyn Attendant>);

    /// An inode that the attendant kept is not in use any more.
    fn release(&self, ino: InodeId);
}

/// Knows which inodes a mount uses.
pub trait Attendant: Send + Sync + 'static {
    /// Which of these inodes, which have no name any more, are still in use here. The others never will be again: this
    /// completes when everything is over that was under way and could bring one of them.
    ///
    /// Each that is named is [released](SharedVolume::release) once when it is not in use any more.
    fn keep(&self, orphans: Vec<InodeId>) -> Pending<'_, Vec<InodeId>>;
}

/// Where a replicator stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Whether it answers.
    pub serving: bool,
    /// The last batch that was applied.
    pub applied: LogIndex,
    /// Space for data on the disk below: all of it, and what may still be used.
    pub space: Space,
    /// Why it stopped by itself, if it did.
    pub fault: Option<String>,
}

/// Bytes of the disk that holds the state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Space {
    /// In all.
    pub total: u64,
    /// Free for this volume: what the reserve keeps back is not.
    pub available: u64,
}
