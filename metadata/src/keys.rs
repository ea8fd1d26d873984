//! The keys of the map. Numbers are big-endian, so the order of keys is the order of numbers.
//!
//! | key | value |
//! |---|---|
//! | `A` | what the keeper of the log noted of the last batch |
//! | `V` | the volume record: counters and the position in the log |
//! | `I` ino | inode |
//! | `D` parent name | dentry: where a name leads |
//! | `O` parent cookie | the same dentry in the order of listing |
//! | `X` ino name | extended attribute |
//! | `E` ino offset | extent: a range of a file and the block that holds it |
//! | `B` block | bytes of a block, never changed (kept apart by the disk engine) |
//! | `N` block | number of extents that share the block, when there are several |
//! | `Q` ino | orphan: an inode without a name, and how far its data is given back |
//! | `R` session sequence | idempotency record: the outcome of a request |
//! | `S` session | session: who sends requests, and which of their outcomes have arrived |
//! | `U` ino | quota tree with this root: its limits, and what it uses |
//! | `G` owner | user or group: its limits, and what it uses; there while owners are counted |
//! | `C` session | session that was closed and is never opened again |
//! | `L` ino space session owner start | a lock that is held: of the bytes from `start` on |
//! | `W` ino space turn | who waits for a lock, in the order of their coming |
//! | `P` session sequence | where the request waits |
//! | `H` session | number of locks the session holds and waits for |
//! | `H` session ino | the same of one inode |
//! | `T` | the turn of the next who waits; there once the volume has had a lock |
//!
//! The catalog is a map of its own; its prefixes are small letters ([`crate::catalog`]).

use crate::types::{Cookie, InodeId, LockOwner, LockSpace, Owner, RequestId, SessionId, Turn};

/// The first byte of every key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Prefix {
    /// The position in the log.
    Position = b'A',
    /// Bytes of blocks.
    Block = b'B',
    /// Sessions that were closed.
    ClosedSession = b'C',
    /// Names.
    Dentry = b'D',
    /// Extents.
    Extent = b'E',
    /// Users and groups.
    Owner = b'G',
    /// How many locks sessions have.
    LockCount = b'H',
    /// Inodes.
    Inode = b'I',
    /// Locks that are held.
    Lock = b'L',
    /// Reference counts of shared blocks.
    Shared = b'N',
    /// Order of listing.
    Order = b'O',
    /// Requests that wait for a lock.
    Pending = b'P',
    /// Orphans.
    Orphan = b'Q',
    /// Idempotency records.
    Request = b'R',
    /// Sessions.
    Session = b'S',
    /// The turn of the next who waits for a lock.
    Turn = b'T',
    /// Quota trees.
    Quota = b'U',
    /// The volume record.
    Volume = b'V',
    /// Who waits for locks.
    Waiter = b'W',
    /// Extended attributes.
    Xattr = b'X',
}

/// A block of file data; numbers are never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlockId(pub u64);

/// Where all keys of a prefix begin and end.
pub fn all(prefix: Prefix) -> (Vec<u8>, Vec<u8>) {
    (vec![prefix as u8], vec![prefix as u8 + 1])
}

/// `A`
pub fn position() -> Vec<u8> {
    vec![Prefix::Position as u8]
}

/// `V`
pub fn volume() -> Vec<u8> {
    vec![Prefix::Volume as u8]
}

/// `I` ino
pub fn inode(ino: InodeId) -> Vec<u8> {
    numbered(Prefix::Inode, ino.get())
}

/// `D` parent name
pub fn dentry(parent: InodeId, name: &[u8]) -> Vec<u8> {
    named(Prefix::Dentry, parent, name)
}

/// Where the names of a directory begin and end.
pub fn dentries_of(parent: InodeId) -> (Vec<u8>, Vec<u8>) {
    of_inode(Prefix::Dentry, parent)
}

/// `O` parent cookie
pub fn order(parent: InodeId, cookie: Cookie) -> Vec<u8> {
    paired(Prefix::Order, parent.get(), cookie.0)
}

/// Where the listing of a directory begins and ends, places that are never given out among it.
pub fn orders_of(parent: InodeId) -> (Vec<u8>, Vec<u8>) {
    of_inode(Prefix::Order, parent)
}

/// Where the listing of a directory goes on after `after`, and where it ends.
pub fn order_after(parent: InodeId, after: Cookie) -> (Vec<u8>, Vec<u8>) {
    let start = paired(Prefix::Order, parent.get(), after.0.saturating_add(1));
    (start, behind(Prefix::Order, parent.get()))
}

/// `X` ino name
pub fn xattr(ino: InodeId, name: &[u8]) -> Vec<u8> {
    named(Prefix::Xattr, ino, name)
}

/// Where the extended attributes of an inode begin and end.
pub fn xattrs_of(ino: InodeId) -> (Vec<u8>, Vec<u8>) {
    of_inode(Prefix::Xattr, ino)
}

/// `E` ino offset
pub fn extent(ino: InodeId, offset: u64) -> Vec<u8> {
    paired(Prefix::Extent, ino.get(), offset)
}

/// Where the extents of an inode begin and end.
pub fn extents_of(ino: InodeId) -> (Vec<u8>, Vec<u8>) {
    of_inode(Prefix::Extent, ino)
}

/// `B` block
pub fn block(block: BlockId) -> Vec<u8> {
    numbered(Prefix::Block, block.0)
}

/// `N` block
pub fn shared(block: BlockId) -> Vec<u8> {
    numbered(Prefix::Shared, block.0)
}

/// `Q` ino
pub fn orphan(ino: InodeId) -> Vec<u8> {
    numbered(Prefix::Orphan, ino.get())
}

/// `U` ino
pub fn quota(root: InodeId) -> Vec<u8> {
    numbered(Prefix::Quota, root.get())
}

/// `G` owner
pub fn owner(owner: Owner) -> Vec<u8> {
    numbered(Prefix::Owner, owner.number())
}

/// `R` session sequence
pub fn request(request: RequestId) -> Vec<u8> {
    request_of(request.session, request.sequence)
}

/// The same of a session and a sequence.
pub fn request_of(session: SessionId, sequence: u64) -> Vec<u8> {
    paired(Prefix::Request, session.0, sequence)
}

/// Where the requests of a session from a sequence to before another begin and end.
pub fn requests_between(session: SessionId, from: u64, to: u64) -> (Vec<u8>, Vec<u8>) {
    (
        paired(Prefix::Request, session.0, from),
        paired(Prefix::Request, session.0, to),
    )
}

/// Where the requests of a session begin and end.
pub fn requests_of(session: SessionId) -> (Vec<u8>, Vec<u8>) {
    of_session(Prefix::Request, session)
}

/// `S` session
pub fn session(session: SessionId) -> Vec<u8> {
    numbered(Prefix::Session, session.0)
}

/// `C` session
pub fn closed_session(session: SessionId) -> Vec<u8> {
    numbered(Prefix::ClosedSession, session.0)
}

/// `L` ino space session owner start
pub fn lock(
    ino: InodeId,
    space: LockSpace,
    session: SessionId,
    owner: LockOwner,
    start: u64,
) -> Vec<u8> {
    let mut key = of_space(Prefix::Lock, ino, space, 34);
    for number in [session.0, owner.0, start] {
        key.extend_from_slice(&number.to_be_bytes());
    }
    key
}

/// Where the locks of a space of an inode begin and end.
pub fn locks_of(ino: InodeId, space: LockSpace) -> (Vec<u8>, Vec<u8>) {
    all_of_space(Prefix::Lock, ino, space)
}

/// Session, owner and start in the key of a lock.
pub fn lock_parts(key: &[u8]) -> Option<(SessionId, LockOwner, u64)> {
    let session = SessionId(number_at(key, 10)?);
    let owner = LockOwner(number_at(key, 18)?);
    Some((session, owner, number_at(key, 26)?))
}

/// The space in the key of a lock or of a waiter.
pub fn space_part(key: &[u8]) -> Option<LockSpace> {
    LockSpace::from_u8(*key.get(9)?)
}

/// `W` ino space turn
pub fn waiter(ino: InodeId, space: LockSpace, turn: Turn) -> Vec<u8> {
    let mut key = of_space(Prefix::Waiter, ino, space, 18);
    key.extend_from_slice(&turn.0.to_be_bytes());
    key
}

/// Where those who wait for locks of a space of an inode begin and end.
pub fn waiters_of(ino: InodeId, space: LockSpace) -> (Vec<u8>, Vec<u8>) {
    all_of_space(Prefix::Waiter, ino, space)
}

/// The turn in the key of a waiter.
pub fn turn_part(key: &[u8]) -> Option<Turn> {
    number_at(key, 10).map(Turn)
}

/// `P` session sequence
pub fn pending(session: SessionId, sequence: u64) -> Vec<u8> {
    paired(Prefix::Pending, session.0, sequence)
}

/// Where the requests of a session that wait begin and end.
pub fn pending_of(session: SessionId) -> (Vec<u8>, Vec<u8>) {
    of_session(Prefix::Pending, session)
}

/// `H` session
pub fn lock_count(session: SessionId) -> Vec<u8> {
    numbered(Prefix::LockCount, session.0)
}

/// `H` session ino
pub fn lock_count_at(session: SessionId, ino: InodeId) -> Vec<u8> {
    paired(Prefix::LockCount, session.0, ino.get())
}

/// Where the counts of a session begin and end.
pub fn lock_counts_of(session: SessionId) -> (Vec<u8>, Vec<u8>) {
    of_session(Prefix::LockCount, session)
}

/// `T`
pub fn turn() -> Vec<u8> {
    vec![Prefix::Turn as u8]
}

/// The number after the prefix: ino, block or session.
pub fn first_number(key: &[u8]) -> Option<u64> {
    number_at(key, 1)
}

/// The number after the first number: offset, cookie or sequence.
pub fn second_number(key: &[u8]) -> Option<u64> {
    number_at(key, 9)
}

/// What follows the first number: a name.
pub fn name_part(key: &[u8]) -> Option<&[u8]> {
    key.get(9..)
}

fn number_at(key: &[u8], start: usize) -> Option<u64> {
    let bytes = key.get(start..start + 8)?;
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

fn numbered(prefix: Prefix, number: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(9);
    key.push(prefix as u8);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

fn paired(prefix: Prefix, first: u64, second: u64) -> Vec<u8> {
    let mut key = Vec::with_capacity(17);
    key.push(prefix as u8);
    key.extend_from_slice(&first.to_be_bytes());
    key.extend_from_slice(&second.to_be_bytes());
    key
}

fn named(prefix: Prefix, ino: InodeId, name: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(9 + name.len());
    key.push(prefix as u8);
    key.extend_from_slice(&ino.get().to_be_bytes());
    key.extend_from_slice(name);
    key
}

fn of_session(prefix: Prefix, session: SessionId) -> (Vec<u8>, Vec<u8>) {
    (numbered(prefix, session.0), behind(prefix, session.0))
}

/// Where the keys end that begin with a number; clients name the last number there is, too.
fn behind(prefix: Prefix, number: u64) -> Vec<u8> {
    match number.checked_add(1) {
        Some(next) => numbered(prefix, next),
        None => all(prefix).1,
    }
}

fn of_space(prefix: Prefix, ino: InodeId, space: LockSpace, capacity: usize) -> Vec<u8> {
    let mut key = Vec::with_capacity(capacity);
    key.push(prefix as u8);
    key.extend_from_slice(&ino.get().to_be_bytes());
    key.push(space as u8);
    key
}

fn all_of_space(prefix: Prefix, ino: InodeId, space: LockSpace) -> (Vec<u8>, Vec<u8>) {
    let start = of_space(prefix, ino, space, 10);
    let mut end = start.clone();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    (start, end)
}

/// Where the keys of an inode begin and end, of a prefix whose keys begin with inodes.
pub fn of_inode(prefix: Prefix, ino: InodeId) -> (Vec<u8>, Vec<u8>) {
    (numbered(prefix, ino.get()), behind(prefix, ino.get()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_their_numbers() {
        assert!(extent(InodeId::new(255), u64::MAX) < extent(InodeId::new(256), 0));
        assert!(order(InodeId::ROOT, Cookie(9)) < order(InodeId::ROOT, Cookie(10)));
    }

    #[test]
    fn a_listing_goes_on_after_the_last_cookie() {
        let (start, end) = order_after(InodeId::ROOT, Cookie(4));
        assert!(order(InodeId::ROOT, Cookie(4)) < start);
        assert_eq!(order(InodeId::ROOT, Cookie(5)), start);
        assert!(order(InodeId::ROOT, Cookie(u64::MAX)) < end);
        assert!(end <= order(InodeId::new(2), Cookie::START));
    }

    #[test]
    fn the_last_inode_number_has_a_range_like_any_other() {
        let last = InodeId::new(u64::MAX);
        let (start, end) = of_inode(Prefix::Lock, last);
        let key = lock(last, LockSpace::Flock, SessionId(1), LockOwner(1), 0);
        assert!(start < key && key < end);
        let (start, end) = order_after(last, Cookie(4));
        assert_eq!(order(last, Cookie(5)), start);
        assert!(order(last, Cookie(u64::MAX)) < end);
    }

    #[test]
    fn parts_are_read_back() {
        let key = dentry(InodeId::new(7), b"name");
        assert_eq!(first_number(&key), Some(7));
        assert_eq!(name_part(&key), Some(&b"name"[..]));
        assert_eq!(second_number(&extent(InodeId::new(7), 99)), Some(99));
        let (session, owner) = (SessionId(8), LockOwner(u64::MAX));
        let key = lock(InodeId::new(7), LockSpace::Flock, session, owner, 9);
        assert_eq!(lock_parts(&key), Some((session, owner, 9)));
        assert_eq!(space_part(&key), Some(LockSpace::Flock));
        let key = waiter(InodeId::new(7), LockSpace::Posix, Turn(10));
        assert_eq!(turn_part(&key), Some(Turn(10)));
        assert_eq!(space_part(&key), Some(LockSpace::Posix));
    }
}
