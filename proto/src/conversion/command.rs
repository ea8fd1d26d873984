//! Commands: the only match over operations on this side of the wire; the operations are in files like
//! those of the operations themselves.

mod attributes;
mod content;
mod load;
mod lock;
mod namespace;

use bytes::Bytes;
use holdfast_metadata::{
    Command, EmptyTrash, ExpireSession, OpenSession, Operation, RequestId, SessionId, SetTrash,
};
use prost::Message;

use super::values::{decode_credentials, decode_set_time, encode_credentials, encode_time};
use crate::generated as wire;
use crate::generated::command::Operation as WireOperation;
use crate::malformed::Malformed;

/// The bytes of a command, as the log and every node has them.
pub fn encode_command(command: &Command) -> Bytes {
    let message = wire::Command {
        request: command.request.map(encode_request),
        now: Some(encode_time(command.now)),
        credentials: Some(encode_credentials(&command.credentials)),
        operation: Some(encode_operation(&command.operation)),
    };
    let bytes: Bytes = message.encode_to_vec().into();
    if !command.squashed {
        return bytes;
    }
    let squashed = wire::Command {
        operation: Some(WireOperation::Squashed(wire::SquashedCommand {
            command: bytes,
        })),
        ..wire::Command::default()
    };
    squashed.encode_to_vec().into()
}

/// A command from its bytes. The data of a write is a part of these bytes, not a copy.
pub fn decode_command(bytes: Bytes) -> Result<Command, Malformed> {
    let message = wire::Command::decode(bytes)?;
    let Some(WireOperation::Squashed(squashed)) = message.operation else {
        return decode(message);
    };
    Ok(Command {
        squashed: true,
        ..decode(wire::Command::decode(squashed.command)?)?
    })
}

fn decode(message: wire::Command) -> Result<Command, Malformed> {
    let operation = message
        .operation
        .ok_or(Malformed::missing("the operation of a command"))?;
    Ok(Command {
        request: message.request.map(decode_request),
        now: decode_set_time(message.now, "the time of a command")?,
        credentials: decode_credentials(message.credentials)?,
        squashed: false,
        operation: decode_operation(operation)?,
    })
}

fn encode_request(request: RequestId) -> wire::RequestId {
    wire::RequestId {
        session: request.session.0,
        sequence: request.sequence,
        acknowledged: request.acknowledged,
    }
}

fn decode_request(request: wire::RequestId) -> RequestId {
    RequestId {
        session: SessionId(request.session),
        sequence: request.sequence,
        acknowledged: request.acknowledged,
    }
}

fn encode_operation(operation: &Operation) -> WireOperation {
    match operation {
        Operation::Create(create) => WireOperation::Create(create.into()),
        Operation::Mknod(mknod) => WireOperation::Mknod(mknod.into()),
        Operation::Mkdir(mkdir) => WireOperation::Mkdir(mkdir.into()),
        Operation::Symlink(symlink) => WireOperation::Symlink(symlink.into()),
        Operation::Link(link) => WireOperation::Link(link.into()),
        Operation::Unlink(unlink) => WireOperation::Unlink(unlink.into()),
        Operation::Rmdir(rmdir) => WireOperation::Rmdir(rmdir.into()),
        Operation::Rename(rename) => WireOperation::Rename(rename.into()),
        Operation::SetAttributes(set) => WireOperation::SetAttributes(set.into()),
        Operation::SetFlags(set) => WireOperation::SetFlags(set.into()),
        Operation::SetQuota(set) => WireOperation::SetQuota(set.into()),
        Operation::SetOwnerQuota(set) => WireOperation::SetOwnerQuota(set.into()),
        Operation::CountOwners(count) => WireOperation::CountOwners(count.into()),
        Operation::SetTrash(set) => WireOperation::SetTrash(wire::SetTrash {
            keep_seconds: set.keep_seconds,
        }),
        Operation::EmptyTrash(empty) => WireOperation::EmptyTrash(wire::EmptyTrash {
            names_max: empty.names_max as u64,
            term: empty.term,
        }),
        Operation::TouchAtime(touch) => WireOperation::TouchAtime(touch.into()),
        Operation::Write(write) => WireOperation::Write(write.into()),
        Operation::Fallocate(fallocate) => WireOperation::Fallocate(fallocate.into()),
        Operation::CopyRange(copy) => WireOperation::CopyRange(copy.into()),
        Operation::SetXattr(set) => WireOperation::SetXattr(set.into()),
        Operation::RemoveXattr(remove) => WireOperation::RemoveXattr(remove.into()),
        Operation::Reclaim(reclaim) => WireOperation::Reclaim(reclaim.into()),
        Operation::Sync => WireOperation::Sync(wire::Sync {}),
        Operation::OpenSession(open) => WireOperation::OpenSession(wire::OpenSession {
            host: open.host.clone(),
            process: open.process,
            version: open.version.clone(),
            mountpoint: open.mountpoint.clone(),
        }),
        Operation::CloseSession => WireOperation::CloseSession(wire::CloseSession {}),
        Operation::RefuseNoSpace => WireOperation::RefuseNoSpace(wire::RefuseNoSpace {}),
        Operation::SetLock(set) => WireOperation::SetLock(set.into()),
        Operation::Unlock(unlock) => WireOperation::Unlock(unlock.into()),
        Operation::CancelLock(cancel) => WireOperation::CancelLock((*cancel).into()),
        Operation::ExpireSession(expire) => WireOperation::ExpireSession(wire::ExpireSession {
            session: expire.session.0,
            term: expire.term,
        }),
        Operation::RefusePastTerm => WireOperation::RefusePastTerm(wire::RefusePastTerm {}),
        Operation::Load(step) => load::encode_step(step),
    }
}

fn decode_operation(operation: WireOperation) -> Result<Operation, Malformed> {
    Ok(match operation {
        WireOperation::Create(create) => Operation::Create(create.try_into()?),
        WireOperation::Mknod(mknod) => Operation::Mknod(mknod.try_into()?),
        WireOperation::Mkdir(mkdir) => Operation::Mkdir(mkdir.try_into()?),
        WireOperation::Symlink(symlink) => Operation::Symlink(symlink.try_into()?),
        WireOperation::Link(link) => Operation::Link(link.try_into()?),
        WireOperation::Unlink(unlink) => Operation::Unlink(unlink.try_into()?),
        WireOperation::Rmdir(rmdir) => Operation::Rmdir(rmdir.try_into()?),
        WireOperation::Rename(rename) => Operation::Rename(rename.try_into()?),
        WireOperation::SetAttributes(set) => Operation::SetAttributes(set.try_into()?),
        WireOperation::SetFlags(set) => Operation::SetFlags(set.try_into()?),
        WireOperation::SetQuota(set) => Operation::SetQuota(set.into()),
        WireOperation::SetOwnerQuota(set) => Operation::SetOwnerQuota(set.try_into()?),
        WireOperation::CountOwners(count) => Operation::CountOwners(count.try_into()?),
        WireOperation::SetTrash(set) => Operation::SetTrash(SetTrash {
            keep_seconds: set.keep_seconds,
        }),
        WireOperation::EmptyTrash(empty) => Operation::EmptyTrash(EmptyTrash {
            names_max: usize::try_from(empty.names_max).unwrap_or(usize::MAX),
            term: empty.term,
        }),
        WireOperation::TouchAtime(touch) => Operation::TouchAtime(touch.into()),
        WireOperation::Write(write) => Operation::Write(write.try_into()?),
        WireOperation::Fallocate(fallocate) => Operation::Fallocate(fallocate.try_into()?),
        WireOperation::CopyRange(copy) => Operation::CopyRange(copy.into()),
        WireOperation::SetXattr(set) => Operation::SetXattr(set.try_into()?),
        WireOperation::RemoveXattr(remove) => Operation::RemoveXattr(remove.into()),
        WireOperation::Reclaim(reclaim) => Operation::Reclaim(reclaim.into()),
        WireOperation::Sync(wire::Sync {}) => Operation::Sync,
        WireOperation::OpenSession(open) => Operation::OpenSession(OpenSession {
            host: open.host,
            process: open.process,
            version: open.version,
            mountpoint: open.mountpoint,
        }),
        WireOperation::CloseSession(wire::CloseSession {}) => Operation::CloseSession,
        WireOperation::RefuseNoSpace(wire::RefuseNoSpace {}) => Operation::RefuseNoSpace,
        WireOperation::SetLock(set) => Operation::SetLock(set.try_into()?),
        WireOperation::Unlock(unlock) => Operation::Unlock(unlock.try_into()?),
        WireOperation::CancelLock(cancel) => Operation::CancelLock(cancel.into()),
        WireOperation::ExpireSession(expire) => Operation::ExpireSession(ExpireSession {
            session: SessionId(expire.session),
            term: expire.term,
        }),
        WireOperation::RefusePastTerm(wire::RefusePastTerm {}) => Operation::RefusePastTerm,
        WireOperation::Squashed(_) => {
            return Err(Malformed::invalid(
                "a squashed command",
                &"another one in it",
            ));
        }
        WireOperation::LoadEntries(entries) => Operation::Load(entries.into()),
        WireOperation::FinishLoad(finish) => Operation::Load(finish.try_into()?),
    })
}
