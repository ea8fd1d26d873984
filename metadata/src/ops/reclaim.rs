//! STUB reclaim

use super::{Context, Stop};
use crate::command::Reclaim;
use crate::outcome::{Answer, PosixError};

pub(crate) fn apply(_context: &mut Context<'_>, _command: &Reclaim) -> Result<Answer, Stop> {
    Err(PosixError::NotSupported.into())
}
