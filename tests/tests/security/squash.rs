//! A client that is squashed is one user to the cluster, whoever works on its machine, and may do what that user may.
//!
//! The kernel is the judge: what a user may do on an ordinary mount, where the kernel checks it, everybody may do on a squashed
//! mount, and nothing else, with the same errors and the same tree in the end.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use holdfast_metadata::{
    Command, Cookie, Credentials, FileName, InodeId, Mkdir, Mode, Operation, PosixError, Query,
    RequestId, SessionId, Timestamp,
};
use holdfast_proto::client_client::ClientClient;
use holdfast_proto::session_admin_client::SessionAdminClient;
use holdfast_proto::watch_client::WatchClient;
use holdfast_proto::{
    CallRequest, CallRequests, ListSessionsRequest, LocateDirectoriesRequest, WatchRequest,
    call_request, call_response, decode_outcome, decode_reply, encode_command, encode_query,
};
use tonic::Code;

use crate::forged::{channel, request};
use crate::mounts::{Mount, tls};
use crate::scene::{Scene, assert_says, complaint};
use holdfast_tests::poll::wait_until;
use holdfast_tests::program::run;

const NOTICED: Duration = Duration::from_secs(30);
/// Whom the client is made.
const WHO: u32 = 1000;

/// Owner of the directory and of what is in it, their modes, and an access list of the directory.
struct Place {
    directory: (u32, u32, &'static str),
    files: (u32, u32, &'static str),
    list: Option<&'static str>,
}

const fn place(directory: (u32, u32, &'static str), files: (u32, u32, &'static str)) -> Place {
    Place {
        directory,
        files,
        list: None,
    }
}

const PLACES: [Place; 10] = [
    place((0, 0, "755"), (0, 0, "644")),
    place((5, 5, "777"), (5, 5, "600")),
    place((5, 5, "777"), (5, 5, "666")),
    place((5, WHO, "770"), (5, WHO, "640")),
    place((5, 5, "711"), (5, 5, "604")),
    place((5, 5, "744"), (5, 5, "622")),
    place((WHO, 5, "700"), (WHO, 5, "400")),
    place((WHO, 5, "500"), (5, 5, "711")),
    place((5, 5, "1777"), (5, 5, "666")),
    Place {
        list: Some("u:1000:rwx"),
        ..place((5, 5, "700"), (5, 5, "644"))
    },
];

/// Makes `$M/$P`; the superuser does, through a mount that is not squashed.
fn prepare(place: &Place) -> String {
    let (uid, gid, mode) = place.directory;
    let (file_uid, file_gid, file_mode) = place.files;
    let list = place
        .list
        .map_or_else(String::new, |list| format!("setfacl -m {list} ."));
    format!(
        "set -e; mkdir $M/$P; cd $M/$P; mkdir other; chmod 777 other; mkdir sub empty
        for name in f g h k m s c sub/in; do echo content > $name; done
        echo own > own; ln -s f l; cp /bin/true program; setfattr -n user.here -v value f
        chown -h {file_uid}:{file_gid} f g h k m s c l sub empty sub/in program
        chmod {file_mode} f g h k m program; chmod u+s,g+x s; chmod g+s s
        setfattr -n security.capability -v 0x0100000200040000000000000000000000000000 c; chmod {file_mode} c; chmod 755 sub
        chown {WHO}:{WHO} own; chmod 640 own
        chown {uid}:{gid} .; chmod {mode} .; {list}"
    )
}

/// What is tried in there. Files that are there are opened without `O_CREAT`, which the kernel of the machine itself refuses in sticky
/// directories (`fs.protected_regular`).
const TRIED: &str = r#"
cd / ; cd $M/$P || echo cannot enter
t() { label=$1; shift; said=$("$@" 2>&1 > /dev/null); echo "$label: $? ${said##*: }"; }
D=$M/$P
t list ls $D
t look stat $D/f
t long ls -l $D/sub
t enter sh -c "cd $D 2> /dev/null"
t may-read test -r $D/f
t may-write test -w $D/f
t may-execute test -x $D/program
t read cat $D/f
t read-own cat $D/own
t link-target readlink $D/l
t execute $D/program
t write dd if=/bin/true of=$D/f bs=8 count=1 conv=notrunc,nocreat status=none
t empty dd if=/bin/true of=$D/g bs=8 count=1 conv=nocreat status=none
t write-privileged dd if=/bin/true of=$D/s bs=8 count=1 conv=notrunc,nocreat status=none
t write-capable dd if=/bin/true of=$D/c bs=8 count=1 conv=notrunc,nocreat status=none
t write-own dd if=/bin/true of=$D/own bs=8 count=1 conv=notrunc,nocreat status=none
t cut truncate --no-create --size 2 $D/h
t touch touch --no-create $D/f
t past touch --no-create --date 2001-01-01 $D/f
t past-own touch --no-create --date 2001-01-01 $D/own
t chmod chmod 604 $D/k
t chmod-own chmod 644 $D/own
t give chown 7 $D/own
t take chown 1000 $D/k
t group chgrp 1000 $D/own
t other-group chgrp 7 $D/own
t lock flock $D/f true
t hard-link ln $D/k $D/second
t hard-link-own ln $D/own $D/second-own
t over ln $D/own $D/f
t symlink ln -s f $D/symlink
t make touch $D/new
t directory mkdir $D/newd
t exists mkdir $D/sub
t fifo mknod $D/fifo p
t device mknod $D/device c 1 3
t attribute setfattr -n user.a -v 1 $D/f
t see-attribute getfattr -n user.here $D/f
t no-attribute setfattr -x user.none $D/f
t list-of setfacl -m u:7:r $D/k
t list-of-own setfacl -m u:7:r $D/own
t away mv $D/f $D/other/f
t rename mv -T $D/g $D/gg
t replace mv -f $D/new $D/h
t directory-away mv $D/sub $D/other/sub
t directory-renamed mv -T $D/sub $D/sub2
t remove unlink $D/m
t remove-own unlink $D/own
t remove-nothing unlink $D/nothing
t remove-directory rmdir $D/empty
t remove-full rmdir $D/sub2
"#;

/// What became of it.
const LEFT: &str =
    "cd $M/$P && find . -printf '%P %y %m %u %g %n %s %l\n' | sort && getfacl -nR . 2> /dev/null";

/// What `who` is told of everything that is tried, and what is there then.
fn try_all(owner: &Mount, mount: &Mount, who: Option<u32>, number: usize) -> (String, String) {
    let setting = |script: &str| format!("P=p{number}; export P; {script}");
    owner.shell(&setting(&prepare(&PLACES[number]))).success();
    let script = setting(TRIED).replace('\'', "'\\''");
    let line = match who {
        Some(id) => format!("setpriv --reuid {id} --regid {id} --clear-groups sh -c '{script}'"),
        None => format!("sh -c '{script}'"),
    };
    let told = mount.shell(&line).success();
    let left = owner.shell(&setting(LEFT)).success();
    owner.shell(&setting("rm -r $M/$P")).success();
    (told, left)
}

/// Without what the kernel of the machine refuses by itself to who is not root there: devices, and access lists of what belongs
/// to another number.
fn elsewhere(told: &str) -> Vec<&str> {
    let own = ["device:", "list-of:", "list-of-own:"];
    let lines = told.lines();
    lines
        .filter(|line| !own.iter().any(|label| line.starts_with(label)))
        .collect()
}

#[test]
fn everybody_on_a_squashed_mount_may_do_what_that_user_may() {
    let scene = Scene::start(1);
    let owner = scene.issue(&["client", "olga", "--volumes", "default"]);
    let squashed = scene.issue(&[
        "client",
        "web",
        "--volumes",
        "default",
        "--squash",
        "1000:1000",
    ]);
    let [owner, squashed] =
        [owner, squashed].map(|directory| format!("allow_other,{}", tls(&directory)));
    let judge = Mount::new(&scene, "a", &owner);
    judge.shell("chmod 755 $M $M/..").success();
    let mount = Mount::new(&scene, "b", &squashed);
    for (number, place) in PLACES.iter().enumerate() {
        let expected = try_all(&judge, &judge, Some(WHO), number);
        assert!(expected.0.lines().count() > 45, "{}", expected.0);
        // What one's own is in a sticky directory the kernel of the machine decides, too, by its own numbers.
        let is_sticky = place.directory.2.starts_with('1');
        let others = [None, Some(WHO), Some(2000)];
        for who in &others[..if is_sticky { 2 } else { 3 }] {
            let told = try_all(&judge, &mount, *who, number);
            if who.is_none() {
                assert_eq!(told, expected, "place {number}");
            } else {
                let (judged, told) = (elsewhere(&expected.0), elsewhere(&told.0));
                assert_eq!(told, judged, "place {number}, as {who:?}");
            }
        }
    }
    for mount in [judge, mount] {
        mount.shell("fusermount3 -u -z $M").success();
    }
}

/// Who is connected to the node, by the ports they connect from.
fn connections(scene: &Scene) -> BTreeSet<String> {
    let address = scene.address(1);
    let asked = ["-Htn", "state", "established", "dst", &address];
    let told = run(std::process::Command::new("ss").args(asked)).success();
    let ports = told.lines().map(|line| line.split_whitespace().nth(2));
    ports.map(|port| port.unwrap().to_owned()).collect()
}

#[test]
fn a_certificate_that_squashes_no_more_leaves_a_mount_as_it_was() {
    let scene = Scene::start(1);
    let client = ["client", "web", "--volumes", "default"];
    let squash = ["--squash", "1000:1000", "--valid-for", "8s"];
    let directory = scene.issue(&[&client[..], &squash].concat());
    let others = connections(&scene);
    let mount = Mount::new(&scene, "a", &tls(&directory));
    assert_says(&complaint(mount.shell("mkdir $M/d")), "ermission denied");
    let of_mount = &connections(&scene) - &others;
    assert!(!of_mount.is_empty());
    scene.issue(&client);
    // Its connection ends with the first certificate, and the next one is made with the second: nobody on this machine was asked anything
    // about permissions.
    wait_until("the mount has made another connection", NOTICED, || {
        let now = &connections(&scene) - &others;
        !now.is_empty() && now.is_disjoint(&of_mount)
    });
    assert_says(&complaint(mount.shell("mkdir $M/d")), "ermission denied");
    let again = Mount::new(&scene, "b", &tls(&directory));
    again.shell("mkdir $M/d").success();
    for mount in [mount, again] {
        mount.shell("fusermount3 -u -z $M").success();
    }
}

/// What a node answers to calls that say what they like of who asks.
async fn answers(
    scene: &Scene,
    tls: &Path,
    bodies: Vec<call_request::Body>,
) -> Vec<call_response::Body> {
    let calls = bodies.into_iter().zip(1..).map(|(body, call)| CallRequest {
        call,
        volume: 1,
        keep: true,
        body: Some(body),
        ..CallRequest::default()
    });
    let calls: Vec<_> = calls.collect();
    let count = calls.len();
    let batch = CallRequests {
        requests: calls,
        ..CallRequests::default()
    };
    let outgoing =
        tokio_stream::StreamExt::chain(tokio_stream::once(batch), tokio_stream::pending());
    let channel = channel(&scene.address(1), tls, None);
    let answers = ClientClient::new(channel)
        .call(request(outgoing, None))
        .await
        .unwrap();
    let mut answers = answers.into_inner();
    let mut bodies = Vec::new();
    while bodies.len() < count {
        let message = answers.message().await.unwrap().unwrap();
        assert_eq!(message.copies, [], "copies would answer whoever asks");
        let responses = message.responses.into_iter();
        bodies.extend(responses.map(|response| (response.call, response.body.unwrap())));
    }
    bodies.sort_by_key(|(call, _)| *call);
    bodies.into_iter().map(|(_, body)| body).collect()
}

/// The session of the mount at a place, as everybody who may use the volume may know it.
async fn session_at(scene: &Scene, tls: &Path, name: &str) -> SessionId {
    let list = ListSessionsRequest {
        volume: "default".to_owned(),
    };
    let mut sessions = SessionAdminClient::new(channel(&scene.address(1), tls, None));
    let listed = sessions.list_sessions(request(list, None)).await.unwrap();
    let sessions = listed.into_inner().sessions;
    let mut sessions = sessions.iter();
    let found = sessions.find(|session| session.mountpoint.ends_with(name));
    SessionId(found.unwrap().session)
}

/// The root directory is root's, and nobody else's.
fn root_makes_a_directory(session: SessionId) -> Command {
    Command {
        request: Some(RequestId {
            session,
            sequence: 1 << 40,
            acknowledged: 0,
        }),
        now: Timestamp {
            seconds: 1,
            nanoseconds: 0,
        },
        credentials: Credentials::ROOT,
        squashed: false,
        operation: Operation::Mkdir(Mkdir {
            parent: InodeId::ROOT,
            name: FileName::new(b"mine").unwrap(),
            mode: Mode::new(0o755),
            umask: Mode::new(0),
        }),
    }
}

#[tokio::test]
async fn the_node_squashes_whatever_a_client_says_of_itself() {
    let scene = Scene::start(1);
    let owner = scene.issue(&["client", "olga", "--volumes", "default"]);
    let squashed = scene.issue(&[
        "client",
        "eve",
        "--volumes",
        "default",
        "--squash",
        "1000:1000",
    ]);
    let mount = Mount::new(&scene, "a", &tls(&owner));
    let make = "mkdir -m 700 $M/private && cd $M/private && mkdir -m 777 open && echo x > secret && chmod 666 secret";
    mount.shell(make).success();
    // In a session of its own, in which it may say what it likes.
    let own = Mount::new(&scene, "b", &tls(&squashed));
    let session = session_at(&scene, &squashed, "/b").await;
    let [private, secret, open] = ["private", "private/secret", "private/open"].map(|name| {
        let told = mount.shell(&format!("stat -c %i $M/{name}")).success();
        InodeId::new(told.trim().parse().unwrap())
    });
    let commands = [call_request::Body::Command(encode_command(
        &root_makes_a_directory(session),
    ))];
    let list = Query::ReadDirectory {
        ino: private,
        after: Cookie::default(),
        entries_max: 10,
        with_attributes: true,
    };
    let lookup = Query::Lookup {
        parent: private,
        name: FileName::new(b"secret").unwrap(),
    };
    // Numbers can be guessed.
    let read = Query::Read {
        ino: secret,
        offset: 0,
        length: 1,
    };
    let about = Query::Attributes { ino: open };
    let claimed = lookup.clone().squashed(Credentials::ROOT);
    let queries = [list, lookup, read, about, claimed]
        .map(|query| call_request::Body::Query(encode_query(&query)));
    let bodies = [&commands[..], &queries].concat();
    for answer in answers(&scene, &squashed, bodies).await {
        let error = match answer {
            call_response::Body::Outcome(bytes) => decode_outcome(bytes).unwrap().unwrap_err(),
            call_response::Body::Reply(bytes) => decode_reply(bytes).unwrap().unwrap_err(),
            other => panic!("{other:?}"),
        };
        assert_eq!(error, PosixError::AccessDenied);
    }
    // Names are told in other ways, too.
    let mut sessions = SessionAdminClient::new(channel(&scene.address(1), &squashed, None));
    let asked = LocateDirectoriesRequest {
        volume: "default".to_owned(),
        directories: vec![private.get()],
    };
    let refused = sessions.locate_directories(request(asked, None)).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    let mut watch = WatchClient::new(channel(&scene.address(1), &squashed, None));
    let asked = WatchRequest {
        volume: "default".to_owned(),
        ..WatchRequest::default()
    };
    let refused = watch.watch(request(asked, None)).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    for mount in [mount, own] {
        mount.shell("fusermount3 -u -z $M").success();
    }
}
