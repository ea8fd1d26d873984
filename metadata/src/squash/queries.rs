//! What the kernel checks before it shows something.

use super::{EXECUTE, READ, Rights};
use crate::ops::{Stop, load_inode};
use crate::outcome::{PosixError, Reply};
use crate::queries;
use crate::query::Query;
use crate::store::View;
use crate::types::{Credentials, InodeId, Owner};
use crate::xattr::Namespace;

/// Answers what the caller may ask.
pub(crate) fn answer(
    view: &dyn View,
    credentials: &Credentials,
    query: &Query,
) -> Result<Reply, Stop> {
    let rights = Rights { view, credentials };
    match query {
        Query::Lookup { parent, name } => {
            rights.find(*parent, name)?;
        }
        Query::Parent { ino } => {
            rights.demand(*ino, EXECUTE)?;
        }
        Query::ReadDirectory {
            ino,
            after,
            entries_max,
            with_attributes,
        } => {
            return list(rights, (*ino, *with_attributes), |with_attributes| {
                Query::ReadDirectory {
                    ino: *ino,
                    after: *after,
                    entries_max: *entries_max,
                    with_attributes,
                }
            });
        }
        Query::Read { ino, .. } | Query::Seek { ino, .. } => rights.demand_of_reader(*ino)?,
        Query::GetXattr { ino, name } => may_see_xattr(rights, *ino, name)?,
        Query::ListXattr { ino } => {
            may_know(rights, *ino)?;
            let reply = queries::answer(view, query)?;
            return Ok(without_trusted(reply));
        }
        Query::Access { ino, mask, .. } => {
            let (ino, mask, credentials) = (*ino, *mask, credentials.clone());
            may_know(rights, ino)?;
            return queries::answer(
                view,
                &Query::Access {
                    ino,
                    mask,
                    credentials,
                },
            );
        }
        Query::Owners { from, owners_max } => {
            let is_own = match from {
                Owner::User(uid) => credentials.uid == *uid,
                Owner::Group(gid) => credentials.in_group(*gid),
            };
            // Of nobody: whether there are limits at all.
            if *owners_max > usize::from(is_own) {
                return Err(PosixError::AccessDenied.into());
            }
            return Ok(only(*from, queries::answer(view, query)?));
        }
        // Of all files, wherever they are, and of who works with them.
        Query::Quotas { .. } | Query::Orphans { .. } | Query::Locks { .. } => {
            return Err(PosixError::AccessDenied.into());
        }
        Query::Attributes { ino } | Query::Readlink { ino } | Query::QuotasAround { ino } => {
            may_know(rights, *ino)?;
        }
        Query::Statistics | Query::Sessions | Query::LockTicket { .. } => {}
        Query::TestLock(test) => rights.demand_of_user(test.ino)?,
        // Once is enough.
        Query::Squashed { .. } => return Err(PosixError::InvalidArgument.into()),
    }
    queries::answer(view, query)
}

/// As `fstat`, of what is open or was found.
fn may_know(rights: Rights<'_>, ino: InodeId) -> Result<(), Stop> {
    let inode = load_inode(rights.view, ino)?;
    if !rights.owns(&inode) {
        rights.reach(ino)?;
    }
    Ok(())
}

/// Who may read a directory sees its names; what they lead to, who may search it.
fn list(
    rights: Rights<'_>,
    (ino, with_attributes): (InodeId, bool),
    query: impl FnOnce(bool) -> Query,
) -> Result<Reply, Stop> {
    rights.demand_of_opener(ino, READ)?;
    let directory = load_inode(rights.view, ino)?;
    let may_search =
        rights.is_granted(ino, &directory, EXECUTE)? && rights.may_come_to(ino, &directory)?;
    queries::answer(rights.view, &query(with_attributes && may_search))
}

/// To who has no right to them, attributes of the system are not there.
fn may_see_xattr(rights: Rights<'_>, ino: InodeId, name: &[u8]) -> Result<(), Stop> {
    match Namespace::of(name)? {
        Namespace::User => rights.demand(ino, READ).map(drop),
        Namespace::Trusted => {
            may_know(rights, ino)?;
            Err(PosixError::NoAttribute.into())
        }
        Namespace::Security | Namespace::AccessList | Namespace::DefaultAccessList => {
            may_know(rights, ino)
        }
    }
}

fn without_trusted(reply: Reply) -> Reply {
    let Reply::XattrNames(names) = reply else {
        return reply;
    };
    let shown = names
        .split_inclusive(|byte| *byte == 0)
        .filter(|name| !name.starts_with(b"trusted."));
    Reply::XattrNames(shown.flatten().copied().collect())
}

fn only(owner: Owner, reply: Reply) -> Reply {
    let Reply::Owners(mut page) = reply else {
        return reply;
    };
    page.owners.retain(|info| info.owner == owner);
    // How many inodes there have been is not its business.
    page.next_inode = InodeId::new(0);
    Reply::Owners(page)
}
