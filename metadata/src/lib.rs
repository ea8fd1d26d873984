//! The deterministic metadata state machine of Holdfast.
//!
//! Commands go in, outcomes come out, and nothing else decides what they are: no clock, no random
//! number, no thread, no order of a hash map. Time, identities and every other choice travel in the
//! [`Command`]. The same log therefore makes the same bytes on every replica.
//!
//! ```
//! use holdfast_metadata::{
//!     Command, Credentials, Format, MemoryEngine, Mkdir, Mode, Operation, StateMachine, Timestamp,
//!     FileName, InodeId,
//! };
//! let format = Format {
//!     generation: 1,
//!     now: Timestamp::default(),
//!     uid: 0,
//!     gid: 0,
//!     mode: Mode::new(0o755),
//!     awaits_load: false,
//! };
//! let machine = StateMachine::open(MemoryEngine::new(), format).unwrap();
//! let outcomes = machine
//!     .apply_next(&[Command {
//!         request: None,
//!         now: Timestamp::default(),
//!         credentials: Credentials::ROOT,
//!         squashed: false,
//!         operation: Operation::Mkdir(Mkdir {
//!             parent: InodeId::ROOT,
//!             name: FileName::new(b"etc").unwrap(),
//!             mode: Mode::new(0o755),
//!             umask: Mode::new(0o022),
//!         }),
//!     }])
//!     .unwrap();
//! assert!(outcomes[0].is_ok());
//! ```

mod apply;
pub mod catalog;
mod change;
mod command;
pub mod copies;
mod digest;
pub mod dump;
mod fault;
mod file;
mod idempotency;
mod inode_cache;
pub mod invariant;
pub mod keys;
pub mod limits;
mod lock;
#[cfg(feature = "model")]
pub mod model;
mod news;
mod ops;
mod outcome;
mod paths;
mod permission;
mod queries;
mod query;
mod quota;
pub mod record;
pub mod snapshot;
mod squash;
mod state_machine;
pub mod store;
mod trash;
mod types;
mod xattr;

pub use change::{Change, Happened, Name, Was};
pub use command::{
    CancelLock, Command, CopyRange, CountOwners, Create, EmptyTrash, ExpireSession, Fallocate,
    FallocateMode, Link, LoadStep, Mkdir, Mknod, OpenSession, Operation, Reclaim, RemoveXattr,
    Rename, RenameFlags, Rmdir, SetAttributes, SetFlags, SetLock, SetOwnerQuota, SetQuota,
    SetTrash, SetXattr, SetXattrMode, Symlink, TouchAtime, Unlink, Unlock, Write, WritePosition,
};
pub use digest::{Digest, digest};
pub use fault::Fault;
pub use news::News;
pub use outcome::{
    Answer, DirectoryEntry, LockInfo, Outcome, OwnerInfo, Owners, PosixError, QuotaInfo, Reply,
    SessionInfo, Statistics, TicketState,
};
pub use paths::Paths;
pub use query::{Query, SeekTarget, TestLock};
pub use state_machine::{Applied, Format, StateMachine, load_position};
pub use store::{Engine, MemoryEngine};
#[cfg(feature = "rocksdb")]
pub use store::{ManifestMark, RocksEngine, RocksOptions, TableCache};
pub use types::{
    Amounts, Attributes, Cookie, Credentials, Day, FileKind, FileName, InodeFlags, InodeId,
    LockMode, LockOwner, LockRange, LockSpace, LogIndex, Mode, Owner, OwnerCount, Position,
    RequestId, SessionId, Timestamp, Turn,
};
