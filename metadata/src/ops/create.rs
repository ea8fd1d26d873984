//! `open(O_CREAT)`: makes a regular file, or finds what is there.

use super::directory::{Directory, NewInode, linked_inode};
use super::{Context, Stop};
use crate::command::Create;
use crate::outcome::{Answer, PosixError};
use crate::record::InodeBody;

pub(crate) fn apply(context: &mut Context<'_>, create: &Create) -> Result<Answer, Stop> {
    let mut directory = Directory::load(context, create.parent)?;
    if let Some(dentry) = directory.find(context, &create.name)? {
        if create.exclusive {
            return Err(PosixError::Exists.into());
        }
        let inode = linked_inode(context, dentry)?;
        return Ok(Answer::Entry {
            attributes: inode.attributes(dentry.ino),
            created: false,
        });
    }
    directory.check_may_add()?;
    let new = NewInode {
        body: InodeBody::Regular,
        mode: create.mode,
        umask: create.umask,
        device: 0,
    };
    let attributes = directory.make(context, &create.name, new)?;
    directory.store(context);
    Ok(Answer::Entry {
        attributes,
        created: true,
    })
}
