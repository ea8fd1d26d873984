//! Every operation.

use holdfast_metadata::record::LoadProgress;
use holdfast_metadata::{
    CancelLock, CopyRange, CountOwners, Create, EmptyTrash, ExpireSession, Fallocate,
    FallocateMode, Link, LoadStep, Mkdir, Mknod, OpenSession, Operation, Reclaim, RemoveXattr,
    Rename, RenameFlags, Rmdir, SessionId, SetAttributes, SetFlags, SetLock, SetOwnerQuota,
    SetQuota, SetTrash, SetXattr, SetXattrMode, Symlink, TouchAtime, Unlink, Unlock, Write,
    WritePosition,
};
use proptest::option;
use proptest::prelude::*;

use super::{
    boxed_bytes, bytes, flags, inode, inodes, kind, lock_mode, lock_owner, lock_range, lock_space,
    mode, name, number, owner, text, time,
};

pub(crate) fn operation() -> impl Strategy<Value = Operation> {
    // On the heap: a value of all of them is larger than the stack of a test has room for without optimization.
    prop_oneof![
        making().boxed(),
        naming().boxed(),
        attributes().boxed(),
        xattrs().boxed(),
        content().boxed(),
        locks().boxed(),
        rest().boxed(),
    ]
}

fn making() -> impl Strategy<Value = Operation> {
    let place = || (inode(), name());
    prop_oneof![
        (place(), mode(), mode(), any::<bool>()).prop_map(
            |((parent, name), mode, umask, exclusive)| Operation::Create(Create {
                parent,
                name,
                mode,
                umask,
                exclusive,
            })
        ),
        (place(), kind(), mode(), mode(), any::<u32>()).prop_map(
            |((parent, name), kind, mode, umask, device)| Operation::Mknod(Mknod {
                parent,
                name,
                kind,
                mode,
                umask,
                device,
            })
        ),
        (place(), mode(), mode()).prop_map(|((parent, name), mode, umask)| {
            Operation::Mkdir(Mkdir {
                parent,
                name,
                mode,
                umask,
            })
        }),
        (place(), bytes()).prop_map(|((parent, name), target)| {
            Operation::Symlink(Symlink {
                parent,
                name,
                target,
            })
        }),
    ]
}

fn naming() -> impl Strategy<Value = Operation> {
    let place = || (inode(), name());
    let rename = (place(), place(), any::<[bool; 3]>(), option::of(inode()));
    prop_oneof![
        (inode(), place()).prop_map(|(ino, (parent, name))| Operation::Link(Link {
            ino,
            parent,
            name
        })),
        place().prop_map(|(parent, name)| Operation::Unlink(Unlink { parent, name })),
        (place(), option::of(inode())).prop_map(|((parent, name), seen)| Operation::Rmdir(Rmdir {
            parent,
            name,
            seen
        })),
        rename.prop_map(|((parent, name), (new_parent, new_name), flags, seen)| {
            let [no_replace, exchange, whiteout] = flags;
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
                seen,
            })
        }),
    ]
}

fn attributes() -> impl Strategy<Value = Operation> {
    let owners = (option::of(any::<u32>()), option::of(any::<u32>()));
    let times = (option::of(time()), option::of(time()), option::of(time()));
    let set = (
        inode(),
        option::of(mode()),
        owners,
        option::of(number()),
        times,
    );
    prop_oneof![
        set.prop_map(|(ino, mode, (uid, gid), size, (atime, mtime, ctime))| {
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
        (inode(), flags(), option::of(any::<u32>())).prop_map(|(ino, flags, project)| {
            Operation::SetFlags(SetFlags {
                ino,
                flags,
                project,
            })
        }),
        (inode(), option::of(number()), option::of(number())).prop_map(|(ino, bytes, inodes)| {
            Operation::SetQuota(SetQuota { ino, bytes, inodes })
        }),
        (owner(), option::of(number()), option::of(number())).prop_map(|(owner, bytes, inodes)| {
            Operation::SetOwnerQuota(SetOwnerQuota {
                owner,
                bytes,
                inodes,
            })
        }),
        (any::<bool>(), any::<usize>()).prop_map(|(on, records_max)| {
            Operation::CountOwners(CountOwners { on, records_max })
        }),
        inode().prop_map(|ino| Operation::TouchAtime(TouchAtime { ino })),
    ]
}

fn xattrs() -> impl Strategy<Value = Operation> {
    let mode = prop::sample::select(vec![
        SetXattrMode::Either,
        SetXattrMode::Create,
        SetXattrMode::Replace,
    ]);
    prop_oneof![
        (inode(), boxed_bytes(), bytes(), mode).prop_map(|(ino, name, value, mode)| {
            Operation::SetXattr(SetXattr {
                ino,
                name,
                value,
                mode,
            })
        }),
        (inode(), boxed_bytes())
            .prop_map(|(ino, name)| Operation::RemoveXattr(RemoveXattr { ino, name })),
    ]
}

fn content() -> impl Strategy<Value = Operation> {
    let position = prop_oneof![
        number().prop_map(WritePosition::At),
        Just(WritePosition::End)
    ];
    let write = (inode(), position, bytes(), any::<bool>());
    let copy = (inode(), number(), inode(), number(), number());
    prop_oneof![
        write.prop_map(|(ino, position, data, clear_privileges)| {
            Operation::Write(Write {
                ino,
                position,
                data,
                clear_privileges,
            })
        }),
        (inode(), number(), number(), fallocate_mode()).prop_map(|(ino, offset, length, mode)| {
            Operation::Fallocate(Fallocate {
                ino,
                offset,
                length,
                mode,
            })
        }),
        copy.prop_map(
            |(source, source_offset, destination, destination_offset, length)| {
                Operation::CopyRange(CopyRange {
                    source,
                    source_offset,
                    destination,
                    destination_offset,
                    length,
                })
            }
        ),
        (inodes(), option::of(number()))
            .prop_map(|(inodes, term)| Operation::Reclaim(Reclaim { inodes, term })),
    ]
}

fn fallocate_mode() -> impl Strategy<Value = FallocateMode> {
    prop::sample::select(vec![
        FallocateMode::Allocate { keep_size: false },
        FallocateMode::Allocate { keep_size: true },
        FallocateMode::PunchHole,
        FallocateMode::ZeroRange { keep_size: false },
        FallocateMode::ZeroRange { keep_size: true },
        FallocateMode::CollapseRange,
        FallocateMode::InsertRange,
        FallocateMode::Unshare,
    ])
}

fn rest() -> impl Strategy<Value = Operation> {
    prop_oneof![
        Just(Operation::Sync),
        (text(), any::<u32>(), text(), text()).prop_map(|(host, process, version, mountpoint)| {
            Operation::OpenSession(OpenSession {
                host,
                process,
                version,
                mountpoint,
            })
        }),
        Just(Operation::CloseSession),
        Just(Operation::RefuseNoSpace),
        (number(), number()).prop_map(|(session, term)| {
            Operation::ExpireSession(ExpireSession {
                session: SessionId(session),
                term,
            })
        }),
        Just(Operation::RefusePastTerm),
        option::of(number())
            .prop_map(|keep_seconds| Operation::SetTrash(SetTrash { keep_seconds })),
        (any::<u32>(), number()).prop_map(|(names_max, term)| {
            Operation::EmptyTrash(EmptyTrash {
                names_max: names_max as usize,
                term,
            })
        }),
        (number(), bytes()).prop_map(|(number, entries)| {
            Operation::Load(LoadStep::Entries { number, entries })
        }),
        (number(), any::<u128>()).prop_map(|(batches, chain)| {
            Operation::Load(LoadStep::Finish(LoadProgress { batches, chain }))
        }),
    ]
}

fn locks() -> impl Strategy<Value = Operation> {
    let what = (inode(), lock_space(), lock_owner(), lock_range());
    let set = (what, lock_mode(), any::<u32>(), any::<bool>());
    let what = (inode(), lock_space(), lock_owner(), lock_range());
    prop_oneof![
        set.prop_map(
            |((ino, space, owner, range), mode, process, wait)| Operation::SetLock(SetLock {
                ino,
                space,
                owner,
                range,
                mode,
                process,
                wait,
            })
        ),
        what.prop_map(|(ino, space, owner, range)| Operation::Unlock(Unlock {
            ino,
            space,
            owner,
            range,
        })),
        (inode(), number())
            .prop_map(|(ino, sequence)| Operation::CancelLock(CancelLock { ino, sequence })),
    ]
}
