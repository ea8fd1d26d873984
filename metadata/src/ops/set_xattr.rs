//! STUB set_xattr

use super::{Context, Stop};
use crate::command::SetXattr;
use crate::outcome::{Answer, PosixError};

pub(crate) fn apply(_context: &mut Context<'_>, _command: &SetXattr) -> Result<Answer, Stop> {
    Err(PosixError::NotSupported.into())
}
