//! Reading and writing the fields of a record.

use bytes::Bytes;

use crate::fault::Fault;
use crate::types::Timestamp;

/// Writes fields one after the other.
#[derive(Debug)]
pub struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    /// Begins a record with the version of its format.
    pub fn new(version: u8, capacity: usize) -> Encoder {
        let mut bytes = Vec::with_capacity(capacity + 1);
        bytes.push(version);
        Encoder { bytes }
    }

    /// One byte.
    pub fn u8(&mut self, value: u8) -> &mut Encoder {
        self.bytes.push(value);
        self
    }

    /// Two bytes.
    pub fn u16(&mut self, value: u16) -> &mut Encoder {
        self.bytes.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Four bytes.
    pub fn u32(&mut self, value: u32) -> &mut Encoder {
        self.bytes.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Eight bytes.
    pub fn u64(&mut self, value: u64) -> &mut Encoder {
        self.bytes.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// Eight bytes of seconds, four of nanoseconds.
    pub fn timestamp(&mut self, value: Timestamp) -> &mut Encoder {
        self.bytes.extend_from_slice(&value.seconds.to_be_bytes());
        self.u32(value.nanoseconds)
    }

    /// Bytes as they are.
    pub fn rest(&mut self, value: &[u8]) -> &mut Encoder {
        self.bytes.extend_from_slice(value);
        self
    }

    /// The record.
    pub fn finish(&mut self) -> Bytes {
        Bytes::from(std::mem::take(&mut self.bytes))
    }
}

/// Reads fields one after the other; a record that is too short or too long is corrupt.
#[derive(Debug)]
pub struct Decoder<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Decoder<'a> {
    /// Begins to read a record of a kind, and checks that its version is known.
    pub fn new(what: &'static str, known: u8, bytes: &'a [u8]) -> Result<Decoder<'a>, Fault> {
        let mut decoder = Decoder { what, rest: bytes };
        match decoder.u8()? {
            version if (1..=known).contains(&version) => Ok(decoder),
            version => Err(decoder.corrupt(&format!("version {version}, known up to {known}"))),
        }
    }

    /// The fault of a record with a field that makes no sense.
    pub fn corrupt(&self, detail: &str) -> Fault {
        Fault::corrupt(format!("{} record", self.what), detail)
    }

    /// One byte.
    pub fn u8(&mut self) -> Result<u8, Fault> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    /// Two bytes.
    pub fn u16(&mut self) -> Result<u16, Fault> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    /// Four bytes.
    pub fn u32(&mut self) -> Result<u32, Fault> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// Eight bytes.
    pub fn u64(&mut self) -> Result<u64, Fault> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    /// Eight bytes of seconds, four of nanoseconds.
    pub fn timestamp(&mut self) -> Result<Timestamp, Fault> {
        let seconds = i64::from_be_bytes(self.array()?);
        let nanoseconds = self.u32()?;
        Timestamp::new(seconds, nanoseconds)
            .ok_or_else(|| self.corrupt("a second has a thousand million nanoseconds or more"))
    }

    /// So many bytes.
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], Fault> {
        match self.rest.split_at_checked(length) {
            Some((bytes, rest)) => {
                self.rest = rest;
                Ok(bytes)
            }
            None => Err(self.corrupt("too short")),
        }
    }

    /// Bytes up to the end of the record.
    pub fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// Checks that nothing is left.
    pub fn finish(&self) -> Result<(), Fault> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.corrupt("too long"))
        }
    }

    /// As many bytes as the array has.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        match self.rest.split_first_chunk::<N>() {
            Some((chunk, rest)) => {
                self.rest = rest;
                Ok(*chunk)
            }
            None => Err(self.corrupt("too short")),
        }
    }
}
