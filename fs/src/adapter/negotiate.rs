//! What is agreed with the kernel when a mount begins.

use fuser::{InitFlags, KernelConfig};

/// Wanted where the kernel offers it.
///
/// Not wanted: locks (one kernel sees all of them and keeps them itself; see below), the writeback cache (a write
/// is applied when it is answered), cached symlinks (their access time would stand still), clearing
/// privileges by the server (fuser does not carry the kernel's wish with truncate and open),
/// asynchronous direct I/O (the parts of one large append would arrive in any order).
const WANTED: [InitFlags; 7] = [
    InitFlags::FUSE_EXPORT_SUPPORT,
    InitFlags::FUSE_DONT_MASK,
    InitFlags::FUSE_DO_READDIRPLUS.union(InitFlags::FUSE_READDIRPLUS_AUTO),
    InitFlags::FUSE_PARALLEL_DIROPS,
    InitFlags::FUSE_ATOMIC_O_TRUNC,
    InitFlags::FUSE_HAS_IOCTL_DIR,
    InitFlags::FUSE_ABORT_ERROR,
];

/// Wanted beside those where other mounts may change the same tree: cached pages go when the attributes
/// show that the file has changed, and a file that is appended to directly can still be mapped.
const WANTED_SHARED: [InitFlags; 2] = [
    InitFlags::FUSE_AUTO_INVAL_DATA,
    InitFlags::FUSE_DIRECT_IO_ALLOW_MMAP,
];

/// Wanted beside those where the kernel checks permissions: with access lists it does, whatever it was told.
const WANTED_CHECKS: [InitFlags; 1] = [InitFlags::FUSE_POSIX_ACL];

/// Wanted beside those where the cluster keeps the locks.
const WANTED_LOCKS: [InitFlags; 2] = [InitFlags::FUSE_POSIX_LOCKS, InitFlags::FUSE_FLOCK_LOCKS];

/// Requests of read-ahead and of the page cache that may be under way.
const BACKGROUND: u16 = 128;

/// What is decided when a mount begins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// Other mounts may change the same tree.
    pub(crate) shared: bool,
    /// The kernel checks permissions.
    pub(crate) checks: bool,
}

pub(super) fn negotiate(config: &mut KernelConfig, terms: Terms, locks: bool) {
    let beside: [(bool, &[InitFlags]); 4] = [
        (true, &WANTED),
        (terms.shared, &WANTED_SHARED),
        (terms.checks, &WANTED_CHECKS),
        (locks, &WANTED_LOCKS),
    ];
    let wanted = beside.into_iter().filter(|(is_wanted, _)| *is_wanted);
    for flags in wanted.flat_map(|(_, flags)| flags) {
        let flags = *flags;
        if let Err(missing) = config.add_capabilities(flags) {
            tracing::info!(?missing, "the kernel does not offer a capability");
        }
    }
    let write_max = holdfast_metadata::limits::WRITE_BYTES_MAX as u32;
    let set = config.set_max_write(write_max).and_then(|_| {
        config
            .set_max_background(BACKGROUND)
            .map_err(u32::from)
            .map(u32::from)
    });
    if let Err(nearest) = set {
        tracing::warn!(nearest, "the kernel refused a limit");
    }
}
