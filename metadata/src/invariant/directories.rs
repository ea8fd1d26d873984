//! A directory holds as many entries and subdirectories as it says, at cookies it has given out.

use super::cursor::{Entry, Item, beside_inodes};
use super::mend::{Field, Mend};
use super::report::{Report, quoted};
use crate::fault::Fault;
use crate::keys::{self, Prefix};
use crate::record::{Dentry, Inode, InodeBody};
use crate::store::View;
use crate::types::{Cookie, FileKind, InodeId};

/// Beyond it something else is wrong than a counter that is behind.
pub(super) const COOKIE_MAX: Cookie = Cookie(1 << 62);

struct Found {
    entries: u64,
    /// The first place that none of them has.
    behind: Cookie,
    subdirectories: u64,
}

impl Default for Found {
    fn default() -> Found {
        Found {
            entries: 0,
            behind: Cookie::FIRST,
            subdirectories: 0,
        }
    }
}

pub(super) fn check(view: &dyn View, report: &mut Report<'_>) -> Result<(), Fault> {
    let mut found = Found::default();
    beside_inodes(view, Prefix::Dentry, report, &mut |item, report| {
        match item {
            Item::Entry(ino, inode, entry) => found.count(ino, inode, entry, report),
            Item::Stray(ino, (key, _)) => report.add(|| {
                let name = quoted(keys::name_part(key).unwrap_or_default());
                format!("name {name} is in directory {ino}, which does not exist")
            }),
            Item::End(ino, inode) => {
                let found = std::mem::take(&mut found);
                if let Some(inode) = inode {
                    found.compare(ino, inode, report);
                }
            }
        }
        Ok(())
    })
}

impl Found {
    fn count(
        &mut self,
        ino: InodeId,
        inode: Option<&Inode>,
        (key, value): &Entry,
        report: &mut Report<'_>,
    ) {
        self.entries += 1;
        let Ok(dentry) = Dentry::decode(value) else {
            return;
        };
        self.behind = self.behind.max(Cookie(dentry.cookie.0.saturating_add(1)));
        if dentry.kind == FileKind::Directory {
            self.subdirectories += 1;
        }
        let Some(InodeBody::Directory(body)) = inode.map(|inode| &inode.body) else {
            return;
        };
        if dentry.cookie < Cookie::FIRST || dentry.cookie >= body.next_cookie {
            let mend = Mend::Inode(ino, Field::Cookie(dentry.cookie));
            let is_fit = (Cookie::FIRST..COOKIE_MAX).contains(&dentry.cookie);
            report.add_mendable(is_fit.then_some(mend), || {
                format!(
                    "name {} in directory {ino} has cookie {}, outside of {} to {}",
                    quoted(keys::name_part(key).unwrap_or_default()),
                    dentry.cookie.0,
                    Cookie::FIRST.0,
                    body.next_cookie.0
                )
            });
        }
    }

    fn compare(&self, ino: InodeId, inode: &Inode, report: &mut Report<'_>) {
        if inode.kind() != FileKind::Directory {
            if self.entries > 0 {
                report.add(|| {
                    format!(
                        "inode {ino} is no directory but holds {} names",
                        self.entries
                    )
                });
            }
            return;
        }
        if let InodeBody::Directory(body) = &inode.body
            && body.next_cookie > COOKIE_MAX
        {
            let mend = Mend::Inode(ino, Field::NextCookie(self.behind));
            let mend = (self.behind <= COOKIE_MAX).then_some(mend);
            report.add_mendable(mend, || {
                let next = body.next_cookie.0;
                format!("directory {ino} gives out cookie {next} next, which is too large")
            });
        }
        if inode.size != self.entries {
            let mend = Mend::Inode(ino, Field::Entries(self.entries));
            report.add_mendable(Some(mend), || {
                format!(
                    "directory {ino} holds {} names but has size {}",
                    self.entries, inode.size
                )
            });
        }
        // A removed directory is empty and has no link to itself any more.
        let is_removed = inode.nlink == 0 && ino != InodeId::ROOT;
        let expected = if is_removed && self.entries == 0 {
            0
        } else {
            2 + self.subdirectories
        };
        if u64::from(inode.nlink) != expected {
            let links = u32::try_from(expected).ok();
            let mend = links.map(|links| Mend::Inode(ino, Field::Links(links)));
            report.add_mendable(mend, || {
                format!(
                    "directory {ino} has {} subdirectories but link count {}",
                    self.subdirectories, inode.nlink
                )
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::invariant::testing::{DIRECTORY, FILE, State};
    use crate::keys;
    use crate::record::{DirectoryBody, InodeBody};
    use crate::types::{Cookie, InodeId};

    #[test]
    fn a_wrong_size_is_reported() {
        let mut state = State::sound();
        state.change(InodeId::ROOT, |inode| inode.size += 1);
        state.expect("directories: directory 1 holds 3 names but has size 4");
    }

    #[test]
    fn a_wrong_link_count_is_reported() {
        let mut state = State::sound();
        state.change(InodeId::ROOT, |inode| inode.nlink = 2);
        state.expect("directories: directory 1 has 1 subdirectories but link count 2");
    }

    #[test]
    fn a_root_without_a_link_count_is_reported() {
        let mut state = State::empty_tree();
        state.change(InodeId::ROOT, |inode| inode.nlink = 0);
        state.expect("directories: directory 1 has 0 subdirectories but link count 0");
    }

    #[test]
    fn a_removed_directory_with_entries_is_reported() {
        let mut state = State::sound();
        state.change(InodeId::ROOT, |inode| inode.nlink = 0);
        state.expect("directories: directory 1 has 1 subdirectories but link count 0");
    }

    #[test]
    fn a_cookie_that_was_not_given_out_is_reported() {
        let mut state = State::sound();
        state.change(InodeId::ROOT, |inode| {
            inode.body = InodeBody::Directory(DirectoryBody {
                parent: InodeId::ROOT,
                next_cookie: Cookie(5),
            });
        });
        state.expect("name \"link\" in directory 1 has cookie 5, outside of 3 to 5");
    }

    #[test]
    fn a_cookie_that_cannot_be_given_out_is_reported() {
        let mut state = State::sound();
        state.change(DIRECTORY, |inode| {
            inode.body = InodeBody::Directory(DirectoryBody {
                parent: InodeId::ROOT,
                next_cookie: Cookie(u64::MAX),
            });
        });
        state.expect("directories: directory 3 gives out cookie 18446744073709551615 next");
    }

    #[test]
    fn names_in_a_file_are_reported() {
        let mut state = State::sound();
        let value = state.get(&keys::dentry(InodeId::ROOT, b"link"));
        state.put(keys::dentry(FILE, b"inside"), &value);
        state.expect("directories: inode 2 is no directory but holds 1 names");
    }

    #[test]
    fn names_in_a_directory_that_does_not_exist_are_reported() {
        let mut state = State::sound();
        state.delete(keys::inode(DIRECTORY));
        state.put(
            keys::dentry(InodeId::new(77), b"lost"),
            &state.get(&keys::dentry(InodeId::ROOT, b"link")),
        );
        state.expect("directories: name \"lost\" is in directory 77, which does not exist");
    }
}
