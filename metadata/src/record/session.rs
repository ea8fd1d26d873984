//! A session: who sends requests, and which of their outcomes have arrived.

use bytes::Bytes;

use super::{Decoder, Encoder};
use crate::fault::Fault;
use crate::types::Timestamp;

const VERSION: u8 = 1;

/// Where `acknowledged` is, right after the version: it changes with nearly every command.
const ACKNOWLEDGED: std::ops::Range<usize> = 1..9;

/// The value under `S` session: `version 1 | acknowledged 8 | opened 12 | process 4 | host length 2 |
/// host | program length 2 | program | mount point`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRecord {
    /// Every outcome below this sequence has arrived; it never goes down.
    pub acknowledged: u64,
    /// The time of the command that opened it.
    pub opened: Timestamp,
    /// Number of the process.
    pub process: u32,
    /// Name of the machine.
    pub host: String,
    /// Version of the program.
    pub version: String,
    /// Where the volume is mounted there.
    pub mountpoint: String,
}

impl SessionRecord {
    /// As it is stored. Host and version are no longer than
    /// [`SESSION_TEXT_BYTES_MAX`](crate::limits::SESSION_TEXT_BYTES_MAX).
    pub fn encode(&self) -> Bytes {
        let texts = self.host.len() + self.version.len() + self.mountpoint.len();
        let mut encoder = Encoder::new(VERSION, 28 + texts);
        encoder
            .u64(self.acknowledged)
            .timestamp(self.opened)
            .u32(self.process);
        for text in [&self.host, &self.version] {
            encoder.u16(text.len() as u16).rest(text.as_bytes());
        }
        encoder.rest(self.mountpoint.as_bytes()).finish()
    }

    /// From what was stored.
    pub fn decode(bytes: &[u8]) -> Result<SessionRecord, Fault> {
        let mut decoder = Decoder::new("session", VERSION, bytes)?;
        let acknowledged = decoder.u64()?;
        let opened = decoder.timestamp()?;
        let process = decoder.u32()?;
        let length = decoder.u16()?;
        let host = decoder.take(usize::from(length))?;
        let length = decoder.u16()?;
        let version = decoder.take(usize::from(length))?;
        let mountpoint = decoder.rest();
        let text = |bytes: &[u8]| match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(decoder.corrupt("a text is not UTF-8")),
        };
        Ok(SessionRecord {
            acknowledged,
            opened,
            process,
            host: text(host)?,
            version: text(version)?,
            mountpoint: text(mountpoint)?,
        })
    }

    /// Only what every command must know of its session.
    pub(crate) fn acknowledged_in(bytes: &[u8]) -> Result<u64, Fault> {
        Decoder::new("session", VERSION, bytes)?.u64()
    }

    /// The same record with more acknowledged.
    pub(crate) fn acknowledge(bytes: &[u8], acknowledged: u64) -> Result<Bytes, Fault> {
        SessionRecord::acknowledged_in(bytes)?;
        let mut record = bytes.to_vec();
        if let Some(place) = record.get_mut(ACKNOWLEDGED) {
            place.copy_from_slice(&acknowledged.to_be_bytes());
        }
        Ok(Bytes::from(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(acknowledged: u64) -> SessionRecord {
        SessionRecord {
            acknowledged,
            opened: Timestamp::default(),
            process: 7,
            host: "host".to_owned(),
            version: String::new(),
            mountpoint: "/mnt".to_owned(),
        }
    }

    #[test]
    fn acknowledging_changes_one_field() {
        let changed = SessionRecord::acknowledge(&record(3).encode(), u64::MAX).unwrap();
        assert_eq!(SessionRecord::decode(&changed), Ok(record(u64::MAX)));
        assert_eq!(SessionRecord::acknowledged_in(&changed), Ok(u64::MAX));
    }

    #[test]
    fn a_text_that_is_cut_or_not_utf8_is_corrupt() {
        let bytes = record(3).encode();
        for length in 0..bytes.len() - "/mnt".len() {
            assert!(SessionRecord::decode(&bytes[..length]).is_err(), "{length}");
        }
        let mut bytes = bytes.to_vec();
        *bytes.last_mut().unwrap() = 0xff;
        assert!(SessionRecord::decode(&bytes).is_err());
    }
}
