//! The space of a disk, and what of it the memory tables of a database may ask for.

use std::io;
use std::path::Path;

use nix::sys::statvfs::statvfs;

use crate::replicator::Space;
use crate::sparing::Sparing;

const MIB: u64 = 1024 * 1024;
/// On a large disk a memory table is as large as it is useful.
const WRITE_BUFFER_BYTES_MAX: u64 = 64 * MIB;

/// The disk that a path is on, whether the last parts of the path are there or not.
pub(crate) fn look(path: &Path) -> io::Result<Space> {
    let existing = path.ancestors().find(|path| path.exists());
    let disk = statvfs(existing.unwrap_or(path))?;
    let unit = disk.fragment_size();
    Ok(Space {
        total: disk.blocks().saturating_mul(unit),
        available: disk.blocks_available().saturating_mul(unit),
    })
}

/// Logs that the disk cannot be looked at, which may come with every operation.
pub(crate) fn is_not_seen(error: &io::Error) {
    static LINES: Sparing = Sparing::new();
    if let Some(more) = LINES.due() {
        tracing::warn!(%error, more, "cannot see how much space is left");
    }
}

/// The size of a memory table, so small that all of them fit into the reserve when they are written once more:
/// one part of so many of the disk.
pub(crate) fn write_buffer_bytes(path: &Path, part: u64) -> usize {
    let total = look(path).map_or(u64::MAX, |space| space.total);
    let bytes = (total / part).clamp(MIB, WRITE_BUFFER_BYTES_MAX);
    usize::try_from(bytes).unwrap_or(usize::MAX)
}
