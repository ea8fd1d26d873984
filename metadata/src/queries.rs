//! Answers to queries: one file each, over a [`View`] alone.

pub(crate) mod access;
pub(crate) mod attributes;
pub(crate) mod get_xattr;
pub(crate) mod list_xattr;
pub(crate) mod lock_ticket;
pub(crate) mod locks;
pub(crate) mod lookup;
pub(crate) mod orphans;
pub(crate) mod owners;
pub(crate) mod quotas;
pub(crate) mod read;
pub(crate) mod read_directory;
pub(crate) mod readlink;
pub(crate) mod seek;
pub(crate) mod sessions;
pub(crate) mod test_lock;

use crate::fault::Fault;
use crate::ops::Stop;
use crate::outcome::{Reply, Statistics};
use crate::query::Query;
use crate::squash;
use crate::state_machine::load_volume;
use crate::store::View;

/// Answers one query from one view; the only match over the queries.
pub(crate) fn answer(view: &dyn View, query: &Query) -> Result<Reply, Stop> {
    match query {
        Query::Lookup { parent, name } => lookup::by_name(view, *parent, name),
        Query::Parent { ino } => lookup::parent(view, *ino),
        Query::Attributes { ino } => attributes::answer(view, *ino),
        Query::Readlink { ino } => readlink::answer(view, *ino),
        Query::ReadDirectory {
            ino,
            after,
            entries_max,
            with_attributes,
        } => read_directory::answer(view, *ino, *after, *entries_max, *with_attributes),
        Query::Read {
            ino,
            offset,
            length,
        } => read::answer(view, *ino, *offset, *length),
        Query::GetXattr { ino, name } => get_xattr::answer(view, *ino, name),
        Query::ListXattr { ino } => list_xattr::answer(view, *ino),
        Query::Seek {
            ino,
            offset,
            target,
        } => seek::answer(view, *ino, *offset, *target),
        Query::Access {
            ino,
            mask,
            credentials,
        } => access::answer(view, *ino, *mask, credentials),
        Query::Statistics => statistics(view),
        Query::QuotasAround { ino } => quotas::around(view, *ino),
        Query::Quotas { after, quotas_max } => quotas::after(view, *after, *quotas_max),
        Query::Owners { from, owners_max } => owners::answer(view, *from, *owners_max),
        Query::Orphans { after, inodes_max } => orphans::answer(view, *after, *inodes_max),
        Query::Sessions => sessions::answer(view),
        Query::TestLock(test) => test_lock::answer(view, test),
        Query::LockTicket {
            ino,
            session,
            sequence,
        } => lock_ticket::answer(view, *ino, *session, *sequence),
        Query::Locks {
            ino,
            after,
            entries_max,
        } => locks::answer(view, *ino, after, *entries_max),
        Query::Squashed { credentials, query } => squash::answer(view, credentials, query),
    }
}

fn statistics(view: &dyn View) -> Result<Reply, Stop> {
    let volume = load_volume(view)?.ok_or_else(|| Fault::corrupt("volume record", "not there"))?;
    Ok(Reply::Statistics(Statistics {
        inodes: volume.inodes,
        allocated: volume.allocated,
    }))
}
