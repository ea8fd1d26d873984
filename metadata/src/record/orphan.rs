//! An inode without a name, and how far its data has been given back.

use bytes::Bytes;

use super::{Decoder, Encoder};
use crate::fault::Fault;

const VERSION: u8 = 1;

/// The value under `Q` ino: nothing, or `version 1 | cleared 8` once reclaiming has begun.
///
/// Each step of reclaiming a large file goes on where the last one stopped; looking from the
/// beginning again would walk over everything that was removed already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Orphan {
    /// No extent begins below this offset.
    pub cleared: u64,
}

impl Orphan {
    /// As it is stored.
    pub fn encode(&self) -> Bytes {
        if self.cleared == 0 {
            return Bytes::new();
        }
        Encoder::new(VERSION, 8).u64(self.cleared).finish()
    }

    /// From what was stored.
    pub fn decode(bytes: &[u8]) -> Result<Orphan, Fault> {
        if bytes.is_empty() {
            return Ok(Orphan::default());
        }
        let mut decoder = Decoder::new("orphan", VERSION, bytes)?;
        let cleared = decoder.u64()?;
        decoder.finish()?;
        Ok(Orphan { cleared })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_orphan_is_an_empty_value() {
        assert!(Orphan::default().encode().is_empty());
        for cleared in [0, 1, u64::MAX] {
            let orphan = Orphan { cleared };
            assert_eq!(Orphan::decode(&orphan.encode()), Ok(orphan));
        }
    }
}
