//! The only match over the operations.

use crate::command::Operation;
use crate::ops::{self, Context, Stop};
use crate::outcome::{Answer, PosixError};

/// Runs one operation against the state.
pub(crate) fn apply(context: &mut Context<'_>, operation: &Operation) -> Result<Answer, Stop> {
    match operation {
        Operation::Create(create) => ops::create::apply(context, create),
        Operation::Mknod(mknod) => ops::mknod::apply(context, mknod),
        Operation::Mkdir(mkdir) => ops::mkdir::apply(context, mkdir),
        Operation::Symlink(symlink) => ops::symlink::apply(context, symlink),
        Operation::Link(link) => ops::link::apply(context, link),
        Operation::Unlink(unlink) => ops::unlink::apply(context, unlink),
        Operation::Rmdir(rmdir) => ops::rmdir::apply(context, rmdir),
        Operation::Rename(rename) => ops::rename::apply(context, rename),
        Operation::SetAttributes(set) => ops::set_attributes::apply(context, set),
        Operation::SetFlags(set) => ops::set_flags::apply(context, *set),
        Operation::SetQuota(set) => ops::set_quota::apply(context, set),
        Operation::SetOwnerQuota(set) => ops::set_owner_quota::apply(context, set),
        Operation::CountOwners(count) => ops::count_owners::apply(context, count),
        Operation::TouchAtime(touch) => ops::touch_atime::apply(context, *touch),
        Operation::Write(write) => ops::write::apply(context, write),
        Operation::Fallocate(fallocate) => ops::fallocate::apply(context, *fallocate),
        Operation::CopyRange(copy) => ops::copy_range::apply(context, *copy),
        Operation::SetXattr(set) => ops::set_xattr::apply(context, set),
        Operation::RemoveXattr(remove) => ops::remove_xattr::apply(context, remove),
        Operation::Reclaim(reclaim) => ops::reclaim::apply(context, reclaim),
        Operation::Sync => Ok(Answer::Done),
        Operation::OpenSession(open) => ops::open_session::apply(context, open),
        Operation::CloseSession => ops::close_session::apply(context),
        Operation::RefuseNoSpace => Err(PosixError::NoSpace.into()),
        Operation::SetLock(set) => ops::set_lock::apply(context, set),
        Operation::Unlock(unlock) => ops::unlock::apply(context, unlock),
        Operation::CancelLock(cancel) => ops::cancel_lock::apply(context, *cancel),
        Operation::ExpireSession(expire) => ops::expire_session::apply(context, *expire),
        Operation::RefusePastTerm => Err(PosixError::PastTerm.into()),
        Operation::Load(step) => ops::load::apply(context, step),
        Operation::SetTrash(set) => ops::set_trash::apply(context, *set),
        Operation::EmptyTrash(empty) => ops::empty_trash::apply(context, *empty),
    }
}
