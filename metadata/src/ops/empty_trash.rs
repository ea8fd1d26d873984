//! Removes what was kept for long enough, in steps of a bounded size.

use std::ops::ControlFlow;

use super::directory::{Directory, drop_link, linked_inode};
use super::{Context, Stop};
use crate::command::EmptyTrash;
use crate::keys;
use crate::limits::TRASH_STEP_NAMES_MAX;
use crate::outcome::Answer;
use crate::record::OrderEntry;
use crate::trash;
use crate::types::{FileKind, FileName, InodeId};

/// Answers the hours of which something is left.
pub(crate) fn apply(context: &mut Context<'_>, empty: EmptyTrash) -> Result<Answer, Stop> {
    let mut names_left = empty.names_max.clamp(1, TRASH_STEP_NAMES_MAX);
    let mut unfinished = Vec::new();
    if let Some(kept) = context.volume.trash {
        for (name, ino) in trash::over(&*context.state, kept, context.now)? {
            if !remove(context, kept.directory, &name, &mut names_left)? {
                unfinished.push(ino);
            }
        }
    }
    Ok(Answer::Reclaimed { unfinished })
}

/// Removes a name with all that is below it; answers whether that was not too much.
fn remove(
    context: &mut Context<'_>,
    directory: InodeId,
    name: &FileName,
    names_left: &mut usize,
) -> Result<bool, Stop> {
    let mut way = vec![(directory, name.clone())];
    while let Some((directory, name)) = way.last() {
        if *names_left == 0 {
            return Ok(false);
        }
        let mut directory = Directory::load(context, *directory)?;
        let dentry = directory.expect(context, name)?;
        if dentry.kind == FileKind::Directory
            && let Some(below) = first(context, dentry.ino)?
        {
            way.push((dentry.ino, below));
            continue;
        }
        let inode = linked_inode(context, dentry)?;
        let gone = directory.named(name);
        directory.remove(context, name, dentry)?;
        let place = directory.place(dentry.cookie);
        directory.store(context);
        drop_link(context, dentry.ino, inode, (gone, place))?;
        *names_left -= 1;
        way.pop();
    }
    Ok(true)
}

/// The first name in a directory.
fn first(context: &Context<'_>, directory: InodeId) -> Result<Option<FileName>, Stop> {
    let (start, end) = keys::orders_of(directory);
    let mut first = None;
    context.state.scan(&start, &end, &mut |_, value| {
        first = Some(OrderEntry::decode(value)?.name);
        Ok(ControlFlow::Break(()))
    })?;
    Ok(first)
}
