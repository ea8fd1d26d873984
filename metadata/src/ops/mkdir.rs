//! `mkdir(2)`.

use super::directory::{Directory, NewInode};
use super::{Context, Stop};
use crate::command::Mkdir;
use crate::outcome::{Answer, PosixError};
use crate::record::{DirectoryBody, InodeBody};
use crate::types::Cookie;

pub(crate) fn apply(context: &mut Context<'_>, mkdir: &Mkdir) -> Result<Answer, Stop> {
    let mut directory = Directory::load(context, mkdir.parent)?;
    if directory.find(context, &mkdir.name)?.is_some() {
        return Err(PosixError::Exists.into());
    }
    directory.check_may_add()?;
    let new = NewInode {
        body: InodeBody::Directory(DirectoryBody {
            parent: mkdir.parent,
            next_cookie: Cookie::FIRST,
        }),
        mode: mkdir.mode,
        umask: mkdir.umask,
        device: 0,
    };
    let attributes = directory.make(context, &mkdir.name, new)?;
    directory.store(context);
    Ok(Answer::Entry {
        attributes,
        created: true,
    })
}
