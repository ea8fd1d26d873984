//! Which steps a system call takes, as Linux takes them on FUSE without caches, and what each may answer.
//!
//! Each name of a path is one LOOKUP. What only needs to be true at one moment is decided in the last step: an `unlink`
//! whose LOOKUP finds nothing is ENOENT at that moment, and one that finds something asks the cluster, which answers
//! what is so at its moment. Where two names count, or what is found is then asked for by its inode, the steps stay apart.
//!
//! Three answers are not those of one machine. Whoever holds an inode that meanwhile lost its last name gets ENOENT or
//! ESTALE, or the attributes of an inode without a name, or begins anew, as the kernel does after ESTALE. A disk that is
//! full answers ENOSPC to what makes the volume larger. And when a LOOKUP finds a directory that another mount has moved,
//! the kernel moves what it remembers of it, unless it is busy there (`__d_unalias`): then the call ends with ESTALE, and
//! nothing has happened.

use nix::errno::Errno;

use super::super::history::Operation;
use super::super::model::{Model, Next};
use super::rename::rename;
use super::tree::{ARENA, Kind, Node, Tree};
use super::{Call, Errors, Name, Outcome, Path, XattrMode};

/// The model of an arena.
#[derive(Debug)]
pub enum Namespace {}

/// What LOOKUP found: the inode, and what it is.
pub(super) type Found = Option<(u32, Kind)>;
type Step = Next<Tree, Vec<Found>>;
type Asked = Operation<Call, Outcome>;

/// One LOOKUP.
#[derive(Clone, Copy)]
enum Look {
    /// Of a directory of the arena.
    Directory(Name),
    /// Of a name in the directory that this earlier LOOKUP found, or in the arena.
    Last(Option<usize>, Name),
}

/// What comes after all LOOKUPs.
pub(super) enum Act {
    Fails(Errors),
    /// It holds an inode without a name.
    Gone,
    Ends(Outcome),
    Changes(Tree),
}

impl Model for Namespace {
    type Call = Call;
    type Outcome = Outcome;
    type State = Tree;
    type Progress = Vec<Found>;

    fn step(tree: &Tree, asked: &Asked, progress: &Vec<Found>) -> Option<Step> {
        if let Call::Link(old, _) = asked.call
            && let Some(None) = progress.get(usize::from(old.directory.is_some()))
        {
            // The second path is not looked at.
            return decide(asked, fails(Errno::ENOENT));
        }
        let looks = looks(asked.call);
        let Some(look) = looks.get(progress.len()) else {
            if may_be_busy(asked, made_or_removed(tree, asked.call, progress)) {
                return Some(Next::Ends);
            }
            return decide(asked, act(tree, asked, progress));
        };
        let (directory, name, is_last) = match look {
            Look::Directory(name) => (ARENA, *name, false),
            Look::Last(None, name) => (ARENA, *name, true),
            Look::Last(Some(earlier), name) => match progress.get(*earlier) {
                Some(Some((ino, _))) => (*ino, *name, true),
                _ => (ARENA, *name, true),
            },
        };
        if tree.node(directory).is_none() {
            return decide(asked, Act::Gone);
        }
        let found = tree.lookup(directory, name);
        let found = found.and_then(|ino| Some((ino, tree.kind(ino)?)));
        if may_be_busy(asked, found) {
            return Some(Next::Ends);
        }
        if !is_last {
            match found {
                Some((_, Kind::Directory)) => {}
                Some((_, Kind::File)) => return decide(asked, fails(Errno::ENOTDIR)),
                // No symbolic link leads anywhere.
                None | Some((_, Kind::Symlink)) => return decide(asked, fails(Errno::ENOENT)),
            }
        }
        let mut seen = progress.clone();
        seen.push(found);
        Some(Next::Goes(seen))
    }

    fn may_change(asked: &Asked) -> bool {
        let changes = match asked.call {
            Call::Create(..)
            | Call::Mkdir(..)
            | Call::Symlink(..)
            | Call::Link(..)
            | Call::Unlink(..)
            | Call::Rmdir(..)
            | Call::Rename(..)
            | Call::Chmod(..)
            | Call::Truncate(..)
            | Call::SetXattr(..)
            | Call::RemoveXattr(..) => true,
            Call::Stat(_) | Call::Readlink(_) | Call::List(_) | Call::GetXattr(_) => false,
        };
        changes && !matches!(asked.outcome(), Some(Outcome::Failed(_)))
    }
}

/// The LOOKUPs of a call.
fn looks(call: Call) -> Vec<Look> {
    let mut looks = Vec::new();
    match call {
        Call::Create(path, _)
        | Call::Mkdir(path, _)
        | Call::Symlink(path, _)
        | Call::Unlink(path)
        | Call::Rmdir(path) => {
            parent(&mut looks, path);
        }
        Call::List(directory) => looks.extend(directory.map(Look::Directory)),
        Call::Stat(path)
        | Call::Readlink(path)
        | Call::Chmod(path, _)
        | Call::Truncate(path, _)
        | Call::SetXattr(path, ..)
        | Call::GetXattr(path)
        | Call::RemoveXattr(path) => {
            let parent = parent(&mut looks, path);
            looks.push(Look::Last(parent, path.name));
        }
        Call::Link(old, new) => {
            let from = parent(&mut looks, old);
            looks.push(Look::Last(from, old.name));
            parent(&mut looks, new);
        }
        Call::Rename(old, new, _) => {
            let (from, to) = (parent(&mut looks, old), parent(&mut looks, new));
            looks.push(Look::Last(from, old.name));
            looks.push(Look::Last(to, new.name));
        }
    }
    looks
}

fn parent(looks: &mut Vec<Look>, path: Path) -> Option<usize> {
    looks.push(Look::Directory(path.directory?));
    Some(looks.len() - 1)
}

fn fails(errno: Errno) -> Act {
    Act::Fails(vec![errno])
}

/// Whether a LOOKUP that finds this may have ended the call with ESTALE.
fn may_be_busy(asked: &Asked, found: Found) -> bool {
    let is_directory = found.is_some_and(|(_, kind)| kind == Kind::Directory);
    is_directory && asked.outcome() == Some(&Outcome::Failed(Errno::ESTALE))
}

/// What a name leads to that is not looked up in a step of its own.
fn made_or_removed(tree: &Tree, call: Call, seen: &[Found]) -> Found {
    let (Call::Create(path, _)
    | Call::Mkdir(path, _)
    | Call::Symlink(path, _)
    | Call::Link(_, path)
    | Call::Unlink(path)
    | Call::Rmdir(path)) = call
    else {
        return None;
    };
    let directory = match path.directory {
        Some(_) => seen.last().copied().flatten()?.0,
        None => ARENA,
    };
    let ino = tree.lookup(directory, path.name)?;
    Some((ino, tree.kind(ino)?))
}

/// What may be if this comes of the step.
fn decide(asked: &Asked, act: Act) -> Option<Step> {
    let Some(outcome) = asked.outcome() else {
        return match act {
            Act::Changes(tree) => Some(Next::Changes(tree)),
            Act::Gone => Some(Next::Goes(Vec::new())),
            Act::Fails(_) | Act::Ends(_) => None,
        };
    };
    let ends = full_disk(asked.call, outcome)
        || match (&act, outcome) {
            (Act::Fails(errors), Outcome::Failed(errno)) => errors.contains(errno),
            (Act::Ends(right), outcome) => right == outcome,
            (Act::Gone, outcome) => if_gone(asked.call, outcome),
            (Act::Changes(_) | Act::Fails(_), _) => false,
        };
    match act {
        _ if ends => Some(Next::Ends),
        Act::Changes(tree) => (*outcome == Outcome::Done).then_some(Next::Changes(tree)),
        Act::Gone => Some(Next::Goes(Vec::new())),
        Act::Fails(_) | Act::Ends(_) => None,
    }
}

fn full_disk(call: Call, outcome: &Outcome) -> bool {
    let grows = match call {
        Call::Create(..)
        | Call::Mkdir(..)
        | Call::Symlink(..)
        | Call::Link(..)
        | Call::Chmod(..)
        | Call::Truncate(..)
        | Call::SetXattr(..) => true,
        Call::Unlink(_)
        | Call::Rmdir(_)
        | Call::Rename(..)
        | Call::Stat(_)
        | Call::Readlink(_)
        | Call::List(_)
        | Call::GetXattr(_)
        | Call::RemoveXattr(_) => false,
    };
    grows && *outcome == Outcome::Failed(Errno::ENOSPC)
}

/// What may be answered about an inode that has lost its last name since it was looked up.
fn if_gone(call: Call, outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Failed(errno) => matches!(errno, Errno::ENOENT | Errno::ESTALE),
        Outcome::Attributes { nlink, .. } => *nlink == 0,
        Outcome::Names(names) => names.is_empty(),
        Outcome::Number(_) => true,
        Outcome::Done => matches!(
            call,
            Call::Chmod(..) | Call::Truncate(..) | Call::SetXattr(..) | Call::RemoveXattr(_)
        ),
    }
}

/// The last step.
fn act(tree: &Tree, asked: &Asked, seen: &[Found]) -> Act {
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
        Call::Rename(old, new, how) => rename(tree, (old, new, how), seen),
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
        Some(Kind::File | Kind::Symlink) => Act::Changes(tree.remove(place)),
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
        (Call::Readlink(_), Kind::File | Kind::Directory) => return fails(Errno::EINVAL),
        (Call::GetXattr(_), Kind::Symlink) => return fails(Errno::ENODATA),
        (Call::SetXattr(..) | Call::RemoveXattr(_), Kind::Symlink) => return fails(Errno::EPERM),
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
            },
        }),
        Call::Readlink(_) => number(Some(node.target)),
        Call::GetXattr(_) => number(node.xattr),
        Call::Chmod(_, mode) => Act::Changes(tree.with(ino, |node| node.mode = mode)),
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
