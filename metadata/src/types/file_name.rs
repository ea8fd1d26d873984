//! The name of a directory entry: 1 to 255 bytes of anything but `/` and NUL.

use std::fmt;

use crate::limits::NAME_BYTES_MAX;
use crate::outcome::PosixError;

/// A checked name; `.` and `..` are not names, the directory itself answers for them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileName(Box<[u8]>);

impl FileName {
    /// Checks the bytes a caller sent.
    pub fn new(bytes: &[u8]) -> Result<FileName, PosixError> {
        if bytes.len() > NAME_BYTES_MAX {
            return Err(PosixError::NameTooLong);
        }
        let special = matches!(bytes, b"" | b"." | b"..");
        if special || bytes.iter().any(|byte| matches!(byte, b'/' | 0)) {
            return Err(PosixError::InvalidArgument);
        }
        Ok(FileName(bytes.into()))
    }

    /// The bytes as the caller gave them.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for FileName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "\"{}\"", self.0.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_byte_but_slash_and_nul_is_a_name() {
        let bytes: Vec<u8> = (1..=255).filter(|byte| *byte != b'/').collect();
        assert_eq!(FileName::new(&bytes).unwrap().as_bytes(), bytes);
    }

    #[test]
    fn two_hundred_and_fifty_five_bytes_fit_and_one_more_does_not() {
        assert!(FileName::new(&[b'a'; 255]).is_ok());
        assert_eq!(FileName::new(&[b'a'; 256]), Err(PosixError::NameTooLong));
    }

    #[test]
    fn special_and_broken_names_are_refused() {
        for bytes in [&b""[..], b".", b"..", b"a/b", b"a\0b"] {
            assert_eq!(FileName::new(bytes), Err(PosixError::InvalidArgument));
        }
    }
}
