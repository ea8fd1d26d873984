//! Every query.

use holdfast_metadata::{Cookie, Credentials, Query, SeekTarget};

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
        ("query_sessions", Query::Sessions),
    ]
}
