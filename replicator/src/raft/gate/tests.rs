//! Who passes, call by call.

use super::*;
use holdfast_proto::{check_server, watch_server};

const NODE: &str = "holdfast://node/2";
const READER: &str = "holdfast://client/alice?volumes=home&ro";
const ADMIN: &str = "holdfast://client/olga?admin";

fn code(service: &str, method: &str, holder: &str, said: Option<&str>) -> tonic::Code {
    let holder: Holder = holder.parse().unwrap();
    match admit(circle(service, method), &holder, said) {
        Ok(()) => tonic::Code::Ok,
        Err(status) => status.code(),
    }
}

#[test]
fn only_nodes_speak_as_nodes() {
    use tonic::Code::{Ok, Unauthenticated};
    for (service, method) in [
        (raft_server::SERVICE_NAME, "Append"),
        (raft_server::SERVICE_NAME, "RequestVote"),
        (raft_server::SERVICE_NAME, "WhateverComesNext"),
        (admin_server::SERVICE_NAME, "Join"),
        (admin_server::SERVICE_NAME, "ProposeCatalog"),
    ] {
        assert_eq!(code(service, method, NODE, Some("2")), Ok, "{method}");
        assert_eq!(
            code(service, method, READER, None),
            Unauthenticated,
            "{method}"
        );
        assert_eq!(
            code(service, method, ADMIN, None),
            Unauthenticated,
            "{method}"
        );
    }
}

#[test]
fn what_changes_the_cluster_or_ends_a_session_is_for_administrators() {
    use tonic::Code::{Ok, PermissionDenied};
    for (service, method) in [
        (admin_server::SERVICE_NAME, "CreateVolume"),
        (admin_server::SERVICE_NAME, "DeleteVolume"),
        (admin_server::SERVICE_NAME, "PromoteNode"),
        (admin_server::SERVICE_NAME, "RemoveNode"),
        (admin_server::SERVICE_NAME, "TransferLeader"),
        (admin_server::SERVICE_NAME, "Digest"),
        (admin_server::SERVICE_NAME, "WhateverComesNext"),
        (session_admin_server::SERVICE_NAME, "EvictSession"),
        (check_server::SERVICE_NAME, "Check"),
        (client_server::SERVICE_NAME, "WhateverComesNext"),
        ("another.Service", "Call"),
    ] {
        assert_eq!(
            code(service, method, READER, None),
            PermissionDenied,
            "{method}"
        );
        assert_eq!(code(service, method, ADMIN, None), Ok, "{method}");
        assert_eq!(code(service, method, NODE, None), Ok, "{method}");
    }
}

#[test]
fn everybody_with_a_certificate_may_ask_how_things_are_and_open_volumes() {
    for (service, method) in [
        (client_server::SERVICE_NAME, "OpenVolume"),
        (client_server::SERVICE_NAME, "Call"),
        (admin_server::SERVICE_NAME, "Status"),
        (admin_server::SERVICE_NAME, "ListVolumes"),
        (session_admin_server::SERVICE_NAME, "ListLocks"),
        (watch_server::SERVICE_NAME, "Watch"),
    ] {
        for holder in [NODE, READER, ADMIN] {
            assert_eq!(
                code(service, method, holder, None),
                tonic::Code::Ok,
                "{method}"
            );
        }
    }
}

#[test]
fn a_header_that_claims_to_be_another_is_refused_in_every_call() {
    for (holder, said) in [
        (NODE, "3"),
        (NODE, "x"),
        (READER, "2"),
        (ADMIN, "2"),
        (ADMIN, ""),
    ] {
        for service in [client_server::SERVICE_NAME, admin_server::SERVICE_NAME] {
            let found = code(service, "Status", holder, Some(said));
            assert_eq!(found, tonic::Code::Unauthenticated, "{holder} as {said}");
        }
    }
}

#[test]
fn without_a_certificate_there_is_no_call_where_there_is_tls() {
    let request = http::Request::new(());
    let gate = Gate { has_tls: true };
    let refused = gate
        .admit(client_server::SERVICE_NAME, &request)
        .unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unauthenticated);
    let open = Gate { has_tls: false };
    assert!(open.admit(raft_server::SERVICE_NAME, &request).is_ok());
}

#[test]
fn rights_are_for_clients_and_by_volume() {
    let caller = |holder: &str| CallerRights(Some(holder.parse().unwrap()));
    let (node, reader, admin) = (caller(NODE), caller(READER), caller(ADMIN));
    assert!(reader.check_volume("home").is_ok() && reader.may_see("home"));
    assert!(reader.check_volume("mail").is_err() && !reader.may_see("mail"));
    assert!(reader.check_sight("mail").is_err() && admin.check_sight("mail").is_ok());
    // Who may delete a volume need not be allowed to read it.
    assert!(admin.check_volume("home").is_err() && admin.may_see("home"));
    assert!(node.check_volume("home").is_ok() && CallerRights(None).check_volume("home").is_ok());
    assert!(node.check_node(2).is_ok() && node.check_node(3).is_err());
    assert!(admin.check_node(2).is_err() && CallerRights(None).check_node(2).is_ok());
}
