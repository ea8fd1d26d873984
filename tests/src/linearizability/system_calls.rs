//! The calls of the model as system calls on a mount.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, lchown, symlink};
use std::path::{Path as FilePath, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use nix::sys::stat::lstat;

use super::namespace::{Call, Exchange, Kind, Name, Outcome, Path, XattrMode};
use crate::system;

/// The one attribute that is set.
const XATTR: &str = "user.number";
/// More than a listing of an arena.
const LISTING_BYTES: usize = 32 << 10;
/// What is not a name of an arena.
const STRANGE: Name = Name(b'?');

/// What is known after a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known<O> {
    /// Its outcome.
    Outcome(O),
    /// Nothing: it may take effect, or have taken effect, or not.
    Nothing(Errno),
    /// Nothing, and the mount is gone.
    NoMount,
}

/// What is known after an error: of some, that nothing has happened.
pub fn known<O>(errno: Errno, failed: impl FnOnce(Errno) -> O) -> Known<O> {
    match errno {
        Errno::ENOTCONN | Errno::ECONNABORTED => Known::NoMount,
        Errno::EIO | Errno::ETIMEDOUT | Errno::EINTR => Known::Nothing(errno),
        _ => Known::Outcome(failed(errno)),
    }
}

/// Calls, with paths that begin at the open directory, so that nothing above it is looked up.
pub fn perform(arena: &File, call: Call) -> Known<Outcome> {
    match answer(arena, call) {
        Ok(outcome) => Known::Outcome(outcome),
        Err(error) => {
            let errno = Errno::from_raw(error.raw_os_error().unwrap_or_default());
            known(errno, Outcome::Failed)
        }
    }
}

fn answer(arena: &File, call: Call) -> io::Result<Outcome> {
    let at = |path: Path| full(arena, &path.to_string());
    match call {
        Call::Create(path, mode) => {
            let mut options = File::options();
            options.write(true).create_new(true).mode(mode.into());
            options.open(at(path)).map(drop)?;
        }
        Call::Mkdir(path, mode) => fs::DirBuilder::new().mode(mode.into()).create(at(path))?,
        Call::Symlink(path, target) => symlink(target.to_string(), at(path))?,
        Call::Link(old, new) => fs::hard_link(at(old), at(new))?,
        Call::Unlink(path) => fs::remove_file(at(path))?,
        Call::Rmdir(path) => fs::remove_dir(at(path))?,
        Call::Rename(old, new, how) => {
            let flags = match how {
                Exchange::Replace => RenameFlags::empty(),
                Exchange::NoReplace => RenameFlags::RENAME_NOREPLACE,
                Exchange::Exchange => RenameFlags::RENAME_EXCHANGE,
                Exchange::Whiteout => RenameFlags::RENAME_WHITEOUT,
                Exchange::WhiteoutNoReplace => {
                    RenameFlags::RENAME_WHITEOUT | RenameFlags::RENAME_NOREPLACE
                }
            };
            renameat2(AT_FDCWD, &at(old), AT_FDCWD, &at(new), flags)?;
        }
        Call::Stat(path) => return stat(&at(path)),
        Call::Readlink(path) => {
            let target = fs::read_link(at(path))?;
            return number(target.to_string_lossy().as_bytes());
        }
        Call::List(directory) => {
            let name = directory.map_or_else(|| ".".to_owned(), |name| name.to_string());
            return list(&full(arena, &name));
        }
        Call::Chmod(path, mode) => {
            fs::set_permissions(at(path), fs::Permissions::from_mode(mode.into()))?;
        }
        Call::Chown(path, owner) => lchown(at(path), Some(owner), Some(owner))?,
        Call::Truncate(path, size) => nix::unistd::truncate(&at(path), size.into())?,
        Call::SetXattr(path, value, mode) => {
            let flags = match mode {
                XattrMode::Any => 0,
                XattrMode::Create => libc::XATTR_CREATE,
                XattrMode::Replace => libc::XATTR_REPLACE,
            };
            system::set_xattr(&at(path), XATTR, value.to_string().as_bytes(), flags)?;
        }
        Call::GetXattr(path) => return number(&system::get_xattr(&at(path), XATTR)?),
        Call::RemoveXattr(path) => system::remove_xattr(&at(path), XATTR)?,
    }
    Ok(Outcome::Done)
}

fn full(arena: &File, path: &str) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{path}", arena.as_raw_fd()))
}

fn number(bytes: &[u8]) -> io::Result<Outcome> {
    let text = String::from_utf8_lossy(bytes);
    let number = text.parse().map_err(|_| ErrorKind::InvalidData)?;
    Ok(Outcome::Number(number))
}

fn stat(path: &FilePath) -> io::Result<Outcome> {
    let stat = lstat(path)?;
    let kind = match stat.st_mode & libc::S_IFMT {
        libc::S_IFDIR => Kind::Directory,
        libc::S_IFLNK => Kind::Symlink,
        libc::S_IFCHR if stat.st_rdev == 0 => Kind::Whiteout,
        _ => Kind::File,
    };
    Ok(Outcome::Attributes {
        kind,
        mode: (stat.st_mode & 0o7777) as u16,
        nlink: stat.st_nlink as u32,
        size: stat.st_size as u32,
        uid: stat.st_uid,
        gid: stat.st_gid,
    })
}

/// What one call tells is what was so at one moment.
fn list(path: &FilePath) -> io::Result<Outcome> {
    let mut options = File::options();
    let directory = options
        .read(true)
        .custom_flags(libc::O_DIRECTORY)
        .open(path)?;
    let lines = system::read_directory(&directory, LISTING_BYTES)?;
    let lines = lines
        .into_iter()
        .filter(|line| line.name != b"." && line.name != b"..");
    let names = lines.map(|line| {
        let kind = match line.kind {
            libc::DT_DIR => Kind::Directory,
            libc::DT_LNK => Kind::Symlink,
            libc::DT_CHR => Kind::Whiteout,
            _ => Kind::File,
        };
        match *line.name.as_slice() {
            [name] => (Name(name), kind),
            _ => (STRANGE, kind),
        }
    });
    Ok(Outcome::Names(names.collect()))
}
