//! The vocabulary of the crate: a type for every id, index and set of bits.

mod amounts;
mod attributes;
mod cookie;
mod credentials;
mod day;
mod file_kind;
mod file_name;
mod inode_flags;
mod inode_id;
mod lock;
mod log_index;
mod mode;
mod owner;
mod owner_count;
mod position;
mod request_id;
mod timestamp;

pub use amounts::Amounts;
pub use attributes::Attributes;
pub use cookie::Cookie;
pub use credentials::Credentials;
pub use day::Day;
pub use file_kind::FileKind;
pub use file_name::FileName;
pub use inode_flags::InodeFlags;
pub use inode_id::InodeId;
pub use lock::{LockMode, LockOwner, LockRange, LockSpace, Turn};
pub use log_index::LogIndex;
pub use mode::Mode;
pub use owner::Owner;
pub use owner_count::OwnerCount;
pub use position::Position;
pub use request_id::{RequestId, SessionId};
pub use timestamp::Timestamp;
