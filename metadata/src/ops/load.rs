//! Takes a dump into a volume that was made for it, a batch at a time.
//!
//! The order of the batches is that of the log; each replica chains what it has taken, and the last step says what
//! the chain must be. What tries again changes nothing: a batch is known by its number, and a volume that was finished
//! is finished.

use bytes::Bytes;

use super::{Context, Stop};
use crate::command::LoadStep;
use crate::dump;
use crate::keys;
use crate::outcome::{Answer, PosixError};
use crate::record::{LoadProgress, Volume};
use crate::snapshot;

/// `NotPermitted` for entries when the volume awaits none; `InvalidArgument` for what no dump has.
pub(crate) fn apply(context: &mut Context<'_>, step: &LoadStep) -> Result<Answer, Stop> {
    match (context.volume.load, step) {
        (None, LoadStep::Entries { .. }) => Err(PosixError::NotPermitted.into()),
        (None, LoadStep::Finish(_)) => Ok(Answer::Done),
        (Some(progress), LoadStep::Entries { number, entries }) => {
            take(context, progress, *number, entries)
        }
        (Some(progress), LoadStep::Finish(expected)) if progress == *expected => {
            context.volume.load = None;
            Ok(Answer::Done)
        }
        (Some(_), LoadStep::Finish(_)) => Err(PosixError::InvalidArgument.into()),
    }
}

fn take(
    context: &mut Context<'_>,
    progress: LoadProgress,
    number: u64,
    entries: &Bytes,
) -> Result<Answer, Stop> {
    if number < progress.batches {
        return Ok(Answer::Done);
    }
    if number > progress.batches {
        return Err(PosixError::InvalidArgument.into());
    }
    for entry in snapshot::entries(entries) {
        let (key, value) = entry.map_err(|_| PosixError::InvalidArgument)?;
        if !dump::may_hold(&key, &value) {
            return Err(PosixError::InvalidArgument.into());
        }
        if key.as_ref() == keys::volume().as_slice() {
            take_counters(context.volume, &value)?;
        } else {
            // Not a part of the batch: a small record that is kept must not keep a megabyte.
            context
                .state
                .put(key.to_vec(), Bytes::copy_from_slice(&value));
        }
    }
    context.volume.load = Some(progress.after(entries));
    Ok(Answer::Done)
}

/// Generation and position are those of this volume.
fn take_counters(volume: &mut Volume, value: &[u8]) -> Result<(), Stop> {
    let dumped = Volume::decode(value)?;
    volume.next_inode = dumped.next_inode;
    volume.next_block = dumped.next_block;
    volume.inodes = dumped.inodes;
    volume.allocated = dumped.allocated;
    volume.owners = dumped.owners;
    Ok(())
}

#[cfg(test)]
mod tests;
