//! Begins an hour, and removes what was kept for long enough, in steps of a bounded size.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use super::directory::{Directory, drop_link, linked_inode};
use super::{Context, Stop};
use crate::command::EmptyTrash;
use crate::keys;
use crate::limits::TRASH_STEP_NAMES_MAX;
use crate::outcome::Answer;
use crate::record::{OrderEntry, Trash};
use crate::trash;
use crate::types::{FileKind, FileName, InodeId};

/// Answers the hours of which something is left.
pub(crate) fn apply(context: &mut Context<'_>, empty: EmptyTrash) -> Result<Answer, Stop> {
    let mut names_left = empty.names_max.clamp(1, TRASH_STEP_NAMES_MAX);
    let mut unfinished = Vec::new();
    if let Some(kept) = context.volume.trash {
        let hour = kept.hour.max(trash::hour_of(context.now));
        context.volume.trash = Some(Trash { hour, ..kept });
        for (name, ino) in trash::over(&*context.state, kept, context.now)? {
            if names_left == 0 || !remove(context, kept.directory, &name, &mut names_left)? {
                unfinished.push(ino);
            }
        }
    }
    Ok(Answer::Reclaimed { unfinished })
}

/// A directory that is being emptied, its name in the one above, and what is next in it.
struct Level {
    above: InodeId,
    name: FileName,
    next: VecDeque<(FileName, InodeId, FileKind)>,
}

/// Removes a directory with all that is below it; answers whether that was not too much.
fn remove(
    context: &mut Context<'_>,
    above: InodeId,
    name: &FileName,
    names_left: &mut usize,
) -> Result<bool, Stop> {
    let ino = Directory::load(context, above)?.expect(context, name)?.ino;
    let mut levels = vec![(ino, level(context, above, name.clone(), ino, *names_left)?)];
    while let Some((ino, open)) = levels.last_mut() {
        if *names_left == 0 {
            return Ok(false);
        }
        let above = *ino;
        match open.next.pop_front() {
            Some((name, below, FileKind::Directory)) => {
                levels.push((below, level(context, above, name, below, *names_left)?));
                continue;
            }
            Some((name, _, _)) => remove_name(context, above, &name)?,
            None => {
                let (above, name) = (open.above, open.name.clone());
                remove_name(context, above, &name)?;
                levels.pop();
            }
        }
        *names_left -= 1;
    }
    Ok(true)
}

/// As much of a directory as there are names to be removed.
fn level(
    context: &Context<'_>,
    above: InodeId,
    name: FileName,
    ino: InodeId,
    names_max: usize,
) -> Result<Level, Stop> {
    let (start, end) = keys::orders_of(ino);
    let mut next = VecDeque::new();
    context.state.scan(&start, &end, &mut |_, value| {
        let entry = OrderEntry::decode(value)?;
        next.push_back((entry.name, entry.ino, entry.kind));
        Ok(if next.len() < names_max {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        })
    })?;
    Ok(Level { above, name, next })
}

/// Whatever `chattr` says: that is for those who use it.
fn remove_name(context: &mut Context<'_>, directory: InodeId, name: &FileName) -> Result<(), Stop> {
    let mut directory = Directory::load(context, directory)?;
    let dentry = directory.expect(context, name)?;
    let inode = linked_inode(context, dentry)?;
    directory.remove(context, name, dentry)?;
    let place = directory.place(dentry.cookie);
    directory.store(context);
    drop_link(context, dentry.ino, inode, (name, place))?;
    Ok(())
}
