//! Certificates that end, that are revoked, and that are followed by others, while the processes run.

use std::time::Duration;

use holdfast_proto::StatusRequest;
use holdfast_proto::admin_client::AdminClient;
use holdfast_replicator::explain;
use holdfast_tests::poll::wait_until;

use crate::forged::{channel, request};
use crate::scene::{Scene, assert_says, complaint};

/// A node looks at its files every two seconds; the machine may be busy.
const NOTICED: Duration = Duration::from_secs(30);

#[test]
fn a_new_certificate_is_used_without_a_restart_and_an_old_one_ends_with_its_time() {
    let scene = Scene::start(1);
    let admin = scene.admin();
    // The node takes what is on its disk, and that is soon good for nothing.
    scene.issue(&["node", "1", "--valid-for", "6s"]);
    wait_until(
        "the node uses the certificate that expires",
        NOTICED,
        || {
            let asked = scene.holdfast(&["status"], Some(&admin));
            format!("{asked:?}").contains("the certificate of that node has expired")
        },
    );
    scene.issue(&["node", "1"]);
    wait_until("the node uses the one that follows", NOTICED, || {
        scene.holdfast(&["status"], Some(&admin)).status.success()
    });
    assert_says(&scene.log(1), "certificates read again");
    // What does not fit together changes nothing.
    let key = scene.directory("node-1").join("tls.key");
    std::fs::copy(admin.join("tls.key"), &key).unwrap();
    wait_until("the node notices", NOTICED, || {
        scene
            .log(1)
            .contains("certificates not read again: the old ones stay")
    });
    scene.holdfast(&["status"], Some(&admin)).success();
}

#[test]
fn nobody_becomes_somebody_else_while_it_runs() {
    let scene = Scene::start(1);
    let another = scene.issue(&["node", "2"]);
    for file in ["tls.crt", "tls.key"] {
        let own = scene.directory("node-1").join(file);
        std::fs::copy(another.join(file), own).unwrap();
    }
    wait_until("the node notices", NOTICED, || {
        let log = scene.log(1);
        log.contains("the new certificate is of somebody else: the old one stays")
    });
    scene.holdfast(&["status"], Some(&scene.admin())).success();
}

#[test]
fn who_is_revoked_is_shut_out_at_once_by_name_or_by_number() {
    let scene = Scene::start(1);
    let named = scene.issue(&["client", "alice", "--admin"]);
    let numbered = scene.issue(&["client", "bob", "--admin"]);
    scene.holdfast(&["status"], Some(&named)).success();
    scene.holdfast(&["status"], Some(&numbered)).success();
    let shown = std::process::Command::new(holdfast_tests::place::holdfast())
        .args(["pki", "show"])
        .arg(&numbered)
        .output()
        .unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    let line = shown.lines().find(|line| line.contains("serial"));
    let list = format!("client/alice # she has left\n{}\n", line.unwrap());
    std::fs::write(scene.directory("node-1").join("revoked"), list).unwrap();
    for client in [&named, &numbered] {
        let told = complaint(scene.holdfast(&["status"], Some(client)));
        assert_says(&told, "your certificate was revoked");
    }
    scene.holdfast(&["status"], Some(&scene.admin())).success();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_connection_ends_with_the_certificate_that_opened_it() {
    let scene = Scene::start(1);
    let client = scene.issue(&["client", "late", "--admin", "--valid-for", "8s"]);
    let mut admin = AdminClient::new(channel(&scene.address(1), &client, None));
    admin.status(request(StatusRequest {}, None)).await.unwrap();
    let mut last = None;
    let deadline = std::time::Instant::now() + NOTICED;
    while last.is_none() && std::time::Instant::now() < deadline {
        let asked = admin.status(request(StatusRequest {}, None)).await;
        last = asked.err().and_then(|status| explain(&status));
    }
    // It is cut off, and not let in again.
    assert_says(&last.unwrap(), "your certificate has expired");
}
