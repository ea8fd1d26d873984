//! Paths that are known, and those that are not.

use super::*;
use crate::ops::fixture::{Fixture, name};
use crate::record::Places;
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
fn a_file_is_found_under_the_first_of_its_names_that_is_left() {
    let mut fixture = Fixture::new();
    let file = fixture.create(InodeId::ROOT, "first");
    fixture.link(file, InodeId::ROOT, "second").unwrap();
    assert_eq!(path(&fixture, file).unwrap(), "/first");
    fixture.unlink(InodeId::ROOT, "first").unwrap();
    assert_eq!(path(&fixture, file).unwrap(), "/second");
    for name in ["third", "fourth"] {
        fixture.link(file, InodeId::ROOT, name).unwrap();
    }
    fixture.unlink(InodeId::ROOT, "second").unwrap();
    assert_eq!(path(&fixture, file).unwrap(), "/third");
    // Of more than two names the others are not known.
    fixture.unlink(InodeId::ROOT, "third").unwrap();
    assert_eq!(path(&fixture, file), None);
    fixture.link(file, InodeId::ROOT, "fifth").unwrap();
    assert_eq!(path(&fixture, file).unwrap(), "/fifth");
}

#[test]
fn what_an_earlier_version_made_has_no_path_until_it_is_renamed() {
    let mut fixture = Fixture::new();
    let above = fixture.mkdir(InodeId::ROOT, "above");
    let file = fixture.create(above, "file");
    let engine = fixture.machine.engine();
    let mut inode = Inode::decode(&engine.view().get(&keys::inode(above)).unwrap().unwrap());
    inode.as_mut().unwrap().places = Places::default();
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
fn before_it_was_known_by_a_name_it_was_known_by_none() {
    let mut fixture = Fixture::new();
    let file = fixture.create(InodeId::ROOT, "first");
    let view = fixture.machine.engine().view();
    let mut paths = Paths::new(&view);
    let first = Name {
        directory: InodeId::ROOT,
        name: name("first"),
    };
    let linked = |was| Change {
        ino: file,
        kind: FileKind::Regular,
        happened: Happened::Linked(first.clone()),
        was,
    };
    paths.undo(&linked(Was::Otherwise));
    assert_eq!(paths.of(file), Ok(Some(b"/first".to_vec())));
    paths.undo(&linked(Was::Unknown));
    assert_eq!(paths.of(file), Ok(None));
}
