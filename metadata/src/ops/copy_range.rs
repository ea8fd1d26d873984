//! STUB copy_range

use super::{Context, Stop};
use crate::command::CopyRange;
use crate::outcome::{Answer, PosixError};

pub(crate) fn apply(_context: &mut Context<'_>, _command: CopyRange) -> Result<Answer, Stop> {
    Err(PosixError::NotSupported.into())
}
