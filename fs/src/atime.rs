//! Whether a read changes the access time: `relatime_need_update` of the kernel, kept by the server.

use std::sync::atomic::{AtomicU8, Ordering};

use holdfast_metadata::{Attributes, FileKind, InodeFlags, Timestamp};

use crate::options::AtimePolicy;

/// `relatime` touches an access time that is older than this, whatever else happened.
const RELATIME_SECONDS: i64 = 24 * 60 * 60;

/// The policy as the mount has it now; `mount -o remount` changes it.
#[derive(Debug)]
pub(crate) struct Atime(AtomicU8);

/// What the mount flags say about access times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AtimeRules {
    /// For everything.
    pub(crate) policy: AtimePolicy,
    /// Whether it holds for directories, too.
    pub(crate) directories: bool,
    /// A mount that cannot be written touches nothing.
    pub(crate) read_only: bool,
}

impl Atime {
    pub(crate) fn new(rules: AtimeRules) -> Atime {
        Atime(AtomicU8::new(pack(rules)))
    }

    /// From now on these rules hold.
    pub(crate) fn set(&self, rules: AtimeRules) {
        self.0.store(pack(rules), Ordering::Relaxed);
    }

    /// Whether a read of the inode at this time has to change its access time.
    pub(crate) fn is_due(&self, attributes: &Attributes, now: Timestamp) -> bool {
        unpack(self.0.load(Ordering::Relaxed)).is_due(attributes, now)
    }
}

impl AtimeRules {
    fn is_due(self, attributes: &Attributes, now: Timestamp) -> bool {
        let exempt = self.read_only
            || attributes.flags.has_any(InodeFlags::NO_ATIME)
            || (attributes.kind == FileKind::Directory && !self.directories);
        match self.policy {
            AtimePolicy::Never => false,
            AtimePolicy::Strict => !exempt,
            AtimePolicy::Relatime => {
                let atime = attributes.atime;
                let aged = now.seconds.saturating_sub(atime.seconds) >= RELATIME_SECONDS;
                !exempt && (atime <= attributes.mtime || atime <= attributes.ctime || aged)
            }
        }
    }
}

const DIRECTORIES: u8 = 4;
const READ_ONLY: u8 = 8;

fn pack(rules: AtimeRules) -> u8 {
    let policy = match rules.policy {
        AtimePolicy::Relatime => 0,
        AtimePolicy::Strict => 1,
        AtimePolicy::Never => 2,
    };
    let directories = if rules.directories { DIRECTORIES } else { 0 };
    let read_only = if rules.read_only { READ_ONLY } else { 0 };
    policy | directories | read_only
}

fn unpack(bits: u8) -> AtimeRules {
    AtimeRules {
        policy: match bits & 3 {
            0 => AtimePolicy::Relatime,
            1 => AtimePolicy::Strict,
            _ => AtimePolicy::Never,
        },
        directories: bits & DIRECTORIES != 0,
        read_only: bits & READ_ONLY != 0,
    }
}

#[cfg(test)]
mod tests;
