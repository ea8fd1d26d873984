//! Says for how long what is removed is kept, and makes the place for it.

use super::directory::{Directory, NewInode};
use super::{Context, Stop};
use crate::command::SetTrash;
use crate::outcome::{Answer, PosixError};
use crate::record::{DirectoryBody, InodeBody, Trash};
use crate::trash;
use crate::types::{Cookie, FileKind, FileName, InodeId, Mode};

/// `Exists`: something else than a directory of root is called so.
pub(crate) fn apply(context: &mut Context<'_>, set: SetTrash) -> Result<Answer, Stop> {
    if !context.credentials.is_superuser() {
        return Err(PosixError::NotPermitted.into());
    }
    let Some(keep_seconds) = set.keep_seconds else {
        context.volume.trash = None;
        return Ok(Answer::Done);
    };
    let directory = find_or_make(context)?;
    context.volume.trash = Some(Trash {
        directory,
        keep_seconds,
        hour: trash::hour_of(context.now),
    });
    Ok(Answer::Done)
}

fn find_or_make(context: &mut Context<'_>) -> Result<InodeId, Stop> {
    let name = FileName::new(trash::NAME)?;
    let mut root = Directory::load(context, InodeId::ROOT)?;
    if let Some(found) = root.find(context, &name)? {
        let is_of_root = context.inode(found.ino)?.uid == 0;
        if found.kind != FileKind::Directory || !is_of_root {
            return Err(PosixError::Exists.into());
        }
        return Ok(found.ino);
    }
    root.check_may_add()?;
    let new = NewInode {
        body: InodeBody::Directory(DirectoryBody {
            parent: InodeId::ROOT,
            next_cookie: Cookie::FIRST,
        }),
        mode: Mode::new(trash::MODE),
        umask: Mode::default(),
        device: 0,
    };
    let made = root.make(context, &name, new)?;
    root.store(context);
    Ok(made.ino)
}
