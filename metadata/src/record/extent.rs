//! A range of a file that has space.

use bytes::Bytes;

use super::{Decoder, Encoder};
use crate::fault::Fault;
use crate::keys::BlockId;

const VERSION: u8 = 1;
const HOME_ZERO: u8 = 0;
const HOME_BLOCK: u8 = 1;

/// The value under `E` ino offset:
/// `version 1 | home 1 | length 8`, and for a block `block 8 | start 8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Bytes it covers; never 0.
    pub length: u64,
    /// Where they are.
    pub home: ExtentHome,
}

/// Where the bytes of an extent are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExtentHome {
    /// Nowhere: the range was allocated and reads as zeros.
    Zero,
    /// In a block of the state machine, which other extents may share.
    Block {
        /// The block.
        block: BlockId,
        /// The first byte of the extent in it.
        start: u64,
    },
}

impl Extent {
    /// As it is stored.
    pub fn encode(&self) -> Bytes {
        let mut encoder = Encoder::new(VERSION, 25);
        match self.home {
            ExtentHome::Zero => encoder.u8(HOME_ZERO).u64(self.length),
            ExtentHome::Block { block, start } => encoder
                .u8(HOME_BLOCK)
                .u64(self.length)
                .u64(block.0)
                .u64(start),
        };
        encoder.finish()
    }

    /// From what was stored.
    pub fn decode(bytes: &[u8]) -> Result<Extent, Fault> {
        let mut decoder = Decoder::new("extent", VERSION, bytes)?;
        let home = decoder.u8()?;
        let length = decoder.u64()?;
        let home = match home {
            HOME_ZERO => ExtentHome::Zero,
            HOME_BLOCK => ExtentHome::Block {
                block: BlockId(decoder.u64()?),
                start: decoder.u64()?,
            },
            _ => return Err(decoder.corrupt("unknown home")),
        };
        decoder.finish()?;
        if length == 0 {
            return Err(decoder.corrupt("empty"));
        }
        Ok(Extent { length, home })
    }

    /// The part of the extent that begins `skip` bytes into it and is `length` long.
    #[must_use]
    pub fn part(&self, skip: u64, length: u64) -> Extent {
        let home = match self.home {
            ExtentHome::Zero => ExtentHome::Zero,
            ExtentHome::Block { block, start } => ExtentHome::Block {
                block,
                start: start + skip,
            },
        };
        Extent { length, home }
    }
}
