//! What is left as it is, because it would lose something or could be one thing or another.

use super::{assert_left, order, repaired};
use crate::invariant::testing::{DIRECTORY, FILE, ORPHAN, SYMLINK, State, zeros};
use crate::keys::{self, BlockId};
use crate::record::{Dentry, OwnerQuota, TurnRecord};
use crate::types::{Amounts, Cookie, FileKind, InodeId, Owner, Turn};

#[test]
fn what_would_lose_something_is_left() {
    assert_left(|state| state.put(keys::block(BlockId(3)), b"lost"));
    assert_left(|state| state.put(keys::extent(InodeId::new(60), 7), &zeros(1)));
    assert_left(|state| state.put(keys::xattr(InodeId::new(60), b"user.x"), &[1]));
    assert_left(|state| state.change(FILE, |inode| inode.size = 99));
    assert_left(|state| state.put(b"Fx".to_vec(), b""));
    assert_left(|state| state.change(FILE, |inode| inode.size = u64::MAX));
    assert_left(|state| state.change(SYMLINK, |inode| inode.size = 3));
    // Which numbers were given out?
    assert_left(|state| state.change_volume(|volume| volume.next_block = u64::MAX));
    assert_left(|state| state.change_volume(|volume| volume.next_inode = u64::MAX));
    assert_left(|state| state.change_volume(|volume| volume.applied.0 = u64::MAX));
    assert_left(|state| {
        let next = Turn(u64::MAX);
        state.put(keys::turn(), &TurnRecord { next }.encode());
    });
    // A second name of a directory: which one is it?
    assert_left(|state| {
        state.put_name(InodeId::ROOT, "again", DIRECTORY, FileKind::Directory, 6);
    });
    // A name that leads nowhere.
    assert_left(|state| state.delete(keys::inode(SYMLINK)));
    // A name in a directory that is not there counts for nothing.
    assert_left(|state| {
        state.delete(keys::dentry(InodeId::ROOT, b"directory"));
        state.delete(keys::order(InodeId::ROOT, Cookie(4)));
        state.put_name(InodeId::new(77), "x", DIRECTORY, FileKind::Directory, 3);
    });
    // What is lost with a directory is not put back into what is not there.
    assert_left(|state| {
        state.delete(keys::inode(DIRECTORY));
        state.delete(keys::dentry(DIRECTORY, b"symlink"));
    });
    // Two names claim one place; two inodes claim one name.
    assert_left(|state| {
        let dentry = state.dentry(InodeId::ROOT, "file");
        state.put(keys::dentry(InodeId::ROOT, b"other"), &dentry.encode());
    });
    assert_left(|state| {
        state.delete(keys::dentry(InodeId::ROOT, b"link"));
        let other = order(SYMLINK, FileKind::Symlink, "link");
        state.put(keys::order(InodeId::ROOT, Cookie(2)), &other);
    });
    // The kind of a name is wrong in both its records.
    assert_left(|state| {
        state.put_name(InodeId::ROOT, "link", FILE, FileKind::Directory, 5);
    });
    // Limits that somebody has set.
    assert_left(|state| {
        let quota = OwnerQuota {
            limits: Amounts {
                bytes: 5,
                inodes: 5,
            },
            ..OwnerQuota::NOTHING
        };
        state.put(keys::owner(Owner::User(7)), &quota.encode());
    });
}

/// Only what counts its names can tell whether a name was lost or has been removed.
#[test]
fn a_name_comes_back_if_the_inode_counts_it() {
    let old = || order(FILE, FileKind::Regular, "old");
    assert_left(|state| state.put(keys::order(InodeId::ROOT, Cookie(2)), &old()));
    let again = || order(DIRECTORY, FileKind::Directory, "old");
    assert_left(|state| state.put(keys::order(InodeId::ROOT, Cookie(2)), &again()));
    for ino in [ORPHAN, InodeId::new(44)] {
        let ghost = order(ino, FileKind::Regular, "ghost");
        assert_left(|state| state.put(keys::order(InodeId::ROOT, Cookie(2)), &ghost));
        let dentry = Dentry {
            ino,
            kind: FileKind::Regular,
            cookie: Cookie(6),
        };
        let ghost = keys::dentry(InodeId::ROOT, b"ghost");
        assert_left(|state| state.put(ghost, &dentry.encode()));
    }
    // Its link count is lost with its names: what is listed is left, and no note has it removed.
    assert_left(|state| {
        state.change(FILE, |inode| inode.nlink = 0);
        state.delete(keys::dentry(InodeId::ROOT, b"file"));
        state.delete(keys::dentry(InodeId::ROOT, b"link"));
    });
}

#[test]
fn what_is_behind_a_rule_that_is_broken_for_good_is_left() {
    // One that does not decode may have had a part in anything.
    assert_left(|state| {
        state.put(keys::extent(FILE, 0), &[99]);
        state.change(FILE, |inode| inode.xattrs = 9);
        state.change_volume(|volume| volume.inodes = 9);
    });
    assert_left(|state| {
        state.put(keys::dentry(InodeId::ROOT, b"link"), &[99]);
        state.change_volume(|volume| volume.inodes = 9);
    });
    // The extents overlap: neither sum is right.
    assert_left(|state| {
        state.put(keys::extent(FILE, 99), &zeros(1));
        state.change(FILE, |inode| inode.xattrs = 9);
    });
    // An extent is lost: that the sum is too large tells of it.
    assert_left(|state| {
        state.delete(keys::extent(FILE, 0));
        state.delete(keys::extent(ORPHAN, 0));
    });
    // Of one that is not in a block nothing else is left, but the volume counts it as well.
    assert_left(|state| state.delete(keys::extent(FILE, 100)));
    assert_left(|state| {
        state.delete(keys::extent(FILE, 100));
        state.change_volume(|volume| volume.allocated = 9);
    });
    // What is before it is mended.
    let mut state = State::sound();
    state.put(keys::extent(FILE, 99), &zeros(1));
    state.change(FILE, |inode| inode.nlink = 9);
    let (mended, left) = repaired(&state);
    assert_eq!(mended, ["names: inode 2 has 2 names but link count 9"]);
    assert!(left[0].starts_with("extents: "), "{left:#?}");
}

#[test]
fn the_root_is_never_removed() {
    let mut state = State::empty_tree();
    state.change(InodeId::ROOT, |inode| inode.nlink = 0);
    assert_eq!(repaired(&state).1, Vec::<String>::new());
    assert_eq!(state.inode(InodeId::ROOT).nlink, 2);
}

#[test]
fn numbers_that_were_never_given_out_raise_no_counter() {
    assert_left(|state| {
        state.put(keys::block(BlockId(u64::MAX)), b"x");
    });
    assert_left(|state| {
        state.put_name(InodeId::ROOT, "link", FILE, FileKind::Regular, u64::MAX - 1);
        state.delete(keys::order(InodeId::ROOT, Cookie(5)));
    });
}
