//! A dump that is not what was written makes no volume.

use std::fs;
use std::path::Path;

use holdfast_tests::{Cluster, Mounted, Setup, place};

use super::{dump_data, load_data};

/// Refused on one machine and in a cluster, which leave nothing behind.
#[track_caller]
fn refused(cluster: &Cluster, file: &Path, reason: &str) {
    let scratch = place::scratch();
    let data = scratch.path().join("data");
    let shown = file.display().to_string();
    for finished in [
        load_data(&data, file),
        cluster.holdfast(&["load", "broken", &shown]),
    ] {
        assert!(!finished.status.success(), "{finished:?}");
        assert!(finished.stderr.contains(reason), "{finished:?}");
        assert_eq!(finished.stderr.lines().count(), 1, "{finished:?}");
    }
    let listed = cluster.holdfast(&["volume", "list"]).success();
    assert!(!listed.contains("broken"), "{listed}");
    // As if nobody had tried.
    fs::remove_file(data.join("LOCK")).unwrap();
    fs::remove_dir(&data).unwrap();
}

#[test]
fn a_cut_and_a_changed_dump_are_refused_with_the_reason() {
    let cluster = Cluster::start(1);
    let scratch = place::scratch();
    let file = scratch.path().join("dump");
    let mut origin = Mounted::new();
    fs::write(origin.path("file"), vec![7; 2_000_000]).unwrap();
    origin
        .shell("for i in 1 2 3 4 5 6 7 8 9; do echo $i > name-$i; done")
        .success();
    origin.unmount();
    dump_data(origin.data(), &file);
    let whole = fs::read(&file).unwrap();

    let cut = scratch.path().join("cut");
    for length in [whole.len() - 1, whole.len() - 33, whole.len() / 2, 20] {
        fs::write(&cut, &whole[..length]).unwrap();
        refused(&cluster, &cut, "is cut off after");
    }
    let flipped = scratch.path().join("flipped");
    for place in [whole.len() - 3, whole.len() / 2, 40] {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x10;
        fs::write(&flipped, bytes).unwrap();
        refused(&cluster, &flipped, "is corrupt after");
    }
    let longer = scratch.path().join("longer");
    fs::write(&longer, [&whole[..], b"more"].concat()).unwrap();
    refused(&cluster, &longer, "something follows the end");
    fs::write(&longer, "a script\n".repeat(9)).unwrap();
    refused(&cluster, &longer, "not a dump of holdfast");

    // And what is whole is taken, where the others were not.
    let data = scratch.path().join("data");
    load_data(&data, &file).success();
    let loaded = Setup::default().data(&data).mount();
    assert_eq!(fs::read(loaded.path("file")).unwrap(), vec![7; 2_000_000]);
}
