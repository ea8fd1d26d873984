//! Inodes and names, and what changes them at one moment.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::Name;

/// What an inode is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// The character device 0/0 that a rename leaves.
    Whiteout,
}

/// How much space the cluster has while a history is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    /// Always enough.
    Ample,
    /// At times there is none.
    MayBeFull,
}

/// An inode.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) mode: u16,
    /// Its user and group, which are always set to one number.
    pub(super) owner: u32,
    /// Of a file.
    pub(super) size: u32,
    /// What a symbolic link leads to, by its number.
    pub(super) target: u32,
    pub(super) xattr: Option<u32>,
    /// Of a directory.
    pub(super) names: BTreeMap<Name, u32>,
    /// Of a directory: whether it was ever moved from one directory to another, or a kernel believes so.
    pub(super) has_moved: bool,
}

impl Node {
    pub(super) fn new(kind: Kind, mode: u16, target: u32) -> Node {
        Node {
            kind,
            mode,
            owner: 0,
            size: 0,
            target,
            xattr: None,
            names: BTreeMap::new(),
            has_moved: false,
        }
    }
}

/// An arena with everything in it. An inode has the id of the operation that made it, and is there as long as it has a
/// name.
///
/// The search keeps very many of them and compares them all the time: they share what they can, and each is hashed once.
#[derive(Debug, Clone)]
pub struct Tree {
    nodes: Nodes,
    hash: u64,
    /// The same in all trees of a history.
    disk: Disk,
}

type Nodes = Arc<BTreeMap<u32, Arc<Node>>>;

impl PartialEq for Tree {
    fn eq(&self, other: &Tree) -> bool {
        self.hash == other.hash && self.nodes == other.nodes
    }
}

impl Eq for Tree {}

impl Hash for Tree {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}

/// The arena itself.
pub(super) const ARENA: u32 = 0;

impl Tree {
    /// An empty arena.
    pub fn empty(disk: Disk) -> Tree {
        let arena = Node::new(Kind::Directory, 0o755, 0);
        Tree::new(Arc::new(BTreeMap::from([(ARENA, Arc::new(arena))])), disk)
    }

    fn new(nodes: Nodes, disk: Disk) -> Tree {
        let mut hasher = DefaultHasher::new();
        nodes.hash(&mut hasher);
        Tree {
            hash: hasher.finish(),
            nodes,
            disk,
        }
    }

    pub(super) fn disk(&self) -> Disk {
        self.disk
    }

    /// The tree after a change.
    fn changed(&self, change: impl FnOnce(&mut Change)) -> Tree {
        let mut changed = Change {
            nodes: (*self.nodes).clone(),
        };
        change(&mut changed);
        Tree::new(Arc::new(changed.nodes), self.disk)
    }

    pub(super) fn node(&self, ino: u32) -> Option<&Node> {
        self.nodes.get(&ino).map(|node| &**node)
    }

    /// What a name of a directory leads to; nothing if either is not there.
    pub(super) fn lookup(&self, directory: u32, name: Name) -> Option<u32> {
        self.node(directory)?.names.get(&name).copied()
    }

    pub(super) fn kind(&self, ino: u32) -> Option<Kind> {
        self.node(ino).map(|node| node.kind)
    }

    /// As `lstat` shows it.
    pub(super) fn nlink(&self, ino: u32) -> u32 {
        if self.kind(ino) == Some(Kind::Directory) {
            let names = self
                .node(ino)
                .into_iter()
                .flat_map(|node| node.names.values());
            let below = names.filter(|child| self.kind(**child) == Some(Kind::Directory));
            return 2 + below.count() as u32;
        }
        let names = self.nodes.values().flat_map(|node| node.names.values());
        names.filter(|named| **named == ino).count() as u32
    }

    /// Whether one directory is the other or below it.
    pub(super) fn is_within(&self, inner: u32, outer: u32) -> bool {
        inner == outer
            || self.node(outer).is_some_and(|node| {
                let mut below = node.names.values();
                below.any(|child| {
                    self.kind(*child) == Some(Kind::Directory) && self.is_within(inner, *child)
                })
            })
    }

    /// Makes an inode with its first name.
    pub(super) fn make(&self, place: (u32, Name), ino: u32, node: Node) -> Tree {
        self.changed(|tree| {
            tree.nodes.insert(ino, Arc::new(node));
            tree.name(place, Some(ino));
        })
    }

    /// Gives an inode one more name.
    pub(super) fn link(&self, place: (u32, Name), ino: u32) -> Tree {
        self.changed(|tree| tree.name(place, Some(ino)))
    }

    /// Takes a name away, and the inode with it if it was the last.
    pub(super) fn remove(&self, place: (u32, Name)) -> Tree {
        let ino = self.lookup(place.0, place.1);
        self.changed(|tree| {
            tree.name(place, None);
            tree.forget(ino);
        })
    }

    /// Moves a name, over what the new one was.
    pub(super) fn rename(&self, old: (u32, Name), new: (u32, Name)) -> Tree {
        let (moved, replaced) = (self.lookup(old.0, old.1), self.lookup(new.0, new.1));
        self.changed(|tree| {
            tree.name(old, None);
            tree.name(new, moved);
            tree.forget(replaced);
            tree.note_move(moved, (old.0, new.0));
        })
    }

    /// Has two names change places.
    pub(super) fn exchange(&self, one: (u32, Name), other: (u32, Name)) -> Tree {
        let (here, there) = (self.lookup(one.0, one.1), self.lookup(other.0, other.1));
        self.changed(|tree| {
            tree.name(one, there);
            tree.name(other, here);
            tree.note_move(here, (one.0, other.0));
            tree.note_move(there, (one.0, other.0));
        })
    }

    /// Changes an inode; nothing if it is not there.
    pub(super) fn with(&self, ino: u32, change: impl FnOnce(&mut Node)) -> Tree {
        self.changed(|tree| {
            if let Some(node) = tree.nodes.get_mut(&ino) {
                change(Arc::make_mut(node));
            }
        })
    }

    fn show(&self, f: &mut Formatter<'_>, directory: u32) -> fmt::Result {
        let names = self
            .node(directory)
            .into_iter()
            .flat_map(|node| &node.names);
        write!(f, "{{")?;
        for (index, (name, ino)) in names.enumerate() {
            write!(f, "{}{name}: ", if index == 0 { "" } else { ", " })?;
            let Some(node) = self.node(*ino) else {
                continue;
            };
            write!(f, "{:?} #{ino} of {}", node.kind, node.owner)?;
            match node.kind {
                Kind::File => write!(f, " mode {:03o} size {}", node.mode, node.size)?,
                Kind::Directory => write!(f, " mode {:03o} ", node.mode)?,
                Kind::Symlink => write!(f, " to {}", node.target)?,
                Kind::Whiteout => write!(f, " mode {:03o}", node.mode)?,
            }
            if let Some(value) = node.xattr {
                write!(f, " xattr {value} ")?;
            }
            if node.kind == Kind::Directory {
                self.show(f, *ino)?;
            }
        }
        write!(f, "}}")
    }
}

impl Display for Tree {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.show(f, ARENA)
    }
}

/// A tree that is being changed.
struct Change {
    nodes: BTreeMap<u32, Arc<Node>>,
}

impl Change {
    fn name(&mut self, place: (u32, Name), ino: Option<u32>) {
        if let Some(directory) = self.nodes.get_mut(&place.0) {
            let names = &mut Arc::make_mut(directory).names;
            match ino {
                Some(ino) => names.insert(place.1, ino),
                None => names.remove(&place.1),
            };
        }
    }

    /// Marks a directory that has moved from one directory to another.
    fn note_move(&mut self, ino: Option<u32>, (old, new): (u32, u32)) {
        let moved = ino.filter(|_| old != new);
        let node = moved.and_then(|ino| self.nodes.get_mut(&ino));
        if let Some(node) = node.filter(|node| node.kind == Kind::Directory) {
            Arc::make_mut(node).has_moved = true;
        }
    }

    fn forget(&mut self, ino: Option<u32>) {
        if let Some(ino) = ino {
            let mut names = self.nodes.values().flat_map(|node| node.names.values());
            if !names.any(|named| *named == ino) {
                self.nodes.remove(&ino);
            }
        }
    }
}
