//! Commands: every operation.

use bytes::Bytes;
use holdfast_metadata::record::LoadProgress;
use holdfast_metadata::{
    Amounts, CancelLock, Command, CopyRange, CountOwners, Create, Credentials, EmptyTrash,
    ExpireSession, Fallocate, FallocateMode, FileKind, FileName, InodeFlags, InodeId, Link,
    LoadStep, LockMode, LockOwner, LockRange, LockSpace, Mkdir, Mknod, Mode, OpenSession,
    Operation, Owner, Reclaim, RemoveXattr, Rename, RenameFlags, RequestId, Rmdir, SessionId,
    SetAttributes, SetFlags, SetLock, SetOwnerQuota, SetQuota, SetTrash, SetXattr, SetXattrMode,
    Symlink, TouchAtime, Unlink, Unlock, Write, WritePosition,
};

use super::{INO, Named, PARENT, name, time};

pub(crate) fn commands() -> Named<Command> {
    let without_request = Command {
        request: None,
        now: time(-2, 1),
        credentials: Credentials::ROOT,
        squashed: false,
        operation: Operation::Sync,
    };
    let mut commands = vec![("command_sync", without_request)];
    let operations = new_inodes()
        .into_iter()
        .chain(names())
        .chain(attribute_changes())
        .chain(content())
        .chain(sessions())
        .chain(locks());
    commands.extend(operations.map(|(name, operation)| (name, command(operation))));
    let squashed = Command {
        squashed: true,
        ..command(Operation::Sync)
    };
    commands.push(("command_squashed", squashed));
    commands
}

pub(super) fn command(operation: Operation) -> Command {
    Command {
        request: Some(RequestId {
            session: SessionId(0x2122_2324_2526_2728),
            sequence: 0x3132_3334,
            acknowledged: 0x3131,
        }),
        now: time(1_795_230_000, 999_999_999),
        credentials: Credentials {
            uid: 1000,
            gid: 100,
            groups: vec![4, 70_000],
        },
        squashed: false,
        operation,
    }
}

fn new_inodes() -> Named<Operation> {
    let mode = Mode::new(0o7644);
    let umask = Mode::new(0o027);
    let create = Create {
        parent: PARENT,
        name: name(),
        mode,
        umask,
        exclusive: true,
    };
    let mknod = Mknod {
        parent: PARENT,
        name: name(),
        kind: FileKind::BlockDevice,
        mode,
        umask,
        device: 0x0801,
    };
    let mkdir = Mkdir {
        parent: PARENT,
        name: name(),
        mode,
        umask,
    };
    let symlink = Symlink {
        parent: PARENT,
        name: name(),
        target: Bytes::from_static(b"../target"),
    };
    vec![
        ("command_create", Operation::Create(create)),
        ("command_mknod", Operation::Mknod(mknod)),
        ("command_mkdir", Operation::Mkdir(mkdir)),
        ("command_symlink", Operation::Symlink(symlink)),
    ]
}

fn names() -> Named<Operation> {
    let link = Link {
        ino: INO,
        parent: PARENT,
        name: name(),
    };
    let rename = Rename {
        parent: PARENT,
        name: name(),
        new_parent: INO,
        new_name: FileName::new(b"new").unwrap(),
        flags: RenameFlags {
            no_replace: true,
            exchange: false,
            whiteout: true,
        },
        seen: None,
    };
    let rename_seen = Rename {
        seen: Some(PARENT),
        ..rename.clone()
    };
    let (parent, name) = (PARENT, name());
    let unlink = Unlink {
        parent,
        name: name.clone(),
    };
    let rmdir = Rmdir {
        parent,
        name,
        seen: None,
    };
    let rmdir_seen = Rmdir {
        seen: Some(INO),
        ..rmdir.clone()
    };
    vec![
        ("command_link", Operation::Link(link)),
        ("command_unlink", Operation::Unlink(unlink)),
        ("command_rmdir", Operation::Rmdir(rmdir)),
        ("command_rmdir_seen", Operation::Rmdir(rmdir_seen)),
        ("command_rename", Operation::Rename(rename)),
        ("command_rename_seen", Operation::Rename(rename_seen)),
    ]
}

fn attribute_changes() -> Named<Operation> {
    let set_attributes = SetAttributes {
        ino: INO,
        mode: Some(Mode::new(0)),
        uid: Some(0),
        gid: None,
        size: Some(1 << 40),
        atime: Some(time(0, 0)),
        mtime: None,
        ctime: Some(time(i64::MIN, 3)),
    };
    let set_flags = SetFlags {
        ino: INO,
        flags: InodeFlags::new(InodeFlags::SETTABLE).unwrap(),
        project: Some(7),
    };
    let set_quota = SetQuota {
        ino: INO,
        bytes: Some(0),
        inodes: Some(Amounts::NO_LIMIT),
    };
    let set_owner_quota = SetOwnerQuota {
        owner: Owner::User(7),
        bytes: Some(0),
        inodes: None,
    };
    let count_owners = CountOwners {
        on: true,
        records_max: 300,
    };
    let set_xattr = SetXattr {
        ino: INO,
        name: Box::from(&b"user.x"[..]),
        value: Bytes::from_static(b"\0\xffvalue"),
        mode: SetXattrMode::Replace,
    };
    let remove_xattr = RemoveXattr {
        ino: INO,
        name: Box::from(&b"user.y"[..]),
    };
    vec![
        (
            "command_set_attributes",
            Operation::SetAttributes(set_attributes),
        ),
        ("command_set_quota", Operation::SetQuota(set_quota)),
        (
            "command_set_owner_quota",
            Operation::SetOwnerQuota(set_owner_quota),
        ),
        ("command_count_owners", Operation::CountOwners(count_owners)),
        ("command_set_flags", Operation::SetFlags(set_flags)),
        (
            "command_touch_atime",
            Operation::TouchAtime(TouchAtime { ino: INO }),
        ),
        ("command_set_xattr", Operation::SetXattr(set_xattr)),
        ("command_remove_xattr", Operation::RemoveXattr(remove_xattr)),
    ]
}

fn content() -> Named<Operation> {
    let write = |position, clear_privileges| {
        Operation::Write(Write {
            ino: INO,
            position,
            data: Bytes::from_static(b"data"),
            clear_privileges,
        })
    };
    let fallocate = Fallocate {
        ino: INO,
        offset: 4096,
        length: 8192,
        mode: FallocateMode::ZeroRange { keep_size: true },
    };
    let copy_range = CopyRange {
        source: INO,
        source_offset: 1,
        destination: PARENT,
        destination_offset: 2,
        length: 3,
    };
    let reclaim = Reclaim {
        inodes: vec![INO, InodeId::new(9)],
        term: None,
    };
    let reclaim_of_a_term = Reclaim {
        term: Some(5),
        ..reclaim.clone()
    };
    vec![
        ("command_write", write(WritePosition::At(1 << 33), false)),
        ("command_append", write(WritePosition::End, true)),
        ("command_fallocate", Operation::Fallocate(fallocate)),
        ("command_copy_range", Operation::CopyRange(copy_range)),
        ("command_reclaim", Operation::Reclaim(reclaim)),
        (
            "command_reclaim_of_a_term",
            Operation::Reclaim(reclaim_of_a_term),
        ),
    ]
}

fn sessions() -> Named<Operation> {
    let open = OpenSession {
        host: "host".to_owned(),
        process: 4321,
        version: "0.1.0".to_owned(),
        mountpoint: "/mnt/volume".to_owned(),
    };
    let expire = ExpireSession {
        session: SessionId(0x2122_2324_2526_2728),
        term: 5,
    };
    let set = SetTrash {
        keep_seconds: Some(0x3132_3334_3536_3738),
    };
    let empty = EmptyTrash {
        names_max: 0x4142_4344,
        term: 6,
    };
    vec![
        ("command_open_session", Operation::OpenSession(open)),
        ("command_close_session", Operation::CloseSession),
        ("command_refuse_no_space", Operation::RefuseNoSpace),
        ("command_expire_session", Operation::ExpireSession(expire)),
        ("command_refuse_past_term", Operation::RefusePastTerm),
        ("command_load_entries", Operation::Load(load_entries())),
        ("command_finish_load", Operation::Load(finish_load())),
        ("command_set_trash", Operation::SetTrash(set)),
        (
            "command_set_no_trash",
            Operation::SetTrash(SetTrash { keep_seconds: None }),
        ),
        ("command_empty_trash", Operation::EmptyTrash(empty)),
    ]
}

fn locks() -> Named<Operation> {
    let range = LockRange {
        start: 0x4142,
        end: u64::MAX,
    };
    let set = SetLock {
        ino: INO,
        space: LockSpace::Posix,
        owner: LockOwner(0x5152_5354_5556_5758),
        range,
        mode: LockMode::Exclusive,
        process: 4321,
        wait: true,
    };
    let unlock = Unlock {
        ino: INO,
        space: LockSpace::Flock,
        owner: LockOwner(0x5152_5354_5556_5758),
        range,
    };
    let cancel = CancelLock {
        ino: INO,
        sequence: 0x6162_6364,
    };
    vec![
        ("command_set_lock", Operation::SetLock(set)),
        ("command_unlock", Operation::Unlock(unlock)),
        ("command_cancel_lock", Operation::CancelLock(cancel)),
    ]
}

fn load_entries() -> LoadStep {
    LoadStep::Entries {
        number: 0x3132_3334,
        entries: Bytes::from_static(b"\0\xffentries"),
    }
}

fn finish_load() -> LoadStep {
    LoadStep::Finish(LoadProgress {
        batches: 0x4142_4344,
        chain: 0x5152_5354_5556_5758_6162_6364_6566_6768,
    })
}
