//! Queries: what is asked of a volume.

mod lock;

use bytes::Bytes;
use holdfast_metadata::{Cookie, InodeId, Query, SessionId};
use prost::Message;

use super::owners;
use super::values::{
    decode_credentials, decode_name, decode_seek_target, encode_credentials, encode_name,
    encode_seek_target,
};
use crate::generated as wire;
use crate::generated::query::Question;
use crate::malformed::Malformed;

/// The bytes of a query.
pub fn encode_query(query: &Query) -> Bytes {
    encode(query).encode_to_vec().into()
}

fn encode(query: &Query) -> wire::Query {
    wire::Query {
        question: Some(encode_question(query)),
    }
}

/// A query from its bytes.
pub fn decode_query(bytes: Bytes) -> Result<Query, Malformed> {
    decode(wire::Query::decode(bytes)?)
}

fn decode(message: wire::Query) -> Result<Query, Malformed> {
    let question = message.question;
    decode_question(question.ok_or(Malformed::missing("the question of a query"))?)
}

/// A squashed query is about one that is not.
fn decode_squashed(squashed: wire::Squashed) -> Result<Query, Malformed> {
    let query = squashed.query.map(|query| *query);
    let query = query.ok_or(Malformed::missing("what is asked"))?;
    if let Some(Question::Squashed(_)) = query.question {
        return Err(Malformed::invalid("a squashed query", &"another one in it"));
    }
    Ok(Query::Squashed {
        credentials: decode_credentials(squashed.credentials)?,
        query: Box::new(decode(query)?),
    })
}

#[expect(clippy::too_many_lines, reason = "a flat list of the queries")]
fn encode_question(query: &Query) -> Question {
    match query {
        Query::Lookup { parent, name } => Question::Lookup(wire::Lookup {
            parent: parent.get(),
            name: encode_name(name),
        }),
        Query::Parent { ino } => Question::Parent(wire::ParentOf { ino: ino.get() }),
        Query::Attributes { ino } => Question::Attributes(wire::AttributesOf { ino: ino.get() }),
        Query::Readlink { ino } => Question::Readlink(wire::Readlink { ino: ino.get() }),
        Query::ReadDirectory {
            ino,
            after,
            entries_max,
            with_attributes,
        } => Question::ReadDirectory(wire::ReadDirectory {
            ino: ino.get(),
            after: after.0,
            entries_max: *entries_max as u64,
            with_attributes: *with_attributes,
        }),
        Query::Read {
            ino,
            offset,
            length,
        } => Question::Read(wire::Read {
            ino: ino.get(),
            offset: *offset,
            length: *length,
        }),
        Query::GetXattr { ino, name } => Question::GetXattr(wire::GetXattr {
            ino: ino.get(),
            name: Bytes::copy_from_slice(name),
        }),
        Query::ListXattr { ino } => Question::ListXattr(wire::ListXattr { ino: ino.get() }),
        Query::Seek {
            ino,
            offset,
            target,
        } => Question::Seek(wire::Seek {
            ino: ino.get(),
            offset: *offset,
            target: encode_seek_target(*target),
        }),
        Query::Access {
            ino,
            mask,
            credentials,
        } => Question::Access(wire::Access {
            ino: ino.get(),
            mask: u32::from(*mask),
            credentials: Some(encode_credentials(credentials)),
        }),
        Query::Statistics => Question::Statistics(wire::StatisticsOfVolume {}),
        Query::QuotasAround { ino } => {
            Question::QuotasAround(wire::QuotasAround { ino: ino.get() })
        }
        Query::Quotas { after, quotas_max } => Question::Quotas(wire::QuotasOfVolume {
            after: after.get(),
            quotas_max: *quotas_max as u64,
        }),
        Query::Owners { from, owners_max } => {
            Question::Owners(owners::encode_question(*from, *owners_max))
        }
        Query::Orphans { after, inodes_max } => Question::Orphans(wire::Orphans {
            after: after.get(),
            inodes_max: *inodes_max as u64,
        }),
        Query::Sessions => Question::Sessions(wire::SessionsOfVolume {}),
        Query::TestLock(test) => Question::TestLock(lock::encode_test(test)),
        Query::LockTicket {
            ino,
            session,
            sequence,
        } => Question::LockTicket(lock::encode_ticket(*ino, *session, *sequence)),
        Query::Locks {
            ino,
            after,
            entries_max,
        } => Question::Locks(lock::encode_page(*ino, after, *entries_max)),
        Query::Squashed { credentials, query } => Question::Squashed(Box::new(wire::Squashed {
            credentials: Some(encode_credentials(credentials)),
            query: Some(Box::new(encode(query))),
        })),
    }
}

fn decode_question(question: Question) -> Result<Query, Malformed> {
    Ok(match question {
        Question::Lookup(lookup) => Query::Lookup {
            parent: InodeId::new(lookup.parent),
            name: decode_name(&lookup.name)?,
        },
        Question::Parent(parent) => Query::Parent {
            ino: InodeId::new(parent.ino),
        },
        Question::Attributes(attributes) => Query::Attributes {
            ino: InodeId::new(attributes.ino),
        },
        Question::Readlink(readlink) => Query::Readlink {
            ino: InodeId::new(readlink.ino),
        },
        Question::ReadDirectory(read) => Query::ReadDirectory {
            ino: InodeId::new(read.ino),
            after: Cookie(read.after),
            entries_max: decode_page(read.entries_max)?,
            with_attributes: read.with_attributes,
        },
        Question::Read(read) => Query::Read {
            ino: InodeId::new(read.ino),
            offset: read.offset,
            length: read.length,
        },
        Question::GetXattr(get) => Query::GetXattr {
            ino: InodeId::new(get.ino),
            name: Box::from(&*get.name),
        },
        Question::ListXattr(list) => Query::ListXattr {
            ino: InodeId::new(list.ino),
        },
        Question::Seek(seek) => Query::Seek {
            ino: InodeId::new(seek.ino),
            offset: seek.offset,
            target: decode_seek_target(seek.target)?,
        },
        Question::Access(access) => Query::Access {
            ino: InodeId::new(access.ino),
            mask: u8::try_from(access.mask)
                .map_err(|_| Malformed::invalid("an access mask", &access.mask))?,
            credentials: decode_credentials(access.credentials)?,
        },
        Question::Statistics(wire::StatisticsOfVolume {}) => Query::Statistics,
        Question::QuotasAround(around) => Query::QuotasAround {
            ino: InodeId::new(around.ino),
        },
        Question::Quotas(quotas) => Query::Quotas {
            after: InodeId::new(quotas.after),
            quotas_max: decode_page(quotas.quotas_max)?,
        },
        Question::Owners(question) => owners::decode_question(question)?,
        Question::Orphans(orphans) => Query::Orphans {
            after: InodeId::new(orphans.after),
            inodes_max: decode_page(orphans.inodes_max)?,
        },
        Question::Sessions(wire::SessionsOfVolume {}) => Query::Sessions,
        Question::Squashed(squashed) => decode_squashed(*squashed)?,
        Question::TestLock(test) => Query::TestLock(lock::decode_test(&test)?),
        Question::LockTicket(ticket) => Query::LockTicket {
            ino: InodeId::new(ticket.ino),
            session: SessionId(ticket.session),
            sequence: ticket.sequence,
        },
        Question::Locks(locks) => Query::Locks {
            ino: locks.ino.map(InodeId::new),
            after: locks.after,
            entries_max: decode_page(locks.entries_max)?,
        },
    })
}

/// The length of a page.
fn decode_page(length: u64) -> Result<usize, Malformed> {
    usize::try_from(length).map_err(|_| Malformed::invalid("the length of a page", &length))
}
