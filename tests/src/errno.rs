//! The error a system call must answer.

use std::fmt::Debug;
use std::io;

use nix::errno::Errno;

/// The error of a call that must fail.
#[track_caller]
pub fn errno<T: Debug, E: Into<io::Error>>(result: Result<T, E>) -> Errno {
    match result {
        Ok(value) => panic!("succeeded with {value:?}"),
        Err(error) => {
            let error: io::Error = error.into();
            Errno::from_raw(error.raw_os_error().unwrap())
        }
    }
}
