//! Inodes of every kind, with and without what not every one has.

use bytes::Bytes;
use holdfast_metadata::record::{DirectoryBody, Inode, InodeBody, Place, Places};
use holdfast_metadata::{Cookie, InodeFlags, InodeId, Mode};

use super::time;

pub(crate) fn inode(body: InodeBody) -> Inode {
    Inode {
        mode: Mode::new(0o7644),
        flags: InodeFlags::new(InodeFlags::SETTABLE).unwrap(),
        uid: 0x0102_0304,
        gid: 0x1112_1314,
        nlink: 0x2122_2324,
        generation: 0x3132_3334,
        device: 0x4142_4344,
        project: 0x5152_5354,
        xattrs: 0x6162_6364,
        size: 0x7172_7374_7576_7778,
        allocated: 0x0182_8384_8586_8788,
        atime: time(-2, 999_999_999),
        mtime: time(1 << 33, 1),
        ctime: time(i64::MAX, 2),
        btime: time(i64::MIN, 3),
        tree: None,
        places: Places::default(),
        body,
    }
}

fn in_tree(body: InodeBody) -> Inode {
    Inode {
        tree: Some(InodeId::new(0x0192_9394_9596_9798)),
        ..inode(body)
    }
}

fn placed(inode: Inode) -> Inode {
    let place = Place {
        directory: InodeId::new(0x0003_0000_0000_0a0b),
        cookie: Cookie(0x2122_2324_2526_2728),
    };
    Inode {
        places: Places::of(place),
        ..inode
    }
}

fn placed_twice(inode: Inode) -> Inode {
    let inode = placed(inode);
    let second = Place {
        directory: InodeId::new(0x0003_0000_0000_0c0d),
        cookie: Cookie(0x3132_3334_3536_3738),
    };
    let places = Places {
        second: Some(second),
        ..inode.places
    };
    Inode { places, ..inode }
}

pub(crate) fn inodes() -> Vec<(&'static str, Inode)> {
    let directory = DirectoryBody {
        parent: InodeId::new(0x0002_0000_0000_0003),
        next_cookie: Cookie(0x1112_1314_1516_1718),
    };
    vec![
        ("inode_regular", inode(InodeBody::Regular)),
        ("inode_directory", inode(InodeBody::Directory(directory))),
        (
            "inode_symlink",
            inode(InodeBody::Symlink(Bytes::from_static(b"../target"))),
        ),
        ("inode_fifo", inode(InodeBody::Fifo)),
        ("inode_socket", inode(InodeBody::Socket)),
        ("inode_character_device", inode(InodeBody::CharacterDevice)),
        ("inode_block_device", inode(InodeBody::BlockDevice)),
        ("inode_file_in_tree", in_tree(InodeBody::Regular)),
        ("inode_file_placed", placed(inode(InodeBody::Regular))),
        (
            "inode_directory_placed",
            placed(inode(InodeBody::Directory(directory))),
        ),
        (
            "inode_file_placed_twice",
            placed_twice(inode(InodeBody::Regular)),
        ),
        (
            "inode_fifo_placed_twice_in_tree",
            placed_twice(in_tree(InodeBody::Fifo)),
        ),
        (
            "inode_symlink_placed_in_tree",
            placed(in_tree(InodeBody::Symlink(Bytes::from_static(
                b"../target",
            )))),
        ),
        (
            "inode_directory_in_tree",
            in_tree(InodeBody::Directory(directory)),
        ),
    ]
}
