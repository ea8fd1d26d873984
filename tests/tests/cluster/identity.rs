//! Who is not let in: other directories, other numbers, other programs.

use std::process::Command;
use std::time::Duration;

use holdfast_proto::admin_client::AdminClient;
use holdfast_proto::client_client::ClientClient;
use holdfast_proto::{OpenVolumeRequest, StatusRequest};
use holdfast_tests::cluster::{Stranger, channel, headers};
use holdfast_tests::{Cluster, Finished, place, run_within};
use tonic::Code;
use tonic::metadata::MetadataValue;

const LIMIT: Duration = Duration::from_secs(30);

#[track_caller]
fn serve(arguments: &[&str]) -> Finished {
    let mut command = Command::new(place::holdfast());
    run_within(command.arg("serve").args(arguments), LIMIT)
}

#[track_caller]
fn assert_refused(finished: &Finished, reason: &str) {
    assert!(!finished.status.success(), "{finished:#?}");
    assert!(finished.stderr.contains(reason), "{finished:#?}");
}

#[test]
fn another_nodes_data_directory_is_refused() {
    let mut cluster = Cluster::start(1);
    let data = cluster.node(1).data().display().to_string();
    let listen = ["--listen", "127.0.0.1:0"];
    let in_use = serve(&[&["--id", "1", "--data", &data], &listen[..]].concat());
    assert_refused(&in_use, "in use by another holdfast");
    cluster.stop(1);
    let other = serve(&[&["--id", "2", "--data", &data], &listen[..]].concat());
    assert_refused(&other, "belongs to node 1, not to node 2");
    // It was only looked at.
    cluster.restart(1);
    cluster.wait_settled();
}

#[test]
fn a_second_node_of_the_same_number_cannot_join() {
    let cluster = Cluster::start(2);
    let data = cluster.scratch().join("impostor").display().to_string();
    let join = cluster.node(1).address().to_owned();
    let listen = "127.0.0.1:0";
    let arguments = [
        "--id", "2", "--data", &data, "--listen", listen, "--join", &join,
    ];
    let refused = serve(&arguments);
    assert_refused(&refused, "cannot join");
    assert_refused(&refused, "2");
}

#[test]
fn an_empty_directory_and_one_of_something_else_are_refused() {
    let directory = place::scratch();
    let data = directory.path().display().to_string();
    let empty = serve(&["--id", "1", "--data", &data, "--listen", "127.0.0.1:0"]);
    assert_refused(&empty, "--bootstrap");
    std::fs::write(directory.path().join("letter"), "dear").unwrap();
    let listen = ["--listen", "127.0.0.1:0", "--bootstrap"];
    let foreign = serve(&[&["--id", "1", "--data", &data], &listen[..]].concat());
    assert_refused(&foreign, "not empty");
    let open = serve(&["--id", "1", "--data", &data, "--listen", "10.1.2.3:7420"]);
    assert_refused(&open, "--insecure-no-tls");
}

#[test]
fn who_speaks_another_protocol_is_told_both_versions() {
    let cluster = Cluster::start(1);
    let address = cluster.node(1).address().to_owned();
    let refused = cluster.speaker().run(async move {
        let mut client = ClientClient::new(channel(&address));
        let name = "default".to_owned();
        let mut request = headers(OpenVolumeRequest { name });
        let other = MetadataValue::from_static("77");
        request.metadata_mut().insert("holdfast-protocol", other);
        client.open_volume(request).await.unwrap_err()
    });
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("protocol 1 "), "{refused}");
    assert!(refused.message().contains("protocol 77 "), "{refused}");
}

#[test]
fn who_belongs_to_another_cluster_or_says_nothing_is_refused() {
    let cluster = Cluster::start(1);
    let address = cluster.node(1).address().to_owned();
    let node = address.clone();
    let refused = cluster.speaker().run(async move {
        let mut admin = AdminClient::new(channel(&node));
        let mut request = headers(StatusRequest {});
        let other = MetadataValue::from_static("000102030405060708090a0b0c0d0e0f");
        request.metadata_mut().insert("holdfast-cluster", other);
        admin.status(request).await.unwrap_err()
    });
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(
        refused
            .message()
            .contains("000102030405060708090a0b0c0d0e0f"),
        "{refused}"
    );
    let refused = cluster.speaker().run(async move {
        let mut admin = AdminClient::new(channel(&address));
        let request = tonic::Request::new(StatusRequest {});
        admin.status(request).await.unwrap_err()
    });
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
}

#[test]
fn commands_at_the_address_of_a_stranger_say_who_it_is_and_what_to_do() {
    let later = Stranger::of_another_protocol();
    let pages = Stranger::of_web_pages();
    let mountpoint = place::scratch();
    let mountpoint = mountpoint.path().display().to_string();
    let commands: [&[&str]; 5] = [
        &["volume", "list"],
        &["volume", "create", "name"],
        &["node", "list"],
        &["node", "remove", "1"],
        &["mount", &mountpoint],
    ];
    for (stranger, parts) in [
        (
            &later,
            &["protocol 77 (holdfast 9.8.7)", "protocol 1 (holdfast "][..],
        ),
        (&pages, &["holdfast node"]),
    ] {
        for command in commands {
            let finished = holdfast(command, stranger.address());
            assert!(!finished.status.success(), "{finished:#?}");
            assert_eq!(finished.stderr.lines().count(), 1, "{finished:#?}");
            assert!(
                finished.stderr.contains(stranger.address()),
                "{finished:#?}"
            );
            for part in parts {
                assert!(finished.stderr.contains(part), "{part}: {finished:#?}");
            }
        }
        let status = holdfast(&["status"], stranger.address());
        assert_eq!(status.status.code(), Some(2), "{status:#?}");
        for part in parts {
            assert!(status.stdout.contains(part), "{part}: {status:#?}");
        }
    }
}

#[track_caller]
fn holdfast(command: &[&str], address: &str) -> Finished {
    let mut program = Command::new(place::holdfast());
    program.args(command).args(["--cluster", address]);
    run_within(&mut program, LIMIT)
}
