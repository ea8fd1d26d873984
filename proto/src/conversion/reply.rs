//! Replies: what a query answers.

use bytes::Bytes;
use holdfast_metadata::{
    Amounts, Cookie, DirectoryEntry, InodeId, LockInfo, LockOwner, LockRange, PosixError,
    QuotaInfo, Reply, SessionId, SessionInfo, Statistics,
};
use prost::Message;

use super::attributes::{decode_attributes, decode_set_attributes, encode_attributes};
use super::owners;
use super::values::{
    decode_error, decode_inodes, decode_kind, decode_lock_mode, decode_lock_space, decode_set_time,
    decode_ticket, encode_error, encode_inodes, encode_kind, encode_lock_mode, encode_lock_space,
    encode_ticket, encode_time,
};
use crate::generated as wire;
use crate::generated::query_reply::Result as WireResult;
use crate::malformed::Malformed;

/// The bytes of a reply. It is taken by value, because the bytes of a file are then copied once less.
pub fn encode_reply(reply: Result<Reply, PosixError>) -> Bytes {
    let result = match reply {
        Err(error) => WireResult::Error(encode_error(error)),
        Ok(reply) => encode_answer(reply),
    };
    let message = wire::QueryReply {
        result: Some(result),
    };
    message.encode_to_vec().into()
}

/// A reply from its bytes; the error without is that of the bytes.
pub fn decode_reply(bytes: Bytes) -> Result<Result<Reply, PosixError>, Malformed> {
    let message = wire::QueryReply::decode(bytes)?;
    let result = message
        .result
        .ok_or(Malformed::missing("the result of a query"))?;
    Ok(match result {
        WireResult::Error(number) => Err(decode_error(number)?),
        WireResult::Granted(wire::Granted {}) => Ok(Reply::Granted),
        WireResult::Attributes(attributes) => Ok(Reply::Attributes(decode_attributes(attributes)?)),
        WireResult::Target(target) => Ok(Reply::Target {
            target: target.target,
            attributes: decode_set_attributes(target.attributes)?,
        }),
        WireResult::Directory(page) => Ok(Reply::Directory {
            entries: decode_all(page.entries, decode_entry)?,
            attributes: decode_set_attributes(page.attributes)?,
        }),
        WireResult::Data(data) => Ok(Reply::Data {
            bytes: data.bytes.into(),
            attributes: decode_set_attributes(data.attributes)?,
        }),
        WireResult::Xattr(value) => Ok(Reply::Xattr(value)),
        WireResult::XattrNames(names) => Ok(Reply::XattrNames(names.into())),
        WireResult::Offset(offset) => Ok(Reply::Offset(offset)),
        WireResult::Statistics(statistics) => Ok(Reply::Statistics(Statistics {
            inodes: statistics.inodes,
            allocated: statistics.allocated,
        })),
        WireResult::Quotas(quotas) => Ok(Reply::Quotas(decode_all(quotas.quotas, decode_quota)?)),
        WireResult::Owners(page) => Ok(Reply::Owners(owners::decode_page(page)?)),
        WireResult::Orphans(orphans) => Ok(Reply::Orphans(decode_inodes(orphans.inodes))),
        WireResult::Sessions(sessions) => Ok(Reply::Sessions(decode_all(
            sessions.sessions,
            decode_session,
        )?)),
        WireResult::Lock(in_the_way) => {
            Ok(Reply::Lock(in_the_way.lock.map(decode_lock).transpose()?))
        }
        WireResult::Ticket(ticket) => Ok(Reply::Ticket(decode_ticket(ticket)?)),
        WireResult::Locks(page) => Ok(Reply::Locks {
            locks: decode_all(page.locks, decode_lock)?,
            next: page.next,
        }),
    })
}

fn encode_answer(reply: Reply) -> WireResult {
    match reply {
        Reply::Granted => WireResult::Granted(wire::Granted {}),
        Reply::Attributes(attributes) => WireResult::Attributes(encode_attributes(&attributes)),
        Reply::Target { target, attributes } => WireResult::Target(wire::SymlinkTarget {
            target,
            attributes: Some(encode_attributes(&attributes)),
        }),
        Reply::Directory {
            entries,
            attributes,
        } => WireResult::Directory(wire::DirectoryPage {
            entries: entries.into_iter().map(encode_entry).collect(),
            attributes: Some(encode_attributes(&attributes)),
        }),
        Reply::Data { bytes, attributes } => WireResult::Data(wire::FileData {
            bytes: bytes.into(),
            attributes: Some(encode_attributes(&attributes)),
        }),
        Reply::Xattr(value) => WireResult::Xattr(value),
        Reply::XattrNames(names) => WireResult::XattrNames(names.into()),
        Reply::Offset(offset) => WireResult::Offset(offset),
        Reply::Statistics(statistics) => WireResult::Statistics(wire::Statistics {
            inodes: statistics.inodes,
            allocated: statistics.allocated,
        }),
        Reply::Quotas(quotas) => WireResult::Quotas(wire::Quotas {
            quotas: quotas.into_iter().map(encode_quota).collect(),
        }),
        Reply::Owners(page) => WireResult::Owners(owners::encode_page(page)),
        Reply::Orphans(inodes) => WireResult::Orphans(wire::Inodes {
            inodes: encode_inodes(&inodes),
        }),
        Reply::Sessions(sessions) => WireResult::Sessions(wire::Sessions {
            sessions: sessions.into_iter().map(encode_session).collect(),
        }),
        Reply::Lock(lock) => WireResult::Lock(wire::LockInTheWay {
            lock: lock.map(encode_lock),
        }),
        Reply::Ticket(ticket) => WireResult::Ticket(encode_ticket(ticket)),
        Reply::Locks { locks, next } => WireResult::Locks(wire::LocksPage {
            locks: locks.into_iter().map(encode_lock).collect(),
            next,
        }),
    }
}

pub(super) fn decode_all<Message, Value>(
    messages: Vec<Message>,
    decode: impl Fn(Message) -> Result<Value, Malformed>,
) -> Result<Vec<Value>, Malformed> {
    messages.into_iter().map(decode).collect()
}

fn encode_quota(quota: QuotaInfo) -> wire::QuotaInfo {
    wire::QuotaInfo {
        root: quota.root.get(),
        outer: quota.outer.map(InodeId::get),
        limits: Some(encode_amounts(quota.limits)),
        used: Some(encode_amounts(quota.used)),
    }
}

fn decode_quota(quota: wire::QuotaInfo) -> Result<QuotaInfo, Malformed> {
    Ok(QuotaInfo {
        root: InodeId::new(quota.root),
        outer: quota.outer.map(InodeId::new),
        limits: decode_amounts(quota.limits, "the limits of a quota")?,
        used: decode_amounts(quota.used, "the usage of a quota")?,
    })
}

pub(super) fn encode_amounts(amounts: Amounts) -> wire::Amounts {
    wire::Amounts {
        bytes: amounts.bytes,
        inodes: amounts.inodes,
    }
}

pub(super) fn decode_amounts(
    amounts: Option<wire::Amounts>,
    what: &'static str,
) -> Result<Amounts, Malformed> {
    let amounts = amounts.ok_or(Malformed::missing(what))?;
    Ok(Amounts {
        bytes: amounts.bytes,
        inodes: amounts.inodes,
    })
}

fn encode_entry(entry: DirectoryEntry) -> wire::DirectoryEntry {
    wire::DirectoryEntry {
        name: entry.name.into(),
        ino: entry.ino.get(),
        kind: encode_kind(entry.kind),
        cookie: entry.cookie.0,
        attributes: entry.attributes.as_ref().map(encode_attributes),
    }
}

fn decode_entry(entry: wire::DirectoryEntry) -> Result<DirectoryEntry, Malformed> {
    Ok(DirectoryEntry {
        name: Vec::from(entry.name).into(),
        ino: InodeId::new(entry.ino),
        kind: decode_kind(entry.kind)?,
        cookie: Cookie(entry.cookie),
        attributes: entry.attributes.map(decode_attributes).transpose()?,
    })
}

fn encode_lock(lock: LockInfo) -> wire::LockInfo {
    wire::LockInfo {
        ino: lock.ino.get(),
        space: encode_lock_space(lock.space),
        session: lock.session.0,
        owner: lock.owner.0,
        process: lock.process,
        start: lock.range.start,
        end: lock.range.end,
        mode: encode_lock_mode(lock.mode),
        since: Some(encode_time(lock.since)),
        waiting: lock.waiting,
    }
}

fn decode_lock(lock: wire::LockInfo) -> Result<LockInfo, Malformed> {
    Ok(LockInfo {
        ino: InodeId::new(lock.ino),
        space: decode_lock_space(lock.space)?,
        session: SessionId(lock.session),
        owner: LockOwner(lock.owner),
        process: lock.process,
        range: LockRange {
            start: lock.start,
            end: lock.end,
        },
        mode: decode_lock_mode(lock.mode)?,
        since: decode_set_time(lock.since, "since when a lock is held")?,
        waiting: lock.waiting,
    })
}

fn encode_session(session: SessionInfo) -> wire::SessionInfo {
    wire::SessionInfo {
        session: session.session.0,
        acknowledged: session.acknowledged,
        opened: Some(encode_time(session.opened)),
        host: session.host,
        process: session.process,
        version: session.version,
        mountpoint: session.mountpoint,
    }
}

fn decode_session(session: wire::SessionInfo) -> Result<SessionInfo, Malformed> {
    Ok(SessionInfo {
        session: SessionId(session.session),
        acknowledged: session.acknowledged,
        opened: decode_set_time(session.opened, "when a session was opened")?,
        host: session.host,
        process: session.process,
        version: session.version,
        mountpoint: session.mountpoint,
    })
}
