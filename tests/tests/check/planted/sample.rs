//! A volume with something of everything that a rule looks at.
//!
//! It is made by commands, never by records: what is sound is what the program makes.

use bytes::Bytes;
use holdfast_metadata::{
    Amounts, Answer, CopyRange, CountOwners, Fallocate, FallocateMode, FileName, InodeId, Link,
    LockMode, LockOwner, LockRange, LockSpace, Mkdir, Mode, Operation, Owner, SetAttributes,
    SetLock, SetOwnerQuota, SetQuota, SetXattr, SetXattrMode, Symlink, Unlink, Write,
    WritePosition, limits,
};
use holdfast_tests::cluster::create;

/// What the file holds in one block, and what it has reserved of zeros behind it.
pub(super) const DATA_BYTES: u64 = 5000;
const RESERVED_BYTES: u64 = 3000;
/// Who owns a file besides root.
pub(super) const UID: u32 = 7;

/// Where everything is.
///
/// ```text
/// /file      a block, zeros behind it, an attribute; somebody has it locked, somebody else waits
/// /link      the same file
/// /copy      shares the block; belongs to a user who has a quota
/// /symlink
/// /directory
///   inside
///   nested/
/// /tree      has a quota
///   counted  has a block of its own
///   subtree/ has a quota, too
/// ```
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub(super) file: InodeId,
    pub(super) copy: InodeId,
    pub(super) directory: InodeId,
    pub(super) inside: InodeId,
    pub(super) nested: InodeId,
    pub(super) tree: InodeId,
    pub(super) counted: InodeId,
    pub(super) subtree: InodeId,
    /// Has no name any more, and is in use.
    pub(super) removed: InodeId,
}

/// Who makes it, by one command after the other.
pub(super) struct Maker<'a>(pub(super) &'a dyn Fn(Operation) -> Answer);

impl Maker<'_> {
    /// Makes it in an empty volume.
    pub(super) fn make(&self) -> Sample {
        let directory = self.mkdir(InodeId::ROOT, "directory");
        let tree = self.mkdir(InodeId::ROOT, "tree");
        self.limit(tree);
        let subtree = self.mkdir(tree, "subtree");
        self.limit(subtree);
        let sample = Sample {
            file: self.create(InodeId::ROOT, "file"),
            copy: self.create(InodeId::ROOT, "copy"),
            directory,
            inside: self.create(directory, "inside"),
            nested: self.mkdir(directory, "nested"),
            tree,
            counted: self.create(tree, "counted"),
            subtree,
            removed: self.create(InodeId::ROOT, "removed"),
        };
        self.link(sample.file, "link");
        self.symlink("symlink");
        self.fill(&sample);
        self.count_owners(sample.copy);
        self.lock(sample.file);
        self.unlink("removed");
        sample
    }

    fn fill(&self, sample: &Sample) {
        for ino in [sample.file, sample.counted, sample.removed] {
            self.write(ino);
        }
        self.reserve(sample.file);
        self.share(sample.file, sample.copy);
        self.done(Operation::SetXattr(SetXattr {
            ino: sample.file,
            name: (*b"user.color").into(),
            value: Bytes::from_static(b"green"),
            mode: SetXattrMode::Create,
        }));
    }

    fn entry(&self, operation: Operation) -> InodeId {
        match (self.0)(operation) {
            Answer::Entry { attributes, .. } => attributes.ino,
            other => panic!("{other:?}"),
        }
    }

    fn done(&self, operation: Operation) {
        (self.0)(operation);
    }

    fn create(&self, parent: InodeId, name: &str) -> InodeId {
        self.entry(create(parent, name))
    }

    fn mkdir(&self, parent: InodeId, name: &str) -> InodeId {
        self.entry(Operation::Mkdir(Mkdir {
            parent,
            name: file_name(name),
            mode: Mode::new(0o755),
            umask: Mode::new(0),
        }))
    }

    fn symlink(&self, name: &str) {
        self.done(Operation::Symlink(Symlink {
            parent: InodeId::ROOT,
            name: file_name(name),
            target: Bytes::from_static(b"file"),
        }));
    }

    fn link(&self, ino: InodeId, name: &str) {
        self.done(Operation::Link(Link {
            ino,
            parent: InodeId::ROOT,
            name: file_name(name),
        }));
    }

    fn unlink(&self, name: &str) {
        self.done(Operation::Unlink(Unlink {
            parent: InodeId::ROOT,
            name: file_name(name),
        }));
    }

    fn write(&self, ino: InodeId) {
        self.done(Operation::Write(Write {
            ino,
            position: WritePosition::At(0),
            data: Bytes::from(vec![7; DATA_BYTES as usize]),
            clear_privileges: false,
        }));
    }

    fn reserve(&self, ino: InodeId) {
        self.done(Operation::Fallocate(Fallocate {
            ino,
            offset: DATA_BYTES,
            length: RESERVED_BYTES,
            mode: FallocateMode::Allocate { keep_size: true },
        }));
    }

    fn share(&self, source: InodeId, destination: InodeId) {
        self.done(Operation::CopyRange(CopyRange {
            source,
            source_offset: 0,
            destination,
            destination_offset: 0,
            length: DATA_BYTES,
        }));
    }

    fn limit(&self, ino: InodeId) {
        self.done(Operation::SetQuota(SetQuota {
            ino,
            bytes: Some(1 << 30),
            inodes: Some(1000),
        }));
    }

    fn count_owners(&self, ino: InodeId) {
        self.done(Operation::SetAttributes(SetAttributes {
            uid: Some(UID),
            ..SetAttributes::nothing(ino)
        }));
        self.done(Operation::CountOwners(CountOwners {
            on: true,
            records_max: limits::COUNT_STEP_RECORDS_MAX,
        }));
        self.done(Operation::SetOwnerQuota(SetOwnerQuota {
            owner: Owner::User(UID),
            bytes: Some(Amounts::NO_LIMIT),
            inodes: Some(1000),
        }));
    }

    /// One has it, and another one waits for it.
    fn lock(&self, ino: InodeId) {
        for (owner, answer) in [(1, Answer::Locked), (2, Answer::Waiting)] {
            let lock = SetLock {
                ino,
                space: LockSpace::Posix,
                owner: LockOwner(owner),
                range: LockRange { start: 0, end: 9 },
                mode: LockMode::Exclusive,
                process: 4711,
                wait: true,
            };
            assert_eq!((self.0)(Operation::SetLock(lock)), answer);
        }
    }
}

fn file_name(name: &str) -> FileName {
    FileName::new(name.as_bytes()).unwrap()
}
