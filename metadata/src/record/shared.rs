//! How many extents share a block.

use bytes::Bytes;

use super::{Decoder, Encoder};
use crate::fault::Fault;

const VERSION: u8 = 1;

/// The value under `N` block, which is there only when several extents share it:
/// `version 1 | extents 8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shared {
    /// Extents that show bytes of the block; 2 or more.
    pub extents: u64,
}

impl Shared {
    /// As it is stored.
    pub fn encode(&self) -> Bytes {
        Encoder::new(VERSION, 8).u64(self.extents).finish()
    }

    /// From what was stored.
    pub fn decode(bytes: &[u8]) -> Result<Shared, Fault> {
        let mut decoder = Decoder::new("shared block", VERSION, bytes)?;
        let extents = decoder.u64()?;
        decoder.finish()?;
        if extents < 2 {
            return Err(decoder.corrupt("shared by fewer than two extents"));
        }
        Ok(Shared { extents })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_below_two_is_corrupt() {
        let two = Shared { extents: 2 };
        assert_eq!(Shared::decode(&two.encode()), Ok(two));
        assert!(Shared::decode(&Shared { extents: 1 }.encode()).is_err());
    }
}
