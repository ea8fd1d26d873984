//! The values the fixtures were made from: every field differs from every other.

mod inodes;
mod locks;

use std::collections::BTreeMap;

use bytes::Bytes;
use holdfast_metadata::catalog::{
    CatalogRecord, DeletionsRecord, NodeRecord, NodeRole, ReplicationMode, VolumeRecord,
};
use holdfast_metadata::keys::{self, BlockId};
use holdfast_metadata::record::{
    Dentry, DirectoryBody, Extent, ExtentHome, Inode, InodeBody, LoadProgress, LockCount,
    LockRecord, OrderEntry, Orphan, OutcomeRecord, OwnerQuota, PendingRecord, PositionRecord,
    Quota, SessionRecord, Shared, Trash, TurnRecord, Volume, WaiterRecord, Xattr,
};
use holdfast_metadata::{
    Amounts, Answer, Attributes, Cookie, Fault, FileKind, FileName, Format, InodeId, LockOwner,
    LockSpace, LogIndex, Mode, Outcome, Owner, OwnerCount, PosixError, RequestId, SessionId,
    Timestamp, Turn,
};

pub(crate) use inodes::{inode, inodes};
pub(crate) use locks::{held_locks, lock_count, locked_state, pending, turn, waiter};

pub(crate) const NOTE: &[u8] = b"\0\xffnote";
pub(crate) const XATTR: &[u8] = b"\0\xffvalue";
pub(crate) const SNAPSHOT_DIGEST: &str = "b48ed20954389014846ac8652d4b03ea";
pub(crate) const DUMP_DIGEST: &str = "c8885a2450cdb0507b6db04c97d207c0";
pub(crate) const LOCKED_DIGEST: &str = "ad3f4649e02b6c2a3eb020ccb49f309b";
pub(crate) const REPLICATED_DIGEST: &str = "88e4e8faea23fe43905492cc779810f6";

fn time(seconds: i64, nanoseconds: u32) -> Timestamp {
    Timestamp::new(seconds, nanoseconds).unwrap()
}

fn name() -> FileName {
    FileName::new(b"na\xffme").unwrap()
}

pub(crate) fn volumes() -> Vec<(&'static str, Volume)> {
    let volume = Volume {
        generation: 0x0102_0304,
        applied: LogIndex(0x1112_1314_1516_1718),
        next_inode: 0x2122_2324_2526_2728,
        next_block: 0x3132_3334_3536_3738,
        inodes: 0x4142_4344_4546_4748,
        allocated: 0x5152_5354_5556_5758,
        owners: OwnerCount::Off,
        trash: None,
        load: None,
    };
    let load = LoadProgress {
        batches: 0x6162_6364_6566_6768,
        chain: 0x7172_7374_7576_7778_8182_8384_8586_8788,
    };
    let loading = Volume {
        load: Some(load),
        ..volume
    };
    let owners = OwnerCount::Below(InodeId::new(0x9192_9394_9596_9798));
    let counting = Volume { owners, ..volume };
    let both = Volume { owners, ..loading };
    let forgetting = Volume {
        owners: OwnerCount::Forgetting,
        ..volume
    };
    let keeping = Volume {
        trash: Some(Trash {
            directory: InodeId::new(0x0004_a1a2_a3a4_a5a6),
            keep_seconds: 0xb1b2_b3b4_b5b6_b7b8,
            hour: -0x1112_1314,
        }),
        ..volume
    };
    vec![
        ("volume", volume),
        ("volume_loading", loading),
        ("volume_counting", counting),
        ("volume_counting_loading", both),
        ("volume_forgetting", forgetting),
        ("volume_trash", keeping),
        ("volume_counting_trash", Volume { owners, ..keeping }),
    ]
}

pub(crate) fn dentry() -> Dentry {
    Dentry {
        ino: InodeId::new(0x0102_0304_0506_0708),
        kind: FileKind::Symlink,
        cookie: Cookie(0x1112_1314_1516_1718),
    }
}

pub(crate) fn order() -> OrderEntry {
    OrderEntry {
        ino: InodeId::new(0x0102_0304_0506_0708),
        kind: FileKind::Socket,
        name: name(),
    }
}

pub(crate) fn extents() -> Vec<(&'static str, Extent)> {
    let zero = Extent {
        length: 0x0102_0304_0506_0708,
        home: ExtentHome::Zero,
    };
    let block = Extent {
        length: 0x1112,
        home: ExtentHome::Block {
            block: BlockId(0x2122_2324_2526_2728),
            start: 0x3132,
        },
    };
    vec![("extent_zero", zero), ("extent_block", block)]
}

pub(crate) fn shared() -> Shared {
    Shared {
        extents: 0x0102_0304_0506_0708,
    }
}

pub(crate) fn orphans() -> Vec<(&'static str, Orphan)> {
    let begun = Orphan {
        cleared: 0x0102_0304_0506_0708,
    };
    vec![("orphan", Orphan::default()), ("orphan_begun", begun)]
}

pub(crate) fn quotas() -> Vec<(&'static str, Quota)> {
    let outer = Quota {
        outer: None,
        limits: Amounts {
            bytes: 0x1112_1314_1516_1718,
            inodes: Amounts::NO_LIMIT,
        },
        used: Amounts {
            bytes: 0x3132_3334_3536_3738,
            inodes: 0x4142_4344_4546_4748,
        },
    };
    let inner = Quota {
        outer: Some(InodeId::new(0x0102_0304_0506_0708)),
        ..outer
    };
    vec![("quota", inner), ("quota_outermost", outer)]
}

pub(crate) fn owner_quota() -> OwnerQuota {
    OwnerQuota {
        limits: Amounts {
            bytes: 0x1112_1314_1516_1718,
            inodes: Amounts::NO_LIMIT,
        },
        used: Amounts {
            bytes: 0x3132_3334_3536_3738,
            inodes: 0x4142_4344_4546_4748,
        },
    }
}

pub(crate) fn outcomes() -> Vec<(&'static str, Outcome)> {
    let ino = InodeId::new(0x0102_0304_0506_0708);
    let attributes = inode(InodeBody::Fifo).attributes(ino);
    let entry = Answer::Entry {
        attributes: Attributes {
            kind: FileKind::Directory,
            ..attributes.clone()
        },
        created: true,
    };
    let removed = Answer::Removed {
        ino,
        orphaned: true,
    };
    let renamed = Answer::Renamed {
        orphaned: Some(ino),
    };
    let written = Answer::Written {
        offset: 0x1112_1314_1516_1718,
        length: 0x2122_2324_2526_2728,
    };
    let reclaimed = Answer::Reclaimed {
        unfinished: vec![ino, InodeId::new(9)],
    };
    vec![
        ("outcome_error", Err(PosixError::NotSupported)),
        ("outcome_over_quota", Err(PosixError::QuotaExceeded)),
        ("outcome_other_tree", Err(PosixError::CrossDevice)),
        (
            "outcome_another_directory",
            Err(PosixError::AnotherDirectory),
        ),
        ("outcome_done", Ok(Answer::Done)),
        ("outcome_entry", Ok(entry)),
        ("outcome_attributes", Ok(Answer::Attributes(attributes))),
        ("outcome_removed", Ok(removed)),
        ("outcome_renamed", Ok(renamed)),
        ("outcome_written", Ok(written)),
        ("outcome_reclaimed", Ok(reclaimed)),
        ("outcome_locked", Ok(Answer::Locked)),
        ("outcome_waiting", Ok(Answer::Waiting)),
    ]
}

pub(crate) fn keys() -> Vec<(&'static str, Vec<u8>)> {
    let ino = InodeId::new(0x0102_0304_0506_0708);
    let block = BlockId(0x1112_1314_1516_1718);
    let request = RequestId {
        session: SessionId(0x2122_2324_2526_2728),
        sequence: 0x3132_3334_3536_3738,
        acknowledged: 1,
    };
    let owner = LockOwner(0x6162_6364_6566_6768);
    vec![
        ("key_volume", keys::volume()),
        ("key_inode", keys::inode(ino)),
        ("key_dentry", keys::dentry(ino, name().as_bytes())),
        ("key_order", keys::order(ino, Cookie(0x4142_4344_4546_4748))),
        ("key_xattr", keys::xattr(ino, b"user.x")),
        ("key_extent", keys::extent(ino, 0x5152_5354_5556_5758)),
        ("key_block", keys::block(block)),
        ("key_shared", keys::shared(block)),
        ("key_orphan", keys::orphan(ino)),
        ("key_quota", keys::quota(ino)),
        ("key_user", keys::owner(Owner::User(0x0102_0304))),
        ("key_group", keys::owner(Owner::Group(0x0102_0304))),
        ("key_request", keys::request(request)),
        ("key_session", keys::session(request.session)),
        ("key_closed_session", keys::closed_session(request.session)),
        ("key_position", keys::position()),
        (
            "key_lock",
            keys::lock(
                ino,
                LockSpace::Posix,
                request.session,
                owner,
                0x5152_5354_5556_5758,
            ),
        ),
        (
            "key_waiter",
            keys::waiter(ino, LockSpace::Flock, Turn(0x7172_7374_7576_7778)),
        ),
        (
            "key_pending",
            keys::pending(request.session, request.sequence),
        ),
        ("key_locks", keys::lock_count(request.session)),
        (
            "key_locks_of_inode",
            keys::lock_count_at(request.session, ino),
        ),
        ("key_turn", keys::turn()),
    ]
}

pub(crate) fn session() -> SessionRecord {
    SessionRecord {
        acknowledged: 0x0102_0304_0506_0708,
        opened: time(-2, 999_999_999),
        process: 0x1112_1314,
        host: "host".to_owned(),
        version: "0.2.0".to_owned(),
        mountpoint: "/mnt/\u{e9}".to_owned(),
    }
}

pub(crate) fn catalogs() -> Vec<(&'static str, CatalogRecord)> {
    let empty = CatalogRecord {
        applied: LogIndex(0x0102_0304_0506_0708),
        next_volume: 0x1112_1314_1516_1718,
        cluster_id: None,
    };
    let created = CatalogRecord {
        cluster_id: Some(std::array::from_fn(|place| 0x20 + place as u8)),
        ..empty
    };
    vec![("catalog", created), ("catalog_empty", empty)]
}

pub(crate) fn deletions() -> DeletionsRecord {
    let request = |first: u8| std::array::from_fn(|place| first + place as u8);
    DeletionsRecord {
        requests: vec![request(0x20), request(0x30)],
    }
}

pub(crate) const CATALOG_ID: u64 = 0x0102_0304_0506_0708;

pub(crate) fn catalog_nodes() -> Vec<(&'static str, NodeRecord)> {
    let node = |role| NodeRecord {
        id: CATALOG_ID,
        address: "host:7100".to_owned(),
        incarnation: std::array::from_fn(|place| 0x20 + place as u8),
        role,
    };
    vec![
        ("node_voter", node(NodeRole::Voter)),
        ("node_learner", node(NodeRole::Learner)),
    ]
}

pub(crate) fn catalog_volumes() -> Vec<(&'static str, VolumeRecord)> {
    let volume = |replication| VolumeRecord {
        id: CATALOG_ID,
        name: "home-2".to_owned(),
        replication,
        format: Format {
            generation: 0x1112_1314,
            now: time(-2, 999_999_999),
            uid: 0x2122_2324,
            gid: 0x3132_3334,
            mode: Mode::new(0o7644),
            awaits_load: false,
        },
        initial_voters: vec![1, 0x4142_4344_4546_4748],
    };
    let mut awaits_load = volume(ReplicationMode::Quorum);
    awaits_load.format.awaits_load = true;
    vec![
        ("listed_quorum", volume(ReplicationMode::Quorum)),
        ("listed_all", volume(ReplicationMode::All)),
        ("listed_awaits_load", awaits_load),
    ]
}

type Decode = fn(&[u8]) -> Result<(), Fault>;

/// What reads a fixture whose first byte is a version.
pub(crate) fn decoder(name: &str) -> Option<Decode> {
    let kind = name.split('_').next().unwrap_or_default();
    Some(match kind {
        "volume" => |bytes| Volume::decode(bytes).map(drop),
        "inode" => |bytes| Inode::decode(bytes).map(drop),
        "dentry" => |bytes| Dentry::decode(bytes).map(drop),
        "order" => |bytes| OrderEntry::decode(bytes).map(drop),
        "extent" => |bytes| Extent::decode(bytes).map(drop),
        "shared" => |bytes| Shared::decode(bytes).map(drop),
        "xattr" => |bytes| Xattr::decode(bytes).map(drop),
        "orphan" => |bytes| Orphan::decode(bytes).map(drop),
        "position" => |bytes| PositionRecord::decode(bytes).map(drop),
        "quota" => |bytes| Quota::decode(bytes).map(drop),
        "owner" => |bytes| OwnerQuota::decode(bytes).map(drop),
        "session" => |bytes| SessionRecord::decode(bytes).map(drop),
        "catalog" => |bytes| CatalogRecord::decode(bytes).map(drop),
        "deletions" => |bytes| DeletionsRecord::decode(bytes).map(drop),
        "node" => |bytes| NodeRecord::decode(1, bytes).map(drop),
        "listed" => |bytes| VolumeRecord::decode(1, bytes).map(drop),
        "lock" => |bytes| LockRecord::decode(bytes).map(drop),
        "locks" => |bytes| LockCount::decode(bytes).map(drop),
        "waiter" => |bytes| WaiterRecord::decode(bytes).map(drop),
        "pending" => |bytes| PendingRecord::decode(bytes).map(drop),
        "turn" => |bytes| TurnRecord::decode(bytes).map(drop),
        "outcome" => |bytes| OutcomeRecord::decode(bytes).map(drop),
        _ => return None,
    })
}

/// The same in a group of replicas: with a position, and the session that sent the request.
pub(crate) fn replicated_state() -> BTreeMap<Vec<u8>, Vec<u8>> {
    let session = SessionRecord {
        acknowledged: 2,
        ..session()
    };
    let mut entries = state();
    entries.extend([
        (keys::session(SessionId(1)), session.encode().to_vec()),
        (keys::closed_session(SessionId(7)), Vec::new()),
        (keys::position(), PositionRecord::encode(NOTE).to_vec()),
    ]);
    entries
}

/// The state in the snapshot: a root directory (1) with a file (2) of one block, one attribute.
pub(crate) fn state() -> BTreeMap<Vec<u8>, Vec<u8>> {
    let (root, file) = (InodeId::ROOT, InodeId::new(2));
    let (kind, cookie, block) = (FileKind::Regular, Cookie::FIRST, BlockId(1));
    let small = |size, nlink, body| Inode {
        nlink,
        size,
        allocated: 0,
        xattrs: 0,
        ..inode(body)
    };
    let directory = DirectoryBody {
        parent: root,
        next_cookie: Cookie(4),
    };
    let regular = Inode {
        allocated: 5,
        xattrs: 1,
        ..small(5, 1, InodeBody::Regular)
    };
    let volume = Volume {
        generation: 7,
        applied: LogIndex(3),
        next_inode: 3,
        next_block: 2,
        inodes: 2,
        allocated: 5,
        owners: OwnerCount::Off,
        trash: None,
        load: None,
    };
    let home = ExtentHome::Block { block, start: 0 };
    let dentry = Dentry {
        ino: file,
        kind,
        cookie,
    };
    let order = OrderEntry {
        ino: file,
        kind,
        name: name(),
    };
    let request = RequestId {
        session: SessionId(1),
        sequence: 2,
        acknowledged: 0,
    };
    let outcome = OutcomeRecord {
        outcome: Ok(Answer::Done),
    };
    let entries: Vec<(Vec<u8>, Bytes)> = vec![
        (keys::volume(), volume.encode()),
        (
            keys::inode(root),
            small(1, 2, InodeBody::Directory(directory)).encode(),
        ),
        (keys::inode(file), regular.encode()),
        (keys::dentry(root, name().as_bytes()), dentry.encode()),
        (keys::order(root, cookie), order.encode()),
        (keys::extent(file, 0), Extent { length: 5, home }.encode()),
        (keys::block(block), Bytes::from_static(b"hello")),
        (keys::xattr(file, b"user.x"), Xattr::encode(XATTR)),
        (keys::request(request), outcome.encode()),
    ];
    entries
        .into_iter()
        .map(|(key, value)| (key, value.to_vec()))
        .collect()
}
