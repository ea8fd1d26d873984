//! Names lead to inodes that exist, of the kind they say, as many as the link count says.
//!
//! Keeps 32 bytes a name, sorted by where it leads.

use super::cursor::Cursor;
use super::mend::{Field, Mend};
use super::report::Report;
use super::rescue;
use crate::fault::Fault;
use crate::keys::{self, Prefix};
use crate::record::{Dentry, Inode, InodeBody, Place, Places};
use crate::store::View;
use crate::types::{Cookie, FileKind, InodeId};

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Name {
    target: u64,
    parent: u64,
    cookie: u64,
    kind: FileKind,
}

pub(super) fn check(view: &dyn View, report: &mut Report<'_>) -> Result<(), Fault> {
    let names = collect(view, report)?;
    let mut rest = names.as_slice();
    let mut inodes = Cursor::new(view, Prefix::Inode);
    while let Some((key, value)) = inodes.next(report)? {
        let Some(ino) = keys::first_number(&key) else {
            continue;
        };
        let (before, from) = rest.split_at(rest.partition_point(|name| name.target < ino));
        let (own, after) = from.split_at(from.partition_point(|name| name.target == ino));
        rest = after;
        missing(before, report);
        if let Ok(inode) = Inode::decode(&value) {
            compare(view, InodeId::new(ino), &inode, own, report)?;
        }
    }
    missing(rest, report);
    Ok(())
}

fn collect(view: &dyn View, report: &mut Report<'_>) -> Result<Vec<Name>, Fault> {
    let mut names = Vec::new();
    let mut dentries = Cursor::new(view, Prefix::Dentry);
    while let Some((key, value)) = dentries.next(report)? {
        let (Some(parent), Ok(dentry)) = (keys::first_number(&key), Dentry::decode(&value)) else {
            continue;
        };
        names.push(Name {
            target: dentry.ino.get(),
            parent,
            cookie: dentry.cookie.0,
            kind: dentry.kind,
        });
    }
    names.sort_unstable();
    Ok(names)
}

fn missing(names: &[Name], report: &mut Report<'_>) {
    for name in names {
        report.add(|| {
            format!(
                "a name in directory {} leads to inode {}, which does not exist",
                name.parent, name.target
            )
        });
    }
}

fn compare(
    view: &dyn View,
    ino: InodeId,
    inode: &Inode,
    names: &[Name],
    report: &mut Report<'_>,
) -> Result<(), Fault> {
    for name in names.iter().filter(|name| name.kind != inode.kind()) {
        report.add(|| {
            format!(
                "a name in directory {} calls inode {ino} a {:?}, but it is a {:?}",
                name.parent,
                name.kind,
                inode.kind()
            )
        });
    }
    places(ino, inode, names, report);
    let InodeBody::Directory(body) = &inode.body else {
        if names.len() as u64 != u64::from(inode.nlink) {
            let mend = match u32::try_from(names.len()) {
                Ok(0) => rescue::mend(view, report, ino, inode)?,
                Ok(links) => Some(Mend::Inode(ino, Field::Links(links))),
                Err(_) => None,
            };
            report.add_mendable(mend, || {
                format!(
                    "inode {ino} has {} names but link count {}",
                    names.len(),
                    inode.nlink
                )
            });
        }
        return Ok(());
    };
    let expected = usize::from(ino != InodeId::ROOT && inode.nlink > 0);
    if names.len() != expected {
        let mend = match (names.len(), inode.nlink) {
            (0, _) => rescue::mend(view, report, ino, inode)?,
            // It is empty, or the rule of directories had told of its link count.
            (1, 0) => Some(Mend::Inode(ino, Field::Links(2))),
            _ => None,
        };
        report.add_mendable(mend, || {
            format!(
                "directory {ino} has {} names instead of {expected}",
                names.len()
            )
        });
    }
    if ino == InodeId::ROOT && body.parent != ino {
        let mend = Mend::Inode(ino, Field::Parent(ino));
        report.add_mendable(Some(mend), || {
            format!("the root directory says it is in {}", body.parent)
        });
    }
    for name in names.iter().filter(|name| name.parent != body.parent.get()) {
        let parent = InodeId::new(name.parent);
        let mend = (names.len() == 1).then_some(Mend::Inode(ino, Field::Parent(parent)));
        report.add_mendable(mend, || {
            format!(
                "directory {ino} is in directory {} but says it is in {}",
                name.parent, body.parent
            )
        });
    }
    Ok(())
}

/// An inode that says where it is listed is listed there, and says it once.
fn places(ino: InodeId, inode: &Inode, names: &[Name], report: &mut Report<'_>) {
    let is_there = |place: Place| names.iter().any(|name| name.place() == place);
    let Some(wrong) = inode.places.iter().find(|place| !is_there(*place)) else {
        return said_twice(ino, inode.places, report);
    };
    let right = match names {
        // It cannot be another one.
        [only] => Places::of(only.place()),
        _ => inode.places.filter(is_there),
    };
    let mend = Mend::Inode(ino, Field::Places(right));
    report.add_mendable(Some(mend), || {
        format!(
            "inode {ino} says that it has cookie {} in directory {}, where it has no name",
            wrong.cookie.0, wrong.directory
        )
    });
}

fn said_twice(ino: InodeId, places: Places, report: &mut Report<'_>) {
    if let Places {
        first: Some(place),
        second: Some(again),
    } = places
        && place == again
    {
        let mend = Mend::Inode(ino, Field::Places(Places::of(place)));
        report.add_mendable(Some(mend), || {
            let (cookie, directory) = (place.cookie.0, place.directory);
            format!("inode {ino} says twice that it has cookie {cookie} in directory {directory}")
        });
    }
}

impl Name {
    fn place(&self) -> Place {
        Place {
            directory: InodeId::new(self.parent),
            cookie: Cookie(self.cookie),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::invariant::testing::{DIRECTORY, FILE, State};
    use crate::keys;
    use crate::record::{DirectoryBody, InodeBody, Place, Places};
    use crate::types::{Cookie, InodeId};

    #[test]
    fn a_wrong_link_count_of_a_file_is_reported() {
        let mut state = State::sound();
        state.change(FILE, |inode| inode.nlink = 3);
        state.expect("names: inode 2 has 2 names but link count 3");
    }

    #[test]
    fn a_name_that_leads_nowhere_is_reported() {
        let mut state = State::sound();
        state.delete(keys::inode(FILE));
        state.expect("names: a name in directory 1 leads to inode 2, which does not exist");
    }

    #[test]
    fn a_name_of_another_kind_is_reported() {
        let mut state = State::sound();
        state.change(FILE, |inode| inode.body = InodeBody::Fifo);
        state.expect("names: a name in directory 1 calls inode 2 a Regular, but it is a Fifo");
    }

    #[test]
    fn a_wrong_place_is_reported() {
        let mut state = State::sound();
        state.change(FILE, |inode| {
            inode.places = Places::of(Place {
                directory: InodeId::ROOT,
                cookie: Cookie(4),
            });
        });
        state.expect(
            "names: inode 2 says that it has cookie 4 in directory 1, where it has no name",
        );
    }

    #[test]
    fn a_place_that_is_said_twice_is_reported() {
        let mut state = State::sound();
        let place = |cookie| {
            Some(Place {
                directory: InodeId::ROOT,
                cookie: Cookie(cookie),
            })
        };
        let mut put = |first, second| {
            let places = Places { first, second };
            state.change(FILE, |inode| inode.places = places);
            state.violations()
        };
        assert_eq!(put(place(3), place(5)), Vec::<String>::new());
        let told = "names: inode 2 says twice that it has cookie 3 in directory 1";
        assert_eq!(put(place(3), place(3)), [told]);
    }

    #[test]
    fn a_wrong_parent_is_reported() {
        let mut state = State::sound();
        state.change(DIRECTORY, |inode| {
            inode.body = InodeBody::Directory(DirectoryBody {
                parent: DIRECTORY,
                next_cookie: Cookie::FIRST,
            });
        });
        state.expect("names: directory 3 is in directory 1 but says it is in 3");
    }

    #[test]
    fn a_root_that_is_in_another_directory_is_reported() {
        let mut state = State::sound();
        state.change(InodeId::ROOT, |inode| {
            inode.body = InodeBody::Directory(DirectoryBody {
                parent: DIRECTORY,
                next_cookie: Cookie(6),
            });
        });
        state.expect("names: the root directory says it is in 3");
    }

    #[test]
    fn a_second_name_of_a_directory_is_reported() {
        let mut state = State::sound();
        let value = state.get(&keys::dentry(InodeId::ROOT, b"directory"));
        state.put(keys::dentry(InodeId::ROOT, b"again"), &value);
        state.expect("names: directory 3 has 2 names instead of 1");
    }
}
