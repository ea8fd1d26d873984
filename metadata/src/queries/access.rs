//! STUB access

use crate::ops::Stop;
use crate::outcome::{PosixError, Reply};
use crate::store::View;
use crate::types::{Credentials, InodeId};

pub(crate) fn answer(_view: &dyn View, _ino: InodeId, _mask: u8, _credentials: &Credentials) -> Result<Reply, Stop> {
    Err(PosixError::NotSupported.into())
}
