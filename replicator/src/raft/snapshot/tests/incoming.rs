//! Receiving a snapshot over interruptions of every kind.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::raft::machine::GroupStore;
use crate::raft::machine::tests::fixture::{
    apply_range, build, install, open, receive, tree, whole_index,
};
use crate::raft::snapshot::{Incoming, IncomingError, SnapshotDirectory};

struct Scene {
    directory: TempDir,
    leader: GroupStore,
    sent: SnapshotDirectory,
}

impl Scene {
    async fn new() -> Scene {
        let directory = tempfile::tempdir().unwrap();
        let leader = open(&directory.path().join("leader"));
        apply_range(&leader, 1, 8).await;
        let sent = build(&leader).await.unwrap();
        Scene {
            directory,
            leader,
            sent,
        }
    }

    fn follower(&self) -> GroupStore {
        open(&self.directory.path().join("1"))
    }

    fn offer(&self, incoming: &Incoming) -> (usize, u64) {
        incoming.offer(&self.sent.meta, &self.sent.files).unwrap()
    }

    fn bytes(&self, file: usize) -> Vec<u8> {
        fs::read(self.sent.path.join(&self.sent.files[file].0)).unwrap()
    }

    /// Sends everything before the first table, and half of that; answers the place behind it.
    fn send_half_a_table(&self, incoming: &Incoming) -> (usize, u64) {
        let is_table = |(name, _): &(String, u64)| name.contains(".sst");
        let table = self.sent.files.iter().position(is_table).unwrap();
        (0..table).for_each(|file| self.send(incoming, file, &self.bytes(file)));
        let bytes = self.bytes(table);
        let half = bytes.len() / 2;
        self.send(incoming, table, &bytes[..half]);
        (table, half as u64)
    }

    /// From the beginning of the file; nothing is sent of an empty one.
    fn send(&self, incoming: &Incoming, file: usize, bytes: &[u8]) {
        if self.sent.files[file].1 > 0 {
            incoming.write(file, 0, bytes).unwrap();
        }
    }
}

fn is_refused<T>(result: &Result<T, IncomingError>) -> bool {
    matches!(result, Err(IncomingError::Refused(_)))
}

fn incoming_names(path: &Path) -> Vec<String> {
    let names = tree(path).into_iter();
    names.filter(|name| name.starts_with("incoming/")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn receiving_goes_on_where_it_was_after_a_restart_and_after_a_new_connection() {
    let scene = Scene::new().await;
    let follower = scene.follower();
    let incoming = follower.incoming();
    assert_eq!(scene.offer(&incoming), (0, 0));
    let place = scene.send_half_a_table(&incoming);
    assert_eq!(scene.offer(&follower.incoming()), place);
    drop((incoming, follower));
    let follower = scene.follower();
    assert_eq!(scene.offer(&follower.incoming()), place);
    let received = receive(&follower, &scene.sent).unwrap();
    assert_eq!(received.files, scene.sent.files);
    install(&follower, &received).await.unwrap();
    assert_eq!(whole_index(&follower), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_received_to_the_end_is_not_sent_again_after_a_restart() {
    let scene = Scene::new().await;
    let follower = scene.follower();
    let received = receive(&follower, &scene.sent).unwrap();
    let all = (scene.sent.files.len(), 0);
    assert_eq!(scene.offer(&follower.incoming()), all);
    assert_eq!(follower.incoming().finish().unwrap().path, received.path);
    // As a killed process leaves it: nobody removes what was not installed.
    std::mem::forget(received);
    drop(follower);
    let follower = scene.follower();
    assert_eq!(scene.offer(&follower.incoming()), all);
    install(&follower, &follower.incoming().finish().unwrap())
        .await
        .unwrap();
    assert_eq!(whole_index(&follower), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_installed_is_not_sent_again() {
    let scene = Scene::new().await;
    let follower = scene.follower();
    let received = receive(&follower, &scene.sent).unwrap();
    install(&follower, &received).await.unwrap();
    drop(received);
    assert_eq!(
        scene.offer(&follower.incoming()),
        (scene.sent.files.len(), 0)
    );
    let present = follower.incoming().finish().unwrap();
    assert_eq!(present.meta, scene.sent.meta);
    assert_eq!(incoming_names(&scene.directory.path().join("1")), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_offer_of_another_snapshot_discards_what_came() {
    let scene = Scene::new().await;
    let follower = scene.follower();
    scene.offer(&follower.incoming());
    scene.send_half_a_table(&follower.incoming());
    apply_range(&scene.leader, 9, 12).await;
    let later = build(&scene.leader).await.unwrap();
    let place = follower
        .incoming()
        .offer(&later.meta, &later.files)
        .unwrap();
    assert_eq!(place, (0, 0));
    assert_eq!(
        incoming_names(&scene.directory.path().join("1")),
        ["incoming/2"]
    );
    let received = receive(&follower, &later).unwrap();
    install(&follower, &received).await.unwrap();
    assert_eq!(whole_index(&follower), 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_offer_leaves_alone_what_is_about_to_be_installed() {
    let scene = Scene::new().await;
    let follower = scene.follower();
    let received = receive(&follower, &scene.sent).unwrap();
    apply_range(&scene.leader, 9, 12).await;
    let later = build(&scene.leader).await.unwrap();
    follower
        .incoming()
        .offer(&later.meta, &later.files)
        .unwrap();
    install(&follower, &received).await.unwrap();
    assert_eq!(whole_index(&follower), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_next_bytes_of_what_was_offered_are_taken() {
    let scene = Scene::new().await;
    let follower = scene.follower();
    let incoming = follower.incoming();
    assert!(is_refused(&incoming.write(0, 0, b"x")), "before an offer");
    assert!(is_refused(&incoming.finish()), "before an offer");
    scene.offer(&incoming);
    let bytes = scene.bytes(0);
    assert!(
        is_refused(&incoming.write(0, 1, &bytes[1..])),
        "not the first byte"
    );
    assert!(
        is_refused(&incoming.write(1, 0, &scene.bytes(1))),
        "not the first file"
    );
    incoming.write(0, 0, &bytes[..3]).unwrap();
    assert!(is_refused(&incoming.write(0, 0, &bytes[..3])), "twice");
    assert!(
        is_refused(&incoming.write(0, 3, &vec![0; bytes.len()])),
        "more than offered"
    );
    assert!(is_refused(&incoming.finish()), "not complete");
    incoming.write(0, 3, &bytes[3..]).unwrap();
    assert_eq!(scene.offer(&incoming), (1, 0));
    let odd = [("../CURRENT".to_owned(), 9)];
    assert!(is_refused(&incoming.offer(&scene.sent.meta, &odd)));
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_the_snapshot_does_not_have_are_found_and_it_is_received_anew() {
    let scene = Scene::new().await;
    let follower = scene.follower();
    let incoming = follower.incoming();
    let full = |file: &usize| scene.sent.files[*file].1 > 0;
    for damaged in (0..scene.sent.files.len()).filter(full) {
        assert_eq!(scene.offer(&incoming), (0, 0));
        for file in 0..scene.sent.files.len() {
            let mut bytes = scene.bytes(file);
            if file == damaged {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
            }
            scene.send(&incoming, file, &bytes);
        }
        assert!(
            is_refused(&incoming.finish()),
            "{:?}",
            scene.sent.files[damaged]
        );
    }
    assert_eq!(scene.offer(&incoming), (0, 0));
    receive(&follower, &scene.sent).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_longer_together_than_there_are_numbers_are_refused() {
    let scene = Scene::new().await;
    let follower = scene.follower();
    let incoming = follower.incoming();
    let huge = ["a", "b"].map(|name| (name.to_owned(), u64::MAX));
    assert!(is_refused(&incoming.offer(&scene.sent.meta, &huge)));
    // Nothing of it is left that a restart would stumble over.
    assert_eq!(scene.offer(&incoming), (0, 0));
}
