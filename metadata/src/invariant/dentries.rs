//! Each name is stored once under itself and once under its cookie, and both say the same.

mod claims;
mod odd;

use std::ops::ControlFlow;

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use self::odd::Odd;
use super::cursor::{Cursor, Entry};
use super::report::Report;
use crate::fault::Fault;
use crate::keys::{self, Prefix};
use crate::record::{Dentry, OrderEntry};
use crate::store::View;
use crate::types::{Cookie, FileKind, InodeId};

/// Compares the sums of all entries of a directory first, which needs no memory and no look-up, and
/// looks at each entry only where the sums differ.
pub(super) fn check(view: &dyn View, report: &mut Report<'_>) -> Result<(), Fault> {
    let mut dentries = Cursor::new(view, Prefix::Dentry);
    let mut orders = Cursor::new(view, Prefix::Order);
    let mut odd = Vec::new();
    loop {
        let parents = [dentries.peek_number()?, orders.peek_number()?];
        let Some(parent) = parents.into_iter().flatten().min() else {
            return odd::tell(&odd, view, report);
        };
        let names = sum(&mut dentries, parent, report, by_name)?;
        let places = sum(&mut orders, parent, report, by_cookie)?;
        if names != places {
            odd.push(compare(view, InodeId::new(parent))?);
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

/// The entries of a directory that are there only once, or differ.
fn compare(view: &dyn View, parent: InodeId) -> Result<Odd, Fault> {
    let mut odd = Odd::of(parent);
    let (start, end) = keys::dentries_of(parent);
    view.scan(&start, &end, &mut |key, value| {
        let entry = (key.to_vec(), Bytes::copy_from_slice(value));
        if let Some(line) = by_name(&entry)
            && at_place(view, parent, line.cookie)?.as_ref() != Some(&line)
        {
            odd.names.push(line);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let (start, end) = keys::orders_of(parent);
    view.scan(&start, &end, &mut |key, value| {
        let entry = (key.to_vec(), Bytes::copy_from_slice(value));
        if let Some(line) = by_cookie(&entry)
            && of_name(view, parent, &line.name)?.as_ref() != Some(&line)
        {
            odd.places.push(line);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(odd)
}

/// What is listed there.
fn at_place(view: &dyn View, parent: InodeId, cookie: Cookie) -> Result<Option<Line>, Fault> {
    let key = keys::order(parent, cookie);
    let value = view.get(&key)?;
    Ok(value.and_then(|value| by_cookie(&(key, value))))
}

/// What the name says.
fn of_name(view: &dyn View, parent: InodeId, name: &[u8]) -> Result<Option<Line>, Fault> {
    let key = keys::dentry(parent, name);
    let value = view.get(&key)?;
    Ok(value.and_then(|value| by_name(&(key, value))))
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
    fn a_place_that_no_listing_reaches_is_reported() {
        let mut state = State::sound();
        let value = state.get(&keys::order(InodeId::ROOT, Cookie(3)));
        state.put(keys::order(InodeId::ROOT, Cookie(0)), &value);
        state.expect("name \"file\" in directory 1 (inode 2, cookie 0) is listed but has no");
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
