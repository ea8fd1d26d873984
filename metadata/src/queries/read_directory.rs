//! A page of a directory: `.`, `..`, then the entries in the order of their cookies.

use std::ops::ControlFlow;

use crate::fault::Fault;
use crate::keys;
use crate::limits::PAGE_ENTRIES_MAX;
use crate::ops::{Stop, load_inode};
use crate::outcome::{DirectoryEntry, PosixError, Reply};
use crate::record::{InodeBody, OrderEntry};
use crate::store::View;
use crate::types::{Cookie, FileKind, InodeId};

pub(crate) fn answer(
    view: &dyn View,
    ino: InodeId,
    after: Cookie,
    entries_max: usize,
    with_attributes: bool,
) -> Result<Reply, Stop> {
    let entries_max = entries_max.min(PAGE_ENTRIES_MAX);
    let directory = load_inode(view, ino)?;
    let InodeBody::Directory(body) = directory.body else {
        return Err(PosixError::NotDirectory.into());
    };
    let mut entries = Vec::new();
    for (name, ino, cookie) in [
        (".", ino, Cookie::DOT),
        ("..", body.parent, Cookie::DOT_DOT),
    ] {
        if after < cookie && entries.len() < entries_max {
            entries.push(special(name, ino, cookie));
        }
    }
    let (start, end) = keys::order_after(ino, after);
    view.scan(&start, &end, &mut |key, value| {
        if entries.len() >= entries_max {
            return Ok(ControlFlow::Break(()));
        }
        let cookie =
            keys::second_number(key).ok_or_else(|| Fault::corrupt("order key", "short"))?;
        let entry = OrderEntry::decode(value)?;
        entries.push(DirectoryEntry::named(
            &entry.name,
            entry.ino,
            entry.kind,
            Cookie(cookie),
        ));
        Ok(ControlFlow::Continue(()))
    })?;
    if with_attributes {
        for entry in entries
            .iter_mut()
            .filter(|entry| entry.cookie >= Cookie::FIRST)
        {
            entry.attributes = Some(load_inode(view, entry.ino)?.attributes(entry.ino));
        }
    }
    let attributes = directory.attributes(ino);
    Ok(Reply::Directory {
        entries,
        attributes,
    })
}

fn special(name: &str, ino: InodeId, cookie: Cookie) -> DirectoryEntry {
    DirectoryEntry {
        name: name.as_bytes().into(),
        ino,
        kind: FileKind::Directory,
        cookie,
        attributes: None,
    }
}
