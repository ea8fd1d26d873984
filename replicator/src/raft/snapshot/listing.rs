//! The files `META` and `OFFER`: the place of a snapshot in the log, and what it consists of.
//!
//! All numbers are big-endian.
//!
//! ```text
//! magic 4 | version 4 | length 4, holdfast.v1.SnapshotMeta * | files 4 |
//!     length 2, name * | length 8 | CRC-32 4, for each file | CRC-32 4 of everything before
//! ```

use bytes::Buf;
use holdfast_metadata::Fault;
use prost::Message;

use crate::raft::convert::{from_message, to_message};
use crate::raft::type_config::SnapshotMeta;

pub(in crate::raft) const VERSION: u32 = 1;
const CHECKSUM_BYTES: usize = 4;
const NAME_BYTES_MAX: usize = 255;

/// Which of the files it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::raft) enum ListingKind {
    /// Lists a whole snapshot, beside its files.
    Meta,
    /// Lists what is being received; the checksums are not known yet.
    Offer,
}

impl ListingKind {
    /// Its name.
    pub(in crate::raft) fn name(self) -> &'static str {
        match self {
            ListingKind::Meta => "META",
            ListingKind::Offer => "OFFER",
        }
    }

    fn magic(self) -> [u8; 4] {
        match self {
            ListingKind::Meta => *b"HFSM",
            ListingKind::Offer => *b"HFSO",
        }
    }
}

/// What a snapshot consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::raft) struct Listing {
    /// Its place in the log.
    pub(in crate::raft) meta: SnapshotMeta,
    /// Without the listing itself.
    pub(in crate::raft) files: Vec<ListedFile>,
}

/// One file of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::raft) struct ListedFile {
    pub(in crate::raft) name: String,
    pub(in crate::raft) length: u64,
    /// CRC-32 of its bytes.
    pub(in crate::raft) checksum: u32,
}

impl Listing {
    /// As it is written.
    pub(in crate::raft) fn encode(&self, kind: ListingKind) -> Vec<u8> {
        let meta = to_message::snapshot_meta(&self.meta).encode_to_vec();
        let mut bytes = Vec::with_capacity(64 + meta.len() + 64 * self.files.len());
        bytes.extend_from_slice(&kind.magic());
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        bytes.extend_from_slice(&(meta.len() as u32).to_be_bytes());
        bytes.extend_from_slice(&meta);
        bytes.extend_from_slice(&(self.files.len() as u32).to_be_bytes());
        for file in &self.files {
            bytes.extend_from_slice(&(file.name.len() as u16).to_be_bytes());
            bytes.extend_from_slice(file.name.as_bytes());
            bytes.extend_from_slice(&file.length.to_be_bytes());
            bytes.extend_from_slice(&file.checksum.to_be_bytes());
        }
        let checksum = crc32fast::hash(&bytes);
        bytes.extend_from_slice(&checksum.to_be_bytes());
        bytes
    }

    /// Reads it; a fault when a byte is not as it was written.
    pub(in crate::raft) fn decode(kind: ListingKind, bytes: &[u8]) -> Result<Listing, Fault> {
        let corrupt = |detail: &str| Fault::corrupt(format!("snapshot/{}", kind.name()), detail);
        let cut = || corrupt("it was cut");
        let (body, mut checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>().map_or_else(
            || Err(cut()),
            |(body, checksum)| Ok((body, checksum.as_slice())),
        )?;
        if checksum.try_get_u32() != Ok(crc32fast::hash(body)) {
            return Err(corrupt("its checksum does not match"));
        }
        let mut rest = body;
        if take(&mut rest, 4) != Some(&kind.magic()) {
            return Err(corrupt("it is something else"));
        }
        let version = rest.try_get_u32().map_err(|_| cut())?;
        if version != VERSION {
            let known = format!("version {version}, known is {VERSION}");
            return Err(corrupt(&known));
        }
        let (meta, count) = decode_meta(&mut rest).ok_or_else(cut)?;
        let meta = proto_meta(meta).map_err(|detail| corrupt(&detail))?;
        let files = (0..count)
            .map(|_| decode_file(&mut rest))
            .collect::<Option<Vec<ListedFile>>>()
            .ok_or_else(cut)?;
        if !rest.is_empty() {
            return Err(corrupt("something follows it"));
        }
        Ok(Listing { meta, files })
    }

    /// Bytes of all files; `None` when there is no such number.
    pub(in crate::raft) fn length(&self) -> Option<u64> {
        let mut files = self.files.iter();
        files.try_fold(0_u64, |sum, file| sum.checked_add(file.length))
    }

    /// Whether every name is one of a file in the directory, and a file of its own.
    pub(in crate::raft) fn check_names(&self) -> Result<(), String> {
        let mut names: Vec<&str> = self.files.iter().map(|file| file.name.as_str()).collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair.first() == pair.last()) {
            return Err(format!("two files of one name: {twice:?}"));
        }
        let odd = names.into_iter().find(|name| !is_plain(name));
        odd.map_or(Ok(()), |name| {
            Err(format!("not the name of a file: {name:?}"))
        })
    }
}

/// RocksDB names its files with letters, digits and a few signs.
fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let reserved = name.starts_with('.') || name == ListingKind::Offer.name();
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && !reserved && name.bytes().all(plain)
}

fn decode_meta<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], u32)> {
    let length = rest.try_get_u32().ok()?;
    let meta = take(rest, length as usize)?;
    Some((meta, rest.try_get_u32().ok()?))
}

fn proto_meta(bytes: &[u8]) -> Result<SnapshotMeta, String> {
    let message = holdfast_proto::SnapshotMeta::decode(bytes).map_err(|error| error.to_string())?;
    from_message::snapshot_meta(message).map_err(|error| error.to_string())
}

fn decode_file(rest: &mut &[u8]) -> Option<ListedFile> {
    let length = rest.try_get_u16().ok()?;
    let name = std::str::from_utf8(take(rest, length as usize)?).ok()?;
    Some(ListedFile {
        name: name.to_owned(),
        length: rest.try_get_u64().ok()?,
        checksum: rest.try_get_u32().ok()?,
    })
}

fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(count)?;
    *rest = after;
    Some(taken)
}
