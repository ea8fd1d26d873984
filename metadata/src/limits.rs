//! Every bound of the formats and the commands, and how they relate.

/// Longest name of a directory entry (`NAME_MAX`).
pub const NAME_BYTES_MAX: usize = 255;
/// Longest target of a symlink (`PATH_MAX` without its NUL).
pub const SYMLINK_BYTES_MAX: usize = 4095;
/// Largest file: `loff_t` ends here.
pub const FILE_BYTES_MAX: u64 = i64::MAX as u64;
/// Most names an inode can have.
pub const LINKS_MAX: u32 = u32::MAX - 1;
/// Longest name of an extended attribute (`XATTR_NAME_MAX`).
pub const XATTR_NAME_BYTES_MAX: usize = 255;
/// Largest value of an extended attribute (`XATTR_SIZE_MAX`).
pub const XATTR_VALUE_BYTES_MAX: usize = 64 * 1024;
/// Most bytes a write command carries: what the kernel sends in one request.
pub const WRITE_BYTES_MAX: usize = 1024 * 1024;
/// Most bytes a read asks for.
pub const READ_BYTES_MAX: u32 = 16 * 1024 * 1024;
/// Most entries of a page, whatever is asked for: of a directory, of locks, of orphans.
pub const PAGE_ENTRIES_MAX: usize = 65_536;
/// Most quota trees around an inode, one inside of the other.
pub const QUOTA_DEPTH_MAX: usize = 8;
/// Most inodes, or records of owners, that one step of counting owners reads.
pub const COUNT_STEP_RECORDS_MAX: usize = 4096;
/// Longest text a session tells of itself.
pub const SESSION_TEXT_BYTES_MAX: usize = 4096;
/// Most locks a session holds and waits for, so that one command can give up all of them.
pub const SESSION_LOCKS_MAX: u32 = 65_536;
/// Small neighbouring writes are joined into one block up to this size.
pub const BLOCK_JOIN_BYTES_MAX: usize = 4096;
/// `st_blksize` and the unit of `statfs`.
pub const BLOCK_BYTES: u32 = 4096;
/// Most names one step of emptying the trash removes.
pub const TRASH_STEP_NAMES_MAX: usize = 256;
/// Most extents, xattrs and refcounts one reclaim or truncate step touches.
pub const RECLAIM_STEP_KEYS_MAX: usize = 4096;

const _: () = assert!(BLOCK_JOIN_BYTES_MAX <= WRITE_BYTES_MAX);
const _: () = assert!(WRITE_BYTES_MAX as u64 <= FILE_BYTES_MAX);
