//! Commands on attributes, flags and extended attributes.

use bytes::Bytes;
use holdfast_metadata::{
    InodeFlags, Operation, RemoveXattr, SetAttributes, SetFlags, SetXattr, SetXattrMode, Timestamp,
    TouchAtime,
};
use proptest::option;
use proptest::prelude::*;

use super::content::offset;
use super::{any_inode, mode, time_of};

/// The attributes that are ever set, and some that must be refused.
const XATTRS: [&[u8]; 7] = [
    b"user.a",
    b"user.b",
    b"trusted.t",
    b"security.capability",
    b"user.",
    b"unknown.a",
    b"",
];

fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![(-40..70_i64).prop_map(time_of), Just(Timestamp::default())]
}

pub(super) fn attributes() -> impl Strategy<Value = Operation> {
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
