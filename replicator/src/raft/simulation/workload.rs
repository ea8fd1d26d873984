//! What clients do: everything there is, over so few names that they meet.

use bytes::Bytes;
use holdfast_metadata::{
    Cookie, CopyRange, Create, Fallocate, FallocateMode, FileKind, FileName, InodeId, Link,
    LockMode, LockOwner, LockRange, LockSpace, Mkdir, Mknod, Mode, Operation, Query, RemoveXattr,
    Rename, RenameFlags, Rmdir, SetAttributes, SetLock, SetXattr, SetXattrMode, Symlink,
    TouchAtime, Unlink, Write, WritePosition,
};

use super::random::Random;

const NAMES: [&[u8]; 5] = [b"a", b"b", b"c", b"d", b"e"];

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
                whiteout: false,
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
            kind: FileKind::Fifo,
            mode,
            umask,
            device: 0,
        }),
        _ => change_of(ino, random, known),
    }
}

/// A change of what is behind a name.
fn change_of(ino: InodeId, random: &mut Random, known: &Known) -> Operation {
    match random.below(8) {
        0 => Operation::SetAttributes(SetAttributes {
            mode: Some(Mode::new(random.below(0o1000) as u32)),
            size: random.percent(50).then_some(random.below(5000)),
            ..SetAttributes::nothing(ino)
        }),
        1 => Operation::SetXattr(SetXattr {
            ino,
            name: b"user.x"[..].into(),
            value: Bytes::from(random.next().to_be_bytes().to_vec()),
            mode: *random.pick(&[SetXattrMode::Either, SetXattrMode::Create]),
        }),
        2 => Operation::RemoveXattr(RemoveXattr {
            ino,
            name: b"user.x"[..].into(),
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
            offset: 0,
            length: 4096,
            mode: FallocateMode::PunchHole,
        }),
        _ => Operation::Write(Write {
            ino,
            position: if random.percent(70) {
                WritePosition::End
            } else {
                WritePosition::At(random.below(3000))
            },
            data: Bytes::from(vec![random.next() as u8; 1 + random.below(300) as usize]),
            clear_privileges: false,
        }),
    }
}

/// A question about the tree.
pub(super) fn query(random: &mut Random, known: &Known) -> Query {
    let ino = inode(random, known);
    match random.below(6) {
        0 => Query::Attributes { ino },
        1 => Query::ReadDirectory {
            ino: directory(random, known),
            after: Cookie::default(),
            entries_max: 100,
            with_attributes: random.percent(50),
        },
        2 => Query::Read {
            ino,
            offset: 0,
            length: 10_000,
        },
        3 => Query::GetXattr {
            ino,
            name: b"user.x"[..].into(),
        },
        _ => Query::Lookup {
            parent: directory(random, known),
            name: name(random),
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
    let inodes = if is_keeper { 1 } else { 2 };
    SetLock {
        ino: *random.pick(&known.files[..known.files.len().min(inodes)]),
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
