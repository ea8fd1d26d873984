//! `mknod(2)`: makes a special file, or an empty regular one.

use super::directory::{Directory, NewInode};
use super::{Context, Stop};
use crate::command::Mknod;
use crate::outcome::{Answer, PosixError};
use crate::record::InodeBody;
use crate::types::FileKind;

pub(crate) fn apply(context: &mut Context<'_>, mknod: &Mknod) -> Result<Answer, Stop> {
    let (body, device) = match mknod.kind {
        FileKind::Regular => (InodeBody::Regular, 0),
        FileKind::Fifo => (InodeBody::Fifo, 0),
        FileKind::Socket => (InodeBody::Socket, 0),
        FileKind::CharacterDevice => (InodeBody::CharacterDevice, mknod.device),
        FileKind::BlockDevice => (InodeBody::BlockDevice, mknod.device),
        FileKind::Directory | FileKind::Symlink => {
            return Err(PosixError::InvalidArgument.into());
        }
    };
    let new = NewInode {
        body,
        mode: mknod.mode,
        umask: mknod.umask,
        device,
    };
    let mut directory = Directory::load(context, mknod.parent)?;
    if directory.find(context, &mknod.name)?.is_some() {
        return Err(PosixError::Exists.into());
    }
    directory.check_may_add()?;
    let attributes = directory.make(context, &mknod.name, new)?;
    directory.store(context);
    Ok(Answer::Entry {
        attributes,
        created: true,
    })
}
