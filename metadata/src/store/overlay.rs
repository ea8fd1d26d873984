//! Lets a command see what the commands before it in the same batch have changed.
//!
//! Two layers over a view: what the accepted commands of the batch changed, and what the command
//! at hand has changed so far. A command that is refused leaves no trace: its layer is dropped.

use std::cmp::Ordering;
use std::iter::Peekable;
use std::ops::ControlFlow;

use bytes::Bytes;

use super::{Batch, Transaction, View, Visit};
use crate::fault::Fault;

/// A transaction over a view; [`Overlay::into_batch`] is what it changed.
#[derive(Debug)]
pub struct Overlay<V> {
    base: V,
    accepted: Batch,
    current: Batch,
}

impl<V: View> Overlay<V> {
    /// Starts with no change.
    pub fn new(base: V) -> Overlay<V> {
        Overlay {
            base,
            accepted: Batch::default(),
            current: Batch::default(),
        }
    }

    /// Keeps what the command at hand has changed.
    pub fn accept(&mut self) {
        let current = std::mem::take(&mut self.current);
        if self.accepted.is_empty() {
            self.accepted = current;
        } else {
            self.accepted.append(current);
        }
    }

    /// What the command at hand has changed so far.
    pub(crate) fn current(&self) -> &Batch {
        &self.current
    }

    /// Drops what the command at hand has changed.
    pub fn reject(&mut self) {
        self.current.clear();
    }

    /// Everything that was accepted.
    pub fn into_batch(self) -> Batch {
        self.accepted
    }

    fn changed(&self, key: &[u8]) -> Option<&Option<Bytes>> {
        self.current
            .change(key)
            .or_else(|| self.accepted.change(key))
    }
}

/// A key and what becomes of it.
type Change<'a> = (&'a Vec<u8>, &'a Option<Bytes>);

/// The changes of two layers as one, in the order in which both give them; of a key that both change
/// the newer says what becomes of it. Nothing is read ahead: a scan mostly stops at its first entry,
/// while a batch of many commands may have changed thousands of keys behind it.
struct Merged<'a, N: Iterator<Item = Change<'a>>, O: Iterator<Item = Change<'a>>> {
    newer: Peekable<N>,
    older: Peekable<O>,
    /// How the key that comes first compares with one that comes later.
    first: Ordering,
}

impl<'a, N: Iterator<Item = Change<'a>>, O: Iterator<Item = Change<'a>>> Merged<'a, N, O> {
    fn new(newer: N, older: O, first: Ordering) -> Merged<'a, N, O> {
        Merged {
            newer: newer.peekable(),
            older: older.peekable(),
            first,
        }
    }
}

impl<'a, N: Iterator<Item = Change<'a>>, O: Iterator<Item = Change<'a>>> Iterator
    for Merged<'a, N, O>
{
    type Item = Change<'a>;

    fn next(&mut self) -> Option<Change<'a>> {
        let (Some((new_key, _)), Some((old_key, _))) = (self.newer.peek(), self.older.peek())
        else {
            return self.newer.next().or_else(|| self.older.next());
        };
        let order = old_key.cmp(new_key);
        if order == self.first {
            return self.older.next();
        }
        if order == Ordering::Equal {
            self.older.next();
        }
        self.newer.next()
    }
}

impl<V: View> View for Overlay<V> {
    fn with_value(&self, key: &[u8], visit: &mut dyn FnMut(&[u8])) -> Result<bool, Fault> {
        match self.changed(key) {
            Some(Some(value)) => {
                visit(value);
                Ok(true)
            }
            Some(None) => Ok(false),
            None => self.base.with_value(key, visit),
        }
    }

    fn get(&self, key: &[u8]) -> Result<Option<Bytes>, Fault> {
        match self.changed(key) {
            Some(value) => Ok(value.clone()),
            None => self.base.get(key),
        }
    }

    fn scan(&self, start: &[u8], end: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        let newer = self.current.range(start, end);
        let older = self.accepted.range(start, end);
        let mut changes = Merged::new(newer, older, Ordering::Less).peekable();
        let mut stopped = false;
        self.base.scan(start, end, &mut |key, value| {
            while let Some((changed_key, change)) =
                changes.next_if(|(changed_key, _)| changed_key.as_slice() < key)
            {
                if let Some(new) = change
                    && visit(changed_key, new)?.is_break()
                {
                    stopped = true;
                    return Ok(ControlFlow::Break(()));
                }
            }
            let change = changes.next_if(|(changed_key, _)| changed_key.as_slice() == key);
            let flow = match change {
                None => visit(key, value)?,
                Some((_, Some(new))) => visit(key, new)?,
                Some((_, None)) => ControlFlow::Continue(()),
            };
            stopped = flow.is_break();
            Ok(flow)
        })?;
        if !stopped {
            visit_rest(changes, visit)?;
        }
        Ok(())
    }

    fn scan_back(&self, start: &[u8], end: &[u8], visit: &mut Visit<'_>) -> Result<(), Fault> {
        let newer = self.current.range(start, end).rev();
        let older = self.accepted.range(start, end).rev();
        let mut changes = Merged::new(newer, older, Ordering::Greater).peekable();
        let mut stopped = false;
        self.base.scan_back(start, end, &mut |key, value| {
            while let Some((changed_key, change)) =
                changes.next_if(|(changed_key, _)| changed_key.as_slice() > key)
            {
                if let Some(new) = change
                    && visit(changed_key, new)?.is_break()
                {
                    stopped = true;
                    return Ok(ControlFlow::Break(()));
                }
            }
            let change = changes.next_if(|(changed_key, _)| changed_key.as_slice() == key);
            let flow = match change {
                None => visit(key, value)?,
                Some((_, Some(new))) => visit(key, new)?,
                Some((_, None)) => ControlFlow::Continue(()),
            };
            stopped = flow.is_break();
            Ok(flow)
        })?;
        if !stopped {
            visit_rest(changes, visit)?;
        }
        Ok(())
    }
}

fn visit_rest<'a>(
    changes: impl Iterator<Item = Change<'a>>,
    visit: &mut Visit<'_>,
) -> Result<(), Fault> {
    for (key, change) in changes {
        if let Some(value) = change
            && visit(key, value)?.is_break()
        {
            break;
        }
    }
    Ok(())
}

impl<V: View> Transaction for Overlay<V> {
    fn put(&mut self, key: Vec<u8>, value: Bytes) {
        self.current.set(key, Some(value));
    }

    fn delete(&mut self, key: Vec<u8>) {
        self.current.set(key, None);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeMap;

    use super::*;
    use crate::store::{Engine, MemoryEngine};

    type Map = BTreeMap<Vec<u8>, Vec<u8>>;

    /// Keys of one byte, each kept, changed or removed by every layer in every combination.
    fn layers() -> (MemoryEngine, [Batch; 2], Map) {
        let engine = MemoryEngine::new();
        let mut base = Batch::default();
        let mut layers = [Batch::default(), Batch::default()];
        let mut expected = Map::new();
        for key in 0..18_u8 {
            let mut value = (key % 2 == 0).then_some(0);
            if let Some(number) = value {
                base.set(vec![key], Some(Bytes::from(vec![number])));
            }
            let choices = [key / 2 % 3, key / 6];
            for ((number, layer), choice) in (1..).zip(&mut layers).zip(choices) {
                if choice > 0 {
                    value = (choice == 1).then_some(number);
                    layer.set(vec![key], value.map(|number| Bytes::from(vec![number])));
                }
            }
            expected.extend(value.map(|number| (vec![key], vec![number])));
        }
        engine.commit(base).unwrap();
        (engine, layers, expected)
    }

    fn scanned(view: &impl View, start: u8, end: u8, back: bool, most: usize) -> Vec<Vec<u8>> {
        let mut seen = Vec::new();
        let mut visit = |key: &[u8], value: &[u8]| {
            seen.push([key, value].concat());
            let enough = seen.len() == most;
            Ok(if enough {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        };
        let done = if back {
            view.scan_back(&[start], &[end], &mut visit)
        } else {
            view.scan(&[start], &[end], &mut visit)
        };
        done.unwrap();
        seen
    }

    #[test]
    fn every_layer_covers_those_below_it_in_both_directions() {
        let (engine, [accepted, current], expected) = layers();
        let overlay = Overlay {
            base: engine.view(),
            accepted,
            current,
        };
        for (start, end) in (0..=18).flat_map(|start| (start..=18).map(move |end| (start, end))) {
            let range = expected.range(vec![start]..vec![end]);
            let mut all: Vec<Vec<u8>> = range
                .map(|(key, value)| [key.as_slice(), value].concat())
                .collect();
            for most in 1..=all.len() + 1 {
                let first = &all[..most.min(all.len())];
                assert_eq!(scanned(&overlay, start, end, false, most), first);
            }
            all.reverse();
            for most in 1..=all.len() + 1 {
                let last = &all[..most.min(all.len())];
                assert_eq!(scanned(&overlay, start, end, true, most), last);
            }
        }
    }

    #[test]
    fn a_scan_that_stops_early_does_not_read_the_rest_of_a_big_batch() {
        let mut big = Batch::default();
        for number in 0..1000_u16 {
            big.set(number.to_be_bytes().to_vec(), None);
        }
        let taken = Cell::new(0);
        let count = |_: &Change<'_>| taken.set(taken.get() + 1);
        let newer = big.range(&[], &[0xff]).inspect(count);
        let older = big.range(&[], &[0xff]).inspect(count);
        let mut merged = Merged::new(newer, older, Ordering::Less);
        for _ in 0..3 {
            merged.next();
        }
        assert!(taken.get() <= 8, "{} were read", taken.get());
        assert_eq!(merged.count(), 997);
    }
}
