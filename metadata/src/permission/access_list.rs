//! A POSIX.1e access list: who may do what, beyond owner, group and others.

use bytes::{BufMut, Bytes, BytesMut};

use crate::outcome::PosixError;
use crate::types::{Credentials, Mode};

/// The only version of the layout there is (`POSIX_ACL_XATTR_VERSION`).
const VERSION: u32 = 2;
const HEADER_BYTES: usize = 4;
const ENTRY_BYTES: usize = 8;
/// Stands where an entry names nobody (`ACL_UNDEFINED_ID`).
const NOBODY: u32 = u32::MAX;

const OWNER: u16 = 0x01;
const USER: u16 = 0x02;
const OWNING_GROUP: u16 = 0x04;
const GROUP: u16 = 0x08;
const MASK: u16 = 0x10;
const OTHERS: u16 = 0x20;

/// A valid list, as the value of `system.posix_acl_access` and `system.posix_acl_default` carries
/// it (`linux/posix_acl_xattr.h`): `version 4`, then an entry `tag 2 | permissions 2 | id 4` each,
/// all of it little-endian.
///
/// **Invariant.** Entries stand in the order owner, users, owning group, groups, mask, others; all
/// but users, groups and mask are there once, and where there are users or groups there is a mask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccessList {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    who: Who,
    /// Read 4, write 2, execute 1.
    permissions: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Owner,
    User(u32),
    OwningGroup,
    Group(u32),
    Mask,
    Others,
}

impl AccessList {
    /// Reads and checks a value; `None` when it has no entries, which means to have no list.
    pub(crate) fn decode(value: &[u8]) -> Result<Option<AccessList>, PosixError> {
        if value.is_empty() {
            return Ok(None);
        }
        let (version, rest) = value
            .split_first_chunk::<HEADER_BYTES>()
            .ok_or(PosixError::InvalidArgument)?;
        if u32::from_le_bytes(*version) != VERSION {
            return Err(PosixError::NotSupported);
        }
        let (entries, remainder) = rest.as_chunks::<ENTRY_BYTES>();
        if !remainder.is_empty() {
            return Err(PosixError::InvalidArgument);
        }
        if entries.is_empty() {
            return Ok(None);
        }
        let entries = entries
            .iter()
            .copied()
            .map(Entry::decode)
            .collect::<Option<Vec<Entry>>>();
        let list = AccessList {
            entries: entries.ok_or(PosixError::InvalidArgument)?,
        };
        if list.is_valid() {
            Ok(Some(list))
        } else {
            Err(PosixError::InvalidArgument)
        }
    }

    /// The value of the attribute.
    pub(crate) fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(HEADER_BYTES + ENTRY_BYTES * self.entries.len());
        bytes.put_u32_le(VERSION);
        for entry in &self.entries {
            let (tag, id) = entry.who.tag_and_id();
            bytes.put_u16_le(tag);
            bytes.put_u16_le(entry.permissions);
            bytes.put_u32_le(id);
        }
        bytes.freeze()
    }

    /// The permission bits that show this list in a mode; the mask stands for the group.
    pub(crate) fn mode_bits(&self) -> u16 {
        let has_mask = self.has_mask();
        let bits = |entry: &Entry| {
            entry
                .who
                .shift(has_mask)
                .map(|shift| entry.permissions << shift)
        };
        self.entries.iter().filter_map(bits).sum()
    }

    /// Whether a mode says everything this list says (`posix_acl_equiv_mode`).
    pub(crate) fn is_mode(&self) -> bool {
        self.entries.iter().all(|entry| match entry.who {
            Who::Owner | Who::OwningGroup | Who::Others => true,
            Who::User(_) | Who::Group(_) | Who::Mask => false,
        })
    }

    /// Takes over the permission bits of a `chmod` (`__posix_acl_chmod_masq`).
    pub(crate) fn follow(&mut self, mode: Mode) {
        let has_mask = self.has_mask();
        for entry in &mut self.entries {
            if let Some(shift) = entry.who.shift(has_mask) {
                entry.permissions = mode.bits() >> shift & 7;
            }
        }
    }

    /// Keeps only what the mode of a new inode grants, and answers the mode that results
    /// (`posix_acl_create_masq`).
    pub(crate) fn restrict(&mut self, mode: Mode) -> Mode {
        let has_mask = self.has_mask();
        for entry in &mut self.entries {
            if let Some(shift) = entry.who.shift(has_mask) {
                entry.permissions &= mode.bits() >> shift;
            }
        }
        mode.without(0o777).with(self.mode_bits())
    }

    /// Whether the list lets somebody other than the owner do all of `wanted`
    /// (`posix_acl_permission`): the named user decides alone, of all groups one must grant it.
    pub(crate) fn grants(&self, credentials: &Credentials, group: u32, wanted: u16) -> bool {
        let mask = self.permissions_of(Who::Mask).unwrap_or(7);
        let allows = |permissions: u16| permissions & mask & wanted == wanted;
        if let Some(permissions) = self.permissions_of(Who::User(credentials.uid)) {
            return allows(permissions);
        }
        let mut in_group = false;
        for entry in &self.entries {
            let is_member = match entry.who {
                Who::OwningGroup => credentials.in_group(group),
                Who::Group(gid) => credentials.in_group(gid),
                Who::Owner | Who::User(_) | Who::Mask | Who::Others => false,
            };
            if is_member && allows(entry.permissions) {
                return true;
            }
            in_group |= is_member;
        }
        let others = self.permissions_of(Who::Others).unwrap_or(0);
        !in_group && others & wanted == wanted
    }

    fn has_mask(&self) -> bool {
        self.permissions_of(Who::Mask).is_some()
    }

    fn permissions_of(&self, who: Who) -> Option<u16> {
        let entry = self.entries.iter().find(|entry| entry.who == who);
        entry.map(|entry| entry.permissions)
    }

    /// `posix_acl_valid`: ranks never fall, and each but users and groups is there at most once.
    fn is_valid(&self) -> bool {
        let ranks: Vec<u16> = self
            .entries
            .iter()
            .map(|entry| entry.who.tag_and_id().0)
            .collect();
        let once = |rank: u16| rank != USER && rank != GROUP;
        let ordered =
            ranks.is_sorted_by(|left, right| left < right || left == right && !once(*left));
        let complete = [OWNER, OWNING_GROUP, OTHERS]
            .iter()
            .all(|rank| ranks.contains(rank));
        let names_somebody = ranks.contains(&USER) || ranks.contains(&GROUP);
        ordered && complete && (!names_somebody || ranks.contains(&MASK))
    }
}

impl Entry {
    fn decode(bytes: [u8; ENTRY_BYTES]) -> Option<Entry> {
        let [tag_low, tag_high, low, high, id @ ..] = bytes;
        let permissions = u16::from_le_bytes([low, high]);
        let id = u32::from_le_bytes(id);
        let who = match u16::from_le_bytes([tag_low, tag_high]) {
            OWNER => Who::Owner,
            USER if id != NOBODY => Who::User(id),
            OWNING_GROUP => Who::OwningGroup,
            GROUP if id != NOBODY => Who::Group(id),
            MASK => Who::Mask,
            OTHERS => Who::Others,
            _ => return None,
        };
        (permissions <= 7).then_some(Entry { who, permissions })
    }
}

impl Who {
    /// The tags grow in the order that the entries of a list must have.
    fn tag_and_id(self) -> (u16, u32) {
        match self {
            Who::Owner => (OWNER, NOBODY),
            Who::User(uid) => (USER, uid),
            Who::OwningGroup => (OWNING_GROUP, NOBODY),
            Who::Group(gid) => (GROUP, gid),
            Who::Mask => (MASK, NOBODY),
            Who::Others => (OTHERS, NOBODY),
        }
    }

    /// Where the mode has the bits of this entry; with a mask, the owning group has none there.
    fn shift(self, has_mask: bool) -> Option<u32> {
        match self {
            Who::Owner => Some(6),
            Who::Mask => Some(3),
            Who::OwningGroup => (!has_mask).then_some(3),
            Who::Others => Some(0),
            Who::User(_) | Who::Group(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
