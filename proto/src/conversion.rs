//! From the types of the state machine to bytes and back: a file a concern.
//!
//! Every match names every variant, so that whoever adds one is told to give it a number here. What
//! comes from outside is checked: decoding never panics, and refuses what the types cannot hold.

mod attributes;
mod catalog;
mod command;
mod outcome;
mod owners;
mod proposal;
mod query;
mod reply;
mod values;
mod watch;

pub use catalog::{
    decode_catalog_command, decode_catalog_message, encode_catalog_command, encode_catalog_message,
};
pub use command::{decode_command, encode_command};
pub use outcome::{decode_outcome, encode_outcome};
pub use proposal::{
    ProposalBody, decode_proposal, encode_proposal_catalog, encode_proposal_command,
};
pub use query::{decode_query, encode_query};
pub use reply::{decode_reply, encode_reply};
pub use watch::watched_change;
