//! A dump: what is of the filesystem in a state, as a snapshot stream.
//!
//! `docs/formats/dump.md` says what is in it and what is not. Two states with the same names, attributes and
//! content have the same dump, whoever has them mounted; a state that was loaded from a dump has that dump.

mod filesystem;

use std::io::Read;

pub use filesystem::Filesystem;

use crate::invariant::is_sound_record;
use crate::keys::Prefix;
use crate::record::Volume;
use crate::snapshot::{self, SnapshotError, Summary};
use crate::store::Engine;
use crate::types::LogIndex;

/// What a dump has, in the order of its bytes.
const PREFIXES: [Prefix; 10] = [
    Prefix::Block,
    Prefix::Dentry,
    Prefix::Extent,
    Prefix::Owner,
    Prefix::Inode,
    Prefix::Shared,
    Prefix::Order,
    Prefix::Quota,
    Prefix::Volume,
    Prefix::Xattr,
];

/// Restores a dump into an empty engine, as a volume of this generation that has applied nothing; answers what was read.
///
/// After an error the engine may hold a part of the state, but no volume: it is to be thrown away.
pub fn restore<E: Engine>(
    engine: &E,
    generation: u32,
    stream: &mut impl Read,
) -> Result<Summary, SnapshotError> {
    let finish = |volume: Volume| Volume {
        generation,
        applied: LogIndex::default(),
        trash: None,
        load: None,
        ..volume
    };
    snapshot::read_with(engine, stream, &may_hold, &finish)
}

/// Whether a dump may have this record.
pub fn may_hold(key: &[u8], value: &[u8]) -> bool {
    prefix_of(key).is_some_and(|prefix| is_sound_record(prefix, key, value))
}

fn prefix_of(key: &[u8]) -> Option<Prefix> {
    let first = key.first()?;
    PREFIXES.into_iter().find(|prefix| *prefix as u8 == *first)
}

#[cfg(test)]
mod tests;
