//! What a volume logs of the calls it was slow with.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::sync::Arc;
use std::time::Duration;

use holdfast_metadata::{Format, InodeId, Query, RequestId};
use holdfast_proto::identity::Identity;
use tempfile::TempDir;
use tokio::sync::{Notify, mpsc};
use tracing::subscriber::DefaultGuard;

use super::*;
use crate::raft::copies::Line;
use crate::raft::log::{LogDatabase, LogOptions};
use crate::raft::machine::tests::fixture;
use crate::raft::network::Peers;
use crate::raft::options::{NodeOptions, ReadMode, SnapshotOptions, Start, Timing};
use crate::raft::poison::Poison;
use crate::raft::type_config::{GroupId, Peer};

const GROUP: GroupId = GroupId(7);
/// It leads within this, or never.
const PATIENCE: Duration = Duration::from_secs(30);
/// Copies are not waited for longer.
const REIGN: Duration = Duration::from_secs(2);
const HELD_UP: Duration = Duration::from_millis(100);

/// A volume on one node, which finds every call slow.
struct Scene {
    volume: Volume,
    directory: TempDir,
    _database: LogDatabase,
    _logging: DefaultGuard,
}

impl Scene {
    async fn start() -> Scene {
        let directory = tempfile::tempdir().unwrap();
        let log = File::create(directory.path().join("messages")).unwrap();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(Arc::new(log))
            .finish();
        let logging = tracing::subscriber::set_default(subscriber);
        let store = fixture::open(&directory.path().join("state"));
        let path = directory.path().join("log");
        let database = LogDatabase::open(&path, &LogOptions::default(), Poison::new()).unwrap();
        let identity = Identity {
            cluster: Some([1; 16]),
            node: Some(1),
            program: "test",
        };
        let peers = Peers::new(identity.clone(), None);
        let disk = NodeDisk::new(directory.path());
        let options = options(&directory);
        let log = database.group(GROUP).unwrap();
        let group = Group::start(GROUP, &options, log, store, peers.network(GROUP), &disk);
        let group = group.await.unwrap();
        let address = "127.0.0.1:1".to_owned();
        let members = BTreeMap::from([(1, Peer { address })]);
        group.raft().initialize(members).await.unwrap();
        let wait = group.raft().wait(Some(PATIENCE));
        wait.metrics(|metrics| metrics.current_leader == Some(1), "it leads")
            .await
            .unwrap();
        let raft = group.raft().clone();
        let everyone = Everyone::new(GROUP, raft, peers, identity, REIGN);
        let attendance = Attendance::start(&group, options.timing.session_lease);
        let record = VolumeRecord {
            id: GROUP.0,
            name: "volume".to_owned(),
            replication: ReplicationMode::Quorum,
            format: Format::of_root(7, Timestamp::default()),
            initial_voters: Vec::new(),
        };
        Scene {
            volume: Volume::new(&record, group, everyone, disk, attendance),
            directory,
            _database: database,
            _logging: logging,
        }
    }

    /// What was logged last with this message.
    #[track_caller]
    fn logged(&self, message: &str) -> String {
        let text = fs::read_to_string(self.directory.path().join("messages")).unwrap();
        let mut lines = text.lines().rev();
        let line = lines.find(|line| line.contains(message));
        line.unwrap_or_else(|| panic!("no {message} in {text}"))
            .to_owned()
    }
}

fn options(directory: &TempDir) -> NodeOptions {
    NodeOptions {
        slow_operation: Duration::ZERO,
        tls: None,
        id: 1,
        data: directory.path().to_owned(),
        listen: ([127, 0, 0, 1], 0).into(),
        advertise: String::new(),
        start: Start::Existing,
        timing: Timing {
            election_max: REIGN,
            ..Timing::default()
        },
        snapshots: SnapshotOptions::default(),
        reads: ReadMode::ReadIndex,
        program: "test",
    }
}

fn field(line: &str, name: &str) -> Option<u64> {
    let mut words = line.split_whitespace();
    words.find_map(|word| word.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
}

fn get_root() -> CallBody {
    let ino = InodeId::ROOT;
    CallBody::Query(holdfast_proto::encode_query(&Query::Attributes { ino }))
}

fn make_directory() -> CallBody {
    let request = RequestId {
        session: SessionId(0x00c0_ffee),
        sequence: 17,
        acknowledged: 0,
    };
    CallBody::Command(holdfast_proto::encode_command(&Command {
        request: Some(request),
        now: Timestamp::default(),
        credentials: Credentials::ROOT,
        operation: fixture::make(1),
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_waited_for_the_copies_of_a_silent_mount_was_slow() {
    let scene = Scene::start().await;
    let volume = &scene.volume;
    // Copies of a process that ran here before are not waited for any more.
    volume.answer(get_root(), None).await.unwrap();
    let (sender, _stream) = mpsc::channel(10);
    let line = Line {
        answers: sender.downgrade(),
        broken: Arc::<Notify>::default(),
    };
    let holder = volume.group().copies().enter(line);
    volume.group().copies().reset();
    let mut call = std::pin::pin!(volume.answer(get_root(), None));
    let held_up = tokio::time::timeout(HELD_UP, call.as_mut());
    assert!(held_up.await.is_err(), "it did not wait");
    holder.hears(1);
    call.await.unwrap();
    let slow = scene.logged("slow query");
    let micros = field(&slow, "micros").unwrap();
    assert!(micros >= HELD_UP.as_micros() as u64, "{slow}");
    assert!(field(&slow, "confirm_micros").is_some(), "{slow}");
    volume.group().stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_got_no_outcome_leaves_a_line_with_the_reason() {
    let scene = Scene::start().await;
    let volume = &scene.volume;
    volume.answer(make_directory(), None).await.unwrap();
    let slow = scene.logged("slow command");
    assert!(field(&slow, "apply_micros").is_some(), "{slow}");
    assert!(!slow.contains("refusal"), "{slow}");
    volume.group().raft().shutdown().await.unwrap();
    let refused = volume.answer(make_directory(), None).await.unwrap_err();
    let slow = scene.logged("slow command");
    assert!(slow.contains(&format!("refusal={refused}")), "{slow}");
    assert!(slow.contains("0000000000c0ffee-17"), "{slow}");
    assert_eq!(field(&slow, "apply_micros"), None, "{slow}");
    volume.answer(get_root(), None).await.unwrap_err();
    assert!(scene.logged("slow query").contains("refusal="));
    volume.group().stop().await;
}
