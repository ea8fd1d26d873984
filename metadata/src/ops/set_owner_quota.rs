//! Limits what a user or group may use of the volume.

use super::{Context, Stop};
use crate::command::SetOwnerQuota;
use crate::outcome::{Answer, PosixError};
use crate::quota::owners;
use crate::types::OwnerCount;

/// Stands for "leave it" in `chown(2)`, and is nobody's number.
const NOBODY: u32 = u32::MAX;

/// `NotSupported` as long as not all is counted: a limit would not hold.
pub(crate) fn apply(context: &mut Context<'_>, set: &SetOwnerQuota) -> Result<Answer, Stop> {
    if !context.credentials.is_superuser() {
        return Err(PosixError::NotPermitted.into());
    }
    if set.owner.id() == NOBODY {
        return Err(PosixError::InvalidArgument.into());
    }
    if context.volume.owners != OwnerCount::ALL {
        return Err(PosixError::NotSupported.into());
    }
    let mut quota = owners::load(&*context.state, set.owner)?;
    quota.limits.bytes = set.bytes.unwrap_or(quota.limits.bytes);
    quota.limits.inodes = set.inodes.unwrap_or(quota.limits.inodes);
    owners::put(context, set.owner, &quota);
    Ok(Answer::Done)
}

#[cfg(test)]
mod tests;
