//! What holdfast says on the wire and writes to its logs.
//!
//! The messages are generated from `proto/holdfast/v1/*.proto`; the conversions between them and the
//! types of the state machine are written by hand, so that neither side bends to the other.

#[expect(
    missing_docs,
    unused_qualifications,
    clippy::all,
    clippy::pedantic,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    reason = "generated; the documentation is in the .proto files"
)]
mod generated {
    tonic::include_proto!("holdfast.v1");
}

mod conversion;
pub mod identity;
mod malformed;

pub use conversion::{
    ProposalBody, decode_catalog_command, decode_catalog_message, decode_command, decode_outcome,
    decode_proposal, decode_query, decode_reply, encode_catalog_command, encode_catalog_message,
    encode_command, encode_outcome, encode_proposal_catalog, encode_proposal_command, encode_query,
    encode_reply, watched_change,
};
pub use generated::*;
pub use malformed::Malformed;
