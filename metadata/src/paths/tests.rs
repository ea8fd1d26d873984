//! Paths that are known, and those that are not.

use super::*;
use crate::ops::fixture::{Fixture, name};
use crate::store::{Batch, Engine};
use crate::types::FileKind;

fn path(fixture: &Fixture, ino: InodeId) -> Option<String> {
    let view = fixture.machine.engine().view();
    let path = Paths::new(&view).of(ino).unwrap();
    path.map(|path| String::from_utf8(path).unwrap())
}

#[test]
fn a_path_has_the_names_from_the_root_on() {
    let mut fixture = Fixture::new();
    let above = fixture.mkdir(InodeId::ROOT, "above");
    let below = fixture.mkdir(above, "below");
    let file = fixture.create(below, "file");
    assert_eq!(path(&fixture, InodeId::ROOT).unwrap(), "/");
    assert_eq!(path(&fixture, above).unwrap(), "/above");
    assert_eq!(path(&fixture, file).unwrap(), "/above/below/file");
    assert_eq!(path(&fixture, InodeId::new(999)), None);
}

#[test]
fn a_file_is_found_under_the_name_it_got_last_while_it_has_it() {
    let mut fixture = Fixture::new();
    let file = fixture.create(InodeId::ROOT, "first");
    fixture.link(file, InodeId::ROOT, "second").unwrap();
    assert_eq!(path(&fixture, file).unwrap(), "/second");
    fixture.unlink(InodeId::ROOT, "first").unwrap();
    assert_eq!(path(&fixture, file).unwrap(), "/second");
    fixture.link(file, InodeId::ROOT, "third").unwrap();
    fixture.unlink(InodeId::ROOT, "third").unwrap();
    assert_eq!(path(&fixture, file), None);
}

#[test]
fn what_an_earlier_version_made_has_no_path_until_it_is_renamed() {
    let mut fixture = Fixture::new();
    let above = fixture.mkdir(InodeId::ROOT, "above");
    let file = fixture.create(above, "file");
    let engine = fixture.machine.engine();
    let mut inode = Inode::decode(&engine.view().get(&keys::inode(above)).unwrap().unwrap());
    inode.as_mut().unwrap().place = None;
    let mut batch = Batch::default();
    batch.set(keys::inode(above), Some(inode.unwrap().encode()));
    engine.commit(batch).unwrap();
    assert_eq!(path(&fixture, file), None);
    let root = InodeId::ROOT;
    let renamed = fixture.rename(
        (root, "above"),
        (root, "new"),
        crate::RenameFlags::default(),
    );
    renamed.unwrap();
    assert_eq!(path(&fixture, file).unwrap(), "/new/file");
}

#[test]
fn a_path_that_is_too_long_is_not_told() {
    let mut fixture = Fixture::new();
    let mut directory = InodeId::ROOT;
    for _ in 0..PATH_BYTES_MAX / 256 {
        directory = fixture.mkdir(directory, &"n".repeat(255));
    }
    assert_eq!(path(&fixture, directory).unwrap().len(), PATH_BYTES_MAX);
    let below = fixture.mkdir(directory, "n");
    assert_eq!(path(&fixture, below), None);
}

#[test]
fn before_it_was_linked_a_file_was_not_under_the_new_name() {
    let mut fixture = Fixture::new();
    let file = fixture.create(InodeId::ROOT, "first");
    fixture.link(file, InodeId::ROOT, "second").unwrap();
    let view = fixture.machine.engine().view();
    let mut paths = Paths::new(&view);
    let linked = Name {
        directory: InodeId::ROOT,
        name: name("second"),
    };
    let change = Change {
        ino: file,
        kind: FileKind::Regular,
        happened: Happened::Linked(linked),
    };
    paths.undo(&change).unwrap();
    assert_eq!(paths.of(file), Ok(None));
}
