//! Why bytes are refused.

use prost::DecodeError;

/// The bytes are not a message of this protocol, or say something that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Not even protobuf.
    #[error("not a message: {0}")]
    Encoding(#[from] DecodeError),
    /// A part without which the rest means nothing; or one that only a later version knows.
    #[error("{what} is missing")]
    Missing {
        /// The part.
        what: &'static str,
    },
    /// A part that is there and cannot be.
    #[error("{what} cannot be {value}")]
    Invalid {
        /// The part.
        what: &'static str,
        /// What was there.
        value: String,
    },
}

impl Malformed {
    pub(crate) fn missing(what: &'static str) -> Malformed {
        Malformed::Missing { what }
    }

    pub(crate) fn invalid(what: &'static str, value: &impl ToString) -> Malformed {
        Malformed::Invalid {
            what,
            value: value.to_string(),
        }
    }
}
