//! Permission bits: the low twelve bits of `st_mode`.

use std::fmt;

/// rwx for owner, group and others, with set-user-id, set-group-id and sticky.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Mode(u16);

impl Mode {
    /// Set-user-id on execution.
    pub const SET_USER_ID: u16 = 0o4000;
    /// Set-group-id on execution; on a directory: entries take its group.
    pub const SET_GROUP_ID: u16 = 0o2000;
    /// Only owners may remove entries of the directory.
    pub const STICKY: u16 = 0o1000;
    /// The group's right to execute, which tells set-group-id from the old mandatory locks.
    pub const GROUP_EXECUTE: u16 = 0o010;

    /// Keeps the permission bits of a `st_mode` and drops the rest.
    pub const fn new(bits: u32) -> Mode {
        Mode((bits & 0o7777) as u16)
    }

    /// The twelve bits.
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether all these bits are set.
    pub const fn has(self, bits: u16) -> bool {
        self.0 & bits == bits
    }

    /// The mode without these bits.
    #[must_use]
    pub const fn without(self, bits: u16) -> Mode {
        Mode(self.0 & !bits)
    }

    /// The mode with these bits as well.
    #[must_use]
    pub const fn with(self, bits: u16) -> Mode {
        Mode((self.0 | bits) & 0o7777)
    }

    /// What remains when somebody without privilege changes the file: set-user-id goes, and
    /// set-group-id where the group may execute (`setattr_should_drop_suidgid` in the kernel).
    #[must_use]
    pub const fn without_privileges(self) -> Mode {
        let mode = self.without(Mode::SET_USER_ID);
        if mode.has(Mode::SET_GROUP_ID | Mode::GROUP_EXECUTE) {
            mode.without(Mode::SET_GROUP_ID)
        } else {
            mode
        }
    }
}

impl fmt::Debug for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "0o{:o}", self.0)
    }
}
