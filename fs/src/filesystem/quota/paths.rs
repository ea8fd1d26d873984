//! Where directories are, many at a time: each directory above them is read once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use holdfast_metadata::{Cookie, InodeId, Query, Reply};
use holdfast_replicator::PosixMetadataReplicator;

use super::{Filesystem, FilesystemError};

/// Longer paths are not told.
pub(super) const PATH_BYTES_MAX: usize = 4096;
/// Entries of a directory that is searched for names.
const PAGE_ENTRIES: usize = 1024;

/// What is known of the way from some directories to the root.
pub(super) struct Paths {
    /// Whose place is still to be found.
    wanted: BTreeSet<InodeId>,
    /// Each with the directory it is in, and its name there.
    places: BTreeMap<InodeId, (InodeId, String)>,
}

impl Paths {
    pub(super) fn to(directories: impl Iterator<Item = InodeId>) -> Paths {
        Paths {
            wanted: directories.collect(),
            places: BTreeMap::new(),
        }
    }

    /// Goes up from all of them at once. What was removed, or moves meanwhile, is not found.
    pub(super) async fn find<R: PosixMetadataReplicator>(
        &mut self,
        filesystem: &Filesystem<R>,
    ) -> Result<(), FilesystemError> {
        while !self.wanted.is_empty() {
            let mut within: BTreeMap<InodeId, BTreeSet<InodeId>> = BTreeMap::new();
            for ino in std::mem::take(&mut self.wanted) {
                if ino == InodeId::ROOT || self.places.contains_key(&ino) {
                    continue;
                }
                match if_there(filesystem.query(Query::Parent { ino }).await)? {
                    Some(Reply::Attributes(parent)) => {
                        within.entry(parent.ino).or_default().insert(ino);
                    }
                    Some(_) => return Err(FilesystemError::UnexpectedAnswer),
                    None => {}
                }
            }
            for (parent, children) in within {
                self.look_in(filesystem, parent, children).await?;
                self.wanted.insert(parent);
            }
        }
        Ok(())
    }

    async fn look_in<R: PosixMetadataReplicator>(
        &mut self,
        filesystem: &Filesystem<R>,
        parent: InodeId,
        mut children: BTreeSet<InodeId>,
    ) -> Result<(), FilesystemError> {
        let mut after = Cookie::DOT_DOT;
        while !children.is_empty() {
            let query = Query::ReadDirectory {
                ino: parent,
                after,
                entries_max: PAGE_ENTRIES,
                with_attributes: false,
            };
            let entries = match if_there(filesystem.query(query).await)? {
                Some(Reply::Directory { entries, .. }) => entries,
                Some(_) => return Err(FilesystemError::UnexpectedAnswer),
                None => return Ok(()),
            };
            let Some(last) = entries.last() else {
                return Ok(());
            };
            after = last.cookie;
            for entry in entries {
                if children.remove(&entry.ino) {
                    let place = (parent, in_words(&entry.name));
                    self.places.insert(entry.ino, place);
                }
            }
        }
        Ok(())
    }

    /// The path of a directory; `None` if it was not found, or is too long.
    pub(super) fn of(&self, directory: InodeId) -> Option<String> {
        let mut path = String::new();
        let mut at = directory;
        while at != InodeId::ROOT {
            let (parent, name) = self.places.get(&at)?;
            path = format!("/{name}{path}");
            if path.len() > PATH_BYTES_MAX {
                return None;
            }
            at = *parent;
        }
        if path.is_empty() {
            path.push('/');
        }
        Some(path)
    }
}

/// What is gone while it is looked for is not there.
fn if_there(answer: Result<Reply, FilesystemError>) -> Result<Option<Reply>, FilesystemError> {
    match answer {
        Ok(reply) => Ok(Some(reply)),
        Err(FilesystemError::Posix(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// On one line, and nothing in it that a terminal obeys.
fn in_words(name: &[u8]) -> String {
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            if character.is_control() || character == '\\' {
                text.extend(character.escape_default());
            } else {
                text.push(character);
            }
        }
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _written = write!(text, "\\x{byte:02x}").is_ok();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_as_they_are_but_for_what_is_no_text() {
        for (name, told) in [
            ("bob's".as_bytes(), "bob's"),
            ("gr\u{f6}\u{df}e".as_bytes(), "gr\u{f6}\u{df}e"),
            (b"a\nb\x1b[2J", "a\\nb\\u{1b}[2J"),
            (b"\\", "\\\\"),
            (b"\xff.txt", "\\xff.txt"),
        ] {
            assert_eq!(in_words(name), told);
        }
    }

    #[test]
    fn a_loop_that_a_move_leaves_behind_has_no_path() {
        let (one, other) = (InodeId::new(5), InodeId::new(6));
        let mut paths = Paths::to(std::iter::empty());
        paths.places.insert(one, (other, "a".to_owned()));
        paths.places.insert(other, (one, "b".to_owned()));
        assert_eq!(paths.of(one), None);
        assert_eq!(paths.of(InodeId::ROOT).as_deref(), Some("/"));
        assert_eq!(paths.of(InodeId::new(7)), None);
    }
}
