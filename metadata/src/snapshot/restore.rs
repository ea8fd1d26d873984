//! Restoring a state from a stream.

use std::io::Read;
use std::ops::ControlFlow;

use super::entries::entries;
use super::format::{SnapshotError, Summary};
use super::reader::Reader;
use crate::digest::LAST_KEY;
use crate::keys;
use crate::record::Volume;
use crate::store::{Batch, Engine, View};

/// Restores a snapshot into an empty engine; answers what was read.
///
/// After an error the engine may hold a part of the state, but no volume: it is to be thrown away.
pub fn read<E: Engine>(engine: &E, stream: &mut impl Read) -> Result<Summary, SnapshotError> {
    read_with(engine, stream, &|_, _| true, &|volume| volume)
}

/// The same; every entry must be `admitted`, and the volume record is stored as `finish` makes it.
pub(crate) fn read_with<E: Engine>(
    engine: &E,
    stream: &mut impl Read,
    admitted: &dyn Fn(&[u8], &[u8]) -> bool,
    finish: &dyn Fn(Volume) -> Volume,
) -> Result<Summary, SnapshotError> {
    check_empty(&engine.view())?;
    let mut reader = Reader::new(stream)?;
    let mut volume = None;
    while let Some(frame) = reader.next_frame()? {
        let mut batch = Batch::default();
        for entry in entries(&frame) {
            let (key, value) = entry.map_err(|_| reader.corrupt("an entry"))?;
            if !admitted(&key, &value) {
                return Err(reader.corrupt("a record that is not of a filesystem"));
            }
            if key == keys::volume() {
                volume = Some(Volume::decode(&value)?);
            } else {
                batch.set(key.to_vec(), Some(value));
            }
        }
        engine.commit(batch)?;
    }
    let summary = reader.finish()?;
    let volume = volume.ok_or(SnapshotError::Corrupt {
        entries: summary.entries,
        what: "no volume record",
    })?;
    // Before what makes it a volume, all of it must be there to stay.
    engine.sync()?;
    let mut batch = Batch::default();
    batch.set(keys::volume(), Some(finish(volume).encode()));
    engine.commit(batch)?;
    engine.sync()?;
    Ok(summary)
}

fn check_empty(view: &impl View) -> Result<(), SnapshotError> {
    let mut empty = true;
    view.scan(&[], &LAST_KEY, &mut |_, _| {
        empty = false;
        Ok(ControlFlow::Break(()))
    })?;
    if empty {
        Ok(())
    } else {
        Err(SnapshotError::NotEmpty)
    }
}
