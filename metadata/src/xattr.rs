//! Extended attributes of an inode: stored under their names, counted in the inode.
//!
//! **Invariant.** `inode.xattrs` is the number of keys `X` ino, so that 0 spares looking for one.

use std::ops::ControlFlow;

use bytes::Bytes;

use crate::fault::Fault;
use crate::keys;
use crate::limits::XATTR_NAME_BYTES_MAX;
use crate::outcome::PosixError;
use crate::record::{Inode, Xattr};
use crate::store::{Transaction, View};
use crate::types::InodeId;

/// File capabilities: lost when the file changes.
pub(crate) const CAPABILITY: &[u8] = b"security.capability";

/// What the prefix of a name decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Namespace {
    /// `user.`: only on regular files and directories.
    User,
    /// `trusted.`: the kernel shows it to privileged callers only.
    Trusted,
    /// `security.`: the kernel's security modules decide.
    Security,
    /// `system.posix_acl_access`
    AccessList,
    /// `system.posix_acl_default`
    DefaultAccessList,
}

impl Namespace {
    /// Where a name belongs, or why it is no name.
    pub(crate) fn of(name: &[u8]) -> Result<Namespace, PosixError> {
        if name.is_empty() || name.contains(&0) {
            return Err(PosixError::InvalidArgument);
        }
        if name.len() > XATTR_NAME_BYTES_MAX {
            return Err(PosixError::OutOfRange);
        }
        if name == crate::permission::acl::ACCESS {
            return Ok(Namespace::AccessList);
        }
        if name == crate::permission::acl::DEFAULT {
            return Ok(Namespace::DefaultAccessList);
        }
        let prefixes = [
            (&b"user."[..], Namespace::User),
            (b"trusted.", Namespace::Trusted),
            (b"security.", Namespace::Security),
        ];
        for (prefix, namespace) in prefixes {
            match name.strip_prefix(prefix) {
                Some(b"") => return Err(PosixError::InvalidArgument),
                Some(_) => return Ok(namespace),
                None => {}
            }
        }
        Err(PosixError::NotSupported)
    }
}

/// The value of an attribute, if it is there.
pub(crate) fn load(
    view: &(impl View + ?Sized),
    ino: InodeId,
    inode: &Inode,
    name: &[u8],
) -> Result<Option<Bytes>, Fault> {
    if inode.xattrs == 0 {
        return Ok(None);
    }
    let mut value = Ok(None);
    view.with_value(&keys::xattr(ino, name), &mut |bytes| {
        value = Xattr::decode(bytes).map(|value| Some(Bytes::copy_from_slice(value)));
    })?;
    value
}

/// The names of all attributes, each followed by NUL.
pub(crate) fn names(
    view: &(impl View + ?Sized),
    ino: InodeId,
    inode: &Inode,
) -> Result<Vec<u8>, Fault> {
    let mut names = Vec::new();
    if inode.xattrs == 0 {
        return Ok(names);
    }
    let (start, end) = keys::xattrs_of(ino);
    view.scan(&start, &end, &mut |key, _| {
        let name = keys::name_part(key).ok_or_else(|| Fault::corrupt("xattr key", "too short"))?;
        names.extend_from_slice(name);
        names.push(0);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(names)
}

/// Whether the attribute is there.
pub(crate) fn exists(
    view: &(impl View + ?Sized),
    ino: InodeId,
    inode: &Inode,
    name: &[u8],
) -> Result<bool, Fault> {
    if inode.xattrs == 0 {
        return Ok(false);
    }
    view.contains(&keys::xattr(ino, name))
}

/// Makes or replaces an attribute. The caller stores the inode.
pub(crate) fn store(
    state: &mut dyn Transaction,
    ino: InodeId,
    inode: &mut Inode,
    name: &[u8],
    value: &[u8],
) -> Result<(), Fault> {
    if !exists(state, ino, inode, name)? {
        inode.xattrs += 1;
    }
    state.put(keys::xattr(ino, name), Xattr::encode(value));
    Ok(())
}

/// Removes an attribute; answers whether it was there. The caller stores the inode.
pub(crate) fn remove(
    state: &mut dyn Transaction,
    ino: InodeId,
    inode: &mut Inode,
    name: &[u8],
) -> Result<bool, Fault> {
    let was_there = exists(state, ino, inode, name)?;
    if was_there {
        inode.xattrs -= 1;
        state.delete(keys::xattr(ino, name));
    }
    Ok(was_there)
}
