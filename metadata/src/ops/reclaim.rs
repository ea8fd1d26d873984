//! Gives back what orphans hold: extended attributes, data, then the inode itself.

use std::ops::ControlFlow;

use super::{Context, Stop};
use crate::command::Reclaim;
use crate::fault::Fault;
use crate::file;
use crate::keys;
use crate::limits::RECLAIM_STEP_KEYS_MAX;
use crate::outcome::{Answer, PosixError};
use crate::record::{Inode, Orphan};
use crate::types::InodeId;

/// Keys of every orphan: its inode and its orphan record.
const KEYS_OF_ORPHAN: usize = 2;

pub(crate) fn apply(context: &mut Context<'_>, command: &Reclaim) -> Result<Answer, Stop> {
    let mut keys_left = RECLAIM_STEP_KEYS_MAX;
    let mut unfinished = Vec::new();
    // Most volumes never had a lock, and need not be searched for each orphan.
    let has_locks = context.state.contains(&keys::turn())?;
    for &ino in &command.inodes {
        if let Some((orphan, inode)) = find(context, ino)?
            && !reclaim(context, ino, (orphan, inode), has_locks, &mut keys_left)?
        {
            unfinished.push(ino);
        }
    }
    Ok(Answer::Reclaimed { unfinished })
}

/// The inode and its orphan record, if it exists and has no name.
fn find(context: &Context<'_>, ino: InodeId) -> Result<Option<(Orphan, Inode)>, Stop> {
    match context.inode(ino) {
        Ok(inode) if inode.nlink == 0 => {
            let record = context.state.get(&keys::orphan(ino))?;
            let orphan = record.map(|bytes| Orphan::decode(&bytes)).transpose()?;
            Ok(orphan.map(|orphan| (orphan, inode)))
        }
        Ok(_) | Err(Stop::Posix(PosixError::InodeGone)) => Ok(None),
        Err(stop) => Err(stop),
    }
}

/// Removes as much as `keys_left` allows; answers whether the inode is gone.
fn reclaim(
    context: &mut Context<'_>,
    ino: InodeId,
    (mut orphan, mut inode): (Orphan, Inode),
    has_locks: bool,
    keys_left: &mut usize,
) -> Result<bool, Stop> {
    let began_at = orphan.cleared;
    let mut finished = clear_xattrs(context, ino, &mut inode, keys_left)?;
    if finished
        && let Some(next) = file::clear(context, ino, &mut inode, orphan.cleared, keys_left)?
    {
        orphan.cleared = next;
        finished = false;
    }
    if !finished || *keys_left < KEYS_OF_ORPHAN {
        context.put_inode(ino, &inode);
        context.state.put(keys::orphan(ino), orphan.encode());
        return Ok(false);
    }
    if inode.allocated > 0 && began_at > 0 {
        // Somebody wrote to it since the last step, below where that stopped: look at all of it again.
        context.put_inode(ino, &inode);
        context
            .state
            .put(keys::orphan(ino), Orphan::default().encode());
        return Ok(false);
    }
    if inode.allocated > 0 {
        let lost = format!("{} bytes without an extent", inode.allocated);
        return Err(Fault::corrupt(format!("inode {ino}"), lost).into());
    }
    if has_locks {
        // Who has a lock has the inode open, or had when its session ended: there is none, but to be sure.
        context.change_locks(|tables| Ok(tables.forget(ino)?))?;
    }
    *keys_left -= KEYS_OF_ORPHAN;
    context.state.delete(keys::inode(ino));
    context.state.delete(keys::orphan(ino));
    context.ledger.give_inode(ino, &inode);
    context.volume.inodes = context
        .volume
        .inodes
        .checked_sub(1)
        .ok_or_else(|| Fault::corrupt("volume record", "fewer inodes than there are"))?;
    Ok(true)
}

fn clear_xattrs(
    context: &mut Context<'_>,
    ino: InodeId,
    inode: &mut Inode,
    keys_left: &mut usize,
) -> Result<bool, Stop> {
    if inode.xattrs == 0 {
        return Ok(true);
    }
    let (start, end) = keys::xattrs_of(ino);
    let mut found = Vec::new();
    let mut finished = true;
    context.state.scan(&start, &end, &mut |key, _| {
        if found.len() == *keys_left {
            finished = false;
            return Ok(ControlFlow::Break(()));
        }
        found.push(key.to_vec());
        Ok(ControlFlow::Continue(()))
    })?;
    *keys_left -= found.len();
    inode.xattrs = if finished {
        0
    } else {
        inode.xattrs.saturating_sub(found.len() as u32)
    };
    for key in found {
        context.state.delete(key);
    }
    Ok(finished)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::fixture::{FIRST, Fixture, SECOND};
    use bytes::Bytes;

    fn reclaim_both(fixture: &mut Fixture) -> Vec<InodeId> {
        let command = Reclaim {
            inodes: vec![FIRST, SECOND, FIRST, InodeId::new(999)],
            term: None,
        };
        match fixture.run(|context| apply(context, &command)) {
            Ok(Answer::Reclaimed { unfinished }) => unfinished,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_orphan_leaves_nothing_behind() {
        let mut fixture = Fixture::new();
        let empty = fixture.keys();
        fixture.write(FIRST, 0, &[1; 10_000]).unwrap();
        fixture.copy(FIRST, 0, SECOND, 0, 10_000).unwrap();
        fixture.copy(FIRST, 0, FIRST, 10_000, 10_000).unwrap();
        fixture.edit(FIRST, |inode| inode.xattrs = 1);
        fixture
            .run(|context| {
                context
                    .state
                    .put(keys::xattr(FIRST, b"user.a"), Bytes::from_static(b"1"));
                Ok(())
            })
            .unwrap();
        fixture.orphan(FIRST);
        fixture.orphan(SECOND);
        let inodes = fixture.volume.inodes;
        assert_eq!(reclaim_both(&mut fixture), Vec::new());
        assert_eq!(fixture.volume.inodes, inodes - 2);
        assert_eq!(fixture.volume.allocated, 0);
        assert_eq!(fixture.keys(), empty - 2, "only the two inodes are fewer");
    }

    #[test]
    fn an_inode_with_a_name_is_passed_over() {
        let mut fixture = Fixture::new();
        fixture.write(FIRST, 0, b"data").unwrap();
        fixture.edit(SECOND, |inode| inode.nlink = 0);
        assert_eq!(reclaim_both(&mut fixture), Vec::new());
        assert_eq!(fixture.read(FIRST, 0, 4), b"data");
        assert_eq!(fixture.inode(SECOND).nlink, 0);
    }

    #[test]
    fn a_large_orphan_goes_in_bounded_steps() {
        let mut fixture = Fixture::new();
        for piece in 0..RECLAIM_STEP_KEYS_MAX as u64 {
            fixture.write(FIRST, piece * 10, b"x").unwrap();
        }
        fixture.orphan(FIRST);
        fixture.orphan(SECOND);
        let mut before = fixture.keys();
        let mut steps = 0;
        let mut unfinished = vec![FIRST, SECOND];
        while !unfinished.is_empty() {
            unfinished = reclaim_both(&mut fixture);
            let after = fixture.keys();
            assert!(after < before && before - after <= RECLAIM_STEP_KEYS_MAX);
            before = after;
            steps += 1;
        }
        assert_eq!(steps, 3);
        assert_eq!((fixture.blocks(), fixture.volume.allocated), (0, 0));
    }

    #[test]
    fn a_write_between_two_steps_is_reclaimed_too() {
        let mut fixture = Fixture::new();
        for piece in 0..RECLAIM_STEP_KEYS_MAX as u64 {
            fixture.write(FIRST, piece * 10, b"x").unwrap();
        }
        fixture.orphan(FIRST);
        assert!(!reclaim_both(&mut fixture).is_empty());
        fixture.write(FIRST, 0, b"late").unwrap();
        let finished = (0..4).any(|_| reclaim_both(&mut fixture).is_empty());
        assert!(finished);
        assert_eq!((fixture.blocks(), fixture.volume.allocated), (0, 0));
    }
}
