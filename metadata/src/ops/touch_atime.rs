//! STUB touch_atime

use super::{Context, Stop};
use crate::command::TouchAtime;
use crate::outcome::{Answer, PosixError};

pub(crate) fn apply(_context: &mut Context<'_>, _command: TouchAtime) -> Result<Answer, Stop> {
    Err(PosixError::NotSupported.into())
}
