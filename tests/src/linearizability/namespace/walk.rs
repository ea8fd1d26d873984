//! Which steps a system call takes, as Linux takes them on FUSE without caches, and what each may answer.
//!
//! Each name of a path is one LOOKUP. What only needs to be true at one moment is decided in the last step: an `unlink`
//! whose LOOKUP finds nothing is ENOENT at that moment, and one that finds something asks the cluster, which answers
//! what is so at its moment. Where two names count, or what is found is then asked for by its inode, the steps stay apart.
//!
//! Three answers are not those of one machine. Whoever holds an inode that meanwhile lost its last name gets ENOENT or
//! ESTALE, or the attributes of an inode without a name, or begins anew, as the kernel does after ESTALE. A disk that may
//! be full answers ENOSPC to what makes the volume larger. And who finds a directory that has moved, or would remove
//! another than he has found, may be told ESTALE: see `stale`.

use nix::errno::Errno;

use super::super::history::Operation;
use super::super::model::{Model, Next};
use super::act::{Act, act, fails};
use super::rename::{may_be_trapped, trap};
use super::stale::{is_another, is_stale, last_look, may_be_busy};
use super::tree::{ARENA, Disk, Kind, Tree};
use super::{Call, Exchange, Name, Outcome, Path};

/// The model of an arena.
#[derive(Debug)]
pub enum Namespace {}

/// What LOOKUP found: the inode, and what it is.
pub(super) type Found = Option<(u32, Kind)>;
type Step = Next<Tree, Progress>;
type Asked = Operation<Call, Outcome>;

/// What a call under way has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Progress {
    found: Vec<Found>,
    /// Whether it has begun anew because of another directory, which the kernel does once. Noted if the answer is ESTALE: no
    /// other depends on it.
    is_anew: bool,
}

/// One LOOKUP.
#[derive(Clone, Copy)]
pub(super) enum Look {
    /// Of a directory of the arena.
    Directory(Name),
    /// Of a name in the directory that this earlier LOOKUP found, or in the arena.
    Last(Option<usize>, Name),
    /// Of no name: see `trap`.
    Trap,
}

impl Model for Namespace {
    type Call = Call;
    type Outcome = Outcome;
    type State = Tree;
    type Progress = Progress;

    fn step(tree: &Tree, asked: &Asked, progress: &Progress) -> Option<Step> {
        let found = &progress.found;
        let decide = |act| decide(tree, asked, progress, act);
        if let Call::Link(old, _) = asked.call
            && let Some(None) = found.get(usize::from(old.directory.is_some()))
        {
            // The second path is not looked at.
            return decide(fails(Errno::ENOENT));
        }
        let mut looks = looks(asked);
        let needed = looks.len();
        if is_stale(asked) {
            if may_be_busy(tree, found) {
                return Some(Next::Ends);
            }
            looks.extend(last_look(asked.call, &looks));
        }
        let Some(look) = looks.get(found.len()) else {
            let (seen, more) = found.split_at_checked(needed).unwrap_or_default();
            let act = act(tree, asked, seen);
            if let (Act::Changes(_), Call::Rmdir(path), [last]) = (&act, asked.call, more)
                && is_another(tree, path, seen, *last)
            {
                return decide(Act::Another);
            }
            return decide(act);
        };
        let (directory, name, is_last) = match look {
            Look::Trap => return Some(goes(progress, trap(tree, asked.call, found))),
            Look::Directory(name) => (ARENA, *name, false),
            Look::Last(None, name) => (ARENA, *name, true),
            Look::Last(Some(earlier), name) => match found.get(*earlier) {
                Some(Some((ino, _))) => (*ino, *name, true),
                _ => (ARENA, *name, true),
            },
        };
        if tree.node(directory).is_none() {
            return decide(Act::Gone);
        }
        let ino = tree.lookup(directory, name);
        let found = ino.and_then(|ino| Some((ino, tree.kind(ino)?)));
        if !is_last {
            match found {
                Some((_, Kind::Directory)) => {}
                Some((_, Kind::File | Kind::Whiteout)) => {
                    return decide(fails(Errno::ENOTDIR));
                }
                // No symbolic link leads anywhere.
                None | Some((_, Kind::Symlink)) => {
                    return decide(fails(Errno::ENOENT));
                }
            }
        }
        Some(goes(progress, found))
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
            | Call::Chown(..)
            | Call::Truncate(..)
            | Call::SetXattr(..)
            | Call::RemoveXattr(..) => true,
            Call::Stat(_) | Call::Readlink(_) | Call::List(_) | Call::GetXattr(_) => false,
        };
        changes && !matches!(asked.outcome(), Some(Outcome::Failed(_)))
    }
}

fn goes(progress: &Progress, found: Found) -> Step {
    let before = progress.found.iter().copied();
    Next::Goes(Progress {
        found: before.chain([found]).collect(),
        is_anew: progress.is_anew,
    })
}

/// The LOOKUPs of a call.
fn looks(asked: &Asked) -> Vec<Look> {
    let mut looks = Vec::new();
    match asked.call {
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
        | Call::Chown(path, _)
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
            looks.extend(may_be_trapped(asked).then_some(Look::Trap));
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

/// What may be if this comes of the step.
fn decide(tree: &Tree, asked: &Asked, progress: &Progress, act: Act) -> Option<Step> {
    let Some(outcome) = asked.outcome() else {
        return match act {
            Act::Changes(tree) => Some(Next::Changes(tree)),
            Act::Gone | Act::Another => Some(Next::Goes(Progress::default())),
            Act::Fails(_) | Act::Ends(_) => None,
        };
    };
    let is_stale = is_stale(asked);
    let ends = is_full(tree, asked.call, outcome)
        || match (&act, outcome) {
            (Act::Fails(errors), Outcome::Failed(errno)) => errors.contains(errno),
            (Act::Ends(right), outcome) => right == outcome,
            (Act::Gone, outcome) => if_gone(asked.call, outcome),
            (Act::Another, _) => is_stale && progress.is_anew,
            (Act::Changes(_) | Act::Fails(_), _) => false,
        };
    match act {
        _ if ends => Some(Next::Ends),
        Act::Changes(tree) => (*outcome == Outcome::Done).then_some(Next::Changes(tree)),
        Act::Another => Some(Next::Goes(Progress {
            is_anew: is_stale,
            ..Progress::default()
        })),
        Act::Gone => Some(Next::Goes(Progress::default())),
        Act::Fails(_) | Act::Ends(_) => None,
    }
}

/// Whether this is what a full disk answers: to what makes the volume larger, as the cluster counts it.
fn is_full(tree: &Tree, call: Call, outcome: &Outcome) -> bool {
    let grows = match call {
        Call::Create(..)
        | Call::Mkdir(..)
        | Call::Symlink(..)
        | Call::Link(..)
        | Call::SetXattr(..)
        | Call::Rename(_, _, Exchange::Whiteout | Exchange::WhiteoutNoReplace) => true,
        Call::Unlink(_)
        | Call::Rmdir(_)
        | Call::Rename(_, _, Exchange::Replace | Exchange::NoReplace | Exchange::Exchange)
        | Call::Stat(_)
        | Call::Readlink(_)
        | Call::List(_)
        | Call::Chmod(..)
        | Call::Chown(..)
        | Call::Truncate(..)
        | Call::GetXattr(_)
        | Call::RemoveXattr(_) => false,
    };
    let may_be = tree.disk() == Disk::MayBeFull && grows;
    may_be && *outcome == Outcome::Failed(Errno::ENOSPC)
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
            Call::Chmod(..)
                | Call::Chown(..)
                | Call::Truncate(..)
                | Call::SetXattr(..)
                | Call::RemoveXattr(_)
        ),
    }
}
