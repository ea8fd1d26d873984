//! The paths of inodes, in a state and in those before it.

use std::collections::BTreeMap;
use std::fmt;

use crate::change::{Change, Happened, Name, Was};
use crate::fault::Fault;
use crate::keys;
use crate::record::{Inode, OrderEntry};
use crate::store::View;
use crate::types::InodeId;

/// Longer paths are not told.
const PATH_BYTES_MAX: usize = 16 * 1024;

/// Finds paths by what inodes say of where they are listed.
///
/// It begins with the paths in the state that the view shows. [`Paths::undo`] goes back over changes, the last one first.
pub struct Paths<'a> {
    view: &'a dyn View,
    /// As far as it is known, or was undone.
    names: BTreeMap<InodeId, Option<Name>>,
}

impl fmt::Debug for Paths<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut paths = formatter.debug_struct("Paths");
        paths.field("names", &self.names).finish_non_exhaustive()
    }
}

impl<'a> Paths<'a> {
    /// Of the state that the view shows.
    pub fn new(view: &'a dyn View) -> Paths<'a> {
        Paths {
            view,
            names: BTreeMap::new(),
        }
    }

    /// The path of an inode from the root, which is `/`; nothing for what is gone, does not know where it is listed, or is too deep.
    pub fn of(&mut self, ino: InodeId) -> Result<Option<Vec<u8>>, Fault> {
        if ino == InodeId::ROOT {
            return Ok(Some(b"/".to_vec()));
        }
        match self.name_of(ino)? {
            Some(name) => self.of_name(&name),
            None => Ok(None),
        }
    }

    /// The path of a name.
    pub fn of_name(&mut self, name: &Name) -> Result<Option<Vec<u8>>, Fault> {
        let mut names = vec![name.name.clone()];
        let mut length = name.name.as_bytes().len() + 1;
        let mut directory = name.directory;
        while directory != InodeId::ROOT {
            let Some(above) = self.name_of(directory)? else {
                return Ok(None);
            };
            length += above.name.as_bytes().len() + 1;
            if length > PATH_BYTES_MAX {
                return Ok(None);
            }
            names.push(above.name);
            directory = above.directory;
        }
        let mut path = Vec::with_capacity(length);
        for name in names.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(name.as_bytes());
        }
        Ok(Some(path))
    }

    /// Goes back to the state before a change.
    pub fn undo(&mut self, change: &Change) {
        match &change.happened {
            Happened::Removed(name) | Happened::Renamed { from: name, .. } => {
                self.was(change.ino, change.was, name);
            }
            Happened::Exchanged {
                from,
                to,
                other,
                other_was,
            } => {
                self.was(change.ino, change.was, from);
                self.was(*other, *other_was, to);
            }
            Happened::Linked(name) => self.was(change.ino, change.was, name),
            Happened::Made(_) | Happened::Content | Happened::Attributes => {}
        }
    }

    fn was(&mut self, ino: InodeId, was: Was, name: &Name) {
        match was {
            Was::Known => drop(self.names.insert(ino, Some(name.clone()))),
            Was::Unknown => drop(self.names.insert(ino, None)),
            Was::Otherwise => {}
        }
    }

    fn name_of(&mut self, ino: InodeId) -> Result<Option<Name>, Fault> {
        if let Some(name) = self.names.get(&ino) {
            return Ok(name.clone());
        }
        let name = listed(self.view, ino)?;
        self.names.insert(ino, name.clone());
        Ok(name)
    }
}

/// The name under which an inode says that it is listed.
pub(crate) fn listed(view: &(impl View + ?Sized), ino: InodeId) -> Result<Option<Name>, Fault> {
    let Some(inode) = view.get(&keys::inode(ino))? else {
        return Ok(None);
    };
    let Some(place) = Inode::decode(&inode)?.places.first else {
        return Ok(None);
    };
    let Some(entry) = view.get(&keys::order(place.directory, place.cookie))? else {
        return Ok(None);
    };
    let entry = OrderEntry::decode(&entry)?;
    Ok((entry.ino == ino).then_some(Name {
        directory: place.directory,
        name: entry.name,
    }))
}

#[cfg(test)]
mod tests;
