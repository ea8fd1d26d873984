//! Random commands that collide: few names, few inodes, a small tree to begin with.

use bytes::Bytes;
use holdfast_metadata::limits::FILE_BYTES_MAX;
use holdfast_metadata::{
    Command, CopyRange, Create, Credentials, Fallocate, FallocateMode, FileKind, FileName,
    InodeFlags, InodeId, Link, Mkdir, Mknod, Mode, Operation, Reclaim, RemoveXattr, Rename,
    RenameFlags, Rmdir, SetAttributes, SetFlags, SetXattr, SetXattrMode, Symlink, Timestamp,
    TouchAtime, Unlink, Write, WritePosition,
};
use proptest::option;
use proptest::prelude::*;

/// The names that are ever used.
pub(crate) const NAMES: [&[u8]; 6] = [b"a", b"b", b"c", b"f", b"g", b"\xff\n"];

/// The attributes that are ever set, and some that must be refused.
pub(crate) const XATTRS: [&[u8]; 7] = [
    b"user.a",
    b"user.b",
    b"trusted.t",
    b"security.capability",
    b"user.",
    b"unknown.a",
    b"",
];

/// A tree of directories 2 to 4 and files 5 and 6, and then up to `length` random commands.
pub(crate) fn commands(length: usize) -> impl Strategy<Value = Vec<Command>> {
    let random = prop::collection::vec((credentials(), operation()), 0..=length);
    random.prop_map(|random| {
        let root = Credentials::ROOT;
        let tree = tree()
            .into_iter()
            .map(|operation| (root.clone(), operation));
        let place = 0..;
        tree.chain(random)
            .zip(place)
            .map(|((credentials, operation), place)| Command {
                request: None,
                now: time_of(place),
                credentials,
                operation,
            })
            .collect()
    })
}

/// Begins before 1970, so that negative seconds are met.
fn time_of(place: i64) -> Timestamp {
    Timestamp::new(place - 30, place.unsigned_abs() as u32 * 1000).unwrap()
}

fn file_name(bytes: &[u8]) -> FileName {
    FileName::new(bytes).unwrap()
}

fn tree() -> Vec<Operation> {
    let directory = |parent, name| {
        Operation::Mkdir(Mkdir {
            parent: InodeId::new(parent),
            name: file_name(name),
            mode: Mode::new(0o777),
            umask: Mode::new(0o022),
        })
    };
    let file = |parent, name| {
        Operation::Create(Create {
            parent: InodeId::new(parent),
            name: file_name(name),
            mode: Mode::new(0o6777),
            umask: Mode::default(),
            exclusive: true,
        })
    };
    vec![
        directory(1, b"a"),
        directory(1, b"b"),
        directory(2, b"c"),
        file(1, b"f"),
        file(4, b"g"),
    ]
}

fn credentials() -> impl Strategy<Value = Credentials> {
    let user = Credentials {
        uid: 1000,
        gid: 100,
        groups: vec![200],
    };
    prop_oneof![3 => Just(Credentials::ROOT), 1 => Just(user)]
}

fn name() -> impl Strategy<Value = FileName> {
    prop::sample::select(&NAMES[..]).prop_map(file_name)
}

fn directory() -> impl Strategy<Value = InodeId> {
    let number = prop_oneof![8 => 1..=4_u64, 1 => 5..=15_u64, 1 => 7..=9_u64];
    number.prop_map(InodeId::new)
}

fn file() -> impl Strategy<Value = InodeId> {
    let number = prop_oneof![8 => 5..=6_u64, 3 => 7..=12_u64, 1 => 1..=20_u64];
    number.prop_map(InodeId::new)
}

fn any_inode() -> impl Strategy<Value = InodeId> {
    prop_oneof![directory(), file()]
}

fn mode() -> impl Strategy<Value = Mode> {
    (0..=0o7777_u32).prop_map(Mode::new)
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        8 => namespace(),
        5 => rename(),
        6 => content(),
        4 => attributes(),
        1 => prop::collection::vec(any_inode(), 0..4)
            .prop_map(|inodes| Operation::Reclaim(Reclaim { inodes })),
    ]
}

fn namespace() -> impl Strategy<Value = Operation> {
    let place = || (directory(), name());
    prop_oneof![
        3 => (place(), mode(), mode(), any::<bool>()).prop_map(
            |((parent, name), mode, umask, exclusive)| Operation::Create(Create {
                parent,
                name,
                mode,
                umask,
                exclusive,
            })
        ),
        3 => (place(), mode(), mode()).prop_map(|((parent, name), mode, umask)| {
            Operation::Mkdir(Mkdir {
                parent,
                name,
                mode,
                umask,
            })
        }),
        1 => mknod(),
        1 => (place(), target()).prop_map(|((parent, name), target)| {
            Operation::Symlink(Symlink {
                parent,
                name,
                target,
            })
        }),
        3 => (any_inode(), place())
            .prop_map(|(ino, (parent, name))| Operation::Link(Link { ino, parent, name })),
        4 => place().prop_map(|(parent, name)| Operation::Unlink(Unlink { parent, name })),
        3 => place().prop_map(|(parent, name)| Operation::Rmdir(Rmdir { parent, name })),
    ]
}

fn mknod() -> impl Strategy<Value = Operation> {
    let kind = prop::sample::select(FileKind::ALL.to_vec());
    (directory(), name(), kind, mode(), mode(), any::<u32>()).prop_map(
        |(parent, name, kind, mode, umask, device)| {
            Operation::Mknod(Mknod {
                parent,
                name,
                kind,
                mode,
                umask,
                device,
            })
        },
    )
}

fn target() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        Just(Bytes::from_static(b"a/c")),
        Just(Bytes::from_static(b"")),
        Just(Bytes::from_static(b"a\0b")),
        Just(Bytes::from(vec![b'x'; 4095])),
        Just(Bytes::from(vec![b'x'; 4096])),
    ]
}

fn rename() -> impl Strategy<Value = Operation> {
    let flag = || prop::bool::weighted(0.2);
    let places = (directory(), name(), directory(), name());
    (places, flag(), flag(), flag()).prop_map(
        |((parent, name, new_parent, new_name), no_replace, exchange, whiteout)| {
            Operation::Rename(Rename {
                parent,
                name,
                new_parent,
                new_name,
                flags: RenameFlags {
                    no_replace,
                    exchange,
                    whiteout,
                },
            })
        },
    )
}

fn offset() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..=300_u64,
        4 => (0..=5_u64).prop_map(|page| page * 4096),
        4 => 0..=20_000_u64,
        1 => FILE_BYTES_MAX - 4..=FILE_BYTES_MAX + 1,
        1 => Just(u64::MAX),
    ]
}

/// Never so many that the model is slow.
fn length() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0..=300_u64,
        4 => (1..=3_u64).prop_map(|page| page * 4096),
        2 => 0..=12_000_u64,
    ]
}

fn data() -> impl Strategy<Value = Bytes> {
    let length = prop_oneof![6 => 0..=100_usize, 3 => 4000..=9000_usize, 1 => 0..=9000_usize];
    (length, any::<u8>()).prop_map(|(length, first)| {
        (0..length)
            .map(|place| first.wrapping_add(place as u8))
            .collect()
    })
}

fn content() -> impl Strategy<Value = Operation> {
    let position = prop_oneof![
        3 => offset().prop_map(WritePosition::At),
        2 => Just(WritePosition::End),
    ];
    let write = (file(), position, data(), any::<bool>());
    let copy = (file(), offset(), file(), offset(), length());
    prop_oneof![
        4 => write.prop_map(|(ino, position, data, clear_privileges)| Operation::Write(Write {
            ino,
            position,
            data,
            clear_privileges,
        })),
        3 => fallocate(),
        2 => copy.prop_map(|(source, source_offset, destination, destination_offset, length)| {
            Operation::CopyRange(CopyRange {
                source,
                source_offset,
                destination,
                destination_offset,
                length,
            })
        }),
        1 => (file(), offset()).prop_map(|(ino, size)| Operation::SetAttributes(SetAttributes {
            size: Some(size),
            ..no_change(ino)
        })),
    ]
}

fn fallocate() -> impl Strategy<Value = Operation> {
    let keep = any::<bool>();
    let mode = prop_oneof![
        keep.prop_map(|keep_size| FallocateMode::Allocate { keep_size }),
        keep.prop_map(|keep_size| FallocateMode::ZeroRange { keep_size }),
        Just(FallocateMode::PunchHole),
        Just(FallocateMode::Unshare),
        Just(FallocateMode::CollapseRange),
        Just(FallocateMode::InsertRange),
    ];
    (file(), offset(), length(), mode).prop_map(|(ino, offset, length, mode)| {
        Operation::Fallocate(Fallocate {
            ino,
            offset,
            length,
            mode,
        })
    })
}

fn no_change(ino: InodeId) -> SetAttributes {
    SetAttributes {
        ino,
        mode: None,
        uid: None,
        gid: None,
        size: None,
        atime: None,
        mtime: None,
        ctime: None,
    }
}

fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![(-40..70_i64).prop_map(time_of), Just(Timestamp::default())]
}

fn attributes() -> impl Strategy<Value = Operation> {
    let owner = || {
        option::weighted(
            0.2,
            prop_oneof![Just(0), Just(1000), Just(200), Just(u32::MAX)],
        )
    };
    let times = (
        option::weighted(0.2, time()),
        option::weighted(0.2, time()),
        option::weighted(0.1, time()),
    );
    let size = option::weighted(0.2, offset());
    let set = (
        any_inode(),
        option::weighted(0.3, mode()),
        owner(),
        owner(),
        size,
        times,
    );
    prop_oneof![
        4 => set.prop_map(|(ino, mode, uid, gid, size, (atime, mtime, ctime))| {
            Operation::SetAttributes(SetAttributes {
                ino,
                mode,
                uid,
                gid,
                size,
                atime,
                mtime,
                ctime,
            })
        }),
        2 => flags(),
        1 => any_inode().prop_map(|ino| Operation::TouchAtime(TouchAtime { ino })),
        4 => set_xattr(),
        2 => (any_inode(), xattr_name())
            .prop_map(|(ino, name)| Operation::RemoveXattr(RemoveXattr { ino, name })),
        1 => Just(Operation::Sync),
    ]
}

/// Mostly none, or little else would ever succeed.
fn flags() -> impl Strategy<Value = Operation> {
    let bits = prop_oneof![
        6 => Just(0),
        1 => Just(InodeFlags::IMMUTABLE),
        1 => Just(InodeFlags::APPEND),
        1 => Just(InodeFlags::NO_ATIME | InodeFlags::SYNC),
    ];
    (any_inode(), bits, option::weighted(0.3, any::<u32>())).prop_map(|(ino, bits, project)| {
        Operation::SetFlags(SetFlags {
            ino,
            flags: InodeFlags::new(bits).unwrap(),
            project,
        })
    })
}

fn xattr_name() -> impl Strategy<Value = Box<[u8]>> {
    prop_oneof![
        20 => prop::sample::select(&XATTRS[..]).prop_map(Box::from),
        1 => Just([&b"user."[..], &[b'x'; 251]].concat().into_boxed_slice()),
    ]
}

fn set_xattr() -> impl Strategy<Value = Operation> {
    let mode = prop_oneof![
        2 => Just(SetXattrMode::Either),
        1 => Just(SetXattrMode::Create),
        1 => Just(SetXattrMode::Replace),
    ];
    let length = prop_oneof![10 => 0..20_usize, 1 => 65_535..=65_537_usize];
    (any_inode(), xattr_name(), length, mode).prop_map(|(ino, name, length, mode)| {
        Operation::SetXattr(SetXattr {
            ino,
            name,
            value: Bytes::from(vec![b'v'; length]),
            mode,
        })
    })
}
