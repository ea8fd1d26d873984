//! Who is in the way of a lock.

use crate::lock::{Holder, TableId, Tables, Want, info_of_held};
use crate::ops::{Stop, load_inode, range_in};
use crate::outcome::Reply;
use crate::query::TestLock;
use crate::store::View;

pub(crate) fn answer(view: &dyn View, test: &TestLock) -> Result<Reply, Stop> {
    let range = range_in(test.space, test.range)?;
    load_inode(view, test.ino)?;
    let id = TableId {
        ino: test.ino,
        space: test.space,
    };
    let want = Want {
        holder: Holder {
            session: test.session,
            owner: test.owner,
        },
        range,
        mode: test.mode,
    };
    let mut tables = Tables::new(view);
    let in_the_way = tables.table(id)?.in_the_way(want);
    let first = in_the_way.min_by_key(|((_, start), _)| *start);
    Ok(Reply::Lock(
        first.map(|(key, lock)| info_of_held(id, key, lock)),
    ))
}
