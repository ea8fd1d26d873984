//! Gives up a lock, or a part of it.

use std::collections::BTreeSet;

use super::set_lock::{check_limit, range_in};
use super::{Context, Stop};
use crate::command::Unlock;
use crate::lock::{Holder, TableId};
use crate::outcome::Answer;

pub(crate) fn apply(context: &mut Context<'_>, unlock: &Unlock) -> Result<Answer, Stop> {
    let session = context.request()?.session;
    let range = range_in(unlock.space, unlock.range)?;
    let owner = unlock.owner;
    let table = TableId {
        ino: unlock.ino,
        space: unlock.space,
    };
    context.change_locks(|tables| {
        if tables.table(table)?.cut(Holder { session, owner }, range) {
            // Out of the middle of a lock: there is one more now.
            check_limit(tables, session)?;
            tables.settle(BTreeSet::from([table]))?;
        }
        Ok(Answer::Done)
    })
}
