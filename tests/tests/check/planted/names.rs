//! Damages of names: what a tree of directories is made of.

use holdfast_metadata::invariant::Rule;
use holdfast_metadata::keys;
use holdfast_metadata::limits::FILE_BYTES_MAX;
use holdfast_metadata::record::{InodeBody, OrderEntry, Orphan, Place, Places, Trash};
use holdfast_metadata::{Cookie, FileKind, FileName, InodeId};

use super::spoilt::{NOBODY, Row, Spoilt};

pub(super) const DENTRIES: &[Row] = &[
    (Rule::Dentries, a_name_is_not_listed),
    (Rule::Dentries, a_listed_name_is_not_found),
    (Rule::Dentries, a_listing_says_another_kind),
];

pub(super) const DIRECTORIES: &[Row] = &[
    (Rule::Directories, the_size_of_a_directory_is_wrong),
    (Rule::Directories, subdirectories_are_not_counted),
    (Rule::Directories, a_cookie_was_not_given_out),
    (Rule::Directories, no_cookie_is_left),
    (Rule::Directories, a_file_holds_a_name),
    (Rule::Directories, a_directory_with_a_name_in_it_is_lost),
];

pub(super) const NAMES: &[Row] = &[
    (Rule::Names, a_link_count_is_wrong),
    (Rule::Names, a_name_leads_nowhere),
    (Rule::Names, a_name_says_another_kind),
    (Rule::Names, an_inode_says_a_wrong_place),
    (Rule::Names, an_inode_says_a_place_twice),
    (Rule::Names, a_directory_says_a_wrong_parent),
    (Rule::Names, the_root_says_a_parent),
    (Rule::Names, a_directory_has_two_names),
    (Rule::Names, a_directory_has_no_name),
];

pub(super) const REACHABILITY: &[Row] = &[
    (Rule::Reachability, a_directory_is_in_itself),
    (Rule::Reachability, directories_are_in_each_other),
    (Rule::Reachability, a_directory_is_in_none),
    (Rule::Reachability, there_is_no_root),
    (Rule::Reachability, there_is_no_trash),
    (Rule::Reachability, the_trash_is_a_file),
];

pub(super) const ORPHANS: &[Row] = &[
    (Rule::Orphans, an_orphan_is_not_noted),
    (Rule::Orphans, a_file_with_a_name_is_noted),
    (Rule::Orphans, what_is_noted_does_not_exist),
    (Rule::Orphans, an_orphan_is_cleared_beyond_its_end),
];

/// A name of the root as the rule shows it.
fn of_root(spoilt: &Spoilt, name: &str) -> String {
    let dentry = spoilt.dentry(InodeId::ROOT, name);
    let (ino, cookie) = (dentry.ino, dentry.cookie.0);
    format!("name \"{name}\" in directory 1 (inode {ino}, cookie {cookie})")
}

fn a_name_is_not_listed(spoilt: &Spoilt) -> String {
    let cookie = spoilt.dentry(InodeId::ROOT, "symlink").cookie;
    spoilt.delete(keys::order(InodeId::ROOT, cookie));
    let name = of_root(spoilt, "symlink");
    format!("{name} has no matching place in the listing")
}

fn a_listed_name_is_not_found(spoilt: &Spoilt) -> String {
    let name = of_root(spoilt, "symlink");
    spoilt.delete(keys::dentry(InodeId::ROOT, b"symlink"));
    format!("{name} is listed but has no matching name")
}

fn a_listing_says_another_kind(spoilt: &Spoilt) -> String {
    let dentry = spoilt.dentry(InodeId::ROOT, "symlink");
    let order = OrderEntry {
        ino: dentry.ino,
        kind: FileKind::Fifo,
        name: FileName::new(b"symlink").unwrap(),
    };
    spoilt.put(keys::order(InodeId::ROOT, dentry.cookie), &order.encode());
    let name = of_root(spoilt, "symlink");
    format!("{name} has no matching place in the listing")
}

fn the_size_of_a_directory_is_wrong(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.directory;
    spoilt.change(ino, |inode| inode.size = 5);
    format!("directory {ino} holds 2 names but has size 5")
}

fn subdirectories_are_not_counted(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.directory;
    spoilt.change(ino, |inode| inode.nlink = 2);
    format!("directory {ino} has 1 subdirectories but link count 2")
}

fn a_cookie_was_not_given_out(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.directory;
    let cookie = spoilt.dentry(ino, "nested").cookie;
    spoilt.change_directory(ino, |body| body.next_cookie = cookie);
    let cookie = cookie.0;
    format!("name \"nested\" in directory {ino} has cookie {cookie}, outside of 3 to {cookie}")
}

fn no_cookie_is_left(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.directory;
    spoilt.change_directory(ino, |body| body.next_cookie = Cookie(u64::MAX));
    let next = u64::MAX;
    format!("directory {ino} gives out cookie {next} next, which is too large")
}

fn a_file_holds_a_name(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.inside;
    let value = spoilt.value(&keys::dentry(InodeId::ROOT, b"symlink"));
    spoilt.put(keys::dentry(ino, b"deeper"), &value);
    format!("inode {ino} is no directory but holds 1 names")
}

fn a_directory_with_a_name_in_it_is_lost(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.directory;
    spoilt.delete(keys::inode(ino));
    format!("name \"inside\" is in directory {ino}, which does not exist")
}

fn a_link_count_is_wrong(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.file;
    spoilt.change(ino, |inode| inode.nlink = 3);
    format!("inode {ino} has 2 names but link count 3")
}

fn a_name_leads_nowhere(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.inside;
    spoilt.delete(keys::inode(ino));
    let directory = spoilt.sample.directory;
    format!("a name in directory {directory} leads to inode {ino}, which does not exist")
}

fn a_name_says_another_kind(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.inside;
    spoilt.change(ino, |inode| inode.body = InodeBody::Fifo);
    let directory = spoilt.sample.directory;
    format!("a name in directory {directory} calls inode {ino} a Regular, but it is a Fifo")
}

fn an_inode_says_a_wrong_place(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.inside;
    let place = Place {
        directory: InodeId::ROOT,
        cookie: Cookie::FIRST,
    };
    spoilt.change(ino, |inode| inode.places = Places::of(place));
    format!("inode {ino} says that it has cookie 3 in directory 1, where it has no name")
}

fn an_inode_says_a_place_twice(spoilt: &Spoilt) -> String {
    let (ino, directory) = (spoilt.sample.inside, spoilt.sample.directory);
    spoilt.change(ino, |inode| inode.places.second = inode.places.first);
    let cookie = spoilt.dentry(directory, "inside").cookie.0;
    format!("inode {ino} says twice that it has cookie {cookie} in directory {directory}")
}

fn a_directory_says_a_wrong_parent(spoilt: &Spoilt) -> String {
    let (ino, directory) = (spoilt.sample.nested, spoilt.sample.directory);
    spoilt.change_directory(ino, |body| body.parent = InodeId::ROOT);
    format!("directory {ino} is in directory {directory} but says it is in 1")
}

fn the_root_says_a_parent(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.directory;
    spoilt.change_directory(InodeId::ROOT, |body| body.parent = ino);
    format!("the root directory says it is in {ino}")
}

fn a_directory_has_two_names(spoilt: &Spoilt) -> String {
    let (ino, directory) = (spoilt.sample.nested, spoilt.sample.directory);
    spoilt.put_name(directory, "again", ino, FileKind::Directory);
    format!("directory {ino} has 2 names instead of 1")
}

fn a_directory_has_no_name(spoilt: &Spoilt) -> String {
    let (ino, directory) = (spoilt.sample.nested, spoilt.sample.directory);
    let cookie = spoilt.dentry(directory, "nested").cookie;
    spoilt.delete(keys::dentry(directory, b"nested"));
    spoilt.delete(keys::order(directory, cookie));
    format!("directory {ino} has 0 names instead of 1")
}

fn a_directory_is_in_itself(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.nested;
    spoilt.change_directory(ino, |body| body.parent = ino);
    format!("directory {ino}, which says it is in {ino}, does not lead to the root")
}

fn directories_are_in_each_other(spoilt: &Spoilt) -> String {
    let (ino, nested) = (spoilt.sample.directory, spoilt.sample.nested);
    spoilt.change_directory(ino, |body| body.parent = nested);
    format!("directory {ino}, which says it is in {nested}, does not lead to the root")
}

fn a_directory_is_in_none(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.nested;
    spoilt.change_directory(ino, |body| body.parent = NOBODY);
    format!("directory {ino}, which says it is in {NOBODY}, does not lead to the root")
}

fn there_is_no_root(spoilt: &Spoilt) -> String {
    spoilt.delete(keys::inode(InodeId::ROOT));
    "the root directory does not exist".to_owned()
}

fn put_trash(spoilt: &Spoilt, directory: InodeId) {
    spoilt.change_volume(|volume| {
        volume.trash = Some(Trash {
            directory,
            keep_seconds: 3600,
            hour: 0,
        });
    });
}

fn there_is_no_trash(spoilt: &Spoilt) -> String {
    put_trash(spoilt, NOBODY);
    format!("the trash is inode {NOBODY}, which does not exist")
}

fn the_trash_is_a_file(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.file;
    put_trash(spoilt, ino);
    format!("the trash is inode {ino}, which is no directory")
}

fn an_orphan_is_not_noted(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.removed;
    spoilt.delete(keys::orphan(ino));
    format!("inode {ino} has no name but is not noted as orphan")
}

fn a_file_with_a_name_is_noted(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.file;
    spoilt.put(keys::orphan(ino), b"");
    format!("inode {ino} is noted as an orphan but has link count 2")
}

fn what_is_noted_does_not_exist(spoilt: &Spoilt) -> String {
    spoilt.put(keys::orphan(NOBODY), b"");
    format!("inode {NOBODY} is noted as an orphan but does not exist")
}

fn an_orphan_is_cleared_beyond_its_end(spoilt: &Spoilt) -> String {
    let ino = spoilt.sample.removed;
    let cleared = FILE_BYTES_MAX + 1;
    spoilt.put(keys::orphan(ino), &Orphan { cleared }.encode());
    format!("orphan {ino} is cleared up to {cleared}, beyond the largest file")
}
