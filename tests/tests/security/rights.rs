//! What a certificate allows, asked of a client for each thing.

use std::path::Path;
use std::process::Command;

use holdfast_tests::place;
use holdfast_tests::program::{Finished, run};

use crate::scene::{Scene, assert_says, complaint};

/// Makes some files, as a mount would.
fn work(scene: &Scene, tls: &Path, volume: &str) -> Finished {
    let bench = [
        "bench",
        "--volume",
        volume,
        "--count",
        "3",
        "--threads",
        "1",
        "--ops",
        "create",
    ];
    let mut command = Command::new(place::holdfast());
    command.args(bench).args(["--cluster", &scene.addresses()]);
    run(command.arg("--tls").arg(tls))
}

#[test]
fn a_client_does_what_its_certificate_says_and_nothing_else() {
    let scene = Scene::start(1);
    let admin = scene.admin();
    for volume in ["home", "mail"] {
        let create = ["volume", "create", volume];
        scene.holdfast(&create, Some(&admin)).success();
    }
    let user = scene.issue(&["client", "alice", "--volumes", "home"]);
    let reader = scene.issue(&["client", "bob", "--volumes", "home,mail", "--read-only"]);
    let operator = scene.issue(&["client", "olga", "--admin"]);

    // Volumes.
    work(&scene, &user, "home").success();
    let told = complaint(work(&scene, &user, "mail"));
    assert_says(&told, "client/alice gives no right to volume \"mail\"");
    let told = complaint(work(&scene, &operator, "home"));
    assert_says(&told, "client/olga gives no right to volume \"home\"");
    let listed = scene.holdfast(&["volume", "list"], Some(&user)).success();
    assert!(
        listed.contains("home") && !listed.contains("mail"),
        "{listed}"
    );
    let status = scene.holdfast(&["status", "--json"], Some(&user)).success();
    assert!(
        status.contains("home") && !status.contains("mail"),
        "{status}"
    );

    // Nothing is written by who only reads, whatever the mount says of itself.
    assert_says(
        &complaint(work(&scene, &reader, "home")),
        "ermission denied",
    );

    // Administration.
    for change in [
        &["volume", "create", "more"][..],
        &["volume", "delete", "home", "--yes"],
        &["node", "transfer-leader"],
        &["node", "remove", "1"],
    ] {
        for client in [&user, &reader] {
            let told = complaint(scene.holdfast(change, Some(client)));
            assert_says(&told, "does not allow administration");
        }
    }
    let evict = ["session", "evict", "0000000000000001", "--volume", "home"];
    let told = complaint(scene.holdfast(&evict, Some(&user)));
    assert_says(&told, "does not allow administration");
    let foreign = ["session", "list", "--volume", "mail"];
    assert_says(
        &complaint(scene.holdfast(&foreign, Some(&user))),
        "no right to volume",
    );
    scene
        .holdfast(&["volume", "create", "more"], Some(&operator))
        .success();
}

#[test]
fn a_dump_is_for_who_may_read_everything_in_the_volume() {
    let scene = Scene::start(1);
    let admin = scene.admin();
    let create = ["volume", "create", "home"];
    scene.holdfast(&create, Some(&admin)).success();
    let backup = scene.issue(&["client", "backup", "--volumes", "home", "--read-only"]);
    let one_user = ["client", "web", "--volumes", "*", "--squash", "1000:1000"];
    let one_user = scene.issue(&one_user);
    let dumped = |volume: &str, file: &str, tls: &Path| {
        let file = scene.scratch().join(file);
        scene.holdfast(&["dump", volume, file.to_str().unwrap()], Some(tls))
    };
    dumped("home", "by-reader", &backup).success();
    dumped("default", "by-admin", &admin).success();
    let told = complaint(dumped("default", "by-stranger", &backup));
    assert_says(&told, "client/backup gives no right to volume \"default\"");
    let told = complaint(dumped("home", "by-one-user", &one_user));
    assert_says(&told, "who does not see everything");
    let file = scene.scratch().join("by-reader");
    let load = ["load", "copy", file.to_str().unwrap()];
    let told = complaint(scene.holdfast(&load, Some(&backup)));
    assert_says(&told, "does not allow administration");
    scene.holdfast(&load, Some(&admin)).success();
}

#[test]
fn a_check_of_the_cluster_is_for_administrators() {
    let scene = Scene::start(1);
    let user = scene.issue(&["client", "alice", "--volumes", "*"]);
    let operator = scene.issue(&["client", "olga", "--admin"]);
    let told = complaint(scene.holdfast(&["fsck"], Some(&user)));
    assert_says(
        &told,
        "the certificate of client/alice does not allow administration",
    );
    let told = scene.holdfast(&["fsck"], Some(&operator)).success();
    assert_says(&told, "the cluster is clean");
}
