//! STUB fallocate

use super::{Context, Stop};
use crate::command::Fallocate;
use crate::outcome::{Answer, PosixError};

pub(crate) fn apply(_context: &mut Context<'_>, _command: Fallocate) -> Result<Answer, Stop> {
    Err(PosixError::NotSupported.into())
}
