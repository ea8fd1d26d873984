//! STUB read

use crate::ops::Stop;
use crate::outcome::{PosixError, Reply};
use crate::store::View;
use crate::types::InodeId;

pub(crate) fn answer(_view: &dyn View, _ino: InodeId, _offset: u64, _length: u32) -> Result<Reply, Stop> {
    Err(PosixError::NotSupported.into())
}
