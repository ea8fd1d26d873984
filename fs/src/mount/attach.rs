//! Attaches the filesystem to a directory.
//!
//! The superuser calls `mount(2)` here: `fuser` has no way to pass `relatime` and `strictatime`. Others
//! go through `fusermount3`, which `fuser` does.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use fuser::{Config, MountOption, Session, SessionACL};
use holdfast_metadata::limits;
use nix::errno::Errno;
use nix::mount::MsFlags;
use nix::unistd::{getegid, geteuid};

use crate::mount_error::MountError;
use crate::options::{AtimePolicy, MountOptions};

const DEVICE: &str = "/dev/fuse";

/// The mountpoint as the kernel knows it, if it can be one.
pub(super) fn check(mountpoint: &Path) -> Result<PathBuf, MountError> {
    let path = || mountpoint.to_owned();
    let of = |reason: io::Error| match Errno::try_from(reason) {
        Ok(Errno::ENOENT) => MountError::MountpointMissing { path: path() },
        Ok(Errno::ENOTDIR) => MountError::NotADirectory { path: path() },
        Ok(Errno::ENOTCONN | Errno::ECONNABORTED) => MountError::DeadMount { path: path() },
        Ok(errno) => MountError::MountpointUnusable {
            path: path(),
            reason: errno.into(),
        },
        Err(reason) => MountError::MountpointUnusable {
            path: path(),
            reason,
        },
    };
    if !fs::metadata(mountpoint).map_err(of)?.is_dir() {
        return Err(MountError::NotADirectory { path: path() });
    }
    fs::canonicalize(mountpoint).map_err(of)
}

/// Mounts and shakes hands with the kernel.
pub(super) fn attach<F: fuser::Filesystem>(
    filesystem: F,
    path: &Path,
    options: &MountOptions,
) -> Result<Session<F>, MountError> {
    let device = open_device()?;
    if geteuid().is_root() {
        attach_as_root(filesystem, path, options, device)
    } else {
        // fusermount3 opens it with the rights of this user.
        drop(device);
        attach_as_user(filesystem, path, options)
    }
}

fn open_device() -> Result<File, MountError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(DEVICE)
        .map_err(|reason| match reason.raw_os_error() {
            Some(libc::ENOENT | libc::ENODEV | libc::ENXIO) => MountError::DeviceMissing,
            _ => MountError::DeviceRefused { reason },
        })
}

fn attach_as_root<F: fuser::Filesystem>(
    filesystem: F,
    path: &Path,
    options: &MountOptions,
    device: File,
) -> Result<Session<F>, MountError> {
    let kind = fs::metadata(path).map_err(|reason| MountError::MountpointUnusable {
        path: path.to_owned(),
        reason,
    })?;
    let data = kernel_data(options, device.as_raw_fd(), kind.mode());
    let file_system = match &options.subtype {
        Some(subtype) => format!("fuse.{subtype}"),
        None => "fuse".to_owned(),
    };
    let source = options.source.as_str();
    let flags = mount_flags(options);
    nix::mount::mount(Some(source), path, Some(&*file_system), flags, Some(&*data))
        .map_err(|errno| refused(path, errno))?;
    let acl = if options.allow_other {
        SessionACL::All
    } else {
        SessionACL::RootAndOwner
    };
    let config = session_config(options, acl);
    Session::from_fd(filesystem, OwnedFd::from(device), acl, config).map_err(|reason| {
        // The connection ends while nobody else has it: with the mount.
        if reason.kind() == io::ErrorKind::NotConnected {
            return MountError::UnmountedEarly {
                path: path.to_owned(),
            };
        }
        crate::unmount::detach(path);
        MountError::Handshake { reason }
    })
}

fn refused(path: &Path, errno: Errno) -> MountError {
    let path = path.to_owned();
    match errno {
        Errno::EPERM | Errno::EACCES => MountError::NotPermitted {
            path,
            reason: errno.desc().to_owned(),
        },
        Errno::ENODEV => MountError::DeviceMissing,
        errno => MountError::Refused {
            path,
            reason: errno.into(),
        },
    }
}

fn kernel_data(options: &MountOptions, device: i32, mode: u32) -> String {
    let mut data = format!(
        "fd={device},rootmode={:o},user_id={},group_id={},max_read={}",
        mode & libc::S_IFMT,
        geteuid(),
        getegid(),
        limits::WRITE_BYTES_MAX,
    );
    if options.allow_other {
        data.push_str(",allow_other");
    }
    if options.has_kernel_checks() {
        data.push_str(",default_permissions");
    }
    data
}

fn mount_flags(options: &MountOptions) -> MsFlags {
    let mut flags = match options.atime {
        AtimePolicy::Relatime => MsFlags::MS_RELATIME,
        AtimePolicy::Strict => MsFlags::MS_STRICTATIME,
        AtimePolicy::Never => MsFlags::MS_NOATIME,
    };
    flags.set(MsFlags::MS_NODIRATIME, !options.directory_atime);
    flags.set(MsFlags::MS_RDONLY, options.read_only);
    flags.set(MsFlags::MS_NODEV, !options.device_files);
    flags.set(MsFlags::MS_NOSUID, !options.set_id);
    flags.set(MsFlags::MS_NOEXEC, !options.execute);
    flags.set(MsFlags::MS_SYNCHRONOUS, options.synchronous);
    flags.set(MsFlags::MS_DIRSYNC, options.directory_synchronous);
    flags
}

fn attach_as_user<F: fuser::Filesystem>(
    filesystem: F,
    path: &Path,
    options: &MountOptions,
) -> Result<Session<F>, MountError> {
    let acl = if options.allow_other {
        SessionACL::All
    } else {
        SessionACL::Owner
    };
    let mut config = session_config(options, acl);
    config.mount_options = user_options(options);
    Session::new(filesystem, path, &config).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => MountError::FusermountMissing,
        io::ErrorKind::NotConnected => MountError::UnmountedEarly {
            path: path.to_owned(),
        },
        _ => MountError::NotPermitted {
            path: path.to_owned(),
            reason: error.to_string().trim_end().replace('\n', "; "),
        },
    })
}

/// What `fusermount3` takes.
fn user_options(options: &MountOptions) -> Vec<MountOption> {
    // It takes a comma for the end of an option.
    let source = options.source.replace('\\', "\\\\").replace(',', "\\,");
    let mut list = vec![MountOption::FSName(source)];
    list.extend(options.subtype.clone().map(MountOption::Subtype));
    let flags = [
        (options.has_kernel_checks(), MountOption::DefaultPermissions),
        (options.read_only, MountOption::RO),
        (!options.device_files, MountOption::NoDev),
        (!options.set_id, MountOption::NoSuid),
        (!options.execute, MountOption::NoExec),
        (options.atime == AtimePolicy::Never, MountOption::NoAtime),
        (options.synchronous, MountOption::Sync),
        (options.directory_synchronous, MountOption::DirSync),
    ];
    list.extend(
        flags
            .into_iter()
            .filter_map(|(wanted, option)| wanted.then_some(option)),
    );
    list
}

fn session_config(options: &MountOptions, acl: SessionACL) -> Config {
    let mut config = Config::default();
    config.acl = acl;
    config.n_threads = Some(options.threads.max(1));
    config.clone_fd = true;
    config
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_become_mount_flags() {
        let options = MountOptions {
            read_only: true,
            atime: AtimePolicy::Strict,
            directory_atime: false,
            device_files: false,
            set_id: true,
            execute: true,
            synchronous: false,
            directory_synchronous: true,
            ..MountOptions::default()
        };
        let expected = MsFlags::MS_RDONLY
            | MsFlags::MS_STRICTATIME
            | MsFlags::MS_NODIRATIME
            | MsFlags::MS_NODEV
            | MsFlags::MS_DIRSYNC;
        assert_eq!(mount_flags(&options), expected);
    }

    #[test]
    fn what_the_kernel_is_told_names_the_device_and_the_kind_of_the_root() {
        let options = MountOptions {
            allow_other: true,
            default_permissions: true,
            ..MountOptions::default()
        };
        let data = kernel_data(&options, 7, 0o40755);
        assert!(data.starts_with("fd=7,rootmode=40000,user_id="));
        assert!(data.ends_with(",max_read=1048576,allow_other,default_permissions"));
    }

    #[test]
    fn the_commas_between_nodes_do_not_end_the_option_of_fusermount() {
        let options = MountOptions {
            source: "a:1,b:2/x\\y".to_owned(),
            ..MountOptions::default()
        };
        let source = MountOption::FSName("a:1\\,b:2/x\\\\y".to_owned());
        assert_eq!(user_options(&options)[0], source);
    }

    #[test]
    fn a_mountpoint_has_to_be_a_directory() {
        let scratch = tempfile::tempdir().unwrap();
        let missing = scratch.path().join("missing");
        assert!(matches!(
            check(&missing),
            Err(MountError::MountpointMissing { .. })
        ));
        let file = scratch.path().join("file");
        fs::write(&file, b"").unwrap();
        assert!(matches!(
            check(&file),
            Err(MountError::NotADirectory { .. })
        ));
        let below = file.join("below");
        assert!(matches!(
            check(&below),
            Err(MountError::NotADirectory { .. })
        ));
        assert!(check(scratch.path()).is_ok());
    }

    #[test]
    fn errors_say_what_to_do() {
        let error = check(Path::new("/nonexistent/mnt")).unwrap_err();
        assert!(error.to_string().contains("mkdir -p /nonexistent/mnt"));
        assert!(
            MountError::DeviceMissing
                .to_string()
                .contains("modprobe fuse")
        );
    }
}
