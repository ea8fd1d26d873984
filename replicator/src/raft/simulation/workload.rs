//! What clients do: everything there is, over so few names that they meet.

use bytes::Bytes;
use holdfast_metadata::{
    Cookie, CopyRange, CountOwners, Create, Credentials, Fallocate, FallocateMode, FileKind,
    FileName, InodeFlags, InodeId, Link, LockMode, LockOwner, LockRange, LockSpace, Mkdir, Mknod,
    Mode, Operation, Owner, Query, RemoveXattr, Rename, RenameFlags, Rmdir, SeekTarget, SessionId,
    SetAttributes, SetFlags, SetLock, SetOwnerQuota, SetQuota, SetXattr, SetXattrMode, Symlink,
    TestLock, Timestamp, TouchAtime, Unlink, Write, WritePosition,
};

use super::random::Random;

const NAMES: [&[u8]; 5] = [b"a", b"b", b"c", b"d", b"e"];
const XATTR: &[u8] = b"user.x";

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
        9 => Operation::Rmdir(Rmdir { parent, name }),
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
        1 => Operation::SetXattr(SetXattr {
            ino,
            name: XATTR.into(),
            value: Bytes::from(random.next().to_be_bytes().to_vec()),
            mode: *random.pick(&[
                SetXattrMode::Either,
                SetXattrMode::Create,
                SetXattrMode::Replace,
            ]),
        }),
        2 => Operation::RemoveXattr(RemoveXattr {
            ino,
            name: XATTR.into(),
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
            bytes: random.percent(50).then(|| random.below(20_000)),
            inodes: Some(random.below(40)),
        }),
        8 => Operation::CountOwners(CountOwners {
            on: random.percent(80),
            records_max: random.below(20) as usize,
        }),
        9 => Operation::SetOwnerQuota(SetOwnerQuota {
            owner: owner(random),
            bytes: random.percent(50).then(|| random.below(20_000)),
            inodes: Some(random.below(40)),
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
    let times = random.percent(20).then(|| Timestamp {
        seconds: random.below(1 << 33) as i64,
        nanoseconds: random.below(1_000_000_000) as u32,
    });
    SetAttributes {
        mode: Some(Mode::new(random.below(0o1000) as u32)),
        size: random.percent(50).then_some(random.below(5000)),
        uid: owner.then_some(random.below(2) as u32),
        gid: owner.then_some(random.below(2) as u32),
        atime: times,
        mtime: times,
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
    Credentials {
        uid: 1,
        gid: 1,
        groups: Vec::new(),
    }
}

/// A question about the tree.
pub(super) fn query(random: &mut Random, known: &Known) -> Query {
    let ino = inode(random, known);
    match random.below(13) {
        0 | 1 => Query::Attributes { ino },
        2 | 3 => Query::ReadDirectory {
            ino: directory(random, known),
            after: Cookie::default(),
            entries_max: 100,
            with_attributes: random.percent(50),
        },
        4 => Query::Read {
            ino,
            offset: 0,
            length: 10_000,
        },
        5 => Query::GetXattr {
            ino,
            name: XATTR.into(),
        },
        6 => rare(ino, random, known),
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
    use std::fmt::Debug;

    use super::*;

    /// The names of the variants among so many.
    fn drawn<T: Debug>(draw: impl Fn(&mut Random, &Known) -> T) -> BTreeSet<String> {
        let mut random = Random::new(1);
        let mut known = Known::default();
        known.learn(InodeId::new(2), false);
        known.learn(InodeId::new(3), true);
        let drawn = (0..20_000).map(|_| format!("{:?}", draw(&mut random, &known)));
        let end = |told: &str| told.find(['(', ' ']).unwrap_or(told.len());
        drawn.map(|told| told[..end(&told)].to_owned()).collect()
    }

    #[test]
    fn clients_do_everything_that_a_mount_does() {
        let operations = [
            "Create",
            "Mknod",
            "Mkdir",
            "Symlink",
            "Link",
            "Unlink",
            "Rmdir",
            "Rename",
            "SetAttributes",
            "SetFlags",
            "SetQuota",
            "SetOwnerQuota",
            "CountOwners",
            "TouchAtime",
            "Write",
            "Fallocate",
            "CopyRange",
            "SetXattr",
            "RemoveXattr",
        ];
        assert_eq!(
            drawn(operation),
            BTreeSet::from(operations.map(str::to_owned))
        );
        let queries = [
            "Lookup",
            "Parent",
            "Attributes",
            "Readlink",
            "ReadDirectory",
            "Read",
            "GetXattr",
            "ListXattr",
            "Seek",
            "Access",
            "Statistics",
            "QuotasAround",
            "Quotas",
            "Owners",
            "Sessions",
            "TestLock",
            "Locks",
        ];
        assert_eq!(drawn(query), BTreeSet::from(queries.map(str::to_owned)));
    }
}
