//! Values of every type, with every variant and the edges of every number.

mod operation;
mod reply;

use bytes::Bytes;
use holdfast_metadata::catalog::{CatalogCommand, NodeRole, ReplicationMode};
use holdfast_metadata::limits::NAME_BYTES_MAX;
use holdfast_metadata::{
    Command, Cookie, Credentials, FileKind, FileName, Format, InodeFlags, InodeId, LockMode,
    LockOwner, LockRange, LockSpace, Mode, Owner, Query, RequestId, SeekTarget, SessionId,
    TestLock, Timestamp,
};
pub(crate) use operation::operation;
use proptest::option;
use proptest::prelude::*;
pub(crate) use reply::{outcome, reply};

/// Small numbers, great ones, and those where an encoding gets longer.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(u64::MAX),
        (0..64_u32).prop_map(|bit| 1 << bit),
        any::<u64>(),
    ]
}

fn inode() -> impl Strategy<Value = InodeId> {
    number().prop_map(InodeId::new)
}

fn owner() -> impl Strategy<Value = Owner> {
    prop_oneof![
        any::<u32>().prop_map(Owner::User),
        any::<u32>().prop_map(Owner::Group),
    ]
}

fn inodes() -> impl Strategy<Value = Vec<InodeId>> {
    prop::collection::vec(inode(), 0..5)
}

fn cookie() -> impl Strategy<Value = Cookie> {
    number().prop_map(Cookie)
}

fn name() -> impl Strategy<Value = FileName> {
    let bytes = prop::collection::vec(any::<u8>(), 1..=NAME_BYTES_MAX);
    bytes.prop_filter_map("not a name", |bytes| FileName::new(&bytes).ok())
}

fn kind() -> impl Strategy<Value = FileKind> {
    prop::sample::select(FileKind::ALL.to_vec())
}

fn mode() -> impl Strategy<Value = Mode> {
    (0..=0o7777_u32).prop_map(Mode::new)
}

fn flags() -> impl Strategy<Value = InodeFlags> {
    any::<u32>().prop_map(|bits| InodeFlags::new(bits & InodeFlags::SETTABLE).unwrap())
}

fn time() -> impl Strategy<Value = Timestamp> {
    let seconds = prop_oneof![
        Just(i64::MIN),
        Just(-1),
        Just(0),
        Just(i64::MAX),
        any::<i64>()
    ];
    let nanoseconds = prop_oneof![Just(0), Just(999_999_999), 0..1_000_000_000_u32];
    (seconds, nanoseconds)
        .prop_map(|(seconds, nanoseconds)| Timestamp::new(seconds, nanoseconds).unwrap())
}

fn credentials() -> impl Strategy<Value = Credentials> {
    let groups = prop::collection::vec(any::<u32>(), 0..4);
    (any::<u32>(), any::<u32>(), groups).prop_map(|(uid, gid, groups)| Credentials {
        uid,
        gid,
        groups,
    })
}

fn lock_owner() -> impl Strategy<Value = LockOwner> {
    number().prop_map(LockOwner)
}

fn lock_space() -> impl Strategy<Value = LockSpace> {
    prop::sample::select(LockSpace::ALL.to_vec())
}

fn lock_mode() -> impl Strategy<Value = LockMode> {
    prop::sample::select(LockMode::ALL.to_vec())
}

/// Also those that end before they begin: the state machine refuses them, not the wire.
fn lock_range() -> impl Strategy<Value = LockRange> {
    (number(), number()).prop_map(|(start, end)| LockRange { start, end })
}

fn text() -> impl Strategy<Value = String> {
    any::<String>()
}

fn bytes() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..100).prop_map(Bytes::from)
}

fn boxed_bytes() -> impl Strategy<Value = Box<[u8]>> {
    prop::collection::vec(any::<u8>(), 0..30).prop_map(Box::from)
}

pub(crate) fn command() -> impl Strategy<Value = Command> {
    let request =
        (number(), number(), number()).prop_map(|(session, sequence, acknowledged)| RequestId {
            session: SessionId(session),
            sequence,
            acknowledged,
        });
    let who = (credentials(), any::<bool>());
    (option::of(request), time(), who, operation()).prop_map(
        |(request, now, (credentials, squashed), operation)| Command {
            request,
            now,
            credentials,
            squashed,
            operation,
        },
    )
}

pub(crate) fn query() -> impl Strategy<Value = Query> {
    let squashed = (credentials(), prop_oneof![short_query(), long_query()]);
    prop_oneof![
        short_query(),
        long_query(),
        squashed.prop_map(|(credentials, query)| Query::Squashed {
            credentials,
            query: Box::new(query),
        }),
    ]
}

fn short_query() -> impl Strategy<Value = Query> {
    prop_oneof![
        (inode(), name()).prop_map(|(parent, name)| Query::Lookup { parent, name }),
        inode().prop_map(|ino| Query::Parent { ino }),
        inode().prop_map(|ino| Query::Attributes { ino }),
        inode().prop_map(|ino| Query::Readlink { ino }),
        (inode(), boxed_bytes()).prop_map(|(ino, name)| Query::GetXattr { ino, name }),
        inode().prop_map(|ino| Query::ListXattr { ino }),
        (inode(), any::<u8>(), credentials()).prop_map(|(ino, mask, credentials)| {
            Query::Access {
                ino,
                mask,
                credentials,
            }
        }),
        Just(Query::Statistics),
        inode().prop_map(|ino| Query::QuotasAround { ino }),
        (inode(), any::<usize>())
            .prop_map(|(after, quotas_max)| Query::Quotas { after, quotas_max }),
        (owner(), any::<usize>()).prop_map(|(from, owners_max)| Query::Owners { from, owners_max }),
        Just(Query::Sessions),
        test_lock(),
        (inode(), number(), number()).prop_map(|(ino, session, sequence)| Query::LockTicket {
            ino,
            session: SessionId(session),
            sequence,
        }),
    ]
}

fn test_lock() -> impl Strategy<Value = Query> {
    let whose = (inode(), lock_space(), number(), lock_owner());
    (whose, lock_range(), lock_mode()).prop_map(|((ino, space, session, owner), range, mode)| {
        Query::TestLock(TestLock {
            ino,
            space,
            session: SessionId(session),
            owner,
            range,
            mode,
        })
    })
}

fn long_query() -> impl Strategy<Value = Query> {
    let target = prop::sample::select(vec![SeekTarget::Data, SeekTarget::Hole]);
    prop_oneof![
        (inode(), cookie(), any::<usize>(), any::<bool>()).prop_map(
            |(ino, after, entries_max, with_attributes)| Query::ReadDirectory {
                ino,
                after,
                entries_max,
                with_attributes,
            }
        ),
        (inode(), number(), any::<u32>()).prop_map(|(ino, offset, length)| Query::Read {
            ino,
            offset,
            length,
        }),
        (inode(), number(), target).prop_map(|(ino, offset, target)| Query::Seek {
            ino,
            offset,
            target,
        }),
        (inode(), any::<usize>())
            .prop_map(|(after, inodes_max)| Query::Orphans { after, inodes_max }),
        (option::of(inode()), bytes(), any::<usize>()).prop_map(|(ino, after, entries_max)| {
            Query::Locks {
                ino,
                after,
                entries_max,
            }
        }),
    ]
}

pub(crate) fn catalog_command() -> impl Strategy<Value = CatalogCommand> {
    let role = prop::sample::select(vec![NodeRole::Learner, NodeRole::Voter]);
    let mode = prop::sample::select(vec![ReplicationMode::Quorum, ReplicationMode::All]);
    prop_oneof![
        any::<[u8; 16]>().prop_map(|cluster_id| CatalogCommand::CreateCluster { cluster_id }),
        (number(), text(), any::<[u8; 16]>()).prop_map(|(id, address, incarnation)| {
            CatalogCommand::AddNode {
                id,
                address,
                incarnation,
            }
        }),
        (number(), role).prop_map(|(id, role)| CatalogCommand::SetNodeRole { id, role }),
        number().prop_map(|id| CatalogCommand::RemoveNode { id }),
        (text(), mode, format()).prop_map(|(name, replication, format)| {
            CatalogCommand::CreateVolume {
                name,
                replication,
                format,
            }
        }),
        (text(), option::of(any::<[u8; 16]>()))
            .prop_map(|(name, request)| CatalogCommand::DeleteVolume { name, request }),
        (any::<[u8; 16]>(), number())
            .prop_map(|(cluster_id, node)| CatalogCommand::ForceNewCluster { cluster_id, node }),
    ]
}

fn format() -> impl Strategy<Value = Format> {
    let owner = (any::<u32>(), any::<u32>(), mode());
    (any::<u32>(), time(), owner, any::<bool>()).prop_map(
        |(generation, now, (uid, gid, mode), awaits_load)| Format {
            generation,
            now,
            uid,
            gid,
            mode,
            awaits_load,
        },
    )
}
