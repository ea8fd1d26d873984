//! STUB set_flags

use super::{Context, Stop};
use crate::command::SetFlags;
use crate::outcome::{Answer, PosixError};

pub(crate) fn apply(_context: &mut Context<'_>, _command: SetFlags) -> Result<Answer, Stop> {
    Err(PosixError::NotSupported.into())
}
