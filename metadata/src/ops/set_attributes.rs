//! STUB set_attributes

use super::{Context, Stop};
use crate::command::SetAttributes;
use crate::outcome::{Answer, PosixError};

pub(crate) fn apply(_context: &mut Context<'_>, _command: &SetAttributes) -> Result<Answer, Stop> {
    Err(PosixError::NotSupported.into())
}
