//! What is said to and by the services that are no peer's: each message, with something in it to begin with.

use std::fmt::Debug;

use holdfast_proto as proto;
use prost::Message;

/// One message of a service.
pub(super) struct Spoken {
    pub(super) name: &'static str,
    pub(super) check: fn(&[u8]),
    pub(super) sample: fn() -> Vec<u8>,
}

macro_rules! messages {
    ($($message:ident { $($field:ident: $value:expr),* })+) => {
        /// All of them.
        pub(super) const MESSAGES: &[Spoken] = &[$(Spoken {
            name: stringify!($message),
            check: message::<proto::$message>,
            sample: || proto::$message { $($field: $value),* }.encode_to_vec(),
        }),+];
    };
}

messages! {
    OpenVolumeRequest { name: name() }
    OpenVolumeResponse {
        volume: 1,
        generation: 2,
        nodes: vec![endpoint(1), endpoint(2)],
        leader: Some(endpoint(1)),
        read_only: true,
        squash: Some(proto::Identity { uid: 1000, gid: 100 })
    }
    CallRequests {
        requests: vec![proto::CallRequest {
            call: 1,
            volume: 2,
            keep: true,
            body: Some(proto::call_request::Body::Attend(attend())),
            ..proto::CallRequest::default()
        }],
        heard: 3
    }
    CallResponses {
        responses: vec![proto::CallResponse {
            call: 1,
            body: Some(proto::call_response::Body::Attended(attended())),
            leader: Some(endpoint(1)),
            space: Some(space()),
            lease_milliseconds: 8
        }],
        copies: vec![copies()],
        nodes: vec![endpoint(2)]
    }
    StatusRequest {}
    StatusResponse {
        cluster_id: bytes().into(),
        node: 1,
        address: name(),
        version: name(),
        uptime_seconds: 5,
        space: Some(space()),
        groups: vec![group_status()],
        nodes: vec![proto::NodeStatus { id: 1, address: name(), role: 1 }],
        volumes: vec![volume()],
        fault: name(),
        removed: vec![4, 5]
    }
    JoinRequest { id: 7, address: name(), incarnation: bytes().into(), as_learner: true }
    JoinResponse { cluster_id: bytes().into() }
    PromoteNodeRequest { id: 7 }
    RemoveNodeRequest { id: 7 }
    TransferLeaderTo { group: 1, all_groups: true, node: 2, only_here: true }
    TransferLeaderDone {}
    Progress { message: name(), done: 1, total: 2 }
    ListVolumesRequest {}
    ListVolumesResponse { volumes: vec![volume()] }
    CreateVolumeRequest { name: name(), replication: 1, awaits_load: true }
    CreateVolumeResponse { volume: 3 }
    DeleteVolumeRequest { name: name() }
    DeleteVolumeResponse {}
    ShowVolumeRequest { name: name() }
    ShowVolumeResponse { trash_seconds: Some(3) }
    SetTrashRequest { name: name(), trash_seconds: Some(4) }
    SetTrashResponse {}
    DigestRequest { group: 2 }
    DigestResponse { applied_index: 9, digest: bytes().into() }
    ProposeCatalogRequest { command: Some(proto::CatalogCommand::default()) }
    ProposeCatalogResponse {
        result: Some(proto::propose_catalog_response::Result::Refused(name()))
    }
    ListSessionsRequest { volume: name() }
    ListSessionsResponse {
        sessions: vec![proto::SessionStatus {
            session: 1,
            host: name(),
            process: 3,
            opened_seconds: -6,
            ..proto::SessionStatus::default()
        }],
        lease_milliseconds: 2
    }
    EvictSessionRequest { volume: name(), session: 2 }
    EvictSessionResponse {}
    ListLocksRequest { volume: name(), ino: 2, after: bytes().into() }
    ListLocksResponse {
        locks: vec![proto::LockStatus {
            ino: 1,
            host: name(),
            is_exclusive: true,
            since_seconds: -1,
            ..proto::LockStatus::default()
        }],
        next: bytes().into()
    }
    LocateDirectoriesRequest { volume: name(), directories: vec![1, 2, 3] }
    LocateDirectoriesResponse { paths: vec![bytes().into()] }
    CheckRequest { group: 2, index: 9 }
    CheckPart {
        part: Some(proto::check_part::Part::Violation(proto::CheckViolation {
            rule: name(),
            detail: name(),
        }))
    }
    WatchRequest { volume: name(), path: bytes().into(), after: Some(3), number: Some(2) }
    WatchPart {
        index: 4,
        number: 2,
        is_there: true,
        changes: vec![proto::WatchedChange {
            index: 4,
            ino: 2,
            path: bytes().into(),
            ..proto::WatchedChange::default()
        }]
    }
    DumpRequest { volume: name() }
    DumpPart {
        part: Some(proto::dump_part::Part::Started(proto::DumpStarted {
            index: 1,
            inodes: 2,
            allocated: 3,
        }))
    }
    LoadRequest {
        volume: 2,
        step: Some(proto::load_request::Step::Finish(proto::FinishLoad::default()))
    }
    LoadResponse {}
}

fn message<M: Message + Default + PartialEq + Debug>(bytes: &[u8]) {
    if let Ok(message) = M::decode(bytes) {
        assert_eq!(M::decode(&*message.encode_to_vec()), Ok(message));
    }
}

fn name() -> String {
    "default".to_owned()
}

fn bytes() -> Vec<u8> {
    vec![7; 16]
}

fn endpoint(id: u64) -> proto::Endpoint {
    proto::Endpoint {
        id,
        address: format!("127.0.0.1:{id}"),
    }
}

fn space() -> proto::Space {
    proto::Space {
        total: 3,
        available: 2,
        reserve: 1,
    }
}

fn volume() -> proto::VolumeStatus {
    proto::VolumeStatus {
        name: name(),
        volume: 1,
        replication: 1,
    }
}

fn attend() -> proto::Attend {
    proto::Attend {
        session: 1,
        term: 2,
        received: 3,
        decided: 4,
        held: vec![5, 6],
        released: vec![7],
        saying: 8,
    }
}

fn attended() -> proto::Attended {
    let lock = proto::GrantedLock {
        ino: 1,
        sequence: 2,
    };
    proto::Attended {
        term: 1,
        lease_milliseconds: 2,
        is_gone: true,
        news: vec![proto::News {
            number: 1,
            body: Some(proto::news::Body::Granted(lock)),
        }],
    }
}

fn copies() -> proto::Copies {
    proto::Copies {
        number: 1,
        reset: true,
        dropped: vec![1, 2],
        records: vec![proto::Record {
            key: bytes().into(),
            value: Some(bytes().into()),
        }],
    }
}

fn group_status() -> proto::GroupStatus {
    let activity = proto::GroupActivity {
        operations: vec![proto::OperationActivity {
            operation: name(),
            is_change: true,
            buckets: vec![1, 2],
            micros: 3,
        }],
        sessions: vec![proto::SessionActivity {
            session: 1,
            calls: 2,
        }],
        bounds_micros: vec![1, 2],
        directories: vec![proto::DirectoryActivity {
            directory: 1,
            calls: 2,
        }],
    };
    proto::GroupStatus {
        group: 1,
        name: name(),
        role: name(),
        voters: vec![1, 2],
        learners: vec![3],
        peers: vec![proto::PeerProgress {
            node: 1,
            matched_index: 2,
            silent_milliseconds: 3,
        }],
        activity: Some(activity),
        ..proto::GroupStatus::default()
    }
}
