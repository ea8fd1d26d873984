//! What `rename` may answer: first what the kernel sees in what it has looked up, then what the cluster sees.

use nix::errno::Errno;

use super::super::history::Operation;
use super::act::Act;
use super::tree::{ARENA, Kind, Node, Tree};
use super::walk::Found;
use super::{Call, Errors, Exchange, Name, Outcome, Path};

/// Whether this may be what the kernel answers because one directory is in the other.
pub(super) fn may_be_trapped(asked: &Operation<Call, Outcome>) -> bool {
    let is_rename = matches!(asked.call, Call::Rename(..));
    let may_be = [Errno::EINVAL, Errno::ENOTEMPTY].map(Outcome::Failed);
    is_rename && asked.outcome().is_some_and(|one| may_be.contains(one))
}

/// Before it looks up the last names, the kernel notes which entry of one directory the other is in (`lock_rename`); that
/// entry can be neither moved nor replaced, whatever happens to it meanwhile. Both directories were looked up.
pub(super) fn trap(tree: &Tree, call: Call, seen: &[Found]) -> Found {
    let Call::Rename(old, new, _) = call else {
        return None;
    };
    let (from, to) = parents(old, new, seen);
    let entry = |outer: u32, inner: u32| {
        let mut entries = tree.node(outer)?.names.values();
        let ino = *entries.find(|entry| tree.is_within(inner, **entry))?;
        Some((ino, tree.kind(ino)?))
    };
    entry(to, from).or_else(|| entry(from, to))
}

/// The directories of both paths.
fn parents(old: Path, new: Path, seen: &[Found]) -> (u32, u32) {
    let parent = |path: Path, at: usize| match path.directory {
        Some(_) => seen
            .get(at)
            .copied()
            .flatten()
            .map_or(ARENA, |(ino, _)| ino),
        None => ARENA,
    };
    (
        parent(old, 0),
        parent(new, usize::from(old.directory.is_some())),
    )
}

/// What the kernel answers about the entry that it has noted; nothing if neither name leads to it.
fn trapped(trap: Found, (source, target): (Found, Found), how: Exchange) -> Option<Errno> {
    match how {
        // These come first.
        _ if source.is_none() => None,
        Exchange::NoReplace | Exchange::WhiteoutNoReplace if target.is_some() => None,
        Exchange::Exchange if target.is_none() => None,
        _ if same_inode(source, trap) => Some(Errno::EINVAL),
        Exchange::Exchange => same_inode(target, trap).then_some(Errno::EINVAL),
        Exchange::Replace
        | Exchange::NoReplace
        | Exchange::Whiteout
        | Exchange::WhiteoutNoReplace => same_inode(target, trap).then_some(Errno::ENOTEMPTY),
    }
}

/// The last step, after the names of both paths were looked up. A whiteout gets the number of the operation.
pub(super) fn rename(
    tree: &Tree,
    asked: &Operation<Call, Outcome>,
    (old, new, how): (Path, Path, Exchange),
    seen: &[Found],
) -> Act {
    let parents = parents(old, new, seen);
    let (from, to) = ((parents.0, old.name), (parents.1, new.name));
    let last = |back: usize| seen.len().checked_sub(back).and_then(|at| seen.get(at));
    let (source, target) = (last(2).copied().flatten(), last(1).copied().flatten());
    if may_be_trapped(asked) {
        let trap = last(3).copied().flatten();
        let errno = trapped(trap, (source, target), how);
        if errno.is_some_and(|errno| asked.outcome() == Some(&Outcome::Failed(errno))) {
            return Act::Fails(errno.into_iter().collect());
        }
    }
    // What the kernel sees by itself: first in what it has looked up, with no other eyes than the cluster has later.
    let errors = rename_errors(tree, (source, target), (from.0, to.0), how, false);
    if !errors.is_empty() {
        return Act::Fails(errors);
    }
    if same_inode(source, target) {
        return Act::Ends(Outcome::Done);
    }
    if tree.node(from.0).is_none() || tree.node(to.0).is_none() {
        return Act::Gone;
    }
    let found = |place: (u32, Name)| {
        let ino = tree.lookup(place.0, place.1)?;
        Some((ino, tree.kind(ino)?))
    };
    // What was looked up is what the kernel moves afterwards, whatever has the names by then.
    let remembered = |moved: Tree, seen: Found| match seen {
        Some((ino, Kind::Directory)) if from.0 != to.0 => {
            moved.with(ino, |node| node.has_moved = true)
        }
        _ => moved,
    };
    let (looked_up, other) = (source, target);
    let (source, target) = (found(from), found(to));
    let errors = rename_errors(tree, (source, target), (from.0, to.0), how, true);
    if !errors.is_empty() {
        return Act::Fails(errors);
    }
    if how != Exchange::Exchange && is_directory(other) && target != other {
        return Act::Another;
    }
    if same_inode(source, target) {
        return Act::Ends(Outcome::Done);
    }
    match how {
        Exchange::Exchange => {
            let exchanged = remembered(tree.exchange(from, to), looked_up);
            Act::Changes(remembered(exchanged, other))
        }
        Exchange::Replace | Exchange::NoReplace => {
            Act::Changes(remembered(tree.rename(from, to), looked_up))
        }
        Exchange::Whiteout | Exchange::WhiteoutNoReplace => {
            let renamed = remembered(tree.rename(from, to), looked_up);
            Act::Changes(renamed.make(from, asked.id, Node::new(Kind::Whiteout, 0, 0)))
        }
    }
}

fn is_directory(found: Found) -> bool {
    matches!(found, Some((_, Kind::Directory)))
}

fn same_inode(one: Found, other: Found) -> bool {
    one.is_some() && one == other
}

/// Everything that is wrong with a rename of what was found in these directories.
fn rename_errors(
    tree: &Tree,
    (source, target): (Found, Found),
    (from, to): (u32, u32),
    how: Exchange,
    is_cluster: bool,
) -> Errors {
    let Some((source, source_kind)) = source else {
        return vec![Errno::ENOENT];
    };
    let within =
        |inner: u32, outer: u32| inner == outer || (is_cluster && tree.is_within(inner, outer));
    let is_directory = |kind: Kind| kind == Kind::Directory;
    let mut errors = Vec::new();
    if is_directory(source_kind) && within(to, source) {
        errors.push(Errno::EINVAL);
    }
    let Some((target, target_kind)) = target else {
        if how == Exchange::Exchange {
            errors.push(Errno::ENOENT);
        }
        return errors;
    };
    match how {
        Exchange::NoReplace | Exchange::WhiteoutNoReplace => errors.push(Errno::EEXIST),
        Exchange::Exchange => {
            if is_directory(target_kind) && within(from, target) {
                errors.push(Errno::EINVAL);
            }
        }
        Exchange::Replace | Exchange::Whiteout if source == target => {}
        Exchange::Replace | Exchange::Whiteout => {
            match (is_directory(source_kind), is_directory(target_kind)) {
                (true, false) => errors.push(Errno::ENOTDIR),
                (false, true) => errors.push(Errno::EISDIR),
                (true, true) | (false, false) => {}
            }
            let is_full = tree.node(target).is_some_and(|node| !node.names.is_empty());
            if is_directory(target_kind) && (from == target || (is_cluster && is_full)) {
                errors.push(Errno::ENOTEMPTY);
            }
        }
    }
    errors
}
