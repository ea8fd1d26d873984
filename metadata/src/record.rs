//! The values of the map. Each begins with the version of its format; numbers are big-endian.
//!
//! A decoder accepts every version up to its own and refuses later ones by name, so that a node that
//! is too old for its data says so instead of guessing.

mod codec;
mod dentry;
mod extent;
mod inode;
mod lock;
mod orphan;
mod outcome;
mod owner_quota;
mod places;
mod position;
mod quota;
mod session;
mod shared;
mod volume;
mod waiter;
mod xattr;

pub use codec::{Decoder, Encoder};
pub use dentry::{Dentry, OrderEntry};
pub use extent::{Extent, ExtentHome};
pub use inode::{DirectoryBody, Inode, InodeBody};
pub use lock::{LockCount, LockRecord};
pub use orphan::Orphan;
pub use outcome::OutcomeRecord;
pub use owner_quota::OwnerQuota;
pub use places::{Place, Places};
pub use position::PositionRecord;
pub use quota::Quota;
pub use session::SessionRecord;
pub use shared::Shared;
pub use volume::{LoadProgress, Trash, Volume};
pub use waiter::{PendingRecord, TurnRecord, WaiterRecord};
pub use xattr::Xattr;

/// Those that have changed since there are records, and the last version of each: an earlier program reads none that is later
/// than its own.
pub const LATEST: [(&str, u64); 2] = [
    ("record of an inode", inode::VERSION_OF_PARTS as u64),
    ("record of a volume", volume::VERSION_OF_PARTS as u64),
];
