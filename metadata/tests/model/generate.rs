//! Random commands that collide: few names, few inodes, a small tree to begin with.

mod attributes;
mod content;
mod locks;
mod requests;

use attributes::attributes;
use bytes::Bytes;
use content::content;
use holdfast_metadata::{
    Amounts, Command, CountOwners, Create, Credentials, EmptyTrash, FileKind, FileName, InodeId,
    Link, Mkdir, Mknod, Mode, Operation, Owner, Reclaim, Rename, RenameFlags, Rmdir, SetAttributes,
    SetOwnerQuota, SetQuota, SetTrash, Symlink, Timestamp, Unlink,
};
pub(crate) use locks::locks;
use proptest::prelude::*;
pub(crate) use requests::{open_session, requests};

/// The names that are ever used.
pub(crate) const NAMES: [&[u8]; 6] = [b"a", b"b", b"c", b"f", b"g", b"\xff\n"];

/// A tree of directories 2 to 4 and files 5 and 6, and then up to `length` random commands.
pub(crate) fn commands(length: usize) -> impl Strategy<Value = Vec<Command>> {
    let random = prop::collection::vec((credentials(), operation()), 0..=length);
    random.prop_map(|random| {
        let root = Credentials::ROOT;
        let tree = tree()
            .into_iter()
            .map(|operation| (root.clone(), operation));
        let place = 0..;
        tree.chain(random)
            .zip(place)
            .map(|((credentials, operation), place)| Command {
                request: None,
                now: time_of(place),
                credentials,
                squashed: false,
                operation,
            })
            .collect()
    })
}

/// The same in a volume that keeps what is removed, where directories often change their rights.
pub(crate) fn with_trash(length: usize) -> impl Strategy<Value = Vec<Command>> {
    let chmod = (
        directory(),
        prop::sample::select(vec![0o700, 0o755]),
        name(),
    );
    let changed = prop::collection::vec(chmod, length);
    (commands(length), changed).prop_map(|(commands, changed)| {
        let root = |operation, now| Command {
            request: None,
            now,
            credentials: Credentials::ROOT,
            squashed: false,
            operation,
        };
        let mut kept = Vec::new();
        for (command, (ino, mode, name)) in commands.into_iter().zip(changed) {
            let now = command.now;
            kept.push(command);
            if kept.len() == tree().len() {
                let keep_seconds = Some(5);
                kept.push(root(Operation::SetTrash(SetTrash { keep_seconds }), now));
            }
            if kept.len() > tree().len() {
                let set = SetAttributes {
                    ino,
                    mode: Some(Mode::new(mode)),
                    uid: None,
                    gid: None,
                    size: None,
                    atime: None,
                    mtime: None,
                    ctime: None,
                };
                kept.push(root(Operation::SetAttributes(set), now));
                kept.push(root(Operation::Unlink(Unlink { parent: ino, name }), now));
            }
        }
        kept
    })
}

/// Begins before 1970, so that negative seconds are met.
fn time_of(place: i64) -> Timestamp {
    Timestamp::new(place - 30, place.unsigned_abs() as u32 * 1000).unwrap()
}

fn file_name(bytes: &[u8]) -> FileName {
    FileName::new(bytes).unwrap()
}

fn tree() -> Vec<Operation> {
    let directory = |parent, name| {
        Operation::Mkdir(Mkdir {
            parent: InodeId::new(parent),
            name: file_name(name),
            mode: Mode::new(0o777),
            umask: Mode::new(0o022),
        })
    };
    let file = |parent, name| {
        Operation::Create(Create {
            parent: InodeId::new(parent),
            name: file_name(name),
            mode: Mode::new(0o6777),
            umask: Mode::default(),
            exclusive: true,
        })
    };
    vec![
        directory(1, b"a"),
        directory(1, b"b"),
        directory(2, b"c"),
        file(1, b"f"),
        file(4, b"g"),
    ]
}

fn credentials() -> impl Strategy<Value = Credentials> {
    let user = Credentials {
        uid: 1000,
        gid: 100,
        groups: vec![200],
    };
    prop_oneof![3 => Just(Credentials::ROOT), 1 => Just(user)]
}

fn name() -> impl Strategy<Value = FileName> {
    prop::sample::select(&NAMES[..]).prop_map(file_name)
}

fn directory() -> impl Strategy<Value = InodeId> {
    let number = prop_oneof![8 => 1..=4_u64, 1 => 5..=15_u64, 1 => 7..=9_u64];
    number.prop_map(InodeId::new)
}

fn file() -> impl Strategy<Value = InodeId> {
    let number = prop_oneof![8 => 5..=6_u64, 3 => 7..=12_u64, 1 => 1..=20_u64];
    number.prop_map(InodeId::new)
}

fn any_inode() -> impl Strategy<Value = InodeId> {
    prop_oneof![directory(), file()]
}

fn mode() -> impl Strategy<Value = Mode> {
    (0..=0o7777_u32).prop_map(Mode::new)
}

fn operation() -> impl Strategy<Value = Operation> {
    // On the heap: a value of all of them is larger than the stack of a test has room for without optimization.
    prop_oneof![
        8 => namespace().boxed(),
        2 => set_quota().boxed(),
        2 => of_owners().boxed(),
        1 => trash().boxed(),
        5 => rename().boxed(),
        6 => content().boxed(),
        4 => attributes().boxed(),
        1 => prop::collection::vec(any_inode(), 0..4)
            .prop_map(|inodes| Operation::Reclaim(Reclaim { inodes, term: None })),
    ]
}

/// Small, so that it is met.
fn limit(most: u64) -> impl Strategy<Value = Option<u64>> {
    prop_oneof![
        1 => Just(None),
        2 => Just(Some(Amounts::NO_LIMIT)),
        6 => (0..most).prop_map(Some),
    ]
}

fn set_quota() -> impl Strategy<Value = Operation> {
    let place = prop_oneof![3 => directory(), 3 => Just(InodeId::new(3)), 1 => any_inode()];
    (place, limit(20_000), limit(8))
        .prop_map(|(ino, bytes, inodes)| Operation::SetQuota(SetQuota { ino, bytes, inodes }))
}

/// On more often than off, and a step of emptying it.
fn trash() -> impl Strategy<Value = Operation> {
    let keep = prop::option::weighted(0.8, 0..9_u64);
    prop_oneof![
        6 => keep.prop_map(|keep_seconds| Operation::SetTrash(SetTrash { keep_seconds })),
        2 => Just(Operation::EmptyTrash(EmptyTrash {
            names_max: usize::MAX,
            term: 1,
        })),
    ]
}

/// Counting in small steps, seldom off, and limits of those whom the commands are of.
fn of_owners() -> impl Strategy<Value = Operation> {
    let owner = prop::sample::select(vec![
        Owner::User(0),
        Owner::User(1000),
        Owner::User(u32::MAX),
        Owner::Group(100),
        Owner::Group(200),
    ]);
    let set = (owner, limit(20_000), limit(8)).prop_map(|(owner, bytes, inodes)| {
        Operation::SetOwnerQuota(SetOwnerQuota {
            owner,
            bytes,
            inodes,
        })
    });
    let count = (prop::bool::weighted(0.9), 0..8_usize)
        .prop_map(|(on, records_max)| Operation::CountOwners(CountOwners { on, records_max }));
    prop_oneof![1 => set, 1 => count]
}

fn namespace() -> impl Strategy<Value = Operation> {
    let place = || (directory(), name());
    prop_oneof![
        3 => (place(), mode(), mode(), any::<bool>()).prop_map(
            |((parent, name), mode, umask, exclusive)| Operation::Create(Create {
                parent,
                name,
                mode,
                umask,
                exclusive,
            })
        ),
        3 => (place(), mode(), mode()).prop_map(|((parent, name), mode, umask)| {
            Operation::Mkdir(Mkdir {
                parent,
                name,
                mode,
                umask,
            })
        }),
        1 => mknod(),
        1 => (place(), target()).prop_map(|((parent, name), target)| {
            Operation::Symlink(Symlink {
                parent,
                name,
                target,
            })
        }),
        3 => (any_inode(), place())
            .prop_map(|(ino, (parent, name))| Operation::Link(Link { ino, parent, name })),
        4 => place().prop_map(|(parent, name)| Operation::Unlink(Unlink { parent, name })),
        3 => (place(), seen())
            .prop_map(|((parent, name), seen)| Operation::Rmdir(Rmdir { parent, name, seen })),
    ]
}

fn mknod() -> impl Strategy<Value = Operation> {
    let kind = prop::sample::select(FileKind::ALL.to_vec());
    (directory(), name(), kind, mode(), mode(), any::<u32>()).prop_map(
        |(parent, name, kind, mode, umask, device)| {
            Operation::Mknod(Mknod {
                parent,
                name,
                kind,
                mode,
                umask,
                device,
            })
        },
    )
}

fn target() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        Just(Bytes::from_static(b"a/c")),
        Just(Bytes::from_static(b"")),
        Just(Bytes::from_static(b"a\0b")),
        Just(Bytes::from(vec![b'x'; 4095])),
        Just(Bytes::from(vec![b'x'; 4096])),
    ]
}

/// Whom the caller has seen under a name, if he says so.
fn seen() -> impl Strategy<Value = Option<InodeId>> {
    prop::option::weighted(0.3, directory())
}

fn rename() -> impl Strategy<Value = Operation> {
    let flag = || prop::bool::weighted(0.2);
    let places = (directory(), name(), directory(), name());
    (places, flag(), flag(), flag(), seen()).prop_map(
        |((parent, name, new_parent, new_name), no_replace, exchange, whiteout, seen)| {
            Operation::Rename(Rename {
                parent,
                name,
                new_parent,
                new_name,
                flags: RenameFlags {
                    no_replace,
                    exchange,
                    whiteout,
                },
                seen,
            })
        },
    )
}
