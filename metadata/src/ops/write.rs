//! STUB write

use super::{Context, Stop};
use crate::command::Write;
use crate::outcome::{Answer, PosixError};

pub(crate) fn apply(_context: &mut Context<'_>, _command: &Write) -> Result<Answer, Stop> {
    Err(PosixError::NotSupported.into())
}
