//! STUB remove_xattr

use super::{Context, Stop};
use crate::command::RemoveXattr;
use crate::outcome::{Answer, PosixError};

pub(crate) fn apply(_context: &mut Context<'_>, _command: &RemoveXattr) -> Result<Answer, Stop> {
    Err(PosixError::NotSupported.into())
}
