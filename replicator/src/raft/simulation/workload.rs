//! What clients do: everything there is, over so few names that they meet.

use bytes::Bytes;
use holdfast_metadata::{
    Amounts, Cookie, CopyRange, CountOwners, Create, Credentials, Fallocate, FallocateMode,
    FileKind, FileName, InodeFlags, InodeId, Link, LockMode, LockOwner, LockRange, LockSpace,
    Mkdir, Mknod, Mode, Operation, Owner, Query, RemoveXattr, Rename, RenameFlags, Rmdir,
    SeekTarget, SessionId, SetAttributes, SetFlags, SetLock, SetOwnerQuota, SetQuota, SetXattr,
    SetXattrMode, Symlink, TestLock, Timestamp, TouchAtime, Unlink, Write, WritePosition,
};

use super::random::Random;

const NAMES: [&[u8]; 5] = [b"a", b"b", b"c", b"d", b"e"];
const XATTRS: [&[u8]; 4] = [b"user.x", b"user.x", ACCESS_LIST, DEFAULT_LIST];
const ACCESS_LIST: &[u8] = b"system.posix_acl_access";
const DEFAULT_LIST: &[u8] = b"system.posix_acl_default";

/// Lists the names of variants, and tells that of each: one that is nowhere here does not compile.
macro_rules! names {
    ($list:ident, $name:ident: $of:ident { $($variant:ident)* } others { $($other:ident)* }) => {
        pub(super) const $list: &[&str] = &[$(stringify!($variant)),*];

        pub(super) fn $name(of: &$of) -> &'static str {
            match of {
                $($of::$variant { .. } => stringify!($variant),)*
                $($of::$other { .. } => stringify!($other),)*
            }
        }
    };
}

// The others are the leader's own, of a dump that is loaded, of an operator, or need no command.
names! {
    OPERATIONS, operation_name: Operation {
        Create Mknod Mkdir Symlink Link Unlink Rmdir Rename SetAttributes SetFlags SetQuota SetOwnerQuota CountOwners
        TouchAtime Write Fallocate CopyRange SetXattr RemoveXattr OpenSession CloseSession SetLock Unlock CancelLock
    } others {
        Reclaim Sync RefuseNoSpace ExpireSession RefusePastTerm Load SetTrash EmptyTrash
    }
}

// The leader itself looks for orphans.
names! {
    QUERIES, query_name: Query {
        Lookup Parent Attributes Readlink ReadDirectory Read GetXattr ListXattr Seek Access Statistics QuotasAround
        Quotas Owners Sessions TestLock LockTicket Locks Squashed
    } others {
        Orphans
    }
}

fn name(random: &mut Random) -> FileName {
    FileName::new(random.pick::<&[u8]>(&NAMES)).unwrap()
}

/// Inodes that somebody has heard of, the latest last.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    pub(super) files: Vec<InodeId>,
    directories: Vec<InodeId>,
}

impl Known {
    pub(super) fn learn(&mut self, ino: InodeId, is_directory: bool) {
        let inodes = if is_directory {
            &mut self.directories
        } else {
            &mut self.files
        };
        if !inodes.contains(&ino) {
            inodes.push(ino);
        }
        if inodes.len() > 5 {
            inodes.remove(0);
        }
    }

    pub(super) fn forget(&mut self, ino: InodeId) {
        self.files.retain(|known| *known != ino);
        self.directories.retain(|known| *known != ino);
    }
}

/// The root as often as all others together.
fn directory(random: &mut Random, known: &Known) -> InodeId {
    if known.directories.is_empty() || random.percent(50) {
        InodeId::ROOT
    } else {
        *random.pick(&known.directories)
    }
}

fn inode(random: &mut Random, known: &Known) -> InodeId {
    if known.files.is_empty() || random.percent(5) {
        directory(random, known)
    } else {
        *random.pick(&known.files)
    }
}

/// Whom the caller has seen under a name, if he says so.
fn seen(random: &mut Random, known: &Known) -> Option<InodeId> {
    random.percent(20).then(|| directory(random, known))
}

/// A change of the tree.
pub(super) fn operation(random: &mut Random, known: &Known) -> Operation {
    let mode = Mode::new(0o644);
    let umask = Mode::new(0o022);
    let parent = directory(random, known);
    let (ino, name) = (inode(random, known), name(random));
    match random.below(24) {
        0..=3 => Operation::Create(Create {
            parent,
            name,
            mode,
            umask,
            exclusive: random.percent(50),
        }),
        4 | 5 => Operation::Mkdir(Mkdir {
            parent,
            name,
            mode: Mode::new(0o755),
            umask,
        }),
        6..=8 => Operation::Unlink(Unlink { parent, name }),
        9 => Operation::Rmdir(Rmdir {
            parent,
            name,
            seen: seen(random, known),
        }),
        10..=12 => Operation::Rename(Rename {
            parent,
            name,
            new_parent: directory(random, known),
            new_name: self::name(random),
            flags: RenameFlags {
                no_replace: random.percent(10),
                exchange: random.percent(10),
                whiteout: random.percent(10),
            },
            seen: seen(random, known),
        }),
        13 => Operation::Link(Link { ino, parent, name }),
        14 => Operation::Symlink(Symlink {
            parent,
            name,
            target: Bytes::from_static(b"a/b"),
        }),
        15 => Operation::Mknod(Mknod {
            parent,
            name,
            kind: *random.pick(&[
                FileKind::Regular,
                FileKind::Fifo,
                FileKind::Socket,
                FileKind::CharacterDevice,
                FileKind::BlockDevice,
            ]),
            mode,
            umask,
            device: 7,
        }),
        _ => change_of(ino, random, known),
    }
}

/// A change of what is behind a name.
fn change_of(ino: InodeId, random: &mut Random, known: &Known) -> Operation {
    match random.below(13) {
        0 => Operation::SetAttributes(attributes(ino, random)),
        1 => Operation::SetXattr(xattr(ino, random, known)),
        2 => Operation::RemoveXattr(RemoveXattr {
            ino,
            name: (*random.pick(&XATTRS)).into(),
        }),
        3 => Operation::TouchAtime(TouchAtime { ino }),
        4 => Operation::CopyRange(CopyRange {
            source: ino,
            source_offset: 0,
            destination: inode(random, known),
            destination_offset: 8192,
            length: 100,
        }),
        5 => Operation::Fallocate(Fallocate {
            ino,
            offset: 4096 * random.below(2),
            length: 4096,
            mode: allocation(random),
        }),
        6 => Operation::SetFlags(SetFlags {
            ino,
            flags: flags(known.files.contains(&ino), random),
            project: random.percent(30).then_some(7),
        }),
        7 => Operation::SetQuota(SetQuota {
            ino: directory(random, known),
            bytes: limit(random, 20_000),
            inodes: limit(random, 40),
        }),
        8 => Operation::CountOwners(CountOwners {
            on: random.percent(80),
            records_max: random.below(20) as usize,
        }),
        9 => Operation::SetOwnerQuota(SetOwnerQuota {
            owner: owner(random),
            bytes: limit(random, 20_000),
            inodes: limit(random, 40),
        }),
        _ => Operation::Write(Write {
            ino,
            position: if random.percent(70) {
                WritePosition::End
            } else {
                WritePosition::At(random.below(3000))
            },
            data: Bytes::from(vec![random.next() as u8; 1 + random.below(300) as usize]),
            clear_privileges: random.percent(10),
        }),
    }
}

/// A limit, none any more, or that which there is.
fn limit(random: &mut Random, below: u64) -> Option<u64> {
    match random.below(3) {
        0 => Some(random.below(below)),
        1 => Some(Amounts::NO_LIMIT),
        _ => None,
    }
}

fn xattr(ino: InodeId, random: &mut Random, known: &Known) -> SetXattr {
    let name = *random.pick(&XATTRS);
    let is_list = name != XATTRS[0];
    // Only a directory has lists for others.
    let ino = if name == DEFAULT_LIST {
        directory(random, known)
    } else {
        ino
    };
    SetXattr {
        ino,
        name: name.into(),
        value: if is_list {
            access_list(random)
        } else {
            Bytes::from(random.next().to_be_bytes().to_vec())
        },
        mode: *random.pick(&[
            SetXattrMode::Either,
            SetXattrMode::Either,
            SetXattrMode::Create,
            SetXattrMode::Replace,
        ]),
    }
}

/// For owner, user 1, owning group, mask and others (`linux/posix_acl_xattr.h`).
fn access_list(random: &mut Random) -> Bytes {
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, id) in [
        (1_u16, u32::MAX),
        (2, 1),
        (4, u32::MAX),
        (16, u32::MAX),
        (32, u32::MAX),
    ] {
        let permissions = if tag == 1 { 7 } else { random.below(8) as u16 };
        list.extend(tag.to_le_bytes());
        list.extend(permissions.to_le_bytes());
        list.extend(id.to_le_bytes());
    }
    Bytes::from(list)
}

fn owner(random: &mut Random) -> Owner {
    let id = random.below(2) as u32;
    if random.percent(50) {
        Owner::User(id)
    } else {
        Owner::Group(id)
    }
}

fn attributes(ino: InodeId, random: &mut Random) -> SetAttributes {
    let owner = random.percent(20);
    let time = Timestamp {
        seconds: random.below(1 << 33) as i64,
        nanoseconds: random.below(1_000_000_000) as u32,
    };
    let times = random.percent(20).then_some(time);
    SetAttributes {
        mode: (random.percent(70)).then_some(Mode::new(random.below(0o1000) as u32)),
        size: random.percent(50).then_some(random.below(5000)),
        uid: owner.then_some(random.below(2) as u32),
        gid: owner.then_some(random.below(2) as u32),
        atime: times,
        mtime: times,
        ctime: random.percent(10).then_some(time),
        ..SetAttributes::nothing(ino)
    }
}

fn allocation(random: &mut Random) -> FallocateMode {
    let keep_size = random.percent(50);
    *random.pick(&[
        FallocateMode::Allocate { keep_size },
        FallocateMode::PunchHole,
        FallocateMode::ZeroRange { keep_size },
        FallocateMode::CollapseRange,
        FallocateMode::InsertRange,
        FallocateMode::Unshare,
    ])
}

/// A directory that nobody may change would end the work.
fn flags(is_file: bool, random: &mut Random) -> InodeFlags {
    let harmless = [0, InodeFlags::NO_DUMP, InodeFlags::SYNC];
    let others = [0, 0, InodeFlags::APPEND, InodeFlags::IMMUTABLE];
    let bits = *random.pick(if is_file { &others[..] } else { &harmless });
    InodeFlags::new(bits).unwrap()
}

/// Who asks: most often who may do anything.
pub(super) fn caller(random: &mut Random) -> Credentials {
    if random.percent(85) {
        return Credentials::ROOT;
    }
    NOBODY
}

/// Nothing is theirs in the beginning.
const NOBODY: Credentials = Credentials {
    uid: 1,
    gid: 1,
    groups: Vec::new(),
};

/// A question about the tree.
pub(super) fn query(random: &mut Random, known: &Known) -> Query {
    let ino = inode(random, known);
    match random.below(13) {
        0 | 1 => Query::Attributes { ino },
        2 | 3 => Query::ReadDirectory {
            ino: directory(random, known),
            after: Cookie(if random.percent(30) {
                random.below(12)
            } else {
                0
            }),
            entries_max: *random.pick(&[2, 100, 100]),
            with_attributes: random.percent(50),
        },
        4 => Query::Read {
            ino,
            offset: 0,
            length: 10_000,
        },
        5 => Query::GetXattr {
            ino,
            name: (*random.pick(&XATTRS)).into(),
        },
        6 => rare(ino, random, known),
        7 => query(random, known).squashed(NOBODY),
        _ => Query::Lookup {
            parent: directory(random, known),
            name: name(random),
        },
    }
}

/// What is asked for less often.
fn rare(ino: InodeId, random: &mut Random, known: &Known) -> Query {
    match random.below(12) {
        0 => Query::Parent {
            ino: directory(random, known),
        },
        1 => Query::Readlink { ino },
        2 => Query::ListXattr { ino },
        3 => Query::Seek {
            ino,
            offset: random.below(5000),
            target: *random.pick(&[SeekTarget::Data, SeekTarget::Hole]),
        },
        4 => Query::Access {
            ino,
            mask: random.below(8) as u8,
            credentials: caller(random),
        },
        5 => Query::Statistics,
        6 => Query::Sessions,
        7 => Query::TestLock(TestLock {
            ino,
            space: LockSpace::Flock,
            session: SessionId(1),
            owner: LockOwner(1),
            range: LockRange::WHOLE,
            mode: LockMode::Exclusive,
        }),
        8 => Query::QuotasAround { ino },
        9 => Query::Quotas {
            after: InodeId::new(0),
            quotas_max: 100,
        },
        10 => Query::Owners {
            from: owner(random),
            owners_max: 100,
        },
        _ => Query::Locks {
            ino: None,
            after: Bytes::new(),
            entries_max: 100,
        },
    }
}

/// A lock that others may be in the way of.
///
/// A keeper takes what other keepers take.
pub(super) fn lock(random: &mut Random, known: &Known, owner: u64, is_keeper: bool) -> SetLock {
    let start = random.below(4);
    let spaces = [LockSpace::Flock, LockSpace::Posix];
    let space = *random.pick(if is_keeper { &spaces[..1] } else { &spaces });
    // Files come and go, and keepers are to meet.
    let ino = if is_keeper {
        InodeId::ROOT
    } else {
        *random.pick(&known.files[..known.files.len().min(2)])
    };
    SetLock {
        ino,
        space,
        owner: LockOwner(owner),
        range: match space {
            LockSpace::Posix => LockRange {
                start,
                end: start + random.below(4),
            },
            LockSpace::Flock => LockRange::WHOLE,
        },
        mode: *random.pick(&[LockMode::Shared, LockMode::Exclusive, LockMode::Exclusive]),
        process: owner as u32,
        wait: is_keeper || random.percent(40),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What is among so many.
    fn drawn<T>(
        draw: impl Fn(&mut Random, &Known) -> T,
        name: impl Fn(&T) -> &'static str,
    ) -> BTreeSet<&'static str> {
        let mut random = Random::new(1);
        let mut known = Known::default();
        known.learn(InodeId::new(2), false);
        known.learn(InodeId::new(3), true);
        let drawn = (0..20_000).map(|_| name(&draw(&mut random, &known)));
        drawn.collect()
    }

    #[test]
    fn clients_do_everything_that_a_mount_does() {
        let mut operations = drawn(operation, operation_name);
        // Clients do these of themselves.
        operations.extend([
            "OpenSession",
            "CloseSession",
            "SetLock",
            "Unlock",
            "CancelLock",
        ]);
        assert_eq!(operations, OPERATIONS.iter().copied().collect());
        let mut queries = drawn(query, query_name);
        queries.extend(["LockTicket"]);
        assert_eq!(queries, QUERIES.iter().copied().collect());
    }
}
