//! Proposals: what an entry of a log holds, for a volume or for the catalog.

use bytes::Bytes;
use holdfast_metadata::Command;
use holdfast_metadata::catalog::CatalogCommand;
use prost::Message;

use super::catalog::{decode_catalog_message, encode_catalog_message};
use super::command::decode_command;
use crate::generated as wire;
use crate::generated::proposal::Body;
use crate::malformed::Malformed;

/// What an entry proposes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProposalBody {
    /// To the group of a volume.
    Command(Command),
    /// To the catalog group.
    Catalog(CatalogCommand),
}

/// A proposal around the bytes of a command, which are not looked into.
pub fn encode_proposal_command(command: Bytes) -> Bytes {
    encode(Body::Command(command))
}

/// A proposal to the catalog.
pub fn encode_proposal_catalog(command: &CatalogCommand) -> Bytes {
    encode(Body::Catalog(encode_catalog_message(command)))
}

/// A proposal from its bytes, with what is in it. The data of a write is a part of these bytes.
pub fn decode_proposal(bytes: Bytes) -> Result<ProposalBody, Malformed> {
    let message = wire::Proposal::decode(bytes)?;
    let body = message.body;
    Ok(
        match body.ok_or(Malformed::missing("the body of a proposal"))? {
            Body::Command(command) => ProposalBody::Command(decode_command(command)?),
            Body::Catalog(command) => ProposalBody::Catalog(decode_catalog_message(command)?),
        },
    )
}

fn encode(body: Body) -> Bytes {
    let message = wire::Proposal { body: Some(body) };
    message.encode_to_vec().into()
}
