//! What commands and queries are called where they are counted.

use holdfast_metadata::{Operation, Query};

pub(super) fn command(operation: &Operation) -> &'static str {
    match operation {
        Operation::Create(_) => "create",
        Operation::Mknod(_) => "mknod",
        Operation::Mkdir(_) => "mkdir",
        Operation::Symlink(_) => "symlink",
        Operation::Link(_) => "link",
        Operation::Unlink(_) => "unlink",
        Operation::Rmdir(_) => "rmdir",
        Operation::Rename(_) => "rename",
        Operation::SetAttributes(_) => "set_attributes",
        Operation::SetFlags(_) => "set_flags",
        Operation::SetQuota(_) => "set_quota",
        Operation::SetOwnerQuota(_) => "set_owner_quota",
        Operation::CountOwners(_) => "count_owners",
        Operation::TouchAtime(_) => "touch_atime",
        Operation::Write(_) => "write",
        Operation::Fallocate(_) => "fallocate",
        Operation::CopyRange(_) => "copy_range",
        Operation::SetXattr(_) => "set_xattr",
        Operation::RemoveXattr(_) => "remove_xattr",
        Operation::Reclaim(_) => "reclaim",
        Operation::Sync => "sync",
        Operation::OpenSession(_) => "open_session",
        Operation::CloseSession => "close_session",
        Operation::RefuseNoSpace => "refuse_no_space",
        Operation::SetLock(_) => "set_lock",
        Operation::Unlock(_) => "unlock",
        Operation::CancelLock(_) => "cancel_lock",
        Operation::ExpireSession(_) => "expire_session",
        Operation::RefusePastTerm => "refuse_past_term",
        Operation::Load(_) => "load",
        Operation::SetTrash(_) => "set_trash",
        Operation::EmptyTrash(_) => "empty_trash",
    }
}

pub(super) fn query(asked: &Query) -> &'static str {
    match asked {
        Query::Lookup { .. } => "lookup",
        Query::Parent { .. } => "parent",
        Query::Attributes { .. } => "attributes",
        Query::Readlink { .. } => "readlink",
        Query::ReadDirectory { .. } => "read_directory",
        Query::Read { .. } => "read",
        Query::GetXattr { .. } => "get_xattr",
        Query::ListXattr { .. } => "list_xattr",
        Query::Seek { .. } => "seek",
        Query::Access { .. } => "access",
        Query::Statistics => "statistics",
        Query::QuotasAround { .. } => "quotas_around",
        Query::Quotas { .. } => "quotas",
        Query::Owners { .. } => "owners",
        Query::Orphans { .. } => "orphans",
        Query::Sessions => "sessions",
        Query::TestLock(_) => "test_lock",
        Query::LockTicket { .. } => "lock_ticket",
        Query::Locks { .. } => "locks",
        Query::Squashed {
            query: squashed, ..
        } => query(squashed),
    }
}
