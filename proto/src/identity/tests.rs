//! Who may talk to whom.

use tonic::Code;
use tonic::metadata::MetadataMap;

use super::*;

fn node(cluster: u8) -> Identity {
    Identity {
        cluster: Some([cluster; 16]),
        node: Some(3),
        program: "0.1.0",
    }
}

fn mount() -> Identity {
    Identity {
        cluster: None,
        node: None,
        program: "0.1.0",
    }
}

fn headers_of(identity: &Identity) -> MetadataMap {
    let mut headers = MetadataMap::new();
    identity.attach(&mut headers);
    headers
}

fn refusal(of: &Identity, headers: &MetadataMap) -> String {
    let status = of.check(headers).unwrap_err();
    assert_eq!(status.code(), Code::FailedPrecondition);
    status.message().to_owned()
}

#[test]
fn the_headers_are_what_the_document_says() {
    let headers = headers_of(&node(0xa5));
    let value = |name: &str| headers.get(name).unwrap().to_str().unwrap().to_owned();
    assert_eq!(value("holdfast-protocol"), "1");
    assert_eq!(value("holdfast-cluster"), "a5".repeat(16));
    assert_eq!(value("holdfast-node"), "3");
    assert_eq!(value("holdfast-version"), "0.1.0");
}

#[test]
fn a_mount_that_knows_no_cluster_does_not_name_one() {
    let headers = headers_of(&mount());
    assert_eq!(headers.len(), 2);
}

#[test]
fn nodes_of_one_cluster_talk() {
    node(1).check(&headers_of(&node(1))).unwrap();
}

#[test]
fn who_knows_no_cluster_talks_to_every_cluster() {
    mount().check(&headers_of(&node(1))).unwrap();
    node(1).check(&headers_of(&mount())).unwrap();
}

#[test]
fn another_cluster_is_refused_by_both_names() {
    let refusal = refusal(&node(1), &headers_of(&node(2)));
    assert!(refusal.contains(&"01".repeat(16)), "{refusal}");
    assert!(refusal.contains(&"02".repeat(16)), "{refusal}");
}

#[test]
fn another_protocol_is_refused_by_both_numbers_and_both_programs() {
    let mut headers = headers_of(&node(1));
    headers.insert(PROTOCOL_HEADER, 7.into());
    headers.insert(VERSION_HEADER, "0.9.2".parse().unwrap());
    let refusal = refusal(&node(1), &headers);
    for part in [
        "protocol 1",
        "holdfast 0.1.0",
        "protocol 7",
        "holdfast 0.9.2",
    ] {
        assert!(refusal.contains(part), "{part} is not in: {refusal}");
    }
}

#[test]
fn who_does_not_say_its_protocol_is_refused() {
    let refusal = refusal(&node(1), &MetadataMap::new());
    assert!(refusal.contains("does not say"), "{refusal}");
}

#[test]
fn a_protocol_that_is_no_number_is_refused() {
    for word in ["", "one", "1.0", "-1", "4294967297"] {
        let mut headers = headers_of(&node(1));
        headers.insert(PROTOCOL_HEADER, word.parse().unwrap());
        refusal(&node(1), &headers);
    }
}

#[test]
fn a_cluster_that_is_no_number_is_refused() {
    for word in ["", "01", "x"] {
        let mut headers = headers_of(&node(1));
        headers.insert(CLUSTER_HEADER, word.parse().unwrap());
        refusal(&node(1), &headers);
    }
}

#[test]
fn a_node_does_not_answer_for_another() {
    let mut headers = headers_of(&node(1));
    attach_target(3, &mut headers);
    node(1).check(&headers).unwrap();
    mount().check(&headers).unwrap();
    attach_target(4, &mut headers);
    let refusal = refusal(&node(1), &headers);
    assert_eq!(refusal, "this is node 3, and node 4 was meant");
}
