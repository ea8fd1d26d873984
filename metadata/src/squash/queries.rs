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
        Query::ListXattr { .. } => {
            let reply = queries::answer(view, query)?;
            return Ok(without_trusted(reply));
        }
        Query::Access { ino, mask, .. } => {
            let (ino, mask, credentials) = (*ino, *mask, credentials.clone());
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
        // Of all files, wherever they are.
        Query::Quotas { .. } | Query::Orphans { .. } | Query::Locks { ino: None, .. } => {
            return Err(PosixError::AccessDenied.into());
        }
        // Whoever knows an inode may ask for its attributes, as `fstat` does.
        Query::Attributes { .. }
        | Query::Readlink { .. }
        | Query::QuotasAround { .. }
        | Query::Statistics
        | Query::Sessions
        | Query::TestLock(_)
        | Query::LockTicket { .. }
        | Query::Locks { ino: Some(_), .. } => {}
        // Once is enough.
        Query::Squashed { .. } => return Err(PosixError::InvalidArgument.into()),
    }
    queries::answer(view, query)
}

/// Who may read a directory sees its names; what they lead to, who may search it.
fn list(
    rights: Rights<'_>,
    (ino, with_attributes): (InodeId, bool),
    query: impl FnOnce(bool) -> Query,
) -> Result<Reply, Stop> {
    let directory = rights.demand(ino, READ)?;
    let may_search = rights.is_granted(ino, &directory, EXECUTE)?;
    queries::answer(rights.view, &query(with_attributes && may_search))
}

/// To who has no right to them, attributes of the system are not there.
fn may_see_xattr(rights: Rights<'_>, ino: InodeId, name: &[u8]) -> Result<(), Stop> {
    match Namespace::of(name)? {
        Namespace::User => rights.demand(ino, READ).map(drop),
        Namespace::Trusted => {
            load_inode(rights.view, ino)?;
            Err(PosixError::NoAttribute.into())
        }
        Namespace::Security | Namespace::AccessList | Namespace::DefaultAccessList => Ok(()),
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
    Reply::Owners(page)
}
