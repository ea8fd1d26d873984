//! `holdfast fsck --repair`: what is mended, and what a mount shows then.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use bytes::Bytes;
use holdfast_metadata::keys::BlockId;
use holdfast_metadata::record::{Dentry, Inode};
use holdfast_metadata::store::{Batch, View};
use holdfast_metadata::{Engine, InodeId, RocksEngine, RocksOptions, keys};

use crate::scene::{Scene, assert_fails};

/// A data directory with `one`, its second name `two`, and `directory/inside`; not mounted.
fn used() -> Scene {
    let scene = Scene::new();
    scene.mount("rw");
    fs::write(scene.path("mnt/one"), "content").unwrap();
    fs::hard_link(scene.path("mnt/one"), scene.path("mnt/two")).unwrap();
    fs::create_dir(scene.path("mnt/directory")).unwrap();
    fs::write(scene.path("mnt/directory/inside"), vec![7; 1 << 20]).unwrap();
    scene.umount();
    scene
}

/// Gives keys other values, or none.
fn spoil(scene: &Scene, change: impl FnOnce(&dyn View, &mut Batch)) {
    let store = scene.path("data/store");
    let engine = RocksEngine::open(&store, &RocksOptions::default()).unwrap();
    let mut batch = Batch::default();
    change(&engine.view(), &mut batch);
    engine.commit(batch).unwrap();
    engine.flush().unwrap();
}

fn dentry(view: &dyn View, name: &str) -> Dentry {
    let key = keys::dentry(InodeId::ROOT, name.as_bytes());
    Dentry::decode(&view.get(&key).unwrap().unwrap()).unwrap()
}

#[test]
fn a_damage_is_mended_and_what_is_there_can_be_used() {
    let scene = used();
    spoil(&scene, |view, batch| {
        // Found by its name no more, and listed; listed no more, and found by its name.
        let (one, two) = (dentry(view, "one"), dentry(view, "two"));
        batch.set(keys::dentry(InodeId::ROOT, b"one"), None);
        batch.set(keys::order(InodeId::ROOT, two.cookie), None);
        let key = keys::inode(one.ino);
        let mut inode = Inode::decode(&view.get(&key).unwrap().unwrap()).unwrap();
        inode.allocated = 70;
        batch.set(key, Some(inode.encode()));
    });
    let checked = scene.holdfast(&["fsck", "--data", "data"]);
    assert_eq!(checked.status.code(), Some(1), "{checked:?}");
    let said = scene
        .holdfast(&["fsck", "--data", "data", "--repair"])
        .success();
    for part in [
        "repaired dentries: name \"one\" in directory 1",
        "repaired dentries: name \"two\" in directory 1",
        "bytes but says 70\n",
        "data is clean\n",
    ] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    let again = scene.holdfast(&["fsck", "--json", "--data", "data", "--repair"]);
    assert_eq!(
        again.success(),
        "{\"data\":\"data\",\"clean\":true,\"violations\":[],\"repaired\":[]}\n"
    );
    scene.mount("rw");
    let mut names: Vec<_> = fs::read_dir(scene.mountpoint())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["directory", "one", "two"]);
    assert_eq!(
        fs::read_to_string(scene.path("mnt/one")).unwrap(),
        "content"
    );
    assert_eq!(fs::metadata(scene.path("mnt/two")).unwrap().nlink(), 2);
    fs::remove_file(scene.path("mnt/one")).unwrap();
    fs::remove_file(scene.path("mnt/two")).unwrap();
    scene.umount();
}

#[test]
fn a_directory_that_has_lost_its_name_is_found_again() {
    let scene = used();
    let mut lost = InodeId::ROOT;
    spoil(&scene, |view, batch| {
        let directory = dentry(view, "directory");
        lost = directory.ino;
        batch.set(keys::dentry(InodeId::ROOT, b"directory"), None);
        batch.set(keys::order(InodeId::ROOT, directory.cookie), None);
    });
    scene
        .holdfast(&["fsck", "--data", "data", "--repair"])
        .success();
    scene.mount("rw");
    let place = scene.path("mnt/lost+found");
    let attributes = fs::metadata(&place).unwrap();
    assert_eq!(attributes.permissions().mode() & 0o7777, 0o700);
    let inside = fs::read(place.join(format!("#{lost}/inside"))).unwrap();
    assert!(inside == vec![7; 1 << 20]);
    fs::rename(place.join(format!("#{lost}")), scene.path("mnt/directory")).unwrap();
    fs::remove_dir(&place).unwrap();
    scene.umount();
    scene.holdfast(&["fsck", "--data", "data"]).success();
}

#[test]
fn what_would_lose_something_is_told_and_left() {
    let scene = used();
    spoil(&scene, |view, batch| {
        let directory = keys::inode(dentry(view, "directory").ino);
        let mut inode = Inode::decode(&view.get(&directory).unwrap().unwrap()).unwrap();
        inode.size = 5;
        batch.set(directory, Some(inode.encode()));
        // Whose it is nobody knows.
        let lost = keys::block(BlockId(4711));
        batch.set(lost, Some(Bytes::from_static(b"lost")));
    });
    let said = scene.holdfast(&["fsck", "--data", "data", "--repair"]);
    assert_eq!(said.status.code(), Some(1), "{said:?}");
    let lines: Vec<&str> = said.stdout.lines().collect();
    assert!(lines[0].starts_with("repaired directories: directory "));
    assert!(lines[0].ends_with("holds 1 names but has size 5"));
    assert_eq!(
        lines[1],
        "blocks: block 4711 has no extent that refers to it"
    );
    assert!(lines.last().unwrap().ends_with(" left"), "{said:?}");
    let json = scene.holdfast(&["fsck", "--json", "--data", "data", "--repair"]);
    assert_eq!(json.status.code(), Some(1));
    assert!(json.stdout.contains("\"clean\":false"), "{json:?}");
    assert!(json.stdout.contains("\"repaired\":[]"), "{json:?}");
    // It is there all the same.
    scene.mount("rw");
    let inside = fs::read(scene.path("mnt/directory/inside")).unwrap();
    assert!(inside == vec![7; 1 << 20]);
    scene.umount();
}

#[test]
fn what_is_in_use_or_no_data_directory_is_not_repaired() {
    let scene = Scene::new();
    scene.mount("rw");
    let pid = scene.daemon().to_string();
    let finished = scene.holdfast(&["fsck", "--repair", "--data", "data"]);
    assert_fails(&finished, 2, &["cannot repair data", "in use", &pid]);
    scene.umount();
    let finished = scene.holdfast(&["fsck", "--repair", "--data", "mnt"]);
    assert_fails(&finished, 2, &["mnt", "is not a data directory"]);
    assert_eq!(fs::read_dir(scene.mountpoint()).unwrap().count(), 0);
    let finished = scene.holdfast(&["fsck", "--repair", "--cluster", "127.0.0.1:1"]);
    let parts = ["cannot repair a cluster", "one machine", "replaced"];
    assert_fails(&finished, 2, &parts);
}
