//! Every directory with a name leads up to the root: none is lost and none is inside itself. The trash is one of them.
//!
//! Follows the parent pointers, which the rule of names has compared with the names. Keeps 17 bytes
//! a directory.

use super::cursor::Cursor;
use super::report::Report;
use crate::fault::Fault;
use crate::keys::{self, Prefix};
use crate::record::{Inode, InodeBody};
use crate::state_machine::load_volume;
use crate::store::View;
use crate::types::{FileKind, InodeId};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Unknown,
    OnTheWay,
    Reached,
    Lost,
}

#[derive(Default)]
struct Tree {
    /// Sorted by the first: a directory and the one above it.
    directories: Vec<(u64, u64)>,
    marks: Vec<Mark>,
}

pub(super) fn check(view: &dyn View, report: &mut Report<'_>) -> Result<(), Fault> {
    trash(view, report)?;
    let mut tree = Tree::collect(view, report)?;
    let Some(root) = tree.find(InodeId::ROOT.get()) else {
        report.add(|| "the root directory does not exist".to_owned());
        return Ok(());
    };
    tree.set(root, Mark::Reached);
    let mut way = Vec::new();
    for start in 0..tree.directories.len() {
        let mark = tree.follow(start, &mut way, report);
        for &place in &way {
            tree.set(place, mark);
        }
        way.clear();
    }
    Ok(())
}

/// Nobody can remove the directory of a trash that is on.
fn trash(view: &dyn View, report: &mut Report<'_>) -> Result<(), Fault> {
    let volume = match load_volume(view) {
        Ok(volume) => volume,
        // The rule of records has told of it.
        Err(Fault::Corrupt { .. }) => None,
        Err(fault) => return Err(fault),
    };
    let Some(trash) = volume.and_then(|volume| volume.trash) else {
        return Ok(());
    };
    let ino = trash.directory;
    let wrong = match view.get(&keys::inode(ino))? {
        None => "does not exist",
        Some(value) => match Inode::decode(&value) {
            Ok(inode) if inode.kind() != FileKind::Directory => "is no directory",
            Ok(inode) if inode.nlink == 0 => "has no name",
            Ok(_) | Err(_) => return Ok(()),
        },
    };
    report.add(|| format!("the trash is inode {ino}, which {wrong}"));
    Ok(())
}

impl Tree {
    fn collect(view: &dyn View, report: &mut Report<'_>) -> Result<Tree, Fault> {
        let mut tree = Tree::default();
        let mut inodes = Cursor::new(view, Prefix::Inode);
        while let Some((key, value)) = inodes.next(report)? {
            let Ok(inode) = Inode::decode(&value) else {
                continue;
            };
            if let (Some(ino), InodeBody::Directory(body)) = (keys::first_number(&key), inode.body)
                && inode.nlink > 0
            {
                tree.directories.push((ino, body.parent.get()));
            }
        }
        tree.marks = vec![Mark::Unknown; tree.directories.len()];
        Ok(tree)
    }

    fn find(&self, ino: u64) -> Option<usize> {
        self.directories
            .binary_search_by_key(&ino, |directory| directory.0)
            .ok()
    }

    fn mark(&self, place: usize) -> Mark {
        self.marks.get(place).copied().unwrap_or(Mark::Lost)
    }

    fn set(&mut self, place: usize, mark: Mark) {
        if let Some(old) = self.marks.get_mut(place) {
            *old = mark;
        }
    }

    /// Goes up from a directory until it is known whether the root is above; `way` are those passed.
    ///
    /// Tells once where the way breaks or closes, and not again for all that is below.
    fn follow(&mut self, start: usize, way: &mut Vec<usize>, report: &mut Report<'_>) -> Mark {
        let mut place = start;
        loop {
            match self.mark(place) {
                Mark::Unknown => {}
                Mark::OnTheWay => {
                    self.tell(place, report);
                    return Mark::Lost;
                }
                known @ (Mark::Reached | Mark::Lost) => return known,
            }
            self.set(place, Mark::OnTheWay);
            way.push(place);
            let above = self
                .directories
                .get(place)
                .and_then(|(_, parent)| self.find(*parent));
            let Some(above) = above else {
                self.tell(place, report);
                return Mark::Lost;
            };
            place = above;
        }
    }

    fn tell(&self, place: usize, report: &mut Report<'_>) {
        if let Some((ino, parent)) = self.directories.get(place) {
            report.add(|| {
                format!("directory {ino}, which says it is in {parent}, does not lead to the root")
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::invariant::testing::{DIRECTORY, FILE, ORPHAN, State};
    use crate::keys;
    use crate::record::{DirectoryBody, InodeBody, Trash};
    use crate::types::{Cookie, InodeId};

    fn say_parent(state: &mut State, parent: InodeId) {
        state.change(DIRECTORY, |inode| {
            inode.body = InodeBody::Directory(DirectoryBody {
                parent,
                next_cookie: Cookie::FIRST,
            });
        });
    }

    #[test]
    fn a_loop_is_reported() {
        let mut state = State::sound();
        say_parent(&mut state, DIRECTORY);
        state.expect("reachability: directory 3, which says it is in 3, does not lead to the root");
    }

    #[test]
    fn a_parent_that_is_gone_is_reported() {
        let mut state = State::sound();
        say_parent(&mut state, InodeId::new(99));
        state.expect("reachability: directory 3, which says it is in 99, does not lead to the");
    }

    #[test]
    fn a_missing_root_is_reported() {
        let mut state = State::sound();
        state.delete(keys::inode(InodeId::ROOT));
        state.expect("reachability: the root directory does not exist");
    }

    fn with_trash(directory: InodeId) -> State {
        let mut state = State::sound();
        state.change_volume(|volume| {
            volume.trash = Some(Trash {
                directory,
                keep_seconds: 60,
                hour: 1,
            });
        });
        state
    }

    #[test]
    fn a_trash_that_is_no_directory_is_reported() {
        assert_eq!(with_trash(DIRECTORY).violations(), Vec::<String>::new());
        let absent = InodeId::new(99);
        let told = "reachability: the trash is inode 99, which does not exist";
        assert_eq!(with_trash(absent).violations(), [told]);
        let told = "reachability: the trash is inode 2, which is no directory";
        assert_eq!(with_trash(FILE).violations(), [told]);
        let mut state = with_trash(ORPHAN);
        state.change(ORPHAN, |inode| {
            inode.body = InodeBody::Directory(DirectoryBody {
                parent: InodeId::ROOT,
                next_cookie: Cookie::FIRST,
            });
        });
        state.expect("reachability: the trash is inode 4, which has no name");
    }
}
