//! One number for a whole state, to compare replicas by.

use std::fmt;
use std::ops::ControlFlow;

use xxhash_rust::xxh3::Xxh3;

use crate::fault::Fault;
use crate::store::View;

/// The digest of a state: equal states have equal digests, whatever engine keeps them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(u128);

impl Digest {
    /// A digest as it was sent or stored.
    pub const fn new(raw: u128) -> Digest {
        Digest(raw)
    }

    /// The number, to be sent or stored.
    pub const fn get(self) -> u128 {
        self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:032x}", self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Digest({self})")
    }
}

/// Adds up entries in the order of their keys: XXH3-128 of the length of each key, the key, the
/// length of its value and the value. Lengths are four bytes, big-endian, so that no two lists of
/// entries give the same bytes.
#[derive(Default)]
pub(crate) struct Digester {
    hash: Xxh3,
}

impl Digester {
    /// Adds an entry.
    pub(crate) fn entry(&mut self, key: &[u8], value: &[u8]) {
        for part in [key, value] {
            self.hash.update(&(part.len() as u32).to_be_bytes());
            self.hash.update(part);
        }
    }

    /// The digest of the entries so far.
    pub(crate) fn finish(&self) -> Digest {
        Digest(self.hash.digest128())
    }
}

/// The digest of everything a state holds.
pub fn digest(view: &dyn View) -> Result<Digest, Fault> {
    let mut digester = Digester::default();
    view.scan(&[], &LAST_KEY, &mut |key, value| {
        digester.entry(key, value);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(digester.finish())
}

/// After every key: none begins with this byte.
pub(crate) const LAST_KEY: [u8; 1] = [0xff];

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::store::{Batch, Engine, MemoryEngine};

    fn of(entries: &[(&str, &str)]) -> Digest {
        let engine = MemoryEngine::new();
        let mut batch = Batch::default();
        for (key, value) in entries {
            let value = Bytes::copy_from_slice(value.as_bytes());
            batch.set(key.as_bytes().to_vec(), Some(value));
        }
        engine.commit(batch).unwrap();
        digest(&engine.view()).unwrap()
    }

    #[test]
    fn equal_states_have_equal_digests() {
        assert_eq!(of(&[("a", "1"), ("b", "2")]), of(&[("b", "2"), ("a", "1")]));
    }

    #[test]
    fn every_byte_counts_and_so_does_where_it_is() {
        let digests = [
            of(&[]),
            of(&[("a", "")]),
            of(&[("a", "b")]),
            of(&[("ab", "")]),
            of(&[("a", "c")]),
            of(&[("a", ""), ("b", "")]),
        ];
        for (place, digest) in digests.iter().enumerate() {
            assert!(!digests[..place].contains(digest));
        }
    }
}
