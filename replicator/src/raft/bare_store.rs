//! The state of a group without the group, for tests of what a power failure leaves of it: those are in another crate.

use std::fs;
use std::io;
use std::path::Path;

use futures_util::stream;
use holdfast_metadata::{Command, Digest, Engine, Format, Timestamp, invariant};
use openraft::EntryPayload;
use openraft::storage::{RaftSnapshotBuilder, RaftStateMachine};
use tokio::runtime::{Builder, Runtime};

use super::bare_log::{BareLogId, log_id};
use super::machine::{GroupKind, GroupStore};
use super::poison::Poison;
use super::snapshot::SnapshotDirectory;
use super::type_config::{Entry, Proposal};

const TERM: u64 = 1;
/// Of a snapshot that is received.
const PIECE_BYTES: usize = 16 * 1024;

/// The state of a volume; what is only in memory tables is lost when it is dropped, as when a process is killed.
#[expect(missing_debug_implementations, reason = "there is nothing to show")]
pub struct BareStore {
    store: GroupStore,
    runtime: Runtime,
}

/// A snapshot; its files are there as long as this is.
#[derive(Debug)]
pub struct BareSnapshot(SnapshotDirectory);

impl BareStore {
    /// Opens the state in a directory, or makes it.
    pub fn open(path: &Path) -> io::Result<BareStore> {
        let volume = GroupKind::Volume(Format::of_root(7, Timestamp::default()));
        let store = GroupStore::open(path, volume, Poison::new());
        Ok(BareStore {
            store: store.map_err(io::Error::other)?,
            runtime: Builder::new_current_thread().build()?,
        })
    }

    /// Applies commands as the entries from an index on.
    pub fn apply(&self, first: u64, commands: &[Command]) -> io::Result<()> {
        let entry = |(index, command)| Entry {
            log_id: log_id(BareLogId { term: TERM, index }),
            payload: EntryPayload::Normal(Proposal(holdfast_proto::encode_proposal_command(
                holdfast_proto::encode_command(command),
            ))),
        };
        let entries = (first..).zip(commands).map(entry);
        let entries: Vec<_> = entries.map(|entry| Ok((entry, None))).collect();
        let mut machine = self.store.state_machine();
        self.runtime.block_on(machine.apply(stream::iter(entries)))
    }

    /// Builds a snapshot, durably.
    pub fn build(&self) -> io::Result<BareSnapshot> {
        let mut machine = self.store.state_machine();
        self.runtime.block_on(async {
            let mut builder = machine.get_snapshot_builder().await;
            let built = builder.build_snapshot().await?;
            Ok(BareSnapshot(built.snapshot))
        })
    }

    /// Receives what it has not of a snapshot, but not more than so many pieces; answers it when it is complete.
    pub fn receive(
        &self,
        sent: &BareSnapshot,
        pieces_max: usize,
    ) -> io::Result<Option<BareSnapshot>> {
        let BareSnapshot(sent) = sent;
        let incoming = self.store.incoming();
        let place = incoming.offer(&sent.meta, &sent.files);
        let (first, mut offset) = place.map_err(io::Error::other)?;
        let mut pieces = 0;
        for (file, (name, _)) in sent.files.iter().enumerate().skip(first) {
            let bytes = fs::read(sent.path.join(name))?;
            for piece in bytes
                .chunks(PIECE_BYTES)
                .skip(offset as usize / PIECE_BYTES)
            {
                // A part of a piece may be there.
                let piece = &piece[offset as usize % PIECE_BYTES..];
                if pieces == pieces_max {
                    return Ok(None);
                }
                let written = incoming.write(file, offset, piece);
                written.map_err(io::Error::other)?;
                offset += piece.len() as u64;
                pieces += 1;
            }
            offset = 0;
        }
        let received = incoming.finish().map_err(io::Error::other)?;
        Ok(Some(BareSnapshot(received)))
    }

    /// Replaces the state by a snapshot that was received, durably.
    pub fn install(&self, received: &BareSnapshot) -> io::Result<()> {
        let BareSnapshot(received) = received;
        let mut machine = self.store.state_machine();
        let installed = machine.install_snapshot(&received.meta, received.clone());
        self.runtime.block_on(installed)
    }

    /// The index of the last entry that the state has, and what is in it.
    pub fn state(&self) -> io::Result<(u64, Digest)> {
        let digest = self.store.machine().digest();
        let (index, digest) = digest.map_err(io::Error::other)?;
        Ok((index.0, digest))
    }

    /// The index of the snapshot, once every byte of it was checked; 0 when there is none.
    pub fn snapshot(&self) -> io::Result<u64> {
        let mut machine = self.store.state_machine();
        let current = self.runtime.block_on(machine.get_current_snapshot())?;
        let Some(current) = current else {
            return Ok(0);
        };
        current.snapshot.verify().map_err(io::Error::other)?;
        Ok(current.meta.last_log_id.map_or(0, |last| last.index))
    }

    /// What is wrong with the state.
    pub fn violations(&self) -> io::Result<Vec<invariant::Violation>> {
        let machine = self.store.machine();
        let view = machine.engine().view();
        invariant::check(&view, &mut |_| ()).map_err(io::Error::other)
    }
}
