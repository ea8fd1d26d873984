//! Lets a command see what the commands before it in the same batch have changed.
//!
//! Two layers over a view: what the accepted commands of the batch changed, and what the command
//! at hand has changed so far. A command that is refused leaves no trace: its layer is dropped.

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

    /// The changes of a range with the newer layer on top, in the order of their keys.
    fn changes<'a>(
        &'a self,
        start: &'a [u8],
        end: &'a [u8],
    ) -> Vec<(&'a Vec<u8>, &'a Option<Bytes>)> {
        let mut newer = self.current.range(start, end).peekable();
        let mut older = self.accepted.range(start, end).peekable();
        let mut merged = Vec::new();
        loop {
            let next = match (newer.peek(), older.peek()) {
                (None, None) => return merged,
                (Some(_), None) => newer.next(),
                (None, Some(_)) => older.next(),
                (Some((new_key, _)), Some((old_key, _))) => {
                    if old_key < new_key {
                        older.next()
                    } else {
                        if old_key == new_key {
                            older.next();
                        }
                        newer.next()
                    }
                }
            };
            merged.extend(next);
        }
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
        let mut changes = self.changes(start, end).into_iter().peekable();
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
        let mut changes = self.changes(start, end).into_iter().rev().peekable();
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
    changes: impl Iterator<Item = (&'a Vec<u8>, &'a Option<Bytes>)>,
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
