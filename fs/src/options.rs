//! How a filesystem is mounted.

use std::time::Duration;

/// Choices of one mount; the defaults are those of a local disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountOptions {
    /// What `df` shows in its first column.
    pub source: String,
    /// The type is `fuse.SUBTYPE` with one and `fuse` without.
    pub subtype: Option<String>,
    /// Nothing can be changed through this mount.
    pub read_only: bool,
    /// When reading changes the access time.
    pub atime: AtimePolicy,
    /// Whether reading a directory does, too.
    pub directory_atime: bool,
    /// Whether other users than the one who mounts may use it.
    pub allow_other: bool,
    /// Whether the kernel checks permission bits and access lists.
    pub default_permissions: bool,
    /// Whether device files can be opened.
    pub device_files: bool,
    /// Whether set-user-id and set-group-id bits take effect.
    pub set_id: bool,
    /// Whether programs can be executed.
    pub execute: bool,
    /// Whether every change is durable before it is acknowledged.
    pub synchronous: bool,
    /// Whether every change of a directory is.
    pub directory_synchronous: bool,
    /// Whether other mounts may change the same tree: then the kernel keeps nothing that it does not
    /// ask about again, appends go out whole, and operations that wait for a quorum can be interrupted.
    pub shared: bool,
    /// Who keeps the locks of a tree that other mounts may change; of any other tree the kernel does.
    pub locks: LockKeeper,
    /// How long the kernel may believe where a name leads.
    pub entry_timeout: Duration,
    /// How long the kernel may believe attributes.
    pub attribute_timeout: Duration,
    /// Whether the cluster takes everybody for one user and checks what that may do: then nothing is checked here.
    pub squashed: bool,
    /// Event loops.
    pub threads: usize,
    /// An operation that takes longer is logged.
    pub slow_operation: Duration,
}

impl Default for MountOptions {
    fn default() -> MountOptions {
        let privileged = nix::unistd::geteuid().is_root();
        MountOptions {
            source: "holdfast".to_owned(),
            subtype: Some("holdfast".to_owned()),
            read_only: false,
            atime: AtimePolicy::Relatime,
            directory_atime: true,
            allow_other: privileged,
            default_permissions: true,
            device_files: privileged,
            set_id: privileged,
            execute: true,
            synchronous: false,
            directory_synchronous: false,
            shared: false,
            locks: LockKeeper::Kernel,
            entry_timeout: NO_OTHER_WRITER,
            attribute_timeout: NO_OTHER_WRITER,
            squashed: false,
            threads: 4,
            slow_operation: Duration::from_secs(1),
        }
    }
}

impl MountOptions {
    /// The defaults of a tree that other mounts change too.
    pub fn shared() -> MountOptions {
        MountOptions {
            shared: true,
            locks: LockKeeper::Cluster,
            entry_timeout: Duration::ZERO,
            attribute_timeout: Duration::ZERO,
            ..MountOptions::default()
        }
    }
}

impl MountOptions {
    /// Whether the kernel is to check permission bits and access lists.
    pub(crate) fn has_kernel_checks(&self) -> bool {
        self.default_permissions && !self.squashed
    }
}

/// With one mount, the kernel sees every change itself, so what it caches stays right.
const NO_OTHER_WRITER: Duration = Duration::from_hours(1);

/// Who keeps `fcntl` and `flock` locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockKeeper {
    /// The kernel of this machine: they hold between the programs of one mount.
    Kernel,
    /// The cluster: they hold between all mounts.
    Cluster,
}

/// When reading changes the access time (`mount(8)`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtimePolicy {
    /// When it is not later than the last change, or a day old.
    Relatime,
    /// Always.
    Strict,
    /// Never.
    Never,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_those_of_a_local_disk() {
        let options = MountOptions::default();
        assert_eq!(options.atime, AtimePolicy::Relatime);
        assert!(options.directory_atime && options.default_permissions && options.execute);
        assert!(!options.read_only && !options.synchronous && !options.directory_synchronous);
        assert!(options.threads >= 1);
    }
}
