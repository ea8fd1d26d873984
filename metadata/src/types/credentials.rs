//! Who asks: the identity that travels in every command.

/// The caller's user and groups, read by the proposer when the call arrived.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Filesystem user id.
    pub uid: u32,
    /// Filesystem group id.
    pub gid: u32,
    /// Supplementary groups; filled in only where an operation's rule asks for them.
    pub groups: Vec<u32>,
}

impl Credentials {
    /// The superuser without supplementary groups.
    pub const ROOT: Credentials = Credentials {
        uid: 0,
        gid: 0,
        groups: Vec::new(),
    };

    /// Whether the rules for the superuser apply.
    pub fn is_superuser(&self) -> bool {
        self.uid == 0
    }

    /// Whether the caller is in the group.
    pub fn in_group(&self, gid: u32) -> bool {
        self.gid == gid || self.groups.contains(&gid)
    }
}
