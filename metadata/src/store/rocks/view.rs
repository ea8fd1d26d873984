//! A state that is read without copying and without waiting for commits.

use std::fmt;
use std::ops::ControlFlow;

use rocksdb::{ColumnFamily, DB, DBRawIterator, ReadOptions, Snapshot};

use super::super::{View, Visit};
use super::{BLOCKS, family, fault, is_block};
use crate::fault::Fault;
use crate::keys::Prefix;

/// What [`RocksEngine`](super::RocksEngine) shows of itself.
pub struct RocksView<'a> {
    database: &'a DB,
    /// Without one every read sees the last commit.
    snapshot: Option<Snapshot<'a>>,
    /// For single keys: made once, because each costs an allocation in RocksDB.
    options: ReadOptions,
}

/// A part of a range that lies in one column family.
struct Piece<'a> {
    blocks: bool,
    start: &'a [u8],
    end: &'a [u8],
}

#[derive(Clone, Copy)]
enum Direction {
    Forward,
    Back,
}

impl<'a> RocksView<'a> {
    /// The state as it is now, whatever is committed later.
    pub(super) fn snapshot(database: &'a DB) -> RocksView<'a> {
        let snapshot = database.snapshot();
        let mut options = ReadOptions::default();
        options.set_snapshot(&snapshot);
        RocksView {
            database,
            snapshot: Some(snapshot),
            options,
        }
    }

    /// The state as it is at each read. Making a snapshot takes the lock of the whole database.
    pub(super) fn latest(database: &'a DB) -> RocksView<'a> {
        RocksView {
            database,
            snapshot: None,
            options: ReadOptions::default(),
        }
    }

    fn family(&self, blocks: bool) -> Result<&'a ColumnFamily, Fault> {
        let name = if blocks {
            BLOCKS
        } else {
            rocksdb::DEFAULT_COLUMN_FAMILY_NAME
        };
        family(self.database, name)
    }

    fn scan_piece(
        &self,
        piece: &Piece<'_>,
        direction: Direction,
        visit: &mut Visit<'_>,
    ) -> Result<ControlFlow<()>, Fault> {
        let mut options = ReadOptions::default();
        if let Some(snapshot) = &self.snapshot {
            options.set_snapshot(snapshot);
        }
        options.set_iterate_lower_bound(piece.start);
        options.set_iterate_upper_bound(piece.end);
        let family = self.family(piece.blocks)?;
        let mut iterator: DBRawIterator<'_> = self.database.raw_iterator_cf_opt(family, options);
        match direction {
            Direction::Forward => iterator.seek_to_first(),
            Direction::Back => iterator.seek_to_last(),
        }
        while let Some((key, value)) = iterator.item() {
            if visit(key, value)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            match direction {
                Direction::Forward => iterator.next(),
                Direction::Back => iterator.prev(),
            }
        }
        iterator.status().map_err(|error| fault::of(&error))?;
        Ok(ControlFlow::Continue(()))
    }
}

impl View for RocksView<'_> {
    fn with_value(&self, key: &[u8], visit: &mut dyn FnMut(&[u8])) -> Result<bool, Fault> {
        let value = if is_block(key) {
            let family = self.family(true)?;
            self.database.get_pinned_cf_opt(family, key, &self.options)
        } else {
            self.database.get_pinned_opt(key, &self.options)
        };
        match value.map_err(|error| fault::of(&error))? {
            Some(value) => {
                visit(&value);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    fn scan(&self, start: &[u8], end: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        for piece in pieces(start, end) {
            if self
                .scan_piece(&piece, Direction::Forward, visit)?
                .is_break()
            {
                break;
            }
        }
        Ok(())
    }

    fn scan_back(&self, start: &[u8], end: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        for piece in pieces(start, end).rev() {
            if self.scan_piece(&piece, Direction::Back, visit)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for RocksView<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RocksView")
            .field("path", &self.database.path())
            .finish_non_exhaustive()
    }
}

/// The parts of `start <= key < end` before, among and after the blocks, without the empty ones.
fn pieces<'a>(start: &'a [u8], end: &'a [u8]) -> impl DoubleEndedIterator<Item = Piece<'a>> {
    const FIRST: &[u8] = &[Prefix::Block as u8];
    const AFTER: &[u8] = &[Prefix::Block as u8 + 1];
    let piece = |blocks, start, end| Piece { blocks, start, end };
    [
        piece(false, start, end.min(FIRST)),
        piece(true, start.max(FIRST), end.min(AFTER)),
        piece(false, start.max(AFTER), end),
    ]
    .into_iter()
    .filter(|piece| piece.start < piece.end)
}
