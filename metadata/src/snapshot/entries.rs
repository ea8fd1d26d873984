//! The entries of a frame.

use bytes::Bytes;

use super::format::ENTRY_HEADER_BYTES;

/// An entry says that it is longer than its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrokenEntry;

/// The keys and values of a frame, parts of its bytes.
pub fn entries(frame: &Bytes) -> impl Iterator<Item = Result<(Bytes, Bytes), BrokenEntry>> + use<> {
    let mut rest = frame.clone();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let entry = split(&mut rest);
        if entry.is_err() {
            rest = Bytes::new();
        }
        Some(entry)
    })
}

fn split(rest: &mut Bytes) -> Result<(Bytes, Bytes), BrokenEntry> {
    if rest.len() < ENTRY_HEADER_BYTES {
        return Err(BrokenEntry);
    }
    let lengths = rest.split_to(ENTRY_HEADER_BYTES);
    let (key, value) = lengths.split_at(4);
    let (key, value) = (length(key), length(value));
    if key.checked_add(value).is_none_or(|both| both > rest.len()) {
        return Err(BrokenEntry);
    }
    Ok((rest.split_to(key), rest.split_to(value)))
}

fn length(bytes: &[u8]) -> usize {
    super::reader::number(bytes) as usize
}
