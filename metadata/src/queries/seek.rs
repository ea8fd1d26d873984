//! STUB seek

use crate::ops::Stop;
use crate::outcome::{PosixError, Reply};
use crate::store::View;
use crate::types::InodeId;

pub(crate) fn answer(_view: &dyn View, _ino: InodeId, _offset: u64, _target: crate::query::SeekTarget) -> Result<Reply, Stop> {
    Err(PosixError::NotSupported.into())
}
