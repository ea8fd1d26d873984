//! Somebody who hears of changes only, with the paths of their moments.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use bytes::Bytes;
use holdfast_metadata::keys::{self, Prefix};
use holdfast_metadata::record::Dentry;
use holdfast_metadata::store::View;
use holdfast_metadata::{
    Change, Command, Engine, Happened, InodeId, LogIndex, MemoryEngine, Name, Paths, Position,
    StateMachine,
};
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;

/// What there is under each path.
type Tree = BTreeMap<Vec<u8>, InodeId>;

/// A change with its paths: that of its inode or its name, and that of the name it had.
#[derive(Debug, PartialEq)]
struct Told {
    change: Change,
    path: Option<Vec<u8>>,
    from: Option<Vec<u8>>,
}

/// Applies the commands in batches of these lengths; at the end all changes, told in their order, make the same tree, and each was told in the
/// same way when it was the last one.
pub(crate) fn retold(
    machine: &StateMachine<MemoryEngine>,
    commands: &[Command],
    lengths: Vec<usize>,
) -> TestCaseResult {
    let (mut changes, mut told_at_once) = (Vec::new(), Vec::new());
    let (mut rest, mut index) = (commands, 0);
    for length in lengths.into_iter().chain([commands.len()]) {
        let (batch, after) = rest.split_at(length.min(rest.len()));
        rest = after;
        index += 1;
        let position = Position {
            index: LogIndex(index),
            record: Bytes::new(),
        };
        let applied = machine.apply_at(position, batch).unwrap();
        let mut now = Vec::new();
        for (number, change) in applied.changes {
            prop_assert!(applied.outcomes[number].is_ok(), "{change:?}");
            now.push(change);
        }
        changes.extend(now.iter().cloned());
        told_at_once.extend(tell(&machine.engine().view(), now));
    }
    let view = machine.engine().view();
    let told = tell(&view, changes);
    for (at_once, later) in told_at_once.iter().zip(&told) {
        prop_assert_eq!(at_once, later);
    }
    let (mut tree, mut many) = (Tree::new(), BTreeSet::new());
    for told in told {
        follow(&mut tree, &mut many, &told)?;
    }
    prop_assert_eq!(tree, tree_of(&view));
    Ok(())
}

fn tell(view: &dyn View, changes: Vec<Change>) -> Vec<Told> {
    let mut paths = Paths::new(view);
    let mut told = Vec::new();
    for change in changes.into_iter().rev() {
        let mut of_name = |name: &Name| paths.of_name(name).unwrap();
        let (from, path) = match &change.happened {
            Happened::Made(name) | Happened::Linked(name) | Happened::Removed(name) => {
                (None, of_name(name))
            }
            Happened::Renamed { from, to } | Happened::Exchanged { from, to, .. } => {
                (of_name(from), of_name(to))
            }
            Happened::Content | Happened::Attributes => (None, paths.of(change.ino).unwrap()),
        };
        paths.undo(&change);
        told.push(Told { change, path, from });
    }
    told.reverse();
    told
}

/// `many` are those that have had more than two names at a time: not all of them are known.
fn follow(tree: &mut Tree, many: &mut BTreeSet<InodeId>, told: &Told) -> TestCaseResult {
    let ino = told.change.ino;
    let names = tree.values().filter(|named| **named == ino).count();
    let path = match (&told.change.happened, &told.path) {
        (Happened::Content | Happened::Attributes, None) => {
            prop_assert!(names == 0 || many.contains(&ino), "{told:?}");
            return Ok(());
        }
        (_, path) => path.clone().unwrap(),
    };
    if names >= 2 && matches!(told.change.happened, Happened::Linked(_)) {
        many.insert(ino);
    }
    match &told.change.happened {
        Happened::Made(_) | Happened::Linked(_) => {
            prop_assert_eq!(tree.insert(path, ino), None);
        }
        Happened::Removed(_) => {
            prop_assert_eq!(tree.remove(&path), Some(ino));
        }
        Happened::Renamed { .. } => {
            let moved = take(tree, told.from.as_ref().unwrap());
            prop_assert_eq!(moved.get(&Vec::new()), Some(&ino));
            put(tree, &path, moved)?;
        }
        Happened::Exchanged { other, .. } => {
            let from = told.from.as_ref().unwrap();
            let (moved, back) = (take(tree, from), take(tree, &path));
            prop_assert_eq!(moved.get(&Vec::new()), Some(&ino));
            prop_assert_eq!(back.get(&Vec::new()), Some(other));
            put(tree, &path, moved)?;
            put(tree, from, back)?;
        }
        Happened::Content | Happened::Attributes => {
            let root = (path == b"/").then_some(&InodeId::ROOT);
            prop_assert_eq!(root.or(tree.get(&path)), Some(&ino));
        }
    }
    Ok(())
}

/// Takes a path and what is below it.
fn take(tree: &mut Tree, path: &[u8]) -> Tree {
    let is_below = |other: &[u8]| {
        let rest = other.strip_prefix(path);
        rest.is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
    };
    let taken = tree.extract_if(.., |other, _| is_below(other));
    let taken = taken.map(|(other, ino)| (other[path.len()..].to_vec(), ino));
    taken.collect()
}

fn put(tree: &mut Tree, path: &[u8], moved: Tree) -> TestCaseResult {
    for (rest, ino) in moved {
        prop_assert_eq!(tree.insert([path, &rest].concat(), ino), None);
    }
    Ok(())
}

/// What is there, by its names.
fn tree_of(view: &dyn View) -> Tree {
    let mut tree = Tree::new();
    let mut directories = vec![(Vec::new(), InodeId::ROOT)];
    while let Some((path, directory)) = directories.pop() {
        let (start, end) = keys::of_inode(Prefix::Dentry, directory);
        view.scan(&start, &end, &mut |key, value| {
            let dentry = Dentry::decode(value).unwrap();
            let name = keys::name_part(key).unwrap();
            let path = [&path, b"/".as_slice(), name].concat();
            directories.push((path.clone(), dentry.ino));
            tree.insert(path, dentry.ino);
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
    }
    tree
}
