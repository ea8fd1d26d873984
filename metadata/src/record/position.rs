//! What the keeper of the log noted of the last batch.

use bytes::Bytes;

use super::{Decoder, Encoder};
use crate::fault::Fault;

const VERSION: u8 = 1;

/// The value under `A`: `version 1 | note`.
#[derive(Debug)]
pub struct PositionRecord;

impl PositionRecord {
    /// As it is stored.
    pub fn encode(note: &[u8]) -> Bytes {
        Encoder::new(VERSION, note.len()).rest(note).finish()
    }

    /// From what was stored.
    pub fn decode(bytes: &[u8]) -> Result<&[u8], Fault> {
        Ok(Decoder::new("position", VERSION, bytes)?.rest())
    }
}
