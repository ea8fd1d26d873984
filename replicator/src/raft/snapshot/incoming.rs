//! Receives a snapshot, file by file; goes on where it was after any interruption.
//!
//! The bytes of a snapshot that is being received are in `incoming/<number>`, beside `OFFER`, which lists
//! what is to come. How long the files are tells how much has come. A power failure may leave bytes that
//! were never sent; `finish` compares everything with the checksums of the snapshot, so that they are found.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use holdfast_metadata::Fault;
use parking_lot::Mutex;

use super::directory::{SnapshotDirectory, WeakSnapshot};
use super::listing::{ListedFile, Listing, ListingKind};
use super::transfer::Transfer;
use super::{Place, Snapshots, names_in};
use crate::disk_space;
use crate::raft::machine::disk::Disk;
use crate::raft::machine::io_fault;
use crate::raft::node_disk::reserve;
use crate::raft::poison::Poison;
use crate::raft::type_config::SnapshotMeta;

/// Why a snapshot is not received.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum IncomingError {
    /// What was sent does not fit to what was offered: the sender has to offer it again.
    #[error("the snapshot is not received: {0}")]
    Refused(String),
    /// The disk does not take it.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// The receiver of a group's snapshots. Its methods block: they write and sync files.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    disk: Disk,
    poison: Poison,
    snapshots: Snapshots,
    state: Mutex<State>,
    /// Whether the last offer was refused for want of space.
    refuses: AtomicBool,
}

#[derive(Debug)]
struct State {
    /// Of the next directory; never used twice while the process runs.
    next: u64,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    /// Nothing was offered.
    Idle,
    /// Some files are not complete.
    Receiving(Transfer),
    /// It was received, and whoever installs it has it; or it is the current snapshot already.
    Received(Listing, WeakSnapshot),
}

impl Incoming {
    /// Looks what an earlier run has received. What is older than the current snapshot is removed.
    pub(in crate::raft) fn open(
        path: PathBuf,
        snapshots: Snapshots,
        disk: Disk,
        poison: Poison,
    ) -> Result<Incoming, Fault> {
        let failed = |error: io::Error| io_fault("incoming", &error);
        let names = names_in(&path).map_err(failed)?;
        let numbers: BTreeSet<u64> = names.iter().filter_map(|name| name.parse().ok()).collect();
        let latest = numbers.last().copied();
        let transfer = latest
            .and_then(|number| Transfer::resume(path.join(number.to_string())))
            .filter(|transfer| is_newer(&transfer.offer.meta, snapshots.current().as_ref()));
        let kept = latest.filter(|_| transfer.is_some());
        for name in names {
            if name.parse().ok() != kept {
                disk.remove(&path.join(name)).map_err(failed)?;
            }
        }
        Ok(Incoming {
            shared: Arc::new(Shared {
                path,
                disk,
                poison,
                snapshots,
                state: Mutex::new(State {
                    next: latest.map_or(1, |number| number + 1),
                    phase: transfer.map_or(Phase::Idle, Phase::Receiving),
                }),
                refuses: AtomicBool::new(false),
            }),
        })
    }

    /// Says what is to come: name and length of each file, in their order. Answers where to go on: the
    /// first file that is not complete and the byte in it; when all are, the number of files. Another
    /// snapshot that was being received is forgotten. What would not fit beside the reserve is refused.
    pub(crate) fn offer(
        &self,
        meta: &SnapshotMeta,
        files: &[(String, u64)],
    ) -> Result<(usize, u64), IncomingError> {
        let listed = files.iter().map(|(name, length)| ListedFile {
            name: name.clone(),
            length: *length,
            checksum: 0,
        });
        let offer = Listing {
            meta: meta.clone(),
            files: listed.collect(),
        };
        offer.check_names().map_err(IncomingError::Refused)?;
        let length = offer.length();
        let length =
            length.ok_or_else(|| refused("its files are longer than there are numbers"))?;
        let shared = &self.shared;
        let mut state = shared.state.lock();
        if let Some(current) = shared.snapshots.current()
            && current.meta == *meta
        {
            shared.forget(&mut state);
            state.phase = Phase::Received(offer, current.downgrade());
            return Ok((files.len(), 0));
        }
        match &state.phase {
            Phase::Receiving(transfer) if transfer.offer == offer => {
                let place = (transfer.file, transfer.offset);
                let fits = shared.check_space(transfer.missing_bytes());
                if fits.is_err() {
                    // What came of it is needed more for the log of this node.
                    shared.forget(&mut state);
                }
                return fits.map(|()| place);
            }
            Phase::Received(received, snapshot)
                if *received == offer && snapshot.upgrade().is_some() =>
            {
                return Ok((files.len(), 0));
            }
            Phase::Idle | Phase::Receiving(_) | Phase::Received(..) => {}
        }
        shared.forget(&mut state);
        shared.check_space(length)?;
        let transfer = shared.begin(&mut state, offer)?;
        let place = (transfer.file, transfer.offset);
        state.phase = Phase::Receiving(transfer);
        Ok(place)
    }

    /// Keeps the next bytes. They begin where the last ones ended.
    pub(crate) fn write(
        &self,
        file: usize,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), IncomingError> {
        let shared = &self.shared;
        let mut state = shared.state.lock();
        let Phase::Receiving(transfer) = &mut state.phase else {
            return Err(refused("nothing was offered"));
        };
        if (file, offset) != (transfer.file, transfer.offset) {
            return Err(refused("bytes of another place are awaited"));
        }
        let Some(path) = transfer.place_for(bytes) else {
            return Err(refused("there is more than was offered"));
        };
        let written = transfer.write(&shared.disk, &path, bytes);
        written.map_err(|error| shared.failed(&error))
    }

    /// Ends receiving: everything is there, as it was sent, and on disk for good.
    pub(crate) fn finish(&self) -> Result<SnapshotDirectory, IncomingError> {
        let shared = &self.shared;
        let mut state = shared.state.lock();
        let transfer = match &state.phase {
            Phase::Receiving(transfer) => transfer,
            Phase::Received(_, snapshot) => {
                return snapshot.upgrade().ok_or_else(|| refused("it was dropped"));
            }
            Phase::Idle => return Err(refused("nothing was offered")),
        };
        if transfer.file < transfer.offer.files.len() {
            return Err(refused("it is not complete"));
        }
        transfer
            .sync(&shared.disk)
            .map_err(|error| shared.failed(&error))?;
        match transfer.check(&shared.disk) {
            Ok(snapshot) => {
                // Who asked for it installs it, or lets go of it and has it sent again.
                snapshot.supersede();
                let received = transfer.offer.clone();
                state.phase = Phase::Received(received, snapshot.downgrade());
                Ok(snapshot)
            }
            Err(fault @ Fault::Corrupt { .. }) => {
                shared.forget(&mut state);
                Err(IncomingError::Refused(fault.to_string()))
            }
            Err(fault) => Err(shared.fail(fault)),
        }
    }
}

impl Shared {
    /// A snapshot must leave the reserve for the log, which shares the disk.
    fn check_space(&self, missing_bytes: u64) -> Result<(), IncomingError> {
        let space = disk_space::look(&self.path).map_err(|error| self.failed(&error))?;
        let refused = missing_bytes > space.available.saturating_sub(reserve(space.total));
        if self.refuses.swap(refused, Ordering::Relaxed) != refused && refused {
            let available = space.available;
            tracing::warn!(missing_bytes, available, "a snapshot waits for space here");
        }
        if refused {
            return Err(IncomingError::Fault(Fault::NoSpace));
        }
        Ok(())
    }

    fn begin(&self, state: &mut State, offer: Listing) -> Result<Transfer, IncomingError> {
        let path = self.path.join(state.next.to_string());
        state.next += 1;
        let begun = self
            .disk
            .create_directory(&path)
            .and_then(|()| {
                let file = path.join(ListingKind::Offer.name());
                self.disk.replace(&file, &offer.encode(ListingKind::Offer))
            })
            .and_then(|()| self.disk.sync_directory(&self.path));
        begun.map_err(|error| self.failed(&error))?;
        Ok(Transfer::new(path, offer))
    }

    /// Gives up what is being received. What was received belongs to who has it.
    fn forget(&self, state: &mut State) {
        if let Phase::Receiving(transfer) = std::mem::replace(&mut state.phase, Phase::Idle) {
            self.disk.remove_behind(&transfer.path);
        }
    }

    fn failed(&self, error: &io::Error) -> IncomingError {
        self.fail(io_fault("incoming", error))
    }

    /// A full disk refuses the snapshot, anything worse stops the group.
    fn fail(&self, fault: Fault) -> IncomingError {
        if fault != Fault::NoSpace {
            self.poison.trip(fault.clone());
        }
        IncomingError::Fault(fault)
    }
}

fn is_newer(meta: &SnapshotMeta, current: Option<&SnapshotDirectory>) -> bool {
    let place = Place::of(meta.last_log_id);
    current.is_none_or(|current| Place::of(current.meta.last_log_id) < place)
}

fn refused(reason: &str) -> IncomingError {
    IncomingError::Refused(reason.to_owned())
}
