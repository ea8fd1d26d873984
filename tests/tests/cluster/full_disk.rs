//! Disks that are full: the follower's harms nobody else, the leader's is ENOSPC, and nothing is damaged by either.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use holdfast_metadata::{
    Answer, Command, InodeId, OpenSession, Operation, Outcome, PosixError, RequestId, SessionId,
    Write, WritePosition,
};
use holdfast_proto::GroupStatus;
use holdfast_tests::cluster::{Calls, ClusterSetup, Said, VOLUME, command, create};
use holdfast_tests::poll::becomes_true;
use holdfast_tests::{Client, Cluster, errno, wait_until};
use nix::errno::Errno;
use nix::sys::statvfs::statvfs;

/// An eighth of it is the reserve.
const DISK_MEBIBYTES: u64 = 256;
const RESERVE_BYTES: u64 = (DISK_MEBIBYTES / 8) << 20;
/// Less than the reserve, and enough for all that frees space.
const LEFT_BYTES: u64 = RESERVE_BYTES / 2;
const LIMIT: Duration = Duration::from_mins(1);
const SILENCE: Duration = Duration::from_secs(10);
const WRITE_BYTES: usize = 256 << 10;
/// More than what a node can write without new space.
const WRITES_MAX: u64 = 1000;
/// More than what its log has space for, and much less than its disk.
const WRITES_MISSED: u64 = 64;

fn start() -> Cluster {
    ClusterSetup::default().disks(DISK_MEBIBYTES).start(3)
}

fn write(client: &Client, ino: InodeId, number: u64) -> Outcome {
    let write = Write {
        ino,
        // In place, so that the healthy disks do not fill.
        position: WritePosition::At(0),
        data: vec![number as u8; WRITE_BYTES].into(),
        clear_privileges: false,
    };
    client.replicate(Operation::Write(write)).unwrap()
}

/// Waits until the node has ended by itself, and said why; it can be started then.
#[track_caller]
fn assert_ends_for_want_of_space(cluster: &mut Cluster, id: u64, runs: usize) {
    wait_until("it ends", LIMIT, || cluster.node_mut(id).ended().is_some());
    let status = cluster.node_mut(id).ended().unwrap();
    assert!(!status.success(), "{status}");
    let log = fs::read_to_string(cluster.node(id).log()).unwrap();
    let reasons = log.lines().filter(|line| line.starts_with("holdfast: "));
    let reasons: Vec<&str> = reasons.collect();
    assert_eq!(reasons.len(), runs, "{reasons:?}");
    assert!(reasons[runs - 1].contains("no space left"), "{reasons:?}");
    cluster.kill(id);
}

#[test]
fn a_follower_whose_disk_is_full_stops_and_says_so_and_catches_up_when_it_has_space() {
    let mut cluster = start();
    let client = cluster.client();
    let file = client.create(InodeId::ROOT, "file").unwrap();
    let leader = cluster.leader();
    let full = cluster.ids().into_iter().find(|id| *id != leader).unwrap();
    cluster.disk(full).fill_up_to(0);
    let mut writes = 0;
    while cluster.node_mut(full).ended().is_none() {
        assert!(writes < WRITES_MAX, "it goes on with a full disk");
        assert!(write(&client, file, writes).is_ok());
        writes += 1;
        // What the others have and it has not, it must have space for later.
        let written = cluster.replica(leader, VOLUME).unwrap().last_log_index;
        wait_until("it follows or ends", LIMIT, || {
            let follows = |replica: GroupStatus| replica.last_log_index >= written;
            cluster.node_mut(full).ended().is_some()
                || cluster.replica(full, VOLUME).is_some_and(follows)
        });
    }
    assert_ends_for_want_of_space(&mut cluster, full, 1);
    // The others neither wait nor refuse.
    client.create(InodeId::ROOT, "without-it").unwrap();
    for number in 0..WRITES_MISSED {
        assert!(write(&client, file, number).is_ok());
    }
    // There is no space to start in, and trying harms nothing.
    cluster.restart(full);
    assert_ends_for_want_of_space(&mut cluster, full, 2);
    cluster.disk(full).give_back();
    cluster.restart(full);
    cluster.wait_settled();
    client.create(InodeId::ROOT, "with-it").unwrap();
    let names: Vec<String> = client.names(InodeId::ROOT).into_keys().collect();
    assert_eq!(names, ["file", "with-it", "without-it"]);
    cluster.assert_all_replicas_agree();
}

#[test]
fn a_leader_whose_disk_is_full_answers_enospc_until_it_has_space() {
    let cluster = start();
    let leader = cluster.leader();
    let mount = cluster.mount(leader, "noatime");
    fs::write(mount.path("kept"), vec![7; 1 << 20]).unwrap();
    for name in ["removed", "renamed", "cut"] {
        fs::write(mount.path(name), name).unwrap();
    }
    let term = cluster.replica(leader, VOLUME).unwrap().term;
    cluster.disk(leader).fill_up_to(LEFT_BYTES);
    wait_until("a create is refused", LIMIT, || {
        let made = File::create_new(mount.path("new"));
        made.and_then(|_| fs::remove_file(mount.path("new")))
            .is_err()
    });
    for _ in 0..100 {
        assert_refuses_what_grows(mount.root());
    }
    assert_eq!(statvfs(mount.root()).unwrap().blocks_available(), 0);
    let status = cluster.holdfast(&["status"]);
    assert_eq!(status.status.code(), Some(1), "{status:?}");
    let complaint = format!("node {leader}: its disk is nearly full");
    assert!(status.stdout.contains(&complaint), "{}", status.stdout);
    // What frees space works.
    fs::remove_file(mount.path("removed")).unwrap();
    fs::rename(mount.path("renamed"), mount.path("cut")).unwrap();
    File::options()
        .write(true)
        .open(mount.path("cut"))
        .unwrap()
        .set_len(1)
        .unwrap();
    let mut names: Vec<_> = fs::read_dir(mount.root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["cut", "kept"]);
    cluster.disk(leader).give_back();
    wait_until("there is space again", LIMIT, || {
        File::create(mount.path("new")).is_ok()
    });
    fs::write(mount.path("new"), vec![9; 1 << 20]).unwrap();
    assert_eq!(fs::read(mount.path("kept")).unwrap(), vec![7; 1 << 20]);
    assert_eq!(fs::read(mount.path("cut")).unwrap(), b"r");
    let replica = cluster.replica(leader, VOLUME).unwrap();
    assert_eq!((replica.leader, replica.term), (leader, term));
    mount.unmount();
    cluster.assert_all_replicas_agree();
}

#[track_caller]
fn assert_refuses_what_grows(root: &Path) {
    let refused = errno(File::create(root.join("new")).map(drop));
    assert_eq!(refused, Errno::ENOSPC);
    assert_eq!(errno(fs::create_dir(root.join("new"))), Errno::ENOSPC);
    let linked = fs::hard_link(root.join("kept"), root.join("new"));
    assert_eq!(errno(linked), Errno::ENOSPC);
    let mut kept = File::options()
        .append(true)
        .open(root.join("kept"))
        .unwrap();
    let written = kept.write_all(&[8; 4096]).and_then(|()| kept.sync_all());
    assert_eq!(errno(written), Errno::ENOSPC);
    assert_eq!(fs::metadata(root.join("kept")).unwrap().len(), 1 << 20);
}

/// As a mount sends it: with a number under which it takes effect once.
fn request(sequence: u64, operation: Operation) -> Command {
    Command {
        request: Some(RequestId {
            session: SessionId(4711),
            sequence,
            acknowledged: 0,
        }),
        ..command(operation)
    }
}

#[track_caller]
fn outcome(cluster: &Cluster, calls: &mut Calls, command: &Command) -> Outcome {
    let call = calls.send_command(VOLUME, command, true);
    let mut answers = calls.answers(cluster.speaker(), SILENCE).unwrap();
    match answers.remove(&call) {
        Some(Said::Outcome(outcome)) => outcome,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_retry_that_finds_the_disk_full_gets_its_first_answer_and_a_refusal_stays_one() {
    let cluster = start();
    let leader = cluster.leader();
    let mut calls = cluster.speaker().calls(cluster.node(leader).address());
    let open = OpenSession {
        host: "host".to_owned(),
        process: 1,
        version: "1".to_owned(),
        mountpoint: "/mnt".to_owned(),
    };
    let open = request(0, Operation::OpenSession(open));
    assert_eq!(outcome(&cluster, &mut calls, &open), Ok(Answer::Done));
    let early = request(1, create(InodeId::ROOT, "early"));
    let first = outcome(&cluster, &mut calls, &early);
    assert!(matches!(first, Ok(Answer::Entry { created: true, .. })));
    cluster.disk(leader).fill_up_to(LEFT_BYTES);
    let mut sequence = 1;
    wait_until("the leader refuses", LIMIT, || {
        sequence += 1;
        let late = request(sequence, create(InodeId::ROOT, &format!("late-{sequence}")));
        outcome(&cluster, &mut calls, &late) == Err(PosixError::NoSpace)
    });
    assert_eq!(outcome(&cluster, &mut calls, &early), first);
    cluster.disk(leader).give_back();
    let mut later = sequence;
    wait_until("there is space again", LIMIT, || {
        later += 1;
        let free = request(later, create(InodeId::ROOT, "free"));
        outcome(&cluster, &mut calls, &free) != Err(PosixError::NoSpace)
    });
    let name = format!("late-{sequence}");
    let late = request(sequence, create(InodeId::ROOT, &name));
    let again = outcome(&cluster, &mut calls, &late);
    assert_eq!(again, Err(PosixError::NoSpace), "it was told so before");
    assert!(!cluster.client().names(InodeId::ROOT).contains_key(&name));
    cluster.assert_all_replicas_agree();
}

/// Everything is answered: done, or that there is no space; what does not grow is not refused, and takes space in
/// the log. Answers what was made.
fn work_on_a_full_disk(client: &Client, worker: usize, stopped: &AtomicBool) -> Vec<String> {
    let (from, to) = ("a".repeat(250), "b".repeat(250));
    let mut made = Vec::new();
    while !stopped.load(Ordering::Relaxed) {
        let name = format!("file-{worker}-{}", made.len());
        match client.create(InodeId::ROOT, &name) {
            Ok(_) => made.push(name),
            Err(error) => assert_eq!(error, PosixError::NoSpace),
        }
        let renamed = client.rename(InodeId::ROOT, &from, &to);
        assert_eq!(renamed, Err(PosixError::NotFound));
    }
    made
}

#[test]
fn a_leader_whose_disk_has_not_even_a_reserve_stops_and_another_goes_on() {
    let mut cluster = start();
    let client = cluster.client();
    let file = client.create(InodeId::ROOT, "file").unwrap();
    let full = cluster.leader();
    cluster.disk(full).fill_up_to(0);
    let stopped = AtomicBool::new(false);
    let mut made = vec!["file".to_owned()];
    thread::scope(|scope| {
        let workers: Vec<_> = (0..8)
            .map(|worker| {
                let (client, stopped) = (client.clone(), &stopped);
                scope.spawn(move || work_on_a_full_disk(&client, worker, stopped))
            })
            .collect();
        let ended = becomes_true(LIMIT, || cluster.node_mut(full).ended().is_some());
        stopped.store(true, Ordering::Relaxed);
        made.extend(
            workers
                .into_iter()
                .flat_map(|worker| worker.join().unwrap()),
        );
        assert!(ended, "it goes on without space");
    });
    assert_ends_for_want_of_space(&mut cluster, full, 1);
    assert!(write(&client, file, 1).is_ok());
    cluster.disk(full).give_back();
    cluster.restart(full);
    cluster.wait_settled();
    made.sort();
    let names: Vec<String> = client.names(InodeId::ROOT).into_keys().collect();
    assert_eq!(names, made);
    cluster.assert_all_replicas_agree();
}
