//! Every query.

use bytes::Bytes;
use holdfast_metadata::{
    Cookie, Credentials, LockMode, LockOwner, LockRange, LockSpace, Owner, Query, SeekTarget,
    SessionId, TestLock,
};

use super::{INO, Named, PARENT, name};

pub(crate) fn queries() -> Named<Query> {
    let lookup = Query::Lookup {
        parent: PARENT,
        name: name(),
    };
    let read_directory = Query::ReadDirectory {
        ino: INO,
        after: Cookie(0x4142),
        entries_max: 1024,
        with_attributes: true,
    };
    let read = Query::Read {
        ino: INO,
        offset: 1 << 33,
        length: 131_072,
    };
    let get_xattr = Query::GetXattr {
        ino: INO,
        name: Box::from(&b"user.x"[..]),
    };
    let seek = Query::Seek {
        ino: INO,
        offset: 4096,
        target: SeekTarget::Hole,
    };
    let access = Query::Access {
        ino: INO,
        mask: 6,
        credentials: Credentials {
            uid: 1000,
            gid: 100,
            groups: vec![4],
        },
    };
    let orphans = Query::Orphans {
        after: INO,
        inodes_max: 64,
    };
    let quotas = Query::Quotas {
        after: INO,
        quotas_max: 64,
    };
    let owners = Query::Owners {
        from: Owner::Group(7),
        owners_max: 64,
    };
    vec![
        ("query_lookup", lookup),
        ("query_parent", Query::Parent { ino: INO }),
        ("query_attributes", Query::Attributes { ino: INO }),
        ("query_readlink", Query::Readlink { ino: INO }),
        ("query_read_directory", read_directory),
        ("query_read", read),
        ("query_get_xattr", get_xattr),
        ("query_list_xattr", Query::ListXattr { ino: INO }),
        ("query_seek", seek),
        ("query_access", access),
        ("query_statistics", Query::Statistics),
        ("query_orphans", orphans),
        ("query_quotas_around", Query::QuotasAround { ino: INO }),
        ("query_quotas", quotas),
        ("query_owners", owners),
        ("query_sessions", Query::Sessions),
        ("query_squashed", squashed()),
    ]
    .into_iter()
    .chain(locks())
    .collect()
}

fn squashed() -> Query {
    Query::Squashed {
        credentials: Credentials {
            uid: 1000,
            gid: 70_000,
            groups: Vec::new(),
        },
        query: Box::new(Query::Attributes { ino: INO }),
    }
}

fn locks() -> Named<Query> {
    let test_lock = Query::TestLock(TestLock {
        ino: INO,
        space: LockSpace::Flock,
        session: SessionId(0x2122_2324),
        owner: LockOwner(0x5152_5354),
        range: LockRange {
            start: 0x4142,
            end: u64::MAX,
        },
        mode: LockMode::Shared,
    });
    let lock_ticket = Query::LockTicket {
        ino: INO,
        session: SessionId(0x2122_2324),
        sequence: 0x6162_6364,
    };
    let locks = Query::Locks {
        ino: Some(INO),
        after: Bytes::from_static(b"L\xff"),
        entries_max: 64,
    };
    vec![
        ("query_test_lock", test_lock),
        ("query_lock_ticket", lock_ticket),
        ("query_locks", locks),
    ]
}
