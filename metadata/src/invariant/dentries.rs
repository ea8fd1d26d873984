//! Each name is stored once under itself and once under its cookie, and both say the same.

use std::ops::ControlFlow;

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use super::cursor::{Cursor, Entry};
use super::mend::Mend;
use super::report::{Report, quoted};
use crate::fault::Fault;
use crate::keys::{self, Prefix};
use crate::record::{Dentry, Inode, InodeBody, OrderEntry};
use crate::store::View;
use crate::types::{Cookie, FileKind, FileName, InodeId};

/// Compares the sums of all entries of a directory first, which needs no memory and no look-up, and
/// looks at each entry only where the sums differ.
pub(super) fn check(view: &dyn View, report: &mut Report<'_>) -> Result<(), Fault> {
    let mut dentries = Cursor::new(view, Prefix::Dentry);
    let mut orders = Cursor::new(view, Prefix::Order);
    loop {
        let parents = [dentries.peek_number()?, orders.peek_number()?];
        let Some(parent) = parents.into_iter().flatten().min() else {
            return Ok(());
        };
        let names = sum(&mut dentries, parent, report, by_name)?;
        let places = sum(&mut orders, parent, report, by_cookie)?;
        if names != places {
            compare(view, InodeId::new(parent), report)?;
        }
    }
}

/// How many entries there are and the sum of what they say, in any order.
fn sum(
    cursor: &mut Cursor<'_>,
    parent: u64,
    report: &mut Report<'_>,
    line: fn(&Entry) -> Option<Line>,
) -> Result<(u64, u64), Fault> {
    let (mut count, mut sum) = (0, 0_u64);
    while let Some(entry) = cursor.next_of(parent, report)? {
        count += 1;
        sum = sum.wrapping_add(line(&entry).map_or(1, |line| line.digest()));
    }
    Ok((count, sum))
}

/// What both records say.
#[derive(Clone, PartialEq, Eq)]
struct Line {
    ino: InodeId,
    kind: FileKind,
    cookie: Cookie,
    name: Vec<u8>,
}

impl Line {
    fn digest(&self) -> u64 {
        let mut bytes = self.name.clone();
        bytes.push(self.kind as u8);
        bytes.extend_from_slice(&self.ino.get().to_be_bytes());
        bytes.extend_from_slice(&self.cookie.0.to_be_bytes());
        xxh3_64(&bytes)
    }

    /// The record in the listing, unless that is no place for a name.
    fn place(&self, parent: InodeId) -> Option<Mend> {
        let order = OrderEntry {
            ino: self.ino,
            kind: self.kind,
            name: FileName::new(&self.name).ok()?,
        };
        let key = keys::order(parent, self.cookie);
        (self.cookie >= Cookie::FIRST).then(|| Mend::Put(key, order.encode()))
    }

    /// The record of the name.
    fn name(&self, parent: InodeId) -> Mend {
        let dentry = Dentry {
            ino: self.ino,
            kind: self.kind,
            cookie: self.cookie,
        };
        Mend::Put(keys::dentry(parent, &self.name), dentry.encode())
    }
}

fn by_name((key, value): &Entry) -> Option<Line> {
    let dentry = Dentry::decode(value).ok()?;
    Some(Line {
        ino: dentry.ino,
        kind: dentry.kind,
        cookie: dentry.cookie,
        name: keys::name_part(key)?.to_vec(),
    })
}

fn by_cookie((key, value): &Entry) -> Option<Line> {
    let order = OrderEntry::decode(value).ok()?;
    Some(Line {
        ino: order.ino,
        kind: order.kind,
        cookie: Cookie(keys::second_number(key)?),
        name: order.name.as_bytes().to_vec(),
    })
}

fn compare(view: &dyn View, parent: InodeId, report: &mut Report<'_>) -> Result<(), Fault> {
    let (start, end) = keys::dentries_of(parent);
    view.scan(&start, &end, &mut |key, value| {
        let entry = (key.to_vec(), Bytes::copy_from_slice(value));
        let Some(line) = by_name(&entry) else {
            return Ok(ControlFlow::Continue(()));
        };
        let other = at_place(view, parent, line.cookie)?;
        if other.as_ref() != Some(&line) {
            // Another name that is listed at the same place is left there.
            let mend = other.is_none().then(|| line.place(parent)).flatten();
            report.add_mendable(mend, || {
                tell(parent, &line, "has no matching place in the listing")
            });
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let (start, end) = keys::order_after(parent, Cookie::START);
    view.scan(&start, &end, &mut |key, value| {
        let entry = (key.to_vec(), Bytes::copy_from_slice(value));
        let Some(line) = by_cookie(&entry) else {
            return Ok(ControlFlow::Continue(()));
        };
        let other_key = keys::dentry(parent, &line.name);
        let other = view
            .get(&other_key)?
            .and_then(|value| by_name(&(other_key, value)));
        if other.as_ref() != Some(&line) {
            let mend = match other {
                None => is_in(view, parent, &line)?.then(|| line.name(parent)),
                // Listed twice, and the name says at which place it is.
                Some(other) if at_place(view, parent, other.cookie)?.as_ref() == Some(&other) => {
                    let is_again = (other.ino, other.kind) == (line.ino, line.kind);
                    is_again.then(|| Mend::Forget(keys::order(parent, line.cookie)))
                }
                Some(_) => None,
            };
            report.add_mendable(mend, || {
                tell(parent, &line, "is listed but has no matching name")
            });
        }
        Ok(ControlFlow::Continue(()))
    })
}

/// What is listed there, if it decodes.
fn at_place(view: &dyn View, parent: InodeId, cookie: Cookie) -> Result<Option<Line>, Fault> {
    let key = keys::order(parent, cookie);
    let value = view.get(&key)?;
    Ok(value.and_then(|value| by_cookie(&(key, value))))
}

/// Whether the inode can have the name: a name that was removed is not to come back and lead nowhere.
fn is_in(view: &dyn View, parent: InodeId, line: &Line) -> Result<bool, Fault> {
    let value = view.get(&keys::inode(line.ino))?;
    let inode = value.and_then(|value| Inode::decode(&value).ok());
    Ok(inode.is_some_and(|inode| {
        let is_here = match &inode.body {
            InodeBody::Directory(body) => body.parent == parent,
            _ => true,
        };
        is_here && inode.kind() == line.kind && inode.nlink > 0 && line.cookie >= Cookie::FIRST
    }))
}

fn tell(parent: InodeId, line: &Line, what: &str) -> String {
    format!(
        "name {} in directory {parent} (inode {}, cookie {}) {what}",
        quoted(&line.name),
        line.ino,
        line.cookie.0
    )
}

#[cfg(test)]
mod tests {
    use crate::invariant::testing::{FILE, State};
    use crate::keys;
    use crate::record::{Dentry, OrderEntry};
    use crate::types::{Cookie, FileKind, FileName, InodeId};

    #[test]
    fn a_name_without_a_place_is_reported() {
        let mut state = State::sound();
        state.delete(keys::order(InodeId::ROOT, Cookie(3)));
        state.expect("dentries: name \"file\" in directory 1 (inode 2, cookie 3) has no matching");
    }

    #[test]
    fn a_place_without_a_name_is_reported() {
        let mut state = State::sound();
        let order = OrderEntry {
            ino: FILE,
            kind: FileKind::Regular,
            name: FileName::new(b"ghost").unwrap(),
        };
        state.put(keys::order(InodeId::ROOT, Cookie(2)), &order.encode());
        state.expect("name \"ghost\" in directory 1 (inode 2, cookie 2) is listed but has no");
    }

    #[test]
    fn two_names_with_one_cookie_are_reported() {
        let mut state = State::sound();
        let dentry = Dentry {
            ino: FILE,
            kind: FileKind::Regular,
            cookie: Cookie(3),
        };
        state.put(keys::dentry(InodeId::ROOT, b"other"), &dentry.encode());
        state.expect("name \"other\" in directory 1 (inode 2, cookie 3) has no matching place");
    }

    #[test]
    fn another_kind_in_the_listing_is_reported() {
        let mut state = State::sound();
        let order = OrderEntry {
            ino: FILE,
            kind: FileKind::Fifo,
            name: FileName::new(b"file").unwrap(),
        };
        state.put(keys::order(InodeId::ROOT, Cookie(3)), &order.encode());
        state.expect("has no matching place");
    }
}
