//! The content of a file, byte by byte.

use std::collections::BTreeMap;

/// What is at one byte of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cell {
    /// No space; reads as zero.
    #[default]
    Hole,
    /// Space that was allocated and never written; reads as zero.
    Reserved,
    /// A byte that was written.
    Data(u8),
}

const PAGE: u64 = 4096;

/// A size, and the cells that are no holes, in pages so that a large file is not slow.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    pub(super) size: u64,
    pages: BTreeMap<u64, Vec<Cell>>,
}

impl Content {
    pub(super) fn get(&self, offset: u64) -> Cell {
        let page = self.pages.get(&(offset / PAGE));
        page.and_then(|page| page.get((offset % PAGE) as usize))
            .copied()
            .unwrap_or_default()
    }

    pub(super) fn set(&mut self, offset: u64, cell: Cell) {
        let page = self.pages.entry(offset / PAGE);
        let page = page.or_insert_with(|| vec![Cell::Hole; PAGE as usize]);
        if let Some(old) = page.get_mut((offset % PAGE) as usize) {
            *old = cell;
        }
    }

    pub(super) fn read(&self, offset: u64, length: u64) -> Vec<u8> {
        let end = offset.saturating_add(length).min(self.size);
        let byte = |offset| match self.get(offset) {
            Cell::Hole | Cell::Reserved => 0,
            Cell::Data(byte) => byte,
        };
        (offset..end).map(byte).collect()
    }

    /// Every cell that is no hole, in order.
    pub(super) fn cells(&self) -> impl Iterator<Item = (u64, Cell)> {
        self.pages.iter().flat_map(|(page, cells)| {
            let start = page * PAGE;
            let cells = cells
                .iter()
                .zip(start..)
                .map(|(cell, offset)| (offset, *cell));
            cells.filter(|(_, cell)| *cell != Cell::Hole)
        })
    }

    /// Makes holes of `start..end`, however far that is.
    pub(super) fn punch(&mut self, start: u64, end: u64) {
        for (page, cells) in self.pages.range_mut(start / PAGE..=end / PAGE) {
            for (cell, offset) in cells.iter_mut().zip(page * PAGE..) {
                if (start..end).contains(&offset) {
                    *cell = Cell::Hole;
                }
            }
        }
    }

    /// Gives space to the holes of `start..end`.
    pub(super) fn reserve(&mut self, start: u64, end: u64) {
        for offset in start..end {
            if self.get(offset) == Cell::Hole {
                self.set(offset, Cell::Reserved);
            }
        }
    }

    /// Moves every cell, or drops it.
    pub(super) fn relocate(&mut self, place: impl Fn(u64) -> Option<u64>) {
        let mut moved = Content {
            size: self.size,
            ..Content::default()
        };
        for (offset, cell) in self.cells() {
            if let Some(offset) = place(offset) {
                moved.set(offset, cell);
            }
        }
        *self = moved;
    }

    pub(super) fn allocated(&self) -> u64 {
        self.cells().count() as u64
    }
}
