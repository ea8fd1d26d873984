//! The value of an extended attribute.

use bytes::Bytes;

use super::{Decoder, Encoder};
use crate::fault::Fault;

const VERSION: u8 = 1;

/// The value under `X` ino name: `version 1 | value`.
#[derive(Debug)]
pub struct Xattr;

impl Xattr {
    /// As it is stored.
    pub fn encode(value: &[u8]) -> Bytes {
        Encoder::new(VERSION, value.len()).rest(value).finish()
    }

    /// From what was stored.
    pub fn decode(bytes: &[u8]) -> Result<&[u8], Fault> {
        Ok(Decoder::new("xattr", VERSION, bytes)?.rest())
    }
}
