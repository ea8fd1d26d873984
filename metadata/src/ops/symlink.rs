//! `symlink(2)`.

use super::directory::{Directory, NewInode};
use super::{Context, Stop};
use crate::command::Symlink;
use crate::limits::SYMLINK_BYTES_MAX;
use crate::outcome::{Answer, PosixError};
use crate::record::InodeBody;
use crate::types::Mode;

pub(crate) fn apply(context: &mut Context<'_>, symlink: &Symlink) -> Result<Answer, Stop> {
    if symlink.target.is_empty() {
        return Err(PosixError::NotFound.into());
    }
    if symlink.target.len() > SYMLINK_BYTES_MAX {
        return Err(PosixError::NameTooLong.into());
    }
    if symlink.target.contains(&0) {
        return Err(PosixError::InvalidArgument.into());
    }
    let mut directory = Directory::load(context, symlink.parent)?;
    if directory.find(context, &symlink.name)?.is_some() {
        return Err(PosixError::Exists.into());
    }
    directory.check_may_add()?;
    let new = NewInode {
        body: InodeBody::Symlink(symlink.target.clone()),
        mode: Mode::new(0o777),
        umask: Mode::default(),
        device: 0,
    };
    let attributes = directory.make(context, &symlink.name, new)?;
    directory.store(context);
    Ok(Answer::Entry {
        attributes,
        created: true,
    })
}
