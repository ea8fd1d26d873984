//! Outcomes: what a command answers.

use bytes::Bytes;
use holdfast_metadata::{Answer, InodeId, Outcome};
use prost::Message;

use super::attributes::{decode_attributes, decode_set_attributes, encode_attributes};
use super::values::{decode_error, decode_inodes, encode_error, encode_inodes};
use crate::generated as wire;
use crate::generated::outcome::Result as WireResult;
use crate::malformed::Malformed;

/// The bytes of an outcome.
pub fn encode_outcome(outcome: &Outcome) -> Bytes {
    let result = match outcome {
        Err(error) => WireResult::Error(encode_error(*error)),
        Ok(answer) => encode_answer(answer),
    };
    let message = wire::Outcome {
        result: Some(result),
    };
    message.encode_to_vec().into()
}

/// An outcome from its bytes; the error without is that of the bytes.
pub fn decode_outcome(bytes: Bytes) -> Result<Outcome, Malformed> {
    let message = wire::Outcome::decode(bytes)?;
    let result = message
        .result
        .ok_or(Malformed::missing("the result of a command"))?;
    Ok(match result {
        WireResult::Error(number) => Err(decode_error(number)?),
        WireResult::Done(wire::Done {}) => Ok(Answer::Done),
        WireResult::Entry(entry) => Ok(Answer::Entry {
            attributes: decode_set_attributes(entry.attributes)?,
            created: entry.created,
        }),
        WireResult::Attributes(attributes) => {
            Ok(Answer::Attributes(decode_attributes(attributes)?))
        }
        WireResult::Removed(removed) => Ok(Answer::Removed {
            ino: InodeId::new(removed.ino),
            orphaned: removed.orphaned,
        }),
        WireResult::Renamed(renamed) => Ok(Answer::Renamed {
            orphaned: renamed.orphaned.map(InodeId::new),
        }),
        WireResult::Written(written) => Ok(Answer::Written {
            offset: written.offset,
            length: written.length,
        }),
        WireResult::Reclaimed(reclaimed) => Ok(Answer::Reclaimed {
            unfinished: decode_inodes(reclaimed.unfinished),
        }),
        WireResult::Locked(wire::Locked {}) => Ok(Answer::Locked),
        WireResult::Waiting(wire::Waiting {}) => Ok(Answer::Waiting),
    })
}

fn encode_answer(answer: &Answer) -> WireResult {
    match answer {
        Answer::Done => WireResult::Done(wire::Done {}),
        Answer::Entry {
            attributes,
            created,
        } => WireResult::Entry(wire::EntryAnswer {
            attributes: Some(encode_attributes(attributes)),
            created: *created,
        }),
        Answer::Attributes(attributes) => WireResult::Attributes(encode_attributes(attributes)),
        Answer::Removed { ino, orphaned } => WireResult::Removed(wire::Removed {
            ino: ino.get(),
            orphaned: *orphaned,
        }),
        Answer::Renamed { orphaned } => WireResult::Renamed(wire::Renamed {
            orphaned: orphaned.map(InodeId::get),
        }),
        Answer::Written { offset, length } => WireResult::Written(wire::Written {
            offset: *offset,
            length: *length,
        }),
        Answer::Reclaimed { unfinished } => WireResult::Reclaimed(wire::Reclaimed {
            unfinished: encode_inodes(unfinished),
        }),
        Answer::Locked => WireResult::Locked(wire::Locked {}),
        Answer::Waiting => WireResult::Waiting(wire::Waiting {}),
    }
}
