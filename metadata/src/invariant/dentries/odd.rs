//! Entries of a directory that are there only once, or whose two records differ, and what they ought to be.
//!
//! A half that is missing is made again if a third record says so: the link count of the inode, which counts all its names.

use std::collections::BTreeMap;

use super::claims::{Claim, Claims};
use super::{Line, at_place, of_name};
use crate::fault::Fault;
use crate::invariant::cursor::Cursor;
use crate::invariant::directories::COOKIE_MAX;
use crate::invariant::mend::Mend;
use crate::invariant::report::{Report, quoted};
use crate::keys::{self, Prefix};
use crate::record::{Dentry, Inode, InodeBody, OrderEntry};
use crate::store::View;
use crate::types::{Cookie, FileKind, FileName, InodeId};

/// Of one directory.
pub(super) struct Odd {
    pub(super) parent: InodeId,
    /// Names that are not listed at their place.
    pub(super) names: Vec<Line>,
    /// Places of names that say something else, or are not there.
    pub(super) places: Vec<Line>,
}

/// How many names inodes have, those that are to be made again among them.
type Links = BTreeMap<InodeId, u64>;

/// Tells of all of them.
pub(super) fn tell(odd: &[Odd], view: &dyn View, report: &mut Report<'_>) -> Result<(), Fault> {
    let links = if report.is_of_mends() && !odd.is_empty() {
        count_links(odd, view, report)?
    } else {
        Links::new()
    };
    for directory in odd {
        directory.tell(view, &links, report)?;
    }
    Ok(())
}

fn count_links(odd: &[Odd], view: &dyn View, report: &mut Report<'_>) -> Result<Links, Fault> {
    let mut links = Links::new();
    for directory in odd {
        for line in &directory.names {
            links.entry(line.ino).or_default();
        }
        for line in &directory.places {
            let is_missing = of_name(view, directory.parent, &line.name)?.is_none();
            *links.entry(line.ino).or_default() += u64::from(is_missing);
        }
    }
    let mut dentries = Cursor::new(view, Prefix::Dentry);
    while let Some((_, value)) = dentries.next(report)? {
        if let Ok(dentry) = Dentry::decode(&value)
            && let Some(links) = links.get_mut(&dentry.ino)
        {
            *links += 1;
        }
    }
    Ok(links)
}

impl Odd {
    pub(super) fn of(parent: InodeId) -> Odd {
        Odd {
            parent,
            names: Vec::new(),
            places: Vec::new(),
        }
    }

    fn tell(&self, view: &dyn View, links: &Links, report: &mut Report<'_>) -> Result<(), Fault> {
        let is_mendable = report.is_of_mends() && is_directory(view, self.parent)?;
        let claims = is_mendable.then(|| Claims::of(&self.names, &self.places));
        for line in &self.names {
            let mend = match &claims {
                Some(claims) => self.place_for(view, line, claims, links)?,
                None => None,
            };
            report.add_mendable(mend, || {
                self.line(line, "has no matching place in the listing")
            });
        }
        for line in &self.places {
            let mend = match &claims {
                Some(claims) => self.name_for(view, line, claims, links)?,
                None => None,
            };
            report.add_mendable(mend, || {
                self.line(line, "is listed but has no matching name")
            });
        }
        Ok(())
    }

    /// What becomes of a name that is not listed where it says.
    fn place_for(
        &self,
        view: &dyn View,
        line: &Line,
        claims: &Claims<'_>,
        links: &Links,
    ) -> Result<Option<Mend>, Fault> {
        // Listed elsewhere, once: there it is.
        match claims.listed(line) {
            Some(Claim::One(place)) => {
                return Ok(place.is_fit().then(|| place.name(self.parent)));
            }
            Some(Claim::More) => return Ok(None),
            None => {}
        }
        let is_free = at_place(view, self.parent, line.cookie)?.is_none();
        let is_only = claims.is_only_at_place(line);
        let mend = is_free && is_only && line.is_fit() && self.agrees(view, line, links)?;
        Ok(mend.then(|| line.place(self.parent)).flatten())
    }

    /// What becomes of a place whose name is not there, or says something else.
    fn name_for(
        &self,
        view: &dyn View,
        line: &Line,
        claims: &Claims<'_>,
        links: &Links,
    ) -> Result<Option<Mend>, Fault> {
        let Some(name) = of_name(view, self.parent, &line.name)? else {
            let is_only = claims.is_only_of_name(line);
            let mend = is_only && line.is_fit() && self.agrees(view, line, links)?;
            return Ok(mend.then(|| line.name(self.parent)));
        };
        if !name.is_as(line) {
            return Ok(None);
        }
        // The name is listed where it says, and here once more; it stays where a listing shows it.
        if at_place(view, self.parent, name.cookie)?.as_ref() == Some(&name) && name.is_fit() {
            return Ok(Some(Mend::Forget(keys::order(self.parent, line.cookie))));
        }
        self.place_for(view, &name, claims, links)
    }

    /// Whether the inode says that it has these names.
    fn agrees(&self, view: &dyn View, line: &Line, links: &Links) -> Result<bool, Fault> {
        let links = links.get(&line.ino).copied().unwrap_or_default();
        let inode = load(view, line.ino)?.filter(|inode| inode.kind() == line.kind);
        Ok(inode.is_some_and(|inode| match &inode.body {
            InodeBody::Directory(body) => {
                links == 1 && inode.nlink > 0 && body.parent == self.parent
            }
            _ => links == u64::from(inode.nlink),
        }))
    }

    fn line(&self, line: &Line, what: &str) -> String {
        format!(
            "name {} in directory {} (inode {}, cookie {}) {what}",
            quoted(&line.name),
            self.parent,
            line.ino,
            line.cookie.0
        )
    }
}

impl Line {
    /// Whether both are the same name of the same inode, at whatever place.
    fn is_as(&self, other: &Line) -> bool {
        self.name == other.name && (self.ino, self.kind) == (other.ino, other.kind)
    }

    fn is_fit(&self) -> bool {
        (Cookie::FIRST..COOKIE_MAX).contains(&self.cookie)
    }

    /// The record in the listing.
    fn place(&self, parent: InodeId) -> Option<Mend> {
        let order = OrderEntry {
            ino: self.ino,
            kind: self.kind,
            name: FileName::new(&self.name).ok()?,
        };
        Some(Mend::Put(keys::order(parent, self.cookie), order.encode()))
    }

    /// The record of the name.
    fn name(&self, parent: InodeId) -> Mend {
        let dentry = Dentry {
            ino: self.ino,
            kind: self.kind,
            cookie: self.cookie,
        };
        Mend::Put(keys::dentry(parent, &self.name), dentry.encode())
    }
}

fn load(view: &dyn View, ino: InodeId) -> Result<Option<Inode>, Fault> {
    let value = view.get(&keys::inode(ino))?;
    Ok(value.and_then(|value| Inode::decode(&value).ok()))
}

/// One that is not removed.
fn is_directory(view: &dyn View, ino: InodeId) -> Result<bool, Fault> {
    let inode = load(view, ino)?;
    Ok(inode.is_some_and(|inode| inode.kind() == FileKind::Directory && inode.nlink > 0))
}
