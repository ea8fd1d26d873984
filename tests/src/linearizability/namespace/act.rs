//! The last step of a system call, when its names were looked up: what it answers and changes.

use nix::errno::Errno;

use super::super::history::Operation;
use super::rename::rename;
use super::tree::{ARENA, Kind, Node, Tree};
use super::walk::Found;
use super::{Call, Errors, Name, Outcome, Path, XattrMode};

/// What comes after all LOOKUPs.
pub(super) enum Act {
    Fails(Errors),
    /// It holds an inode without a name.
    Gone,
    /// A name leads to another directory than the one that the kernel has seen there: ESTALE, after which it begins anew, once.
    Another,
    Ends(Outcome),
    Changes(Tree),
}

pub(super) fn fails(errno: Errno) -> Act {
    Act::Fails(vec![errno])
}

/// What comes of a call that has seen this.
pub(super) fn act(tree: &Tree, asked: &Operation<Call, Outcome>, seen: &[Found]) -> Act {
    let last = seen.last().copied().flatten();
    let place = |path: Path| -> Option<(u32, Name)> {
        let directory = match path.directory {
            // It is the last that was looked up before.
            Some(_) => seen.last().copied().flatten()?.0,
            None => ARENA,
        };
        tree.node(directory).map(|_| (directory, path.name))
    };
    let make = |path: Path, node: Node| match place(path) {
        None => Act::Gone,
        Some((directory, name)) if tree.lookup(directory, name).is_some() => fails(Errno::EEXIST),
        Some(place) => Act::Changes(tree.make(place, asked.id, node)),
    };
    match asked.call {
        Call::Create(path, mode) => make(path, Node::new(Kind::File, mode, 0)),
        Call::Mkdir(path, mode) => make(path, Node::new(Kind::Directory, mode, 0)),
        Call::Symlink(path, target) => make(path, Node::new(Kind::Symlink, 0o777, target)),
        Call::Unlink(path) => place(path).map_or(Act::Gone, |place| unlink(tree, place)),
        Call::Rmdir(path) => place(path).map_or(Act::Gone, |place| rmdir(tree, place)),
        Call::Link(old, new) => link(tree, old, new, seen),
        Call::Rename(old, new, how) => rename(tree, asked, (old, new, how), seen),
        Call::List(directory) => {
            let ino = if directory.is_some() {
                last.map(|(ino, _)| ino)
            } else {
                Some(ARENA)
            };
            let node = ino.and_then(|ino| tree.node(ino));
            node.map_or(Act::Gone, |node| {
                let names = node.names.iter();
                let kinds = names.filter_map(|(name, ino)| Some((*name, tree.kind(*ino)?)));
                Act::Ends(Outcome::Names(kinds.collect()))
            })
        }
        Call::Stat(_)
        | Call::Readlink(_)
        | Call::Chmod(..)
        | Call::Chown(..)
        | Call::Truncate(..)
        | Call::SetXattr(..)
        | Call::GetXattr(_)
        | Call::RemoveXattr(_) => match last {
            Some((ino, kind)) => inode(tree, asked.call, ino, kind),
            None => fails(Errno::ENOENT),
        },
    }
}

fn unlink(tree: &Tree, place: (u32, Name)) -> Act {
    match tree.lookup(place.0, place.1).and_then(|ino| tree.kind(ino)) {
        None => fails(Errno::ENOENT),
        Some(Kind::Directory) => fails(Errno::EISDIR),
        Some(Kind::File | Kind::Symlink | Kind::Whiteout) => Act::Changes(tree.remove(place)),
    }
}

fn rmdir(tree: &Tree, place: (u32, Name)) -> Act {
    match tree.lookup(place.0, place.1).and_then(|ino| tree.node(ino)) {
        None => fails(Errno::ENOENT),
        Some(node) if node.kind != Kind::Directory => fails(Errno::ENOTDIR),
        Some(node) if !node.names.is_empty() => fails(Errno::ENOTEMPTY),
        Some(_) => Act::Changes(tree.remove(place)),
    }
}

/// What is asked of an inode that a LOOKUP has found.
fn inode(tree: &Tree, call: Call, ino: u32, kind: Kind) -> Act {
    match (call, kind) {
        // These follow symbolic links, which lead nowhere.
        (Call::Chmod(..) | Call::Truncate(..), Kind::Symlink) => return fails(Errno::ENOENT),
        (Call::Truncate(..), Kind::Directory) => return fails(Errno::EISDIR),
        (Call::Truncate(..), Kind::Whiteout) => return fails(Errno::EINVAL),
        (Call::Readlink(_), Kind::File | Kind::Directory | Kind::Whiteout) => {
            return fails(Errno::EINVAL);
        }
        // Attributes of users are for files and directories.
        (Call::GetXattr(_), Kind::Symlink | Kind::Whiteout) => return fails(Errno::ENODATA),
        (Call::SetXattr(..) | Call::RemoveXattr(_), Kind::Symlink | Kind::Whiteout) => {
            return fails(Errno::EPERM);
        }
        _ => {}
    }
    let Some(node) = tree.node(ino) else {
        return Act::Gone;
    };
    let number = |value: Option<u32>| match value {
        Some(value) => Act::Ends(Outcome::Number(value)),
        None => fails(Errno::ENODATA),
    };
    match call {
        Call::Stat(_) => Act::Ends(Outcome::Attributes {
            kind: node.kind,
            mode: node.mode,
            nlink: tree.nlink(ino),
            size: match node.kind {
                Kind::File => node.size,
                Kind::Directory => node.names.len() as u32,
                Kind::Symlink => node.target.to_string().len() as u32,
                Kind::Whiteout => 0,
            },
            uid: node.owner,
            gid: node.owner,
        }),
        Call::Readlink(_) => number(Some(node.target)),
        Call::GetXattr(_) => number(node.xattr),
        Call::Chmod(_, mode) => Act::Changes(tree.with(ino, |node| node.mode = mode)),
        Call::Chown(_, owner) => Act::Changes(tree.with(ino, |node| node.owner = owner)),
        Call::Truncate(_, size) => Act::Changes(tree.with(ino, |node| node.size = size)),
        Call::SetXattr(_, _, XattrMode::Create) if node.xattr.is_some() => fails(Errno::EEXIST),
        Call::SetXattr(_, _, XattrMode::Replace) | Call::RemoveXattr(_) if node.xattr.is_none() => {
            fails(Errno::ENODATA)
        }
        Call::SetXattr(_, value, _) => {
            Act::Changes(tree.with(ino, |node| node.xattr = Some(value)))
        }
        Call::RemoveXattr(_) => Act::Changes(tree.with(ino, |node| node.xattr = None)),
        _ => Act::Fails(Vec::new()),
    }
}

fn link(tree: &Tree, old: Path, new: Path, seen: &[Found]) -> Act {
    let from = seen.get(usize::from(old.directory.is_some()));
    let Some((ino, kind)) = from.copied().flatten() else {
        return fails(Errno::ENOENT);
    };
    let parent = match new.directory {
        Some(_) => seen.last().copied().flatten().map(|(ino, _)| ino),
        None => Some(ARENA),
    };
    let Some(parent) = parent.filter(|parent| tree.node(*parent).is_some()) else {
        return Act::Gone;
    };
    let mut errors = Vec::new();
    if tree.lookup(parent, new.name).is_some() {
        errors.push(Errno::EEXIST);
    }
    if kind == Kind::Directory {
        errors.push(Errno::EPERM);
    }
    if !errors.is_empty() {
        return Act::Fails(errors);
    }
    if tree.node(ino).is_none() {
        return Act::Gone;
    }
    Act::Changes(tree.link((parent, new.name), ino))
}
