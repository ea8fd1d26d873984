//! What is on a disk, and what changes it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// The inode of the root.
pub(super) const ROOT: u64 = 1;

/// One change.
#[derive(Debug, Clone)]
pub(super) enum Change {
    /// A name leads to an inode from now on, which is new if it is not known.
    Enter {
        directory: u64,
        name: OsString,
        ino: u64,
        is_directory: bool,
    },
    Leave {
        directory: u64,
        name: OsString,
    },
    Rename {
        from: (u64, OsString),
        to: (u64, OsString),
    },
    Write {
        ino: u64,
        offset: usize,
        bytes: Arc<[u8]>,
    },
    Resize {
        ino: u64,
        length: usize,
    },
    /// What the file holds is durable from now on.
    Sync {
        ino: u64,
    },
    /// What was written since the last sync is not on the disk, and no later sync brings it there, though it is still
    /// read: Linux takes what it could not write for written.
    FailedSync {
        ino: u64,
    },
    /// What names the directory has is durable from now on.
    SyncDirectory {
        ino: u64,
    },
}

/// A file or a directory.
#[derive(Debug, Clone)]
pub(super) enum Node {
    File(Arc<Vec<u8>>),
    Directory(Arc<BTreeMap<OsString, u64>>),
}

/// What is on a disk. Inodes stay when their last name is gone: somebody may have them open.
#[derive(Debug, Clone)]
pub struct Contents {
    pub(super) nodes: BTreeMap<u64, Node>,
}

impl Default for Contents {
    fn default() -> Contents {
        Contents {
            nodes: BTreeMap::from([(ROOT, Node::new(true))]),
        }
    }
}

impl Node {
    pub(super) fn new(is_directory: bool) -> Node {
        if is_directory {
            Node::Directory(Arc::default())
        } else {
            Node::File(Arc::default())
        }
    }
}

impl Contents {
    /// The names in a directory.
    pub(super) fn names(&self, directory: u64) -> Option<&BTreeMap<OsString, u64>> {
        match self.nodes.get(&directory)? {
            Node::Directory(names) => Some(names),
            Node::File(_) => None,
        }
    }

    pub(super) fn find(&self, directory: u64, name: &OsStr) -> Option<u64> {
        self.names(directory)?.get(name).copied()
    }

    pub(super) fn file(&self, ino: u64) -> Option<&Vec<u8>> {
        match self.nodes.get(&ino)? {
            Node::File(bytes) => Some(bytes),
            Node::Directory(_) => None,
        }
    }

    /// How many names lead to an inode.
    pub(super) fn links(&self, ino: u64) -> u32 {
        let directories = self.nodes.values().filter_map(|node| match node {
            Node::Directory(names) => Some(names),
            Node::File(_) => None,
        });
        let names = directories.flat_map(|names| names.values());
        names.filter(|found| **found == ino).count() as u32
    }

    /// Makes a change; one that does not fit, as others are missing, has no effect.
    pub(super) fn apply(&mut self, change: &Change) {
        match change {
            Change::Enter {
                directory,
                name,
                ino,
                is_directory,
            } => {
                self.nodes
                    .entry(*ino)
                    .or_insert_with(|| Node::new(*is_directory));
                self.change_names(*directory, |names| {
                    names.insert(name.clone(), *ino);
                });
            }
            Change::Leave { directory, name } => {
                self.change_names(*directory, |names| {
                    names.remove(name);
                });
            }
            Change::Rename { from, to } => {
                let Some(ino) = self.find(from.0, &from.1) else {
                    return;
                };
                self.change_names(from.0, |names| {
                    names.remove(&from.1);
                });
                self.change_names(to.0, |names| {
                    names.insert(to.1.clone(), ino);
                });
            }
            Change::Write { ino, offset, bytes } => self.change_file(*ino, |file| {
                let end = offset + bytes.len();
                if file.len() < end {
                    file.resize(end, 0);
                }
                file[*offset..end].copy_from_slice(bytes);
            }),
            Change::Resize { ino, length } => {
                self.change_file(*ino, |file| file.resize(*length, 0));
            }
            Change::Sync { .. } | Change::FailedSync { .. } | Change::SyncDirectory { .. } => {}
        }
    }

    fn change_names(&mut self, directory: u64, change: impl FnOnce(&mut BTreeMap<OsString, u64>)) {
        if let Some(Node::Directory(names)) = self.nodes.get_mut(&directory) {
            change(Arc::make_mut(names));
        }
    }

    fn change_file(&mut self, ino: u64, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(Node::File(bytes)) = self.nodes.get_mut(&ino) {
            change(Arc::make_mut(bytes));
        }
    }

    /// Writes everything into a directory of a real disk, which must not exist.
    #[track_caller]
    pub fn write_to(&self, path: &Path) {
        self.write_directory(ROOT, path);
    }

    #[track_caller]
    fn write_directory(&self, directory: u64, path: &Path) {
        fs::create_dir(path).unwrap();
        for (name, ino) in self.names(directory).unwrap() {
            let path = path.join(name);
            match &self.nodes[ino] {
                Node::File(bytes) => fs::write(path, bytes.as_slice()).unwrap(),
                Node::Directory(_) => self.write_directory(*ino, &path),
            }
        }
    }
}
