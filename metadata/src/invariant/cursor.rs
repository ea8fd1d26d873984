//! Reading the entries of a prefix one at a time, so that several can be read side by side.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use bytes::Bytes;

use super::report::Report;
use crate::fault::Fault;
use crate::keys::{self, Prefix};
use crate::record::Inode;
use crate::store::View;
use crate::types::InodeId;

const PAGE_ENTRIES: usize = 512;
const PAGE_BYTES: usize = 1024 * 1024;

/// A key and its value.
pub(super) type Entry = (Vec<u8>, Bytes);

/// How long the keys of a prefix are, and what of them is a name.
pub(super) fn well_formed(prefix: Prefix, key: &[u8]) -> bool {
    match prefix {
        Prefix::Volume | Prefix::Position | Prefix::Turn => key.len() == 1,
        Prefix::Block
        | Prefix::Inode
        | Prefix::Shared
        | Prefix::Orphan
        | Prefix::Quota
        | Prefix::Owner
        | Prefix::Session
        | Prefix::ClosedSession => key.len() == 9,
        Prefix::Extent | Prefix::Order | Prefix::Request | Prefix::Pending => key.len() == 17,
        Prefix::LockCount => matches!(key.len(), 9 | 17),
        Prefix::Waiter => key.len() == 18,
        Prefix::Lock => key.len() == 34,
        Prefix::Dentry | Prefix::Xattr => (10..=9 + 255).contains(&key.len()),
    }
}

/// The entries of a prefix in the order of their keys, those with broken keys left out.
pub(super) struct Cursor<'a> {
    view: &'a dyn View,
    prefix: Prefix,
    next: Vec<u8>,
    end: Vec<u8>,
    page: VecDeque<Entry>,
    at_end: bool,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(view: &'a dyn View, prefix: Prefix) -> Cursor<'a> {
        let (next, end) = keys::all(prefix);
        Cursor {
            view,
            prefix,
            next,
            end,
            page: VecDeque::new(),
            at_end: false,
        }
    }

    /// The next entry, which stays the next.
    pub(super) fn peek(&mut self) -> Result<Option<&Entry>, Fault> {
        if self.page.is_empty() && !self.at_end {
            self.read_page()?;
        }
        Ok(self.page.front())
    }

    /// The number after the prefix in the next key.
    pub(super) fn peek_number(&mut self) -> Result<Option<u64>, Fault> {
        Ok(self.peek()?.and_then(|(key, _)| keys::first_number(key)))
    }

    /// The next entry.
    pub(super) fn next(&mut self, report: &mut Report<'_>) -> Result<Option<Entry>, Fault> {
        self.peek()?;
        let entry = self.page.pop_front();
        if entry.is_some() {
            report.record();
        }
        Ok(entry)
    }

    /// The next entry if the number in its key is this one.
    pub(super) fn next_of(
        &mut self,
        number: u64,
        report: &mut Report<'_>,
    ) -> Result<Option<Entry>, Fault> {
        if self.peek_number()? == Some(number) {
            self.next(report)
        } else {
            Ok(None)
        }
    }

    fn read_page(&mut self) -> Result<(), Fault> {
        let mut bytes = 0;
        let mut last = None;
        let (page, prefix) = (&mut self.page, self.prefix);
        self.view.scan(&self.next, &self.end, &mut |key, value| {
            if page.len() >= PAGE_ENTRIES || bytes >= PAGE_BYTES {
                return Ok(ControlFlow::Break(()));
            }
            bytes += key.len() + value.len();
            if well_formed(prefix, key) {
                page.push_back((key.to_vec(), Bytes::copy_from_slice(value)));
            }
            last = Some(key.to_vec());
            Ok(ControlFlow::Continue(()))
        })?;
        match last {
            Some(mut key) => {
                // The first key after this one.
                key.push(0);
                self.next = key;
                // A page of nothing but broken keys must not look like the end.
                if self.page.is_empty() {
                    return self.read_page();
                }
            }
            None => self.at_end = true,
        }
        Ok(())
    }
}

/// What [`beside_inodes`] shows.
pub(super) enum Item<'a> {
    /// An entry whose inode is there; `None` when the inode does not decode.
    Entry(InodeId, Option<&'a Inode>, &'a Entry),
    /// An entry whose inode is not there.
    Stray(InodeId, &'a Entry),
    /// All entries of the inode have been shown.
    End(InodeId, Option<&'a Inode>),
}

/// Reads all inodes and the entries of a prefix whose keys begin with an inode, side by side.
pub(super) fn beside_inodes(
    view: &dyn View,
    prefix: Prefix,
    report: &mut Report<'_>,
    visit: &mut dyn FnMut(Item<'_>, &mut Report<'_>) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let mut inodes = Cursor::new(view, Prefix::Inode);
    let mut entries = Cursor::new(view, prefix);
    loop {
        let ino = inodes.peek_number()?;
        while let Some(owner) = entries.peek_number()?
            && ino.is_none_or(|ino| owner < ino)
        {
            if let Some(entry) = entries.next(report)? {
                visit(Item::Stray(InodeId::new(owner), &entry), report)?;
            }
        }
        let (Some(ino), Some((_, value))) = (ino, inodes.next(report)?) else {
            return Ok(());
        };
        let inode = Inode::decode(&value).ok();
        while let Some(entry) = entries.next_of(ino, report)? {
            visit(
                Item::Entry(InodeId::new(ino), inode.as_ref(), &entry),
                report,
            )?;
        }
        visit(Item::End(InodeId::new(ino), inode.as_ref()), report)?;
    }
}
