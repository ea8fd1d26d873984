//! What is mended.

mod left;

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use bytes::Bytes;

use super::repair;
use crate::invariant::testing::{BLOCK, DIRECTORY, FILE, ORPHAN, SYMLINK, State, part};
use crate::keys::{self, BlockId};
use crate::record::{
    Dentry, DirectoryBody, Inode, InodeBody, OrderEntry, Orphan, OwnerQuota, Place, Places, Quota,
    Shared, Xattr,
};
use crate::store::{Engine, View};
use crate::types::{
    Amounts, Cookie, FileKind, FileName, InodeId, Mode, Owner, OwnerCount, Timestamp,
};

const NOW: Timestamp = Timestamp {
    seconds: 7,
    nanoseconds: 0,
};

/// What was mended, and what is left.
fn repaired(state: &State) -> (Vec<String>, Vec<String>) {
    let repair = repair(state.engine(), NOW, &mut |_| ());
    let told = |violations: Vec<_>| violations.iter().map(ToString::to_string).collect();
    (told(repair.mended), told(repair.left.unwrap()))
}

/// Everything is as it was before the damage, to the byte.
#[track_caller]
fn assert_undone(damage: impl FnOnce(&mut State)) {
    assert_undone_in(State::sound(), damage);
}

#[track_caller]
fn assert_undone_in(mut state: State, damage: impl FnOnce(&mut State)) {
    assert_eq!(state.violations(), Vec::<String>::new());
    let before = state.entries();
    damage(&mut state);
    assert_ne!(state.entries(), before);
    let (mended, left) = repaired(&state);
    assert_eq!(left, Vec::<String>::new(), "mended: {mended:#?}");
    assert!(!mended.is_empty());
    let after = state.entries();
    let differ = before.symmetric_difference(&after).collect::<Vec<_>>();
    assert!(differ.is_empty(), "{differ:?}, mended: {mended:#?}");
}

/// What is wrong cannot be mended, and nothing is touched.
#[track_caller]
fn assert_left(damage: impl FnOnce(&mut State)) {
    let mut state = State::sound();
    damage(&mut state);
    let (before, found) = (state.entries(), state.violations());
    assert!(!found.is_empty());
    assert_eq!(repaired(&state), (Vec::new(), found));
    assert_eq!(state.entries(), before);
}

fn body(parent: InodeId, next_cookie: u64) -> InodeBody {
    InodeBody::Directory(DirectoryBody {
        parent,
        next_cookie: Cookie(next_cookie),
    })
}

#[test]
fn a_sound_state_is_not_touched() {
    let state = State::sound();
    let before = state.entries();
    assert_eq!(repaired(&state), (Vec::new(), Vec::new()));
    assert_eq!(state.entries(), before);
}

#[test]
fn counters_are_counted() {
    assert_undone(|state| state.change_volume(|volume| volume.inodes = 9));
    assert_undone(|state| state.change_volume(|volume| volume.allocated = 1));
    assert_undone(|state| state.change(FILE, |inode| inode.xattrs = 4));
    assert_undone(|state| state.change(FILE, |inode| inode.allocated = 4));
    let mut state = State::sound();
    state.change_volume(|volume| {
        volume.next_inode = 3;
        volume.next_block = 0;
    });
    assert_eq!(repaired(&state).1, Vec::<String>::new());
    let volume = state.volume();
    assert_eq!((volume.next_inode, volume.next_block), (6, 2));
}

#[test]
fn directories_are_counted() {
    assert_undone(|state| state.change(InodeId::ROOT, |inode| inode.size = 0));
    assert_undone(|state| state.change(InodeId::ROOT, |inode| inode.nlink = 2));
    assert_undone(|state| state.change(InodeId::ROOT, |inode| inode.nlink = 0));
    assert_undone(|state| state.change(DIRECTORY, |inode| inode.nlink = 0));
    for next in [3, (1 << 62) + 1, u64::MAX] {
        let wrong = body(InodeId::ROOT, next);
        assert_undone(|state| state.change(InodeId::ROOT, |inode| inode.body = wrong));
    }
}

#[test]
fn a_directory_is_where_its_name_is() {
    assert_undone(|state| state.change(DIRECTORY, |inode| inode.body = body(DIRECTORY, 4)));
    assert_undone(|state| state.change(DIRECTORY, |inode| inode.body = body(InodeId::new(99), 4)));
}

#[test]
fn a_name_that_is_there_only_once_is_there_twice_again() {
    assert_undone(|state| state.delete(keys::order(InodeId::ROOT, Cookie(3))));
    assert_undone(|state| state.delete(keys::dentry(InodeId::ROOT, b"file")));
    assert_undone(|state| state.delete(keys::dentry(InodeId::ROOT, b"directory")));
    // Two names of one inode.
    assert_undone(|state| {
        state.delete(keys::order(InodeId::ROOT, Cookie(3)));
        state.delete(keys::dentry(InodeId::ROOT, b"link"));
    });
}

#[test]
fn a_name_that_says_another_place_is_where_it_is_listed() {
    for cookie in [2, 77, u64::MAX] {
        assert_undone(|state| {
            let dentry = Dentry {
                cookie: Cookie(cookie),
                ..state.dentry(InodeId::ROOT, "file")
            };
            state.put(keys::dentry(InodeId::ROOT, b"file"), &dentry.encode());
        });
    }
}

#[test]
fn a_name_that_is_listed_twice_is_listed_where_it_says() {
    let again = order(FILE, FileKind::Regular, "file");
    assert_undone(|state| state.put(keys::order(InodeId::ROOT, Cookie(9)), &again));
}

#[test]
fn a_name_that_is_listed_twice_stays_where_a_listing_shows_it() {
    let again = order(FILE, FileKind::Regular, "file");
    for cookie in [0, 2, u64::MAX] {
        assert_undone(|state| {
            let dentry = Dentry {
                cookie: Cookie(cookie),
                ..state.dentry(InodeId::ROOT, "file")
            };
            state.put(keys::dentry(InodeId::ROOT, b"file"), &dentry.encode());
            state.put(keys::order(InodeId::ROOT, Cookie(cookie)), &again);
        });
    }
    // Where no listing begins.
    assert_undone(|state| state.put(keys::order(InodeId::ROOT, Cookie(0)), &again));
}

#[test]
fn a_link_count_follows_the_names() {
    assert_undone(|state| state.change(FILE, |inode| inode.nlink = 3));
    assert_undone(|state| state.change(FILE, |inode| inode.nlink = 1));
    assert_undone(|state| state.change(FILE, |inode| inode.nlink = 0));
}

#[test]
fn orphans_are_those_without_a_name() {
    assert_undone(|state| state.put(keys::orphan(FILE), b""));
    assert_undone(|state| state.put(keys::orphan(InodeId::new(50)), b""));
    let nonsense = Orphan { cleared: u64::MAX }.encode();
    assert_undone(|state| state.put(keys::orphan(ORPHAN), &nonsense));
    assert_undone(|state| state.put(keys::orphan(FILE), &nonsense));
}

#[test]
fn a_place_is_said_once() {
    let place = |cookie| Place {
        directory: InodeId::ROOT,
        cookie: Cookie(cookie),
    };
    let mut state = State::sound();
    state.change(FILE, |inode| inode.places = Places::of(place(5)));
    assert_undone_in(state, |state| {
        state.change(FILE, |inode| inode.places.second = inode.places.first);
    });
    // Neither of them is right, and there are two that may be.
    assert_undone(|state| {
        state.change(FILE, |inode| {
            inode.places = Places::of(place(4));
            inode.places.second = inode.places.first;
        });
    });
}

#[test]
fn shared_blocks_are_counted() {
    assert_undone(|state| state.delete(keys::shared(BLOCK)));
    assert_undone(|state| state.put(keys::shared(BLOCK), &Shared { extents: 7 }.encode()));
    assert_undone(|state| state.put(keys::shared(BlockId(9)), &Shared { extents: 2 }.encode()));
}

#[test]
fn quotas_are_counted() {
    let mut state = State::sound();
    let tree = Some(DIRECTORY);
    state.change(DIRECTORY, |inode| inode.tree = tree);
    state.change(SYMLINK, |inode| inode.tree = tree);
    let quota = |inodes, bytes| Quota {
        outer: None,
        limits: Amounts::UNLIMITED,
        used: Amounts { bytes, inodes },
    };
    state.put(keys::quota(DIRECTORY), &quota(2, 0).encode());
    assert_undone_in(state, |state| {
        state.put(keys::quota(DIRECTORY), &quota(3, 5).encode());
    });
}

#[test]
fn owners_are_counted() {
    let uses = |inodes, bytes| {
        let limits = Amounts::UNLIMITED;
        let used = Amounts { bytes, inodes };
        OwnerQuota { limits, used }.encode()
    };
    let counted = || {
        let mut state = State::sound();
        state.change_volume(|volume| volume.owners = OwnerCount::ALL);
        for owner in [Owner::User(0), Owner::Group(0)] {
            state.put(keys::owner(owner), &uses(5, 250));
        }
        state
    };
    let root = || keys::owner(Owner::User(0));
    assert_undone_in(counted(), |state| state.delete(root()));
    assert_undone_in(counted(), |state| state.put(root(), &uses(4, 9)));
    let nobody = keys::owner(Owner::User(9));
    assert_undone_in(counted(), |state| state.put(nobody, &uses(0, 9)));
    assert_undone(|state| state.put(root(), &uses(5, 250)));
}

#[test]
fn what_is_wrong_in_many_ways_is_mended_in_the_order_of_the_rules() {
    assert_undone(|state| {
        state.delete(keys::dentry(InodeId::ROOT, b"file"));
        state.delete(keys::order(InodeId::ROOT, Cookie(5)));
        state.put(keys::orphan(FILE), b"");
        state.change(FILE, |inode| (inode.xattrs, inode.allocated) = (0, 1));
        state.change(InodeId::ROOT, |inode| {
            (inode.nlink, inode.size, inode.body) = (9, 2, body(DIRECTORY, 4));
        });
        state.change_volume(|volume| (volume.inodes, volume.allocated) = (0, 0));
    });
}

#[test]
fn an_inode_that_has_lost_its_names_gets_one() {
    let mut state = State::sound();
    for (name, cookie) in [("file", 3), ("directory", 4), ("link", 5)] {
        state.delete(keys::dentry(InodeId::ROOT, name.as_bytes()));
        state.delete(keys::order(InodeId::ROOT, Cookie(cookie)));
    }
    let (mended, left) = repaired(&state);
    assert_eq!(left, Vec::<String>::new(), "mended: {mended:#?}");
    let root = state.inode(InodeId::ROOT);
    assert_eq!((root.size, root.nlink), (1, 3));
    let place = state.dentry(InodeId::ROOT, "lost+found").ino;
    let inode = state.inode(place);
    assert_eq!((inode.mode.bits(), inode.uid, inode.size), (0o700, 0, 2));
    assert_eq!(state.dentry(place, "#2").ino, FILE);
    assert_eq!(state.inode(FILE).nlink, 1);
    assert_eq!(state.dentry(place, "#3").ino, DIRECTORY);
    assert_eq!(state.dentry(DIRECTORY, "symlink").ino, SYMLINK);
    assert_eq!(state.inode(DIRECTORY).body, body(place, 4));
    // The same directory takes what is lost later, though it gives out places that there are not, and the name was taken.
    state.change(place, |inode| {
        inode.body = body(InodeId::ROOT, u64::MAX);
    });
    for (name, cookie) in [("#2", 3), ("#3", 4)] {
        state.delete(keys::order(place, Cookie(cookie)));
        let value = state.get(&keys::dentry(place, name.as_bytes()));
        state.delete(keys::dentry(place, name.as_bytes()));
        assert_eq!(Dentry::decode(&value).unwrap().cookie, Cookie(cookie));
    }
    let other = state.dentry(DIRECTORY, "symlink");
    state.put_name(place, "#2", other.ino, other.kind, 3);
    state.change(SYMLINK, |inode| inode.nlink = 2);
    assert_eq!(repaired(&state).1, Vec::<String>::new());
    assert_eq!(state.dentry(place, "#2").ino, SYMLINK);
    assert_eq!(state.dentry(place, "#2~").ino, FILE);
    assert_eq!(state.dentry(place, "#3").ino, DIRECTORY);
}

/// With a note its data would be gone after the next mount.
#[test]
fn an_inode_that_nobody_notes_as_removed_gets_a_name() {
    let mut state = State::sound();
    state.delete(keys::orphan(ORPHAN));
    assert_eq!(repaired(&state).1, Vec::<String>::new());
    let place = state.dentry(InodeId::ROOT, "lost+found").ino;
    assert_eq!(state.dentry(place, "#4").ino, ORPHAN);
    assert_eq!(state.inode(ORPHAN).nlink, 1);
    // A directory that was removed and is held open by nobody any more.
    let mut state = State::sound();
    state.delete(keys::dentry(DIRECTORY, b"symlink"));
    state.delete(keys::order(DIRECTORY, Cookie(3)));
    state.change(DIRECTORY, |inode| (inode.nlink, inode.size) = (0, 0));
    state.delete(keys::dentry(InodeId::ROOT, b"directory"));
    state.delete(keys::order(InodeId::ROOT, Cookie(4)));
    state.change(InodeId::ROOT, |inode| (inode.nlink, inode.size) = (2, 2));
    state.delete(keys::inode(SYMLINK));
    state.change_volume(|volume| volume.inodes = 4);
    assert_eq!(repaired(&state).1, Vec::<String>::new());
    let place = state.dentry(InodeId::ROOT, "lost+found").ino;
    assert_eq!(state.dentry(place, "#3").ino, DIRECTORY);
    assert_eq!(state.inode(DIRECTORY).nlink, 2);
}

/// The names of the symlink are lost, and then something else is done.
#[track_caller]
fn assert_not_rescued(damage: impl FnOnce(&mut State)) {
    assert_left(|state| {
        state.delete(keys::dentry(DIRECTORY, b"symlink"));
        state.delete(keys::order(DIRECTORY, Cookie(3)));
        state.change(DIRECTORY, |inode| inode.size = 0);
        damage(state);
    });
}

#[test]
fn what_cannot_be_given_a_name_is_left() {
    let add = |state: &mut State, name: &str, ino, kind| {
        state.put_name(InodeId::ROOT, name, ino, kind, 6);
        state.change(InodeId::ROOT, |inode| {
            inode.size += 1;
            inode.nlink += u32::from(kind == FileKind::Directory);
            inode.body = body(InodeId::ROOT, 7);
        });
    };
    // There is something else of that name.
    assert_not_rescued(|state| {
        add(state, "lost+found", FILE, FileKind::Regular);
        state.change(FILE, |inode| inode.nlink = 3);
    });
    // Others may go into the directory, or it is not root's.
    for (uid, mode) in [(0, 0o755), (1000, 0o700)] {
        assert_not_rescued(|state| {
            let place = InodeId::new(9);
            let mut inode = state.inode(DIRECTORY);
            (inode.uid, inode.mode) = (uid, Mode::new(mode));
            state.put(keys::inode(place), &inode.encode());
            add(state, "lost+found", place, FileKind::Directory);
            state.change_volume(|volume| volume.inodes += 1);
        });
    }
    // There is no place left in the directory, or no number for one.
    for last in [(1 << 62) - 2, (1 << 62) - 100_000] {
        assert_not_rescued(|state| {
            state.put_name(InodeId::ROOT, "last", FILE, FileKind::Regular, last);
            state.change(FILE, |inode| inode.nlink = 3);
            state.change(InodeId::ROOT, |inode| {
                inode.size += 1;
                inode.body = body(InodeId::ROOT, last + 1);
            });
        });
    }
    assert_not_rescued(|state| state.change_volume(|volume| volume.next_inode = 1 << 48));
    // It would leave its quota tree; or a new directory would have to be counted.
    assert_not_rescued(|state| state.change(SYMLINK, |inode| inode.tree = Some(DIRECTORY)));
    assert_not_rescued(|state| state.change_volume(|volume| volume.owners = OwnerCount::ALL));
}

#[test]
fn lost_and_found_takes_no_place_and_no_number_of_others() {
    let mut state = State::sound();
    // All counters are behind, and of an inode that is gone there is an attribute left.
    state.delete(keys::dentry(DIRECTORY, b"symlink"));
    state.delete(keys::order(DIRECTORY, Cookie(3)));
    state.change(DIRECTORY, |inode| inode.size = 0);
    state.change_volume(|volume| volume.next_inode = 5);
    state.put(
        keys::xattr(InodeId::new(12), b"user.x"),
        &Xattr::encode(b""),
    );
    repaired(&state);
    let place = state.dentry(InodeId::ROOT, "lost+found");
    assert_eq!((place.ino.get(), place.cookie), (13, Cookie(6)));
    for (name, ino) in [("file", FILE), ("directory", DIRECTORY), ("link", FILE)] {
        assert_eq!(state.dentry(InodeId::ROOT, name).ino, ino);
    }
}

fn order(ino: InodeId, kind: FileKind, name: &str) -> Bytes {
    let name = FileName::new(name.as_bytes()).unwrap();
    OrderEntry { ino, kind, name }.encode()
}

#[test]
fn there_is_no_end_to_what_is_mended_at_once_but_of_what_is_listed() {
    let mut state = State::sound();
    for number in 0..3000 {
        state.put(keys::orphan(InodeId::new(1000 + number)), b"");
    }
    let (mended, left) = repaired(&state);
    assert_eq!((mended.len(), left.len()), (1001, 0));
    assert_eq!(mended[1000], "2000 more violations");
}

#[test]
fn an_extent_of_a_shared_block_that_came_back_is_counted() {
    let mut state = State::sound();
    state.put(keys::extent(FILE, 150), &part(BLOCK, 0, 50));
    state.change(FILE, |inode| inode.size = 200);
    assert_eq!(repaired(&state).1, Vec::<String>::new());
    let shared = state.get(&keys::shared(BLOCK));
    assert_eq!(Shared::decode(&shared).unwrap().extents, 3);
    assert_eq!(state.inode(FILE).allocated, 200);
    assert_eq!(state.volume().allocated, 300);
}

impl State {
    fn entries(&self) -> BTreeSet<(Vec<u8>, Vec<u8>)> {
        let mut entries = BTreeSet::new();
        let view = self.engine().view();
        let all = view.scan(&[], &[0xff; 300], &mut |key, value| {
            entries.insert((key.to_vec(), value.to_vec()));
            Ok(ControlFlow::Continue(()))
        });
        all.unwrap();
        entries
    }

    fn inode(&self, ino: InodeId) -> Inode {
        Inode::decode(&self.get(&keys::inode(ino))).unwrap()
    }

    fn dentry(&self, parent: InodeId, name: &str) -> Dentry {
        Dentry::decode(&self.get(&keys::dentry(parent, name.as_bytes()))).unwrap()
    }
}
