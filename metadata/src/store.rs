//! Where the state lives: a sorted map of bytes, read through a [`View`], changed by a [`Batch`].
//!
//! Every operation is written once against [`Transaction`]; an [`Engine`] is a way to keep the map.
//! Keys sort as unsigned bytes. The first byte of a key tells what it holds (see [`crate::keys`]).

mod batch;
mod memory;
mod overlay;
#[cfg(feature = "rocksdb")]
mod rocks;
#[cfg(test)]
mod tests;

use std::ops::ControlFlow;

pub use batch::Batch;
use bytes::Bytes;
pub use memory::MemoryEngine;
pub use overlay::Overlay;
#[cfg(feature = "rocksdb")]
pub use rocks::{ManifestMark, RocksEngine, RocksOptions, TableCache};

use crate::fault::Fault;

/// What a scan does with one entry: go on or stop.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, Fault> + 'a;

/// A state of the map that does not change while it is read.
pub trait View {
    /// Shows the value of a key to `visit` without copying it; answers whether there is one.
    fn with_value(&self, key: &[u8], visit: &mut dyn FnMut(&[u8])) -> Result<bool, Fault>;

    /// Visits the entries with `start <= key < end` in the order of their keys.
    fn scan(&self, start: &[u8], end: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault>;

    /// Visits the entries with `start <= key < end` from the last to the first.
    fn scan_back(&self, start: &[u8], end: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault>;

    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        let mut value = None;
        self.with_value(key, &mut |bytes| {
            value = Some(Bytes::copy_from_slice(bytes));
        })?;
        Ok(value)
    }

    /// Whether the key has a value.
    fn contains(&self, key: &[u8]) -> Result<bool, Fault> {
        self.with_value(key, &mut |_| ())
    }
}

/// A [`View`] that can be changed; it shows its own changes.
pub trait Transaction: View {
    /// Gives the key this value.
    fn put(&mut self, key: Vec<u8>, value: Bytes);

    /// Removes the key, if it is there.
    fn delete(&mut self, key: Vec<u8>);
}

/// Keeps the map.
///
/// To be correct, an engine
/// * makes a batch visible as a whole: a view taken at any time shows all of a batch or none of it;
/// * shows every batch whose `commit` returned to every view taken later;
/// * after a crash, recovers the effect of a prefix of the commits, no shorter than the last `sync`
///   that returned;
/// * changes nothing when `commit` fails, and refuses every later commit once it cannot promise that.
pub trait Engine: Send + Sync + 'static {
    /// A consistent view.
    type View<'a>: View
    where
        Self: 'a;

    /// The state after the last commit that returned.
    fn view(&self) -> Self::View<'_>;

    /// The same for who cannot be disturbed by a commit: who makes them, or who notices them. Two reads
    /// of one such view may show different commits.
    fn latest(&self) -> Self::View<'_> {
        self.view()
    }

    /// Applies a batch atomically. One caller at a time; readers need not wait.
    fn commit(&self, batch: Batch) -> Result<(), Fault>;

    /// Makes every commit that returned before this call durable.
    fn sync(&self) -> Result<(), Fault>;
}
