//! Who owns an inode: each counts for a user and for a group.

use std::fmt;

/// A user or a group, by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// By its uid.
    User(u32),
    /// By its gid.
    Group(u32),
}

const GROUPS: u64 = 1 << 32;

impl Owner {
    /// The first in the order of numbers.
    pub const FIRST: Owner = Owner::User(0);

    /// One number for both kinds: users first, then groups.
    pub fn number(self) -> u64 {
        match self {
            Owner::User(uid) => u64::from(uid),
            Owner::Group(gid) => GROUPS | u64::from(gid),
        }
    }

    /// From that number.
    pub fn from_number(number: u64) -> Option<Owner> {
        let id = number as u32;
        match number >> 32 {
            0 => Some(Owner::User(id)),
            1 => Some(Owner::Group(id)),
            _ => None,
        }
    }

    /// The uid or gid.
    pub fn id(self) -> u32 {
        match self {
            Owner::User(id) | Owner::Group(id) => id,
        }
    }

    /// The one after it in the order of numbers.
    pub fn next(self) -> Option<Owner> {
        Owner::from_number(self.number() + 1)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Owner::User(uid) => write!(formatter, "user {uid}"),
            Owner::Group(gid) => write!(formatter, "group {gid}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_in_order_and_read_back() {
        let owners = [
            Owner::FIRST,
            Owner::User(u32::MAX),
            Owner::Group(0),
            Owner::Group(u32::MAX),
        ];
        for owner in owners {
            assert_eq!(Owner::from_number(owner.number()), Some(owner));
        }
        assert!(owners.is_sorted());
        assert!(owners.is_sorted_by_key(|owner| owner.number()));
        assert_eq!(Owner::User(u32::MAX).next(), Some(Owner::Group(0)));
        assert_eq!(Owner::Group(u32::MAX).next(), None);
        assert_eq!(Owner::from_number(u64::MAX), None);
    }
}
