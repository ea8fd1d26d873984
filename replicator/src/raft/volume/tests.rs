//! What a volume logs of the calls it was slow with.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use holdfast_metadata::{Format, InodeId, Query, RequestId};
use holdfast_proto::identity::Identity;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::sync::{Notify, mpsc};

use super::*;
use crate::raft::copies::Line;
use crate::raft::limits::Limits;
use crate::raft::log::{LogDatabase, LogOptions};
use crate::raft::machine::tests::fixture;
use crate::raft::network::Peers;
use crate::raft::options::{NodeOptions, ReadMode, SnapshotOptions, Start, Timing};
use crate::raft::poison::Poison;
use crate::raft::type_config::{GroupId, Peer};

/// It leads within this, or never.
const PATIENCE: Duration = Duration::from_secs(30);
/// Copies are not waited for longer.
const REIGN: Duration = Duration::from_secs(2);
const HELD_UP: Duration = Duration::from_millis(100);

/// What this process has logged. A logger for a thread only may be passed by: whether a line is wanted is known to all threads.
static LOGGED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOGGED.lock().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn log_to_memory() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        let subscriber = tracing_subscriber::fmt().with_ansi(false);
        subscriber.with_writer(|| Log).init();
    });
}

/// A volume on one node, which finds every call slow.
struct Scene {
    volume: Volume,
    _directory: TempDir,
    _database: LogDatabase,
}

impl Scene {
    /// The number is that of this test alone.
    async fn start(group_id: GroupId) -> Scene {
        log_to_memory();
        let directory = tempfile::tempdir().unwrap();
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
        let log = database.group(group_id).unwrap();
        let network = peers.network(group_id);
        let group = Group::start(group_id, &options, log, store, network, &disk);
        let group = group.await.unwrap();
        let address = "127.0.0.1:1".to_owned();
        let members = BTreeMap::from([(1, Peer { address })]);
        group.raft().initialize(members).await.unwrap();
        let wait = group.raft().wait(Some(PATIENCE));
        wait.metrics(|metrics| metrics.current_leader == Some(1), "it leads")
            .await
            .unwrap();
        let raft = group.raft().clone();
        let everyone = Everyone::new(group_id, raft, peers, identity, REIGN);
        let attendance = Attendance::start(&group, options.timing.session_lease);
        let record = VolumeRecord {
            id: group_id.0,
            name: "volume".to_owned(),
            replication: ReplicationMode::Quorum,
            format: Format::of_root(7, Timestamp::default()),
            initial_voters: Vec::new(),
        };
        Scene {
            volume: Volume::new(&record, group, everyone, disk, attendance),
            _directory: directory,
            _database: database,
        }
    }

    /// What was logged last with this message.
    #[track_caller]
    fn logged(&self, message: &str) -> String {
        let text = String::from_utf8_lossy(&LOGGED.lock()).into_owned();
        let group = format!("group={} ", self.volume.group().id());
        let mut lines = text.lines().rev();
        let line = lines.find(|line| line.contains(message) && line.contains(&group));
        line.unwrap_or_else(|| panic!("no {message} of {group} in {text}"))
            .to_owned()
    }
}

fn options(directory: &TempDir) -> NodeOptions {
    NodeOptions {
        changes: 100,
        cache_bytes: 8 << 20,
        limits: Limits::DEFAULT,
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
        squashed: false,
        operation: fixture::make(1),
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_waited_for_the_copies_of_a_silent_mount_was_slow() {
    let scene = Scene::start(GroupId(7001)).await;
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
    let scene = Scene::start(GroupId(7002)).await;
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
