//! The changes of some commands, applied as a whole.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;

/// Changes in the order of their keys: `Some` is a put, `None` a delete.
#[derive(Debug, Default, Clone)]
pub struct Batch {
    changes: BTreeMap<Vec<u8>, Option<Bytes>>,
}

impl Batch {
    /// Records a change; it replaces an earlier change of the same key.
    pub fn set(&mut self, key: Vec<u8>, value: Option<Bytes>) {
        self.changes.insert(key, value);
    }

    /// The change of this key, if there is one.
    pub fn change(&self, key: &[u8]) -> Option<&Option<Bytes>> {
        self.changes.get(key)
    }

    /// The changes of `start <= key < end`, in the order of their keys.
    pub fn range<'a>(
        &'a self,
        start: &'a [u8],
        end: &'a [u8],
    ) -> impl DoubleEndedIterator<Item = (&'a Vec<u8>, &'a Option<Bytes>)> {
        // `range` panics on a start past its end, which here is an empty range.
        let end = if end < start { start } else { end };
        self.changes
            .range::<[u8], _>((Bound::Included(start), Bound::Included(end)))
            .filter(move |(key, _)| key.as_slice() < end)
    }

    /// Adds the changes of a later batch.
    ///
    /// One at a time: `BTreeMap::append` builds the whole map anew, so that a batch of many commands
    /// would take the square of their number.
    pub fn append(&mut self, later: Batch) {
        self.changes.extend(later.changes);
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Forgets every change.
    pub fn clear(&mut self) {
        self.changes.clear();
    }

    /// The changes in the order of their keys, to look at.
    pub fn changes(&self) -> impl Iterator<Item = (&Vec<u8>, &Option<Bytes>)> {
        self.changes.iter()
    }

    /// The changes in the order of their keys.
    pub fn into_changes(self) -> impl Iterator<Item = (Vec<u8>, Option<Bytes>)> {
        self.changes.into_iter()
    }
}
