//! Outcomes and replies: every answer.

use bytes::Bytes;
use holdfast_metadata::{
    Amounts, Answer, Cookie, DirectoryEntry, FileKind, InodeId, LockInfo, LockMode, LockOwner,
    LockRange, LockSpace, Outcome, Owner, OwnerCount, OwnerInfo, Owners, PosixError, QuotaInfo,
    Reply, SessionId, SessionInfo, Statistics, TicketState,
};

use super::{INO, Named, PARENT, attributes, name, time};

pub(crate) fn outcomes() -> Named<Outcome> {
    let entry = Answer::Entry {
        attributes: attributes(),
        created: true,
    };
    let removed = Answer::Removed {
        ino: INO,
        orphaned: true,
    };
    let renamed = Answer::Renamed {
        orphaned: Some(INO),
    };
    let written = Answer::Written {
        offset: 0x1112_1314_1516_1718,
        length: 0x2122_2324,
    };
    let reclaimed = Answer::Reclaimed {
        unfinished: vec![INO, InodeId::new(9)],
    };
    vec![
        ("outcome_error", Err(PosixError::SessionGone)),
        ("outcome_done", Ok(Answer::Done)),
        ("outcome_entry", Ok(entry)),
        ("outcome_attributes", Ok(Answer::Attributes(attributes()))),
        ("outcome_removed", Ok(removed)),
        ("outcome_renamed", Ok(renamed)),
        ("outcome_written", Ok(written)),
        ("outcome_reclaimed", Ok(reclaimed)),
        ("outcome_locked", Ok(Answer::Locked)),
        ("outcome_waiting", Ok(Answer::Waiting)),
    ]
}

pub(crate) fn replies() -> Named<Result<Reply, PosixError>> {
    let target = Reply::Target {
        target: Bytes::from_static(b"../target"),
        attributes: attributes(),
    };
    let data = Reply::Data {
        bytes: b"data".to_vec(),
        attributes: attributes(),
    };
    let statistics = Statistics {
        inodes: 0x0102,
        allocated: 0x1112_1314,
    };
    let locks = Reply::Locks {
        locks: vec![lock()],
        next: Some(Bytes::from_static(b"L\xff")),
    };
    vec![
        ("reply_error", Err(PosixError::NotFound)),
        ("reply_granted", Ok(Reply::Granted)),
        ("reply_attributes", Ok(Reply::Attributes(attributes()))),
        ("reply_target", Ok(target)),
        ("reply_directory", Ok(directory())),
        ("reply_data", Ok(data)),
        (
            "reply_xattr",
            Ok(Reply::Xattr(Bytes::from_static(b"\0\xffvalue"))),
        ),
        (
            "reply_xattr_names",
            Ok(Reply::XattrNames(b"user.a\0user.b\0".to_vec())),
        ),
        ("reply_offset", Ok(Reply::Offset(0))),
        ("reply_statistics", Ok(Reply::Statistics(statistics))),
        (
            "reply_orphans",
            Ok(Reply::Orphans(vec![INO, InodeId::new(9)])),
        ),
        ("reply_quotas", Ok(Reply::Quotas(quotas()))),
        (
            "reply_owners",
            Ok(Reply::Owners(owners(OwnerCount::Below(INO)))),
        ),
        (
            "reply_owners_off",
            Ok(Reply::Owners(owners(OwnerCount::Off))),
        ),
        ("reply_sessions", Ok(Reply::Sessions(vec![session()]))),
        ("reply_lock", Ok(Reply::Lock(Some(lock())))),
        ("reply_no_lock", Ok(Reply::Lock(None))),
        ("reply_ticket", Ok(Reply::Ticket(TicketState::Granted))),
        ("reply_locks", Ok(locks)),
    ]
}

fn owners(count: OwnerCount) -> Owners {
    let user = OwnerInfo {
        owner: Owner::User(0x0102),
        limits: Amounts {
            bytes: 0x1112_1314,
            inodes: Amounts::NO_LIMIT,
        },
        used: Amounts {
            bytes: 0,
            inodes: 0x4142,
        },
    };
    let group = OwnerInfo {
        owner: Owner::Group(0x0304),
        ..user
    };
    Owners {
        count,
        next_inode: PARENT,
        owners: vec![user, group],
    }
}

fn quotas() -> Vec<QuotaInfo> {
    let outer = QuotaInfo {
        root: PARENT,
        outer: None,
        limits: Amounts {
            bytes: 0x1112_1314,
            inodes: Amounts::NO_LIMIT,
        },
        used: Amounts {
            bytes: 0,
            inodes: 0x4142,
        },
    };
    let inner = QuotaInfo {
        root: INO,
        outer: Some(PARENT),
        ..outer
    };
    vec![inner, outer]
}

fn directory() -> Reply {
    let dot = DirectoryEntry {
        name: Box::from(&b"."[..]),
        ino: PARENT,
        kind: FileKind::Directory,
        cookie: Cookie::DOT,
        attributes: None,
    };
    let entry = DirectoryEntry {
        attributes: Some(attributes()),
        ..DirectoryEntry::named(&name(), INO, FileKind::Fifo, Cookie(0x4142))
    };
    Reply::Directory {
        entries: vec![dot, entry],
        attributes: attributes(),
    }
}

fn lock() -> LockInfo {
    LockInfo {
        ino: INO,
        space: LockSpace::Flock,
        session: SessionId(0x2122_2324),
        owner: LockOwner(0x5152_5354),
        process: 4321,
        range: LockRange {
            start: 0x4142,
            end: u64::MAX,
        },
        mode: LockMode::Exclusive,
        since: time(1_795_230_000, 5),
        waiting: true,
    }
}

fn session() -> SessionInfo {
    SessionInfo {
        session: SessionId(0x2122_2324_2526_2728),
        acknowledged: 0x3131,
        opened: time(1_795_230_000, 5),
        host: "host".to_owned(),
        process: 4321,
        version: "0.1.0".to_owned(),
        mountpoint: "/mnt/volume".to_owned(),
    }
}
