//! rename(2).

use super::node::Body;
use super::{Checked, Model, refuse_if_any};
use crate::command::Rename;
use crate::outcome::{Answer, PosixError};
use crate::types::{FileKind, InodeId, Mode};

impl Model {
    pub(super) fn rename(&mut self, rename: &Rename) -> Checked<Answer> {
        let flags = rename.flags;
        if flags.exchange && (flags.no_replace || flags.whiteout) {
            return Err(vec![PosixError::InvalidArgument]);
        }
        let parents = [rename.parent, rename.new_parent];
        let errors = parents.iter().filter_map(|ino| self.directory(*ino).err());
        refuse_if_any(errors.flatten().collect())?;
        let moved = self.expect(rename.parent, &rename.name)?;
        let replaced = self.find(rename.new_parent, &rename.new_name)?;
        // "If oldpath and newpath are existing hard links referring to the same file, then rename()
        // does nothing and returns a success status", before anything is permitted (`vfs_rename`).
        let is_another = !flags.exchange && rename.seen.is_some() && rename.seen != replaced;
        if replaced == Some(moved) && !flags.no_replace && !is_another {
            return Ok(Answer::Renamed { orphaned: None });
        }
        let mut errors = self.errors_of_move(rename, moved, replaced);
        if is_another {
            errors.push(PosixError::AnotherDirectory);
        }
        refuse_if_any(errors)?;
        if flags.exchange
            && let Some(replaced) = replaced
        {
            self.enter(rename.parent, &rename.name, replaced);
            self.enter(rename.new_parent, &rename.new_name, moved);
            self.changed(moved);
            self.changed(replaced);
            return Ok(Answer::Renamed { orphaned: None });
        }
        self.leave(rename.parent, &rename.name);
        if flags.whiteout {
            let body = Body::Special(FileKind::CharacterDevice);
            let whiteout = self.make(rename.parent, body, Mode::default(), Mode::default(), 0);
            self.enter(rename.parent, &rename.name, whiteout);
        }
        self.enter(rename.new_parent, &rename.new_name, moved);
        self.changed(moved);
        if let Some(replaced) = replaced {
            self.changed(replaced);
            self.keep(rename.new_parent, &rename.new_name, replaced);
        }
        let orphaned = replaced.filter(|ino| self.nlink(*ino) == 0);
        Ok(Answer::Renamed { orphaned })
    }

    fn changed(&mut self, ino: InodeId) {
        let now = self.now;
        self.change(ino, |node| node.ctime = now);
    }

    fn errors_of_move(
        &self,
        rename: &Rename,
        moved: InodeId,
        replaced: Option<InodeId>,
    ) -> Vec<PosixError> {
        let flags = rename.flags;
        let mut errors = self.errors_of_removal(rename.parent, moved);
        if self.is_below(rename.new_parent, moved) {
            errors.push(PosixError::InvalidArgument);
        }
        if !self.same_tree(rename.parent, rename.new_parent) {
            errors.push(PosixError::CrossDevice);
        }
        match replaced {
            Some(_) if flags.no_replace => return vec![PosixError::Exists],
            Some(replaced) => {
                errors.extend(self.errors_of_removal(rename.new_parent, replaced));
                if flags.exchange {
                    if self.is_below(rename.parent, replaced) {
                        errors.push(PosixError::InvalidArgument);
                    }
                } else {
                    errors.extend(self.errors_of_replacement(moved, replaced));
                }
            }
            None if flags.exchange => return vec![PosixError::NotFound],
            None => errors.extend(self.errors_of_new_name(rename.new_parent, None)),
        }
        errors
    }

    fn errors_of_replacement(&self, moved: InodeId, replaced: InodeId) -> Vec<PosixError> {
        let mut errors = Vec::new();
        let is_directory = |ino| self.kind(ino) == Some(FileKind::Directory);
        match (is_directory(moved), is_directory(replaced)) {
            (true, false) => errors.push(PosixError::NotDirectory),
            (false, true) => errors.push(PosixError::IsDirectory),
            (true, true) | (false, false) => {}
        }
        if !self.entries(replaced).is_empty() {
            errors.push(PosixError::NotEmpty);
        }
        errors
    }

    /// Whether a directory is the other one or anywhere below it.
    pub(super) fn is_below(&self, mut directory: InodeId, above: InodeId) -> bool {
        loop {
            if directory == above {
                return true;
            }
            match self.parent(directory) {
                Some(parent) if directory != InodeId::ROOT && self.nlink(directory) > 0 => {
                    directory = parent;
                }
                Some(_) | None => return false,
            }
        }
    }
}
