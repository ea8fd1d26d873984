//! Who may be told ESTALE although what it looked for is there.
//!
//! A kernel remembers one place of each directory. When a LOOKUP finds it in another directory, because another mount has
//! moved it, the kernel moves what it remembers, unless it is busy in the old place (`__d_unalias`): then the call ends
//! with ESTALE, and nothing has happened. A kernel that learns of the new place first, and hears the answer of an earlier
//! LOOKUP after that, may be busy too: what was found needs to have moved when the call returns, not when it was found.
//! And after a rename a kernel remembers what it had looked up at the new place, although the cluster has moved what had
//! the name by then.
//!
//! What a kernel has looked up under a name, to remove or replace it, is the only directory that the cluster removes or
//! replaces under that name: another that was moved there in between is left alone, with ESTALE. The kernel then begins
//! anew, once: the call ends with ESTALE only if the name was moved again after it was found again.

use nix::errno::Errno;

use super::super::history::Operation;
use super::tree::{ARENA, Kind, Tree};
use super::walk::{Found, Look};
use super::{Call, Outcome, Path};

/// Whether this is the answer.
pub(super) fn is_stale(asked: &Operation<Call, Outcome>) -> bool {
    asked.outcome() == Some(&Outcome::Failed(Errno::ESTALE))
}

/// Whether a directory that was found has ever moved to another directory.
pub(super) fn may_be_busy(tree: &Tree, seen: &[Found]) -> bool {
    let mut directories = seen.iter().flatten();
    directories.any(|(ino, kind)| {
        *kind == Kind::Directory && tree.node(*ino).is_some_and(|node| node.has_moved)
    })
}

/// Whether `rmdir` removes another directory than the one that was looked up last; `seen` came before.
pub(super) fn is_another(tree: &Tree, path: Path, seen: &[Found], last: Found) -> bool {
    let parent = match (path.directory, seen.last()) {
        (None, _) => Some(ARENA),
        (Some(_), Some(Some((parent, _)))) => Some(*parent),
        (Some(_), _) => None,
    };
    let there = parent.and_then(|parent| tree.lookup(parent, path.name));
    matches!(last, Some((found, Kind::Directory)) if there != Some(found))
}

/// The LOOKUP of the name that a call makes or removes. Where it decides nothing it is not a step of its own.
pub(super) fn last_look(call: Call, looks: &[Look]) -> Option<Look> {
    match call {
        Call::Create(path, _)
        | Call::Mkdir(path, _)
        | Call::Symlink(path, _)
        | Call::Link(_, path)
        | Call::Unlink(path)
        | Call::Rmdir(path) => {
            // It is the last that was looked up before.
            let parent = path.directory.and_then(|_| looks.len().checked_sub(1));
            Some(Look::Last(parent, path.name))
        }
        Call::Rename(..)
        | Call::Stat(_)
        | Call::Readlink(_)
        | Call::List(_)
        | Call::Chmod(..)
        | Call::Chown(..)
        | Call::Truncate(..)
        | Call::SetXattr(..)
        | Call::GetXattr(_)
        | Call::RemoveXattr(_) => None,
    }
}
