//! What is removed is kept: a name that was the last one leads to the same inode from elsewhere.

use super::node::{Body, Node};
use super::{Checked, Model};
use crate::command::{EmptyTrash, SetTrash};
use crate::outcome::{Answer, PosixError};
use crate::types::{FileKind, FileName, InodeId, Mode};

/// Times of the model are of this hour and of the one before it.
const HOURS: [&[u8]; 2] = [b"1969-12-31-23", b"1970-01-01-00"];

/// Where it is, for how many seconds what is in it is kept, and whether it is the first hour of 1970.
#[derive(Debug, Clone, Copy)]
pub(super) struct Trash {
    directory: InodeId,
    keep_seconds: u64,
    is_second: bool,
}

impl Model {
    /// The superuser says whether anything is kept.
    pub(super) fn set_trash(&mut self, set: SetTrash) -> Checked<Answer> {
        if !self.superuser() {
            return Err(vec![PosixError::NotPermitted]);
        }
        self.trash = match set.keep_seconds {
            None => None,
            Some(keep_seconds) => Some(Trash {
                directory: self.trash_directory()?,
                keep_seconds,
                is_second: self.now.seconds >= 0,
            }),
        };
        Ok(Answer::Done)
    }

    fn trash_directory(&mut self) -> Checked<InodeId> {
        let name = file_name(b".trash");
        let root = InodeId::ROOT;
        if let Some(found) = self.find(root, &name)? {
            let node = self.node(found)?;
            return if node.kind() == FileKind::Directory && node.uid == 0 {
                Ok(found)
            } else {
                Err(vec![PosixError::Exists])
            };
        }
        super::refuse_if_any(self.errors_of_new_name(root, None))?;
        let body = Body::directory(root);
        let ino = self.make(root, body, Mode::new(0o755), Mode::default(), 0);
        self.enter(root, &name, ino);
        Ok(ino)
    }

    /// The hour before 1970 may be over; all of it is removed in one step.
    pub(super) fn empty_trash(&mut self, _: EmptyTrash) -> Answer {
        if let Some(trash) = &mut self.trash {
            trash.is_second |= self.now.seconds >= 0;
        }
        if let Some(trash) = self.trash
            && self.now.seconds >= trash.keep_seconds as i64
        {
            let name = file_name(HOURS[0]);
            let hour = self.entries(trash.directory).get(&name).copied();
            if let Some(hour) = hour.filter(|ino| self.kind(*ino) == Some(FileKind::Directory)) {
                self.remove_all(trash.directory, &name, hour);
            }
        }
        Answer::Reclaimed {
            unfinished: Vec::new(),
        }
    }

    fn remove_all(&mut self, directory: InodeId, name: &FileName, ino: InodeId) {
        for (below, inode) in self.entries(ino) {
            self.remove_all(ino, &below, inode);
        }
        self.leave(directory, name);
        let now = self.now;
        self.change(ino, |node| node.ctime = now);
    }

    /// The trash stays where it is.
    pub(super) fn is_trash(&self, ino: InodeId) -> bool {
        self.trash.is_some_and(|trash| trash.directory == ino)
    }

    /// Gives what has lost its last name one in the trash, if it goes there.
    pub(super) fn keep(&mut self, directory: InodeId, name: &FileName, ino: InodeId) {
        let Some(trash) = self.trash else {
            return;
        };
        let is_last = self.nlink(ino) == 0 && self.kind(ino) != Some(FileKind::Directory);
        if !is_last || self.is_below(directory, trash.directory) {
            return;
        }
        self.passes_limits = true;
        let Some(hour) = self.hour(trash) else {
            return;
        };
        let mut place = Some(hour);
        for (original, name) in self.way(directory) {
            place = place.and_then(|place| self.like(place, original, &name));
        }
        let place = place.filter(|place| self.may_add(*place));
        let (place, free) = match place {
            Some(place) if self.entries(place).contains_key(name) => {
                (place, with_suffix(name, &format!("~{ino}")))
            }
            Some(place) => (place, name.clone()),
            None => match self.pathless(hour) {
                Some(place) => (place, file_name(format!("#{ino}").as_bytes())),
                None => return,
            },
        };
        let tree = self.nodes.get(&place).and_then(|node| node.tree);
        self.change(ino, |node| node.tree = tree);
        self.enter(place, &free, ino);
    }

    fn hour(&mut self, trash: Trash) -> Option<InodeId> {
        let name = file_name(HOURS[usize::from(trash.is_second)]);
        let found = self.entries(trash.directory).get(&name).copied();
        match found {
            Some(found) => (self.kind(found) == Some(FileKind::Directory)).then_some(found),
            None if self.may_add(trash.directory) => {
                let model = self.nodes[&trash.directory].clone();
                Some(self.make_like(trash.directory, &name, &model))
            }
            None => None,
        }
    }

    fn pathless(&mut self, hour: InodeId) -> Option<InodeId> {
        let name = file_name(b"#");
        if let Some(found) = self.entries(hour).get(&name).copied() {
            let is_place = self.kind(found) == Some(FileKind::Directory) && self.may_add(found);
            return is_place.then_some(found);
        }
        let mut model = self.nodes[&hour].clone();
        (model.uid, model.gid, model.mode) = (0, 0, Mode::new(0o700));
        self.may_add(hour)
            .then(|| self.make_like(hour, &name, &model))
    }

    fn may_add(&self, directory: InodeId) -> bool {
        self.errors_of_new_name(directory, None).is_empty()
    }

    fn way(&self, directory: InodeId) -> Vec<(InodeId, FileName)> {
        let mut way = Vec::new();
        let mut place = directory;
        while let Some(parent) = self.parent(place).filter(|_| place != InodeId::ROOT) {
            let mut entries = self.entries(parent).into_iter();
            let name = entries.find(|(_, ino)| *ino == place);
            way.extend(name.map(|(name, _)| (place, name)));
            place = parent;
        }
        way.reverse();
        way
    }

    fn like(&mut self, parent: InodeId, original: InodeId, name: &FileName) -> Option<InodeId> {
        let wanted = self.nodes[&original].clone();
        for number in 0.. {
            let name = if number == 0 {
                name.clone()
            } else {
                with_suffix(name, &format!("~{number}"))
            };
            let Some(found) = self.entries(parent).get(&name).copied() else {
                let may_make = self.may_add(parent) && self.has_room(wanted.uid, wanted.gid);
                return may_make.then(|| self.make_like(parent, &name, &wanted));
            };
            let is_same = rights(&self.nodes[&found]) == rights(&wanted);
            if is_same && self.kind(found) == Some(FileKind::Directory) {
                return Some(found);
            }
        }
        None
    }

    fn make_like(&mut self, parent: InodeId, name: &FileName, wanted: &Node) -> InodeId {
        let body = Body::directory(parent);
        let ino = self.make(parent, body, wanted.mode, Mode::default(), 0);
        self.change(ino, |node| {
            (node.uid, node.gid, node.mode) = rights(wanted);
        });
        self.enter(parent, name, ino);
        ino
    }
}

fn rights(node: &Node) -> (u32, u32, Mode) {
    (node.uid, node.gid, node.mode)
}

fn file_name(bytes: &[u8]) -> FileName {
    #[expect(clippy::unwrap_used, reason = "these are names")]
    FileName::new(bytes).unwrap()
}

fn with_suffix(name: &FileName, suffix: &str) -> FileName {
    file_name(&[name.as_bytes(), suffix.as_bytes()].concat())
}
