//! The file `FORMAT` of a data directory: what it is, which version, which volume.
//!
//! ```text
//! holdfast data directory
//! version 1
//! volume 0f9b6a52-8e5c-4c8e-9a53-64d1f0a1b2c3
//! created 1795230000
//! checksum 7d1f03ab
//! ```
//!
//! It is written last, so a directory that has it is complete. The checksum is the CRC-32 of the
//! lines above it.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::time::{SystemTime, UNIX_EPOCH};

const MAGIC: &str = "holdfast data directory";
/// The version that this program reads and writes.
pub(super) const VERSION: u64 = 1;

/// What `FORMAT` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FormatFile {
    pub(super) volume: VolumeId,
    /// Seconds since 1970.
    pub(super) created: u64,
}

/// Tells volumes apart; written as a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VolumeId(u128);

/// Why `FORMAT` cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FormatError {
    /// Another program's file.
    Foreign,
    OtherVersion(u64),
    Corrupt(&'static str),
}

impl VolumeId {
    /// A new one, from the random numbers of the system.
    fn random() -> io::Result<VolumeId> {
        let mut bytes = [0; 16];
        File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        let random = u128::from_be_bytes(bytes);
        // Version 4, variant 1 (RFC 9562 section 5.4).
        let fixed = (0xf << 76) | (0b11 << 62);
        Ok(VolumeId((random & !fixed) | (4 << 76) | (0b10 << 62)))
    }

    /// A part of it for the file handles that the kernel gives to NFS.
    pub fn generation(self) -> u32 {
        (self.0 >> 96) as u32
    }

    fn parse(text: &str) -> Option<VolumeId> {
        let volume = VolumeId(u128::from_str_radix(&text.replace('-', ""), 16).ok()?);
        (volume.to_string() == text).then_some(volume)
    }
}

impl fmt::Display for VolumeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let VolumeId(id) = self;
        write!(
            formatter,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            id >> 96,
            (id >> 80) & 0xffff,
            (id >> 64) & 0xffff,
            (id >> 48) & 0xffff,
            id & 0xffff_ffff_ffff
        )
    }
}

impl FormatFile {
    /// Of a new volume.
    pub(super) fn new() -> io::Result<FormatFile> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        Ok(FormatFile {
            volume: VolumeId::random()?,
            created: now.map_or(0, |now| now.as_secs()),
        })
    }

    /// As it is written.
    pub(super) fn encode(&self) -> String {
        let lines = format!(
            "{MAGIC}\nversion {VERSION}\nvolume {}\ncreated {}\n",
            self.volume, self.created
        );
        let checksum = crc32fast::hash(lines.as_bytes());
        format!("{lines}checksum {checksum:08x}\n")
    }

    /// From what was written.
    pub(super) fn decode(bytes: &[u8]) -> Result<FormatFile, FormatError> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.lines();
        if lines.next() != Some(MAGIC) {
            return Err(FormatError::Foreign);
        }
        let mut field = |name: &str| {
            let (found, value) = lines.next()?.split_once(' ')?;
            (found == name).then(|| value.to_owned())
        };
        let version = field("version").and_then(|version| version.parse().ok());
        match version {
            None => return Err(FormatError::Corrupt("no version")),
            Some(VERSION) => {}
            Some(other) => return Err(FormatError::OtherVersion(other)),
        }
        let volume = field("volume").as_deref().and_then(VolumeId::parse);
        let created = field("created").and_then(|created| created.parse().ok());
        let (Some(volume), Some(created)) = (volume, created) else {
            return Err(FormatError::Corrupt("no volume or no time"));
        };
        let format = FormatFile { volume, created };
        if format.encode().as_bytes() == bytes {
            Ok(format)
        } else {
            Err(FormatError::Corrupt("the checksum does not match"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_back() {
        let format = FormatFile::new().unwrap();
        assert_eq!(FormatFile::decode(format.encode().as_bytes()), Ok(format));
        assert_ne!(format.volume, FormatFile::new().unwrap().volume);
    }

    #[test]
    fn the_first_version_is_read_for_ever() {
        let text = "holdfast data directory\nversion 1\n\
            volume 0f9b6a52-8e5c-4c8e-9a53-64d1f0a1b2c3\ncreated 1795230000\nchecksum ";
        let lines = text.trim_end_matches("checksum ");
        let file = format!("{text}{:08x}\n", crc32fast::hash(lines.as_bytes()));
        let format = FormatFile::decode(file.as_bytes()).unwrap();
        assert_eq!(format.created, 1_795_230_000);
        assert_eq!(format.volume.generation(), 0x0f9b_6a52);
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let bytes = FormatFile::new().unwrap().encode().into_bytes();
        for position in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[position / 8] ^= 1 << (position % 8);
            assert!(FormatFile::decode(&flipped).is_err(), "bit {position}");
        }
        for length in 0..bytes.len() {
            assert!(
                FormatFile::decode(&bytes[..length]).is_err(),
                "{length} bytes"
            );
        }
    }

    #[test]
    fn another_version_is_named() {
        let text = FormatFile::new()
            .unwrap()
            .encode()
            .replace("version 1", "version 7");
        assert_eq!(
            FormatFile::decode(text.as_bytes()),
            Err(FormatError::OtherVersion(7))
        );
    }
}
