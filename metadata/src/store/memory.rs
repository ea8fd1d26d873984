//! The engine for tests and simulation: a sorted map in memory.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use bytes::Bytes;

use super::{Batch, Engine, View, Visit};
use crate::fault::Fault;

type Map = BTreeMap<Vec<u8>, Bytes>;

/// Keeps the map in memory. A view holds the read lock, so a commit waits for it.
#[derive(Debug, Default)]
pub struct MemoryEngine {
    map: RwLock<Map>,
}

/// What [`MemoryEngine::view`] gives.
#[derive(Debug)]
pub struct MemoryView<'a> {
    map: RwLockReadGuard<'a, Map>,
}

impl MemoryEngine {
    /// An empty map.
    pub fn new() -> MemoryEngine {
        MemoryEngine::default()
    }
}

impl Engine for MemoryEngine {
    type View<'a> = MemoryView<'a>;

    fn view(&self) -> MemoryView<'_> {
        MemoryView {
            map: self.map.read().unwrap_or_else(PoisonError::into_inner),
        }
    }

    fn commit(&self, batch: Batch) -> Result<(), Fault> {
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in batch.into_changes() {
            match value {
                Some(value) => map.insert(key, value),
                None => map.remove(&key),
            };
        }
        Ok(())
    }

    fn sync(&self) -> Result<(), Fault> {
        Ok(())
    }
}

impl MemoryView<'_> {
    fn range<'a>(
        &'a self,
        start: &'a [u8],
        end: &'a [u8],
    ) -> impl DoubleEndedIterator<Item = (&'a Vec<u8>, &'a Bytes)> {
        // `range` panics on a start past its end, which here is an empty range.
        let end = if end < start { start } else { end };
        self.map
            .range::<[u8], _>((Bound::Included(start), Bound::Included(end)))
            .filter(move |(key, _)| key.as_slice() < end)
    }
}

impl View for MemoryView<'_> {
    fn with_value(&self, key: &[u8], visit: &mut dyn FnMut(&[u8])) -> Result<bool, Fault> {
        let value = self.map.get(key);
        if let Some(value) = value {
            visit(value);
        }
        Ok(value.is_some())
    }

    fn scan(&self, start: &[u8], end: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        for (key, value) in self.range(start, end) {
            if let ControlFlow::Break(()) = visit(key, value)? {
                break;
            }
        }
        Ok(())
    }

    fn scan_back(&self, start: &[u8], end: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        for (key, value) in self.range(start, end).rev() {
            if let ControlFlow::Break(()) = visit(key, value)? {
                break;
            }
        }
        Ok(())
    }
}
