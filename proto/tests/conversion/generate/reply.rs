//! Every answer and every error.

use holdfast_metadata::{
    Amounts, Answer, Attributes, DirectoryEntry, LockInfo, Outcome, OwnerCount, OwnerInfo, Owners,
    PosixError, QuotaInfo, Reply, SessionId, SessionInfo, Statistics, TicketState,
};
use proptest::option;
use proptest::prelude::*;

use super::{
    boxed_bytes, bytes, cookie, flags, inode, inodes, kind, lock_mode, lock_owner, lock_range,
    lock_space, mode, number, owner, text, time,
};

fn error() -> impl Strategy<Value = PosixError> {
    prop::sample::select(vec![
        PosixError::NotPermitted,
        PosixError::NotFound,
        PosixError::InodeGone,
        PosixError::AccessDenied,
        PosixError::Exists,
        PosixError::NotDirectory,
        PosixError::IsDirectory,
        PosixError::InvalidArgument,
        PosixError::FileTooLarge,
        PosixError::NoSpace,
        PosixError::TooManyLinks,
        PosixError::NameTooLong,
        PosixError::NotEmpty,
        PosixError::NoAttribute,
        PosixError::TooBig,
        PosixError::OutOfRange,
        PosixError::NoSuchPosition,
        PosixError::NotSupported,
        PosixError::SessionGone,
        PosixError::WouldBlock,
        PosixError::Deadlock,
        PosixError::TooManyLocks,
        PosixError::PastTerm,
        PosixError::QuotaExceeded,
        PosixError::CrossDevice,
        PosixError::AnotherDirectory,
    ])
}

fn attributes() -> impl Strategy<Value = Attributes> {
    let what = (inode(), any::<u32>(), kind(), mode(), flags());
    let numbers = any::<[u32; 6]>();
    let sizes = (number(), number());
    let times = (time(), time(), time(), time());
    (what, numbers, sizes, times).prop_map(|(what, numbers, (size, allocated), times)| {
        let (ino, generation, kind, mode, flags) = what;
        let [uid, gid, nlink, device, project, xattrs] = numbers;
        let (atime, mtime, ctime, btime) = times;
        Attributes {
            ino,
            generation,
            kind,
            mode,
            flags,
            uid,
            gid,
            nlink,
            device,
            project,
            size,
            allocated,
            xattrs,
            atime,
            mtime,
            ctime,
            btime,
        }
    })
}

pub(crate) fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![1 => error().prop_map(Err), 4 => answer().prop_map(Ok)]
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        Just(Answer::Done),
        (attributes(), any::<bool>()).prop_map(|(attributes, created)| Answer::Entry {
            attributes,
            created,
        }),
        attributes().prop_map(Answer::Attributes),
        (inode(), any::<bool>()).prop_map(|(ino, orphaned)| Answer::Removed { ino, orphaned }),
        option::of(inode()).prop_map(|orphaned| Answer::Renamed { orphaned }),
        (number(), number()).prop_map(|(offset, length)| Answer::Written { offset, length }),
        inodes().prop_map(|unfinished| Answer::Reclaimed { unfinished }),
        Just(Answer::Locked),
        Just(Answer::Waiting),
    ]
}

pub(crate) fn reply() -> impl Strategy<Value = Result<Reply, PosixError>> {
    prop_oneof![1 => error().prop_map(Err), 4 => answer_to_a_query().prop_map(Ok)]
}

fn answer_to_a_query() -> impl Strategy<Value = Reply> {
    let bytes_of_a_file = prop::collection::vec(any::<u8>(), 0..100);
    let names = prop::collection::vec(any::<u8>(), 0..100);
    prop_oneof![
        Just(Reply::Granted),
        attributes().prop_map(Reply::Attributes),
        (bytes(), attributes())
            .prop_map(|(target, attributes)| Reply::Target { target, attributes }),
        (prop::collection::vec(entry(), 0..4), attributes()).prop_map(|(entries, attributes)| {
            Reply::Directory {
                entries,
                attributes,
            }
        }),
        (bytes_of_a_file, attributes())
            .prop_map(|(bytes, attributes)| Reply::Data { bytes, attributes }),
        bytes().prop_map(Reply::Xattr),
        names.prop_map(Reply::XattrNames),
        number().prop_map(Reply::Offset),
        (number(), number())
            .prop_map(|(inodes, allocated)| Reply::Statistics(Statistics { inodes, allocated })),
        inodes().prop_map(Reply::Orphans),
        prop::collection::vec(quota(), 0..4).prop_map(Reply::Quotas),
        owners(),
        prop::collection::vec(session(), 0..4).prop_map(Reply::Sessions),
        answer_of_locks(),
    ]
}

fn amounts() -> impl Strategy<Value = Amounts> {
    (number(), number()).prop_map(|(bytes, inodes)| Amounts { bytes, inodes })
}

fn owners() -> impl Strategy<Value = Reply> {
    let info = (owner(), amounts(), amounts()).prop_map(|(owner, limits, used)| OwnerInfo {
        owner,
        limits,
        used,
    });
    let page = (
        option::of(number()),
        inode(),
        prop::collection::vec(info, 0..4),
    );
    page.prop_map(|(counted, next_inode, owners)| {
        let count = OwnerCount::from_number(counted);
        Reply::Owners(Owners {
            count,
            next_inode,
            owners,
        })
    })
}

fn quota() -> impl Strategy<Value = QuotaInfo> {
    (inode(), option::of(inode()), amounts(), amounts()).prop_map(|(root, outer, limits, used)| {
        QuotaInfo {
            root,
            outer,
            limits,
            used,
        }
    })
}

fn answer_of_locks() -> impl Strategy<Value = Reply> {
    let tickets = vec![
        TicketState::Waiting,
        TicketState::Granted,
        TicketState::Unknown,
    ];
    let page = (prop::collection::vec(lock(), 0..4), option::of(bytes()));
    prop_oneof![
        option::of(lock()).prop_map(Reply::Lock),
        prop::sample::select(tickets).prop_map(Reply::Ticket),
        page.prop_map(|(locks, next)| Reply::Locks { locks, next }),
    ]
}

fn lock() -> impl Strategy<Value = LockInfo> {
    let whose = (number(), lock_owner(), any::<u32>());
    let what = (inode(), lock_space(), lock_range(), lock_mode());
    (whose, what, time(), any::<bool>()).prop_map(
        |((session, owner, process), (ino, space, range, mode), since, waiting)| LockInfo {
            ino,
            space,
            session: SessionId(session),
            owner,
            process,
            range,
            mode,
            since,
            waiting,
        },
    )
}

fn entry() -> impl Strategy<Value = DirectoryEntry> {
    let attributes = option::of(attributes());
    (boxed_bytes(), inode(), kind(), cookie(), attributes).prop_map(
        |(name, ino, kind, cookie, attributes)| DirectoryEntry {
            name,
            ino,
            kind,
            cookie,
            attributes,
        },
    )
}

fn session() -> impl Strategy<Value = SessionInfo> {
    let numbers = (number(), number(), time(), any::<u32>());
    (numbers, text(), text(), text()).prop_map(|(numbers, host, version, mountpoint)| {
        let (session, acknowledged, opened, process) = numbers;
        SessionInfo {
            session: SessionId(session),
            acknowledged,
            opened,
            host,
            process,
            version,
            mountpoint,
        }
    })
}
